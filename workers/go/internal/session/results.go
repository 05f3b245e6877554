package session

import (
	"time"

	"github.com/tasker-systems/tasker/workers/go/internal/codec"
	"github.com/tasker-systems/tasker/workers/go/internal/handler"
)

// envelopeBytes is room for ids and metadata of one result, and for the head of the message.
const envelopeBytes = 1_024

func resultOf(outcome *handler.Outcome, held holding) codec.Result {
	status := "failed"
	if outcome.Completed {
		status = "completed"
	}
	// Whole microseconds are short on the wire.
	took := float64(outcome.ExecutionTime.Round(time.Microsecond)) / float64(time.Millisecond)
	return codec.Result{
		StepID:    held.stepID,
		Status:    status,
		Output:    outcome.Output,
		Error:     outcome.Error,
		ErrorCode: outcome.ErrorCode,
		Metadata: codec.ResultMetadata{
			ExecutionTimeMs: &took,
			HandlerVersion:  outcome.HandlerVersion,
			Retryable:       outcome.Retryable,
			RetryAfterMs:    outcome.RetryAfterMs,
			LeaseID:         held.leaseID,
			Attempt:         int64(held.attempt),
		},
	}
}

// splitBySize cuts a batch's results into messages that the orchestrator takes; nearly always there is one.
func splitBySize(results []codec.Result, maxMessageBytes int) [][]codec.Result {
	var messages [][]codec.Result
	start, bytes := 0, envelopeBytes
	for i := range results {
		size := len(results[i].Output) + len(results[i].Error) + envelopeBytes
		if i > start && (bytes+size > maxMessageBytes || i-start == codec.DefaultLimits.ResultsPerMessage) {
			messages = append(messages, results[start:i])
			start, bytes = i, envelopeBytes
		}
		bytes += size
	}
	return append(messages, results[start:])
}
