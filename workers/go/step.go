package tasker

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/tasker-systems/tasker/workers/go/internal/handler"
)

// Step is what a handler sees of one attempt. C is the type of the task's context: any type that encoding/json reads, or
// Payload for its text.
type Step[C any] struct {
	// Context is what the task was submitted with.
	Context C
	// Config is the step's config in the template (seed: handler_config). ConfigOf reads it.
	Config Payload
	// TaskID is the task's UUID, as `tasker task get` takes it.
	TaskID string
	// StepName is the step's name in the template.
	StepName string
	// Attempt counts from 1.
	Attempt     int
	MaxAttempts int
	// IdempotencyKey is the same for all attempts of this step, and no other step's: pass it on to the outside world.
	IdempotencyKey string
	// Timeout is what this attempt may take.
	Timeout time.Duration

	ctx     context.Context
	attempt *handler.Attempt
}

func newStep[C any](ctx context.Context, attempt *handler.Attempt) (*Step[C], error) {
	request := &attempt.Request
	step := &Step[C]{
		Config:         Payload(request.Config),
		TaskID:         request.TaskID,
		StepName:       request.StepName,
		Attempt:        request.Attempt,
		MaxAttempts:    request.RetryLimit + 1,
		IdempotencyKey: request.IdempotencyKey,
		Timeout:        request.Timeout,
		ctx:            ctx,
		attempt:        attempt,
	}
	return step, Payload(request.Context).decode("the task's context", &step.Context)
}

// IsLastAttempt tells whether a failure of this attempt is the step's.
func (s *Step[C]) IsLastAttempt() bool { return s.Attempt >= s.MaxAttempts }

// Ctx is done when the step ran out of time, its task was cancelled, or the worker leaves; its cause says which. Functions
// get it as their first argument, class handlers here.
func (s *Step[C]) Ctx() context.Context { return s.ctx }

// Cancelled tells whether the handler should stop.
func (s *Step[C]) Cancelled() bool { return s.ctx.Err() != nil }

// PreviousResults are the outputs of the steps that this one builds on, by step name.
func (s *Step[C]) PreviousResults() map[string]Payload {
	results := map[string]Payload{}
	_ = json.Unmarshal([]byte(s.attempt.Request.PreviousResults), &results) // an object: the protocol says so
	return results
}

// Heartbeat says how far it is, to whoever watches the task: anything that encoding/json writes, at most 64 KiB. It
// travels with the next heartbeat.
func (s *Step[C]) Heartbeat(progress any) { s.attempt.Progress(progress) }

// Checkpoint saves how far it is, for a later attempt to go on from (CursorOf), and waits until that is durable. It fails
// when the cursor is no JSON or too large, when the orchestrator refuses it (stale_lease: the step is no longer this
// attempt's), and when the attempt should stop.
func (s *Step[C]) Checkpoint(cursor any) error { return s.attempt.Checkpoint(s.ctx, cursor) }

// Log writes structured logs that name task, step, attempt and lease.
func (s *Step[C]) Log() *slog.Logger { return s.attempt.Log() }

// ConfigOf reads the step's config.
func ConfigOf[T, C any](step *Step[C]) (config T, err error) {
	return config, step.Config.decode("the step's config", &config)
}

// ResultOf reads the output of an earlier step.
func ResultOf[T, C any](step *Step[C], stepName string) (result T, err error) {
	payload, has := step.PreviousResults()[stepName]
	if !has {
		return result, &PermanentError{Code: "no_such_result", Message: fmt.Sprintf("there is no result of %q: %q does not depend on it", stepName, step.StepName)}
	}
	return result, payload.decode("the result of "+stepName, &result)
}

// CursorOf reads what an earlier attempt saved by Checkpoint. Without that, has is false.
func CursorOf[T, C any](step *Step[C]) (cursor T, has bool, err error) {
	text := step.attempt.Request.Cursor
	if text == "" {
		return cursor, false, nil
	}
	return cursor, true, Payload(text).decode("the cursor", &cursor)
}

// Payload is JSON text as it came from the orchestrator. A handler that returns it, or a part of it, sends it back
// unchanged.
type Payload string

// Decode reads the payload. Numbers for which into has no type become json.Number, so integers of any size are exact.
// What does not fit is a PermanentError of code payload_mismatch: another attempt would get the same payload.
func (p Payload) Decode(into any) error { return p.decode("the payload", into) }

func (p Payload) decode(what string, into any) error {
	var err error
	switch raw := into.(type) {
	case *Payload:
		*raw = p
	case *struct{}:
	default:
		err = handler.DecodeJSON(string(p), into)
	}
	if err != nil {
		return &PermanentError{Code: "payload_mismatch", Message: what + " has another form than the handler expects", Err: err}
	}
	return nil
}

// RawJSON is the text.
func (p Payload) RawJSON() string { return string(p) }

// MarshalJSON puts the text into what contains it.
func (p Payload) MarshalJSON() ([]byte, error) {
	if p == "" {
		return []byte("null"), nil
	}
	return []byte(p), nil
}

// UnmarshalJSON keeps the text.
func (p *Payload) UnmarshalJSON(text []byte) error {
	*p = Payload(text)
	return nil
}
