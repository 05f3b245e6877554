package codec

import (
	"fmt"
	"strings"
)

// Codes of errors (spec section 15).
const (
	TooLarge           = "too_large"
	InvalidFrame       = "invalid_frame"
	InvalidUTF8        = "invalid_utf8"
	TooDeep            = "too_deep"
	InvalidJSON        = "invalid_json"
	InvalidMsgpack     = "invalid_msgpack"
	Missing            = "missing"
	WrongType          = "wrong_type"
	UnsupportedVersion = "unsupported_version"
	UnknownType        = "unknown_type"
	InvalidValue       = "invalid_value"
	TooMany            = "too_many"
)

// ReadableIDs are the ids of a message or item that is wrong, as far as they could be read.
type ReadableIDs struct {
	Session string
	BatchID string
	StepID  int64
	LeaseID string
}

// Error says what is wrong with a message that came from the wire: a stable code, the place, what was expected there.
type Error struct {
	Code string
	// Path is the JSON path in the payload, e.g. results[3].status; empty for the message itself.
	Path     string
	Expected string
	// Got is what was there, shortened.
	Got string
	IDs ReadableIDs
}

func (e *Error) Error() string {
	path := e.Path
	if path == "" {
		path = "message"
	}
	return fmt.Sprintf("%s: expected %s, got %s%s", path, e.Expected, e.Got, e.IDs.describe())
}

func (ids ReadableIDs) describe() string {
	var known []string
	if ids.Session != "" {
		known = append(known, "session "+ids.Session)
	}
	if ids.BatchID != "" {
		known = append(known, "batch "+ids.BatchID)
	}
	if ids.StepID != 0 {
		known = append(known, fmt.Sprintf("step %d", ids.StepID))
	}
	if ids.LeaseID != "" {
		known = append(known, "lease "+ids.LeaseID)
	}
	if len(known) == 0 {
		return ""
	}
	return " (" + strings.Join(known, ", ") + ")"
}

// RefusedItem is one step or result of a message that cannot be used, while its neighbours can.
type RefusedItem struct {
	// Index is its position in steps or results.
	Index int
	// Err says in its IDs which step and lease this is, where that could be read.
	Err *Error
}
