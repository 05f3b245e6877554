package codec

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

type kind uint8

const (
	kindAbsent kind = iota
	kindNull
	kindBoolean
	kindNumber
	kindString
	kindArray
	kindObject
)

// value is one value as it stands in a text that was checked; nothing of it is built until asked for.
type value struct {
	kind kind
	// packed: MessagePack, where text is the content of a string and the bytes of anything else. Otherwise JSON text.
	packed bool
	text   string
}

// valueAt cuts the JSON value that begins here, after white space, of a text that checkSyntax has accepted.
func valueAt(text string, at int) (value, int) {
	for isSpace(text[at]) {
		at++
	}
	end := endOfValue(text, at)
	return value{kind: kindOf(text[at]), text: text[at:end]}, end
}

func kindOf(first byte) kind {
	switch first {
	case '{':
		return kindObject
	case '[':
		return kindArray
	case '"':
		return kindString
	case 't', 'f':
		return kindBoolean
	case 'n':
		return kindNull
	default:
		return kindNumber
	}
}

func endOfValue(text string, at int) int {
	switch text[at] {
	case '"':
		return endOfString(text, at)
	case '{', '[':
		depth := 0
		for {
			switch text[at] {
			case '"':
				at = endOfString(text, at)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
				if depth == 0 {
					return at + 1
				}
			}
			at++
		}
	default:
		for at < len(text) {
			switch text[at] {
			case ',', '}', ']', ' ', '\n', '\t', '\r':
				return at
			}
			at++
		}
		return at
	}
}

func endOfString(text string, at int) int {
	for at++; ; at++ {
		switch text[at] {
		case '"':
			return at + 1
		case '\\':
			at++
		}
	}
}

// skipTo moves past white space.
func skipTo(text string, at int) int {
	for isSpace(text[at]) {
		at++
	}
	return at
}

// members walks an object. Names come unescaped.
func (v value) members(visit func(name string, member value)) {
	if v.packed {
		v.packedMembers(visit)
		return
	}
	at := skipTo(v.text, 1)
	for v.text[at] != '}' {
		end := endOfString(v.text, at)
		name, _ := unquote(v.text[at:end])
		at = skipTo(v.text, end) + 1 // the colon
		member, after := valueAt(v.text, at)
		visit(name, member)
		at = skipTo(v.text, after)
		if v.text[at] == ',' {
			at = skipTo(v.text, at+1)
		}
	}
}

// elements walks an array.
func (v value) elements(visit func(index int, element value)) {
	if v.packed {
		v.packedElements(visit)
		return
	}
	at := skipTo(v.text, 1)
	for index := 0; v.text[at] != ']'; index++ {
		element, after := valueAt(v.text, at)
		visit(index, element)
		at = skipTo(v.text, after)
		if v.text[at] == ',' {
			at = skipTo(v.text, at+1)
		}
	}
}

// number is what the token means as a double.
func (v value) number() float64 {
	if v.packed {
		number, _, _ := v.packedNumber()
		return number
	}
	number, _ := strconv.ParseFloat(v.text, 64)
	return number
}

// integer is exact: what is beyond an int64, or has a fraction, is not one.
func (v value) integer() (int64, bool) {
	if v.packed {
		if _, integer, ok := v.packedNumber(); ok {
			return integer, true
		}
	} else if integer, err := strconv.ParseInt(v.text, 10, 64); err == nil {
		return integer, true
	}
	number := v.number()
	integer := int64(number)
	return integer, -(1<<53) <= number && number <= 1<<53 && float64(integer) == number
}

func (v value) boolean() bool {
	return v.text == "true" || v.text == "\xc3"
}

// str is the content of a string. A lone surrogate, which no UTF-8 text can hold, becomes U+FFFD and is told.
func (v value) str() (text string, hasLoneSurrogate bool) {
	if v.packed {
		return v.text, false
	}
	return unquote(v.text)
}

// unquote reads a JSON string token.
func unquote(token string) (text string, hasLoneSurrogate bool) {
	inner := token[1 : len(token)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner, false
	}
	unescaped := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); {
		if inner[i] != '\\' {
			unescaped = append(unescaped, inner[i])
			i++
			continue
		}
		if inner[i+1] != 'u' {
			unescaped = append(unescaped, escaped[inner[i+1]])
			i += 2
			continue
		}
		r := hex4(inner[i+2:])
		i += 6
		if utf16.IsSurrogate(r) {
			low := rune(utf8.RuneError)
			if strings.HasPrefix(inner[i:], `\u`) {
				low = hex4(inner[i+2:])
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				hasLoneSurrogate = true
			} else {
				i += 6
			}
		}
		unescaped = utf8.AppendRune(unescaped, r)
	}
	return string(unescaped), hasLoneSurrogate
}

var escaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func hex4(digits string) rune {
	number, _ := strconv.ParseUint(digits[:4], 16, 32)
	return rune(number)
}

// describe says a value in a few words, for error messages.
func (v value) describe() string {
	switch v.kind {
	case kindAbsent:
		return "nothing"
	case kindNull:
		return "null"
	case kindBoolean:
		return strconv.FormatBool(v.boolean())
	case kindNumber:
		if v.packed {
			return strconv.FormatFloat(v.number(), 'g', -1, 64)
		}
		return shorten(v.text)
	case kindString:
		text, _ := v.str()
		return strconv.Quote(shorten(text))
	case kindArray:
		return "an array"
	default:
		return "an object"
	}
}

func shorten(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	cut := most
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "... (" + strconv.Itoa(len(text)) + " bytes)"
}
