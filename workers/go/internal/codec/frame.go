// Package codec is the protocol's messages: bytes to Go and back. It is the only place where wire bytes are parsed.
// Payloads (handler_config, task_context, previous_results, output, error, progress) are opaque JSON text here: they
// are cut out of messages and joined into them unchanged (spec R-66).
package codec

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const maxTopicBytes = 256

// SessionTopic is what only this session subscribes to, with the space that ends every topic on the wire.
func SessionTopic(session string) string {
	return "@" + session + " "
}

// topicOf answers the topic of a frame without its space; empty when it has none.
func topicOf(frame string) string {
	end := strings.IndexByte(frame[:min(len(frame), maxTopicBytes+1)], ' ')
	return frame[:max(end, 0)]
}

// readPayload checks size, topic, UTF-8, nesting and syntax, once, before anything else looks at a message.
// An empty topic takes any, for a worker that only receives its own.
func readPayload(frame, topic string, limits *Limits) (value, *Error) {
	if len(frame) > limits.MessageBytes {
		return value{}, frameError(TooLarge, fmt.Sprintf("at most %d bytes", limits.MessageBytes), fmt.Sprintf("%d bytes", len(frame)))
	}
	found := topicOf(frame)
	if found == "" || topic != "" && found != topic {
		return value{}, frameError(InvalidFrame, "a topic, a space and JSON", fmt.Sprintf("topic %q", found))
	}
	if text := frame[len(found)+1:]; isPacked(text) {
		return readPacked(text, limits)
	}
	return readJSON(frame, len(found)+1, limits)
}

func readJSON(frame string, start int, limits *Limits) (value, *Error) {
	if !utf8.ValidString(frame) {
		return value{}, frameError(InvalidUTF8, "UTF-8", "other bytes")
	}
	text := frame[start:]
	if err := checkSyntax(text, limits.Depth); errors.Is(err, errTooDeep) {
		return value{}, tooDeep(limits)
	} else if err != nil {
		return value{}, frameError(InvalidJSON, "JSON", err.Error())
	}
	payload, _ := valueAt(text, 0)
	if payload.kind != kindObject {
		return value{}, frameError(WrongType, "an object", payload.describe())
	}
	return payload, nil
}

func readPacked(text string, limits *Limits) (value, *Error) {
	switch err := checkPacked(text, limits); {
	case err == nil:
		payload, _ := packedAt(text, 0)
		return payload, nil
	case errors.Is(err, errTooDeep):
		return value{}, tooDeep(limits)
	case errors.Is(err, errManyValues):
		return value{}, frameError(TooMany, fmt.Sprintf("at most %d values", limits.PackedValues), "more")
	case errors.Is(err, errPackedUTF8):
		return value{}, frameError(InvalidUTF8, "UTF-8", err.Error())
	default:
		return value{}, frameError(InvalidMsgpack, "MessagePack", err.Error())
	}
}

func tooDeep(limits *Limits) *Error {
	return frameError(TooDeep, fmt.Sprintf("at most %d levels of objects and arrays", limits.Depth), "more")
}

func frameError(code, expected, got string) *Error {
	return &Error{Code: code, Expected: expected, Got: got}
}
