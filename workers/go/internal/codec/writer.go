package codec

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
)

// Codec is how messages are written once both sides have agreed (spec section 21).
type Codec uint8

// The codecs that there are.
const (
	JSON Codec = iota
	MessagePack
)

// writer appends one message in either codec. Objects and lists say beforehand how much they will hold.
type writer struct {
	frame []byte
	codec Codec
}

func (w *writer) beginObject(members int) {
	if w.codec == MessagePack {
		w.frame = appendPackedHead(w.frame, 0x80, 15, [3]byte{0, 0xde, 0xdf}, members)
	} else {
		w.frame = append(w.frame, '{')
	}
}

func (w *writer) endObject() {
	if w.codec == JSON {
		w.frame = append(w.frame, '}')
	}
}

func (w *writer) beginList(name string, elements int) {
	w.name(name)
	if w.codec == MessagePack {
		w.frame = appendPackedHead(w.frame, 0x90, 15, [3]byte{0, 0xdc, 0xdd}, elements)
	} else {
		w.frame = append(w.frame, '[')
	}
}

func (w *writer) endList() {
	if w.codec == JSON {
		w.frame = append(w.frame, ']')
	}
}

// separate comes before every element.
func (w *writer) separate() {
	if last := w.frame[len(w.frame)-1]; w.codec == JSON && last != '[' && last != '{' {
		w.frame = append(w.frame, ',')
	}
}

func (w *writer) name(name string) {
	if w.codec == MessagePack {
		w.frame = appendPackedString(w.frame, name)
		return
	}
	w.separate()
	w.frame = append(w.frame, '"')
	w.frame = append(w.frame, name...)
	w.frame = append(w.frame, '"', ':')
}

func (w *writer) text(name, text string) {
	w.name(name)
	w.string(text)
}

func (w *writer) string(text string) {
	if w.codec == MessagePack {
		w.frame = appendPackedString(w.frame, text)
	} else {
		w.frame = appendQuoted(w.frame, text)
	}
}

func (w *writer) texts(name string, texts []string) {
	w.beginList(name, len(texts))
	for _, text := range texts {
		w.separate()
		w.string(text)
	}
	w.endList()
}

// payload joins JSON text in as it is, or as the content of a string.
func (w *writer) payload(name, text string) {
	w.name(name)
	if w.codec == MessagePack {
		w.frame = appendPackedString(w.frame, text)
	} else {
		w.frame = append(w.frame, text...)
	}
}

func (w *writer) integer(name string, integer int64) {
	w.name(name)
	if w.codec == MessagePack {
		w.frame = appendPackedInteger(w.frame, integer)
	} else {
		w.frame = strconv.AppendInt(w.frame, integer, 10)
	}
}

func (w *writer) number(name string, number float64) {
	w.name(name)
	if w.codec == MessagePack {
		w.frame = binary.BigEndian.AppendUint64(append(w.frame, 0xcb), math.Float64bits(number))
	} else {
		w.frame = strconv.AppendFloat(w.frame, number, 'f', -1, 64)
	}
}

func (w *writer) boolean(name string, boolean bool) {
	w.name(name)
	switch {
	case w.codec == JSON:
		w.frame = strconv.AppendBool(w.frame, boolean)
	case boolean:
		w.frame = append(w.frame, 0xc3)
	default:
		w.frame = append(w.frame, 0xc2)
	}
}

// appendQuoted: ids are nearly always plain ASCII, and the test is cheaper than encoding/json.
func appendQuoted(frame []byte, text string) []byte {
	for i := range len(text) {
		if b := text[i]; b < ' ' || b == '"' || b == '\\' || b >= 0x7f {
			quoted, _ := json.Marshal(text) // a string has no error
			return append(frame, quoted...)
		}
	}
	frame = append(frame, '"')
	frame = append(frame, text...)
	return append(frame, '"')
}
