package handler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tasker-systems/tasker/workers/go/internal/codec"
)

// RawJSON is a value that is JSON text already, and is sent byte for byte.
type RawJSON interface{ RawJSON() string }

// maxDepth keeps the message that holds a payload within the protocol's depth.
const maxDepth = 500

// EncodeJSON writes a value as JSON: json.RawMessage and RawJSON as they are, all else as encoding/json does, without
// escapes for HTML. A MarshalJSON that panics is an error.
func EncodeJSON(value any) (text string, err error) {
	defer func() {
		if what := recover(); what != nil {
			err = fmt.Errorf("MarshalJSON panicked: %v", what)
		}
	}()
	switch raw := value.(type) {
	case nil:
		return "null", nil
	case RawJSON:
		text = raw.RawJSON()
	case json.RawMessage:
		text = string(raw)
	default:
		if text, err = marshal(value); err != nil {
			return "", err
		}
	}
	if text == "" {
		return "null", nil
	}
	return text, codec.CheckJSON(text, maxDepth)
}

func marshal(value any) (string, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	return strings.TrimSuffix(buffer.String(), "\n"), nil
}

// DecodeJSON reads JSON text into a value. Numbers for which the value has no type become json.Number, which is exact.
func DecodeJSON(text string, into any) error {
	if raw, isRaw := into.(*json.RawMessage); isRaw {
		*raw = json.RawMessage(text)
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}
