// Package handler runs attempts of steps: handlers by name, at most so many at once, each with an outcome however it
// ends. It knows nothing of sockets.
package handler

import (
	"context"
	"time"
)

// Request is a step as it came from the orchestrator; payloads are JSON text.
type Request struct {
	// Origin is the orchestrator that sent it: its place among the endpoints.
	Origin          int
	BatchID         string
	LeaseID         string
	StepName        string
	Handler         string
	Config          string
	Context         string
	PreviousResults string
	// Cursor is what an earlier attempt saved last; empty: nothing.
	Cursor string
	// Attempt counts from 1.
	Attempt        int
	RetryLimit     int
	Timeout        time.Duration
	IdempotencyKey string
	TaskID         string
	MaxOutputBytes int
	// MaxCheckpointBytes bounds one cursor.
	MaxCheckpointBytes int
}

// Func runs one attempt. It returns the output as JSON text, or why there is none.
type Func func(ctx context.Context, attempt *Attempt) (output string, err error)

// Registered is the code behind one name.
type Registered struct {
	Run Func
	// Version is reported with every result; empty: not said.
	Version string
}

// Directive is an error that says what should follow the failure.
type Directive interface {
	error
	// Failure answers a code (empty: none of its own), whether another attempt is of use, and the earliest time for it
	// (0: the step's own backoff).
	Failure() (code string, retryable bool, retryAfter time.Duration)
}

// NotJSON is the error of a Func whose handler returned something that has no JSON form.
type NotJSON struct{ Err error }

func (e *NotJSON) Error() string {
	return "the handler returned something that is not JSON: " + e.Err.Error()
}
func (e *NotJSON) Unwrap() error { return e.Err }
