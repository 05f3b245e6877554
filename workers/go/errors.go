package tasker

import (
	"fmt"
	"time"
)

// RetryableError says: try again, as long as the step has attempts left. Return it, or wrap it; the message of what the
// handler returns is what people see.
type RetryableError struct {
	Message string
	// RetryAfter is the earliest time for the next attempt, and wins over the step's backoff. Zero leaves it to that.
	RetryAfter time.Duration
	// Code is a stable name for programs, of 1 to 64 visible ASCII characters. "timeout" is the protocol's word for "nobody
	// knows whether it ran", so a handler's own "timeout" is reported as "handler_timeout".
	Code string
	// Err is the cause, if any.
	Err error
}

func (e *RetryableError) Error() string { return describe(e.Message, e.Err) }

// Unwrap answers the cause.
func (e *RetryableError) Unwrap() error { return e.Err }

// Failure is what the worker reports.
func (e *RetryableError) Failure() (code string, retryable bool, retryAfter time.Duration) {
	return e.Code, true, e.RetryAfter
}

// PermanentError says: trying again is of no use. The step fails now.
type PermanentError struct {
	Message string
	// Code is as in RetryableError.
	Code string
	// Err is the cause, if any.
	Err error
}

func (e *PermanentError) Error() string { return describe(e.Message, e.Err) }

// Unwrap answers the cause.
func (e *PermanentError) Unwrap() error { return e.Err }

// Failure is what the worker reports.
func (e *PermanentError) Failure() (code string, retryable bool, retryAfter time.Duration) {
	return e.Code, false, 0
}

func describe(message string, cause error) string {
	switch {
	case cause == nil:
		return message
	case message == "":
		return cause.Error()
	default:
		return message + ": " + cause.Error()
	}
}

// RefusedError ends a worker that an orchestrator will not have as it is, e.g. because its id is taken. Trying again is
// of no use.
type RefusedError struct {
	// Reason is the protocol's: duplicate_worker_id, protocol_version, ...
	Reason string
	Detail string
}

func (e *RefusedError) Error() string {
	next := ""
	if e.Reason == "duplicate_worker_id" {
		next = "; give every worker its own TASKER_WORKER_ID"
	}
	return fmt.Sprintf("the orchestrator refused this worker: %s: %s%s", e.Reason, e.Detail, next)
}
