package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

var (
	errPackedUTF8  = errors.New("a string that is not UTF-8")
	errManyValues  = errors.New("too many values")
	errPackedShort = errors.New("the message ends within a value")
)

// isPacked tells by the first byte whether a payload is a MessagePack map, which no JSON text begins with (spec R-87).
func isPacked(payload string) bool {
	if payload == "" {
		return false
	}
	b := payload[0]
	return b&0xf0 == 0x80 || b == 0xde || b == 0xdf
}

// head is the first part of a MessagePack value: its kind, where its content begins, and how much there is of it:
// bytes of a string or number, elements of an array, members of a map.
type head struct {
	kind  kind
	start int
	count int
}

func headAt(text string, at int) (head, error) {
	if at >= len(text) {
		return head{}, errPackedShort
	}
	b := text[at]
	switch {
	case b < 0x80 || b >= 0xe0:
		return head{kindNumber, at, 1}, nil
	case b < 0x90:
		return head{kindObject, at + 1, int(b & 0x0f)}, nil
	case b < 0xa0:
		return head{kindArray, at + 1, int(b & 0x0f)}, nil
	case b < 0xc0:
		return head{kindString, at + 1, int(b & 0x1f)}, nil
	}
	switch b {
	case 0xc0:
		return head{kindNull, at, 1}, nil
	case 0xc2, 0xc3:
		return head{kindBoolean, at, 1}, nil
	case 0xcc, 0xd0:
		return head{kindNumber, at, 2}, nil
	case 0xcd, 0xd1:
		return head{kindNumber, at, 3}, nil
	case 0xca, 0xce, 0xd2:
		return head{kindNumber, at, 5}, nil
	case 0xcb, 0xcf, 0xd3:
		return head{kindNumber, at, 9}, nil
	case 0xd9:
		return longHead(text, at, kindString, 1)
	case 0xda:
		return longHead(text, at, kindString, 2)
	case 0xdb:
		return longHead(text, at, kindString, 4)
	case 0xdc:
		return longHead(text, at, kindArray, 2)
	case 0xdd:
		return longHead(text, at, kindArray, 4)
	case 0xde:
		return longHead(text, at, kindObject, 2)
	case 0xdf:
		return longHead(text, at, kindObject, 4)
	default:
		return head{}, fmt.Errorf("the byte 0x%02x, a form that messages do not have", b)
	}
}

func longHead(text string, at int, kind kind, width int) (head, error) {
	start := at + 1 + width
	if start > len(text) {
		return head{}, errPackedShort
	}
	return head{kind, start, int(bigEndian(text[at+1 : start]))}, nil
}

func bigEndian(bytes string) uint64 {
	number := uint64(0)
	for i := range len(bytes) {
		number = number<<8 | uint64(bytes[i])
	}
	return number
}

// checkPacked checks form, UTF-8 and depth in one walk.
func checkPacked(text string, limits *Limits) error {
	c := packedCheck{text: text, left: limits.PackedValues}
	end, err := c.value(0, limits.Depth)
	if err == nil && end != len(text) {
		return fmt.Errorf("%d bytes after the end", len(text)-end)
	}
	return err
}

type packedCheck struct {
	text string
	left int
}

func (c *packedCheck) value(at, depth int) (end int, err error) {
	if c.left--; c.left < 0 {
		return 0, errManyValues
	}
	h, err := headAt(c.text, at)
	if err != nil {
		return 0, err
	}
	switch h.kind {
	case kindArray, kindObject:
		if depth == 0 {
			return 0, errTooDeep
		}
		return c.contents(h, depth-1)
	default:
		end = h.start + h.count
		if end > len(c.text) {
			return 0, errPackedShort
		}
		if h.kind == kindString && !utf8.ValidString(c.text[h.start:end]) {
			return 0, errPackedUTF8
		}
		return end, nil
	}
}

func (c *packedCheck) contents(h head, depth int) (end int, err error) {
	at := h.start
	for range h.count {
		if h.kind == kindObject {
			if key, err := headAt(c.text, at); err == nil && key.kind != kindString {
				return 0, errors.New("a member's name that is not a string")
			}
			if at, err = c.value(at, depth); err != nil {
				return 0, err
			}
		}
		if at, err = c.value(at, depth); err != nil {
			return 0, err
		}
	}
	return at, nil
}

// packedAt cuts the value at a place in a text that checkPacked has accepted. Strings are cut to their content.
func packedAt(text string, at int) (value, int) {
	h, _ := headAt(text, at)
	end := endOfPacked(text, at)
	if h.kind == kindString {
		at = h.start
	}
	return value{kind: h.kind, packed: true, text: text[at:end]}, end
}

func endOfPacked(text string, at int) int {
	for left := 1; left > 0; left-- {
		h, _ := headAt(text, at)
		switch h.kind {
		case kindArray:
			left += h.count
			at = h.start
		case kindObject:
			left += 2 * h.count
			at = h.start
		default:
			at = h.start + h.count
		}
	}
	return at
}

func (v value) packedMembers(visit func(name string, member value)) {
	h, _ := headAt(v.text, 0)
	at := h.start
	for range h.count {
		name, afterName := packedAt(v.text, at)
		member, after := packedAt(v.text, afterName)
		visit(name.text, member)
		at = after
	}
}

func (v value) packedElements(visit func(index int, element value)) {
	h, _ := headAt(v.text, 0)
	at := h.start
	for index := range h.count {
		element, after := packedAt(v.text, at)
		visit(index, element)
		at = after
	}
}

// packedNumber answers a float, or an integer that is exact.
func (v value) packedNumber() (number float64, integer int64, isInteger bool) {
	b, bits := v.text[0], bigEndian(v.text[1:])
	switch b {
	case 0xca:
		return float64(math.Float32frombits(uint32(bits))), 0, false
	case 0xcb:
		return math.Float64frombits(bits), 0, false
	case 0xcc, 0xcd, 0xce:
		integer = int64(bits)
	case 0xcf:
		if bits > math.MaxInt64 {
			return float64(bits), 0, false
		}
		integer = int64(bits)
	case 0xd0:
		integer = int64(int8(bits))
	case 0xd1:
		integer = int64(int16(bits))
	case 0xd2:
		integer = int64(int32(bits))
	case 0xd3:
		integer = int64(bits)
	default:
		integer = int64(int8(b))
	}
	return float64(integer), integer, true
}

func appendPackedHead(frame []byte, fix byte, fixMost int, long [3]byte, count int) []byte {
	switch {
	case count <= fixMost:
		return append(frame, fix|byte(count))
	case count <= math.MaxUint8 && long[0] != 0:
		return append(frame, long[0], byte(count))
	case count <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(frame, long[1]), uint16(count))
	default:
		return binary.BigEndian.AppendUint32(append(frame, long[2]), uint32(count))
	}
}

func appendPackedString(frame []byte, text string) []byte {
	frame = appendPackedHead(frame, 0xa0, 31, [3]byte{0xd9, 0xda, 0xdb}, len(text))
	return append(frame, text...)
}

func appendPackedInteger(frame []byte, integer int64) []byte {
	if 0 <= integer && integer < 0x80 {
		return append(frame, byte(integer))
	}
	return binary.BigEndian.AppendUint64(append(frame, 0xd3), uint64(integer))
}
