package codec

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

var errTooDeep = errors.New("nested too deeply")

// CheckJSON checks that text is one JSON value (RFC 8259) in UTF-8 with at most maxDepth objects and arrays inside
// each other. Stricter than encoding/json, which takes bytes that are not UTF-8.
func CheckJSON(text string, maxDepth int) error {
	if !utf8.ValidString(text) {
		return errors.New("it is not UTF-8")
	}
	return checkSyntax(text, maxDepth)
}

func checkSyntax(text string, maxDepth int) error {
	c := syntaxCheck{text: text, maxDepth: maxDepth}
	c.space()
	if err := c.value(0); err != nil {
		return err
	}
	c.space()
	if c.at < len(text) {
		return c.unexpected("the end")
	}
	return nil
}

// syntaxCheck walks a text once and builds nothing.
type syntaxCheck struct {
	text     string
	at       int
	maxDepth int
}

func (c *syntaxCheck) unexpected(expected string) error {
	if c.at >= len(c.text) {
		return fmt.Errorf("the text ends where %s should be", expected)
	}
	r, _ := utf8.DecodeRuneInString(c.text[c.at:])
	return fmt.Errorf("%q at byte %d where %s should be", r, c.at, expected)
}

func (c *syntaxCheck) space() {
	for c.at < len(c.text) && isSpace(c.text[c.at]) {
		c.at++
	}
}

func isSpace(b byte) bool {
	return b == ' ' || b == '\n' || b == '\t' || b == '\r'
}

// peek answers the next byte, 0 at the end (a NUL is never legal where it is asked for).
func (c *syntaxCheck) peek() byte {
	if c.at < len(c.text) {
		return c.text[c.at]
	}
	return 0
}

func (c *syntaxCheck) value(depth int) error {
	switch b := c.peek(); b {
	case '{', '[':
		if depth >= c.maxDepth {
			return errTooDeep
		}
		if b == '{' {
			return c.object(depth + 1)
		}
		return c.array(depth + 1)
	case '"':
		return c.str()
	case 't':
		return c.word("true")
	case 'f':
		return c.word("false")
	case 'n':
		return c.word("null")
	default:
		return c.number()
	}
}

func (c *syntaxCheck) object(depth int) error {
	c.at++
	c.space()
	if c.peek() == '}' {
		c.at++
		return nil
	}
	for {
		if c.peek() != '"' {
			return c.unexpected("a member's name")
		}
		if err := c.str(); err != nil {
			return err
		}
		c.space()
		if c.peek() != ':' {
			return c.unexpected("a colon")
		}
		c.at++
		c.space()
		if err := c.value(depth); err != nil {
			return err
		}
		if ended, err := c.separator('}'); ended || err != nil {
			return err
		}
	}
}

func (c *syntaxCheck) array(depth int) error {
	c.at++
	c.space()
	if c.peek() == ']' {
		c.at++
		return nil
	}
	for {
		if err := c.value(depth); err != nil {
			return err
		}
		if ended, err := c.separator(']'); ended || err != nil {
			return err
		}
	}
}

// separator takes a comma or the end, and the space around.
func (c *syntaxCheck) separator(end byte) (ended bool, err error) {
	c.space()
	switch c.peek() {
	case end:
		c.at++
		return true, nil
	case ',':
		c.at++
		c.space()
		return false, nil
	default:
		return false, c.unexpected(fmt.Sprintf("a comma or %q", end))
	}
}

func (c *syntaxCheck) str() error {
	text := c.text
	i := c.at + 1
	for i < len(text) {
		b := text[i]
		switch {
		case b == '"':
			c.at = i + 1
			return nil
		case b == '\\':
			c.at = i
			if err := c.escape(); err != nil {
				return err
			}
			i = c.at
		case b < ' ':
			c.at = i
			return c.unexpected("an escape")
		default:
			i++
		}
	}
	c.at = i
	return c.unexpected("the end of a string")
}

func (c *syntaxCheck) escape() error {
	c.at++
	switch c.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		c.at++
		return nil
	case 'u':
		c.at++
		for range 4 {
			if !isHex(c.peek()) {
				return c.unexpected("a hexadecimal digit")
			}
			c.at++
		}
		return nil
	default:
		return c.unexpected("an escaped character")
	}
}

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}

func (c *syntaxCheck) word(word string) error {
	if len(c.text)-c.at < len(word) || c.text[c.at:c.at+len(word)] != word {
		return c.unexpected(word)
	}
	c.at += len(word)
	return nil
}

func (c *syntaxCheck) number() error {
	if c.peek() == '-' {
		c.at++
	}
	if c.peek() == '0' {
		c.at++
	} else if err := c.digits("a value"); err != nil {
		return err
	}
	if c.peek() == '.' {
		c.at++
		if err := c.digits("a digit"); err != nil {
			return err
		}
	}
	if b := c.peek(); b == 'e' || b == 'E' {
		c.at++
		if b := c.peek(); b == '+' || b == '-' {
			c.at++
		}
		return c.digits("a digit")
	}
	return nil
}

func (c *syntaxCheck) digits(expected string) error {
	from := c.at
	for b := c.peek(); '0' <= b && b <= '9'; b = c.peek() {
		c.at++
	}
	if c.at == from {
		return c.unexpected(expected)
	}
	return nil
}
