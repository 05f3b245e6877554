package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tasker-systems/tasker/workers/go/internal/codec"
)

// Codes that the worker itself reports.
const (
	CodeTimeout        = "timeout"
	CodeCancelled      = "cancelled"
	codeNotJSON        = "not_json"
	codeOutputTooLarge = "output_too_large"
	codeHandlerError   = "handler_error"
	codeHandlerTimeout = "handler_timeout"
)

const (
	maxMessageBytes = 4_096
	maxTypeBytes    = 512
)

// Outcome is how one attempt ended, as it goes over the wire.
type Outcome struct {
	Origin  int
	LeaseID string
	// Completed, or failed.
	Completed bool
	// Output is JSON text; null when failed.
	Output string
	// Error is JSON text of {message, code, type?, backtrace?}; null when completed.
	Error     string
	ErrorCode string
	// Retryable is nil where it is not said, so that the step's policy decides.
	Retryable      *bool
	RetryAfterMs   *float64
	ExecutionTime  time.Duration
	HandlerVersion string
	// message of the error, for the log.
	message string
}

// failure is what goes into an outcome's error.
type failure struct {
	Message   string   `json:"message"`
	Code      string   `json:"code"`
	Type      string   `json:"type,omitempty"`
	Backtrace []string `json:"backtrace,omitempty"`

	retryable    *bool
	retryAfterMs *float64
}

var yes, no = true, false

// panicked is the error of a handler that panicked, or ended its goroutine.
type panicked struct {
	message   string
	backtrace []string
}

func (p *panicked) Error() string { return p.message }

func returned(output string, maxBytes int) (string, *failure) {
	if len(output) > maxBytes {
		return "", &failure{Code: codeOutputTooLarge, Message: fmt.Sprintf(
			"the output has %d bytes; the orchestrator takes %d. Store it elsewhere and return a reference", len(output), maxBytes)}
	}
	return output, nil
}

// failedWith says what an error of a handler means.
func failedWith(err error) *failure {
	var notJSON *NotJSON
	if errors.As(err, &notJSON) {
		return &failure{Code: codeNotJSON, Message: err.Error()}
	}
	f := &failure{Message: err.Error(), Code: codeHandlerError, Type: typeOf(err), retryable: &yes}
	var panicked *panicked
	if errors.As(err, &panicked) {
		f.Type, f.Backtrace = "panic", panicked.backtrace
		return f
	}
	var directive Directive
	if !errors.As(err, &directive) {
		return f
	}
	code, retryable, retryAfter := directive.Failure()
	f.Code, f.Type = ownCode(code), typeOf(directive)
	if !retryable {
		f.retryable = &no
	} else if retryAfter > 0 {
		ms := float64(retryAfter) / float64(time.Millisecond)
		f.retryAfterMs = &ms
	}
	return f
}

// ownCode keeps the protocol's word for "nobody knows whether it ran" out of what handlers report.
func ownCode(code string) string {
	switch {
	case code == CodeTimeout:
		return codeHandlerTimeout
	case codec.IsCode(code):
		return code
	default:
		return codeHandlerError
	}
}

// typeOf names the type of an error, or of what it wraps if that is all that fmt.Errorf added.
func typeOf(err error) string {
	name := fmt.Sprintf("%T", err)
	if inner := errors.Unwrap(err); inner != nil && strings.HasPrefix(name, "*fmt.") {
		return typeOf(inner)
	}
	return shorten(name, maxTypeBytes)
}

// timedOut: nobody knows whether the work was done, so on_lost of the step decides.
func timedOut(timeout time.Duration) *failure {
	return &failure{Code: CodeTimeout, Message: fmt.Sprintf("the handler did not end within %d ms", timeout.Milliseconds())}
}

// cancelled: it was asked to stop, and did, or had not begun.
func cancelled(reason string) *failure {
	return &failure{Code: CodeCancelled, Message: reason, retryable: &no}
}

// isEchoOf tells whether err only repeats that the handler was asked to stop, which says nothing about what it had done
// by then.
func isEchoOf(ctx context.Context, err error) bool {
	if ctx.Err() == nil {
		return false
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Cause(ctx))
}

func (a *Attempt) outcome(output string, f *failure, took time.Duration) Outcome {
	outcome := Outcome{
		Origin:         a.Request.Origin,
		LeaseID:        a.Request.LeaseID,
		Completed:      f == nil,
		Output:         output,
		Error:          "null",
		ExecutionTime:  took,
		HandlerVersion: a.version,
	}
	if f != nil {
		f.Message = shorten(f.Message, maxMessageBytes)
		text, _ := json.Marshal(f) // strings only
		outcome.Output, outcome.Error, outcome.ErrorCode = "null", string(text), f.Code
		outcome.Retryable, outcome.RetryAfterMs, outcome.message = f.retryable, f.retryAfterMs, f.Message
	}
	return outcome
}

// shorten cuts between characters, so that the text stays UTF-8.
func shorten(text string, mostBytes int) string {
	if len(text) <= mostBytes {
		return text
	}
	for !utf8.RuneStart(text[mostBytes]) {
		mostBytes--
	}
	return text[:mostBytes] + "..."
}
