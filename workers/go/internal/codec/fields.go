package codec

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxSafeInteger = 1<<53 - 1
	maxTextUnits   = 1_024
	maxMembers     = 16
)

// fields reads the members of one object. The first thing that is wrong stays in err, and what is read after it is
// worthless, so a message is read in one go and err looked at once. An optional member that is null counts as absent.
type fields struct {
	path   string
	names  []string
	values [maxMembers]value
	// maxDepth is the message's.
	maxDepth int
	err      *Error
}

// read takes the members named in names, and ignores all others; of duplicates the last one counts.
func (f *fields) read(object value, path string, names []string, limits *Limits) {
	f.path, f.names, f.maxDepth, f.err = path, names, limits.Depth, nil
	clear(f.values[:len(names)])
	if object.kind != kindObject {
		f.wrongType("", "an object", object)
		return
	}
	object.members(func(name string, member value) {
		for i, known := range names {
			if known == name {
				f.values[i] = member
				return
			}
		}
	})
}

func (f *fields) get(name string) value {
	return f.values[slices.Index(f.names, name)]
}

func (f *fields) has(name string) bool {
	kind := f.get(name).kind
	return kind != kindAbsent && kind != kindNull
}

func (f *fields) at(name string) string {
	if f.path == "" || name == "" {
		return f.path + name
	}
	return f.path + "." + name
}

func (f *fields) fail(code, name, expected, got string) {
	if f.err == nil {
		f.err = &Error{Code: code, Path: f.at(name), Expected: expected, Got: got}
	}
}

func (f *fields) wrongType(name, expected string, got value) {
	code := WrongType
	if got.kind == kindAbsent {
		code = Missing
	}
	f.fail(code, name, expected, got.describe())
}

func (f *fields) integer(name string, least, most int64) int64 {
	v := f.get(name)
	if v.kind != kindNumber {
		f.wrongType(name, integerWords(least, most), v)
		return 0
	}
	integer, ok := v.integer()
	if !ok || integer < least || integer > most {
		f.fail(InvalidValue, name, integerWords(least, most), v.describe())
	}
	return integer
}

func integerWords(least, most int64) string {
	return fmt.Sprintf("an integer from %d to %d", least, most)
}

// milliseconds reads a duration; fractions are welcome.
func (f *fields) milliseconds(name string) float64 {
	v := f.get(name)
	expected := fmt.Sprintf("milliseconds from 0 to %d", int64(maxSafeInteger))
	if v.kind != kindNumber {
		f.wrongType(name, expected, v)
		return 0
	}
	number := v.number()
	if !(0 <= number && number <= maxSafeInteger) {
		f.fail(InvalidValue, name, expected, v.describe())
	}
	return number
}

func (f *fields) boolean(name string) bool {
	v := f.get(name)
	if v.kind != kindBoolean {
		f.wrongType(name, "true or false", v)
	}
	return v.boolean()
}

// name reads a string that follows a rule.
func (f *fields) name(name string, rule nameRule) string {
	return f.nameIn(f.get(name), name, rule)
}

func (f *fields) nameIn(v value, path string, rule nameRule) string {
	if v.kind != kindString {
		f.wrongType(path, rule.words, v)
		return ""
	}
	text, hasLoneSurrogate := v.str()
	if hasLoneSurrogate || !rule.allows(text) {
		f.fail(InvalidValue, path, rule.words, v.describe())
	}
	return text
}

// namesIn reads a list of strings that follow a rule.
func (f *fields) namesIn(name string, rule nameRule, most int) []string {
	var names []string
	f.each(name, most, func(index int, element value) {
		names = append(names, f.nameIn(element, fmt.Sprintf("%s[%d]", name, index), rule))
	})
	return names
}

// each visits the elements of an array, at most so many.
func (f *fields) each(name string, most int, visit func(index int, element value)) {
	v := f.get(name)
	if v.kind != kindArray {
		f.wrongType(name, "an array", v)
		return
	}
	v.elements(func(index int, element value) {
		if index < most {
			visit(index, element)
		} else {
			f.fail(TooMany, name, fmt.Sprintf("at most %d elements", most), "more")
		}
	})
}

func (f *fields) text(name string, mostUnits int) string {
	v := f.get(name)
	expected := fmt.Sprintf("a string of at most %d characters", mostUnits)
	if v.kind != kindString {
		f.wrongType(name, expected, v)
		return ""
	}
	text, _ := v.str()
	if len(text) > mostUnits && utf16Units(text) > mostUnits {
		f.fail(InvalidValue, name, expected, fmt.Sprintf("%d characters", utf16Units(text)))
	}
	return text
}

func (f *fields) optionalText(name string, mostUnits int) string {
	if !f.has(name) {
		return ""
	}
	return f.text(name, mostUnits)
}

func (f *fields) oneOf(name string, words ...string) string {
	v := f.get(name)
	expected := `"` + strings.Join(words, `" or "`) + `"`
	if v.kind != kindString {
		f.wrongType(name, expected, v)
		return ""
	}
	text, _ := v.str()
	if !slices.Contains(words, text) {
		f.fail(InvalidValue, name, expected, v.describe())
	}
	return text
}

// version reads protocol_version: a receiver takes exactly the versions that it knows.
func (f *fields) version(known ...string) string {
	v := f.get("protocol_version")
	expected := `"` + strings.Join(known, `" or "`) + `"`
	if v.kind == kindAbsent {
		f.fail(Missing, "protocol_version", expected, v.describe())
		return ""
	}
	if v.kind == kindString {
		if text, _ := v.str(); slices.Contains(known, text) {
			return text
		}
	}
	f.fail(UnsupportedVersion, "protocol_version", expected, v.describe())
	return ""
}

// versionsIn: everything of protocol 1.0 is JSON (spec R-86).
func versionsIn(packed bool) []string {
	if packed {
		return []string{"2.0"}
	}
	return []string{"1.0", "2.0"}
}

// refuseNegotiation: these are said before both sides agree on a codec, so they are always JSON (spec R-86).
func (f *fields) refuseNegotiation() {
	if f.err != nil {
		return
	}
	switch text, _ := f.get("type").str(); text {
	case "hello", "welcome", "rehello", "refuse":
		f.fail(InvalidValue, "type", "this message in JSON", "MessagePack")
	}
}

// object answers the text of a payload that has to be an object.
func (f *fields) object(name string) string {
	text, kind := f.payloadOf(name)
	if kind != kindObject {
		f.fail(WrongType, name, "an object", f.get(name).describe())
	}
	return text
}

// payload answers any JSON as its text, null where it is absent.
func (f *fields) payload(name string, mostBytes int) string {
	if f.get(name).kind == kindAbsent {
		return "null"
	}
	text, _ := f.payloadOf(name)
	if len(text) > mostBytes {
		f.fail(TooLarge, name, fmt.Sprintf("at most %d bytes", mostBytes), fmt.Sprintf("%d bytes", len(text)))
	}
	return text
}

// payloadOf finds a payload's text: a part of the message in JSON, the content of a string in MessagePack (spec R-89).
func (f *fields) payloadOf(name string) (string, kind) {
	v := f.get(name)
	if v.kind == kindAbsent {
		f.fail(Missing, name, "JSON", v.describe())
		return "null", kindAbsent
	}
	if !v.packed {
		return v.text, v.kind
	}
	if v.kind == kindNull {
		return "null", kindNull
	}
	if v.kind != kindString {
		f.wrongType(name, "a string that holds JSON text", v)
		return "null", v.kind
	}
	text := strings.Trim(v.text, " \t\r\n")
	if err := checkSyntax(text, f.maxDepth-depthOf(f.path)); errors.Is(err, errTooDeep) {
		f.fail(TooDeep, name, fmt.Sprintf("at most %d levels of objects and arrays", f.maxDepth), "more")
	} else if err != nil {
		f.fail(InvalidJSON, name, "JSON", err.Error())
	} else {
		return text, kindOf(text[0])
	}
	return "null", kindAbsent
}

// depthOf counts the objects and arrays around the members of the object at a path: 3 for steps[0].
func depthOf(path string) int {
	depth := 1 + strings.Count(path, ".") + strings.Count(path, "[")
	if path != "" {
		depth++
	}
	return depth
}

// nameRule is what a string must look like (spec section 5), with the words for it.
type nameRule struct {
	allows func(text string) bool
	words  string
}

var (
	idRule = nameRule{
		func(text string) bool { return isVisibleASCII(text, 255) },
		"an id of 1 to 255 visible ASCII characters",
	}
	codeRule = nameRule{
		func(text string) bool { return isVisibleASCII(text, 64) },
		"a name of 1 to 64 visible ASCII characters",
	}
	workerIDRule = nameRule{
		IsWorkerID,
		"a name of 1 to 128 letters, digits and ._:- that begins with a letter or digit",
	}
	sessionRule = nameRule{isSession, `the worker id, "-" and 8 hexadecimal digits`}
	handlerRule = nameRule{
		IsHandlerName,
		"a name of 1 to 255 characters without spaces, control characters or lone surrogates",
	}
)

func isVisibleASCII(text string, most int) bool {
	if len(text) == 0 || len(text) > most {
		return false
	}
	for i := range len(text) {
		if text[i] < '!' || text[i] > '~' {
			return false
		}
	}
	return true
}

// IsCode tells whether text may stand in error.code: 1 to 64 visible ASCII characters.
func IsCode(text string) bool {
	return isVisibleASCII(text, 64)
}

// IsWorkerID tells whether text may name a worker, a pool or an orchestrator.
func IsWorkerID(text string) bool {
	if len(text) == 0 || len(text) > 128 {
		return false
	}
	for i := range len(text) {
		b := text[i]
		isWord := '0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z'
		if !isWord && (i == 0 || !strings.ContainsRune("._:-", rune(b))) {
			return false
		}
	}
	return true
}

func isSession(text string) bool {
	const digits = 8
	cut := len(text) - digits - 1
	if cut < 1 || text[cut] != '-' || !IsWorkerID(text[:cut]) {
		return false
	}
	for _, b := range []byte(text[cut+1:]) {
		if !('0' <= b && b <= '9' || 'a' <= b && b <= 'f') {
			return false
		}
	}
	return true
}

// IsHandlerName tells whether text may name a handler or a step.
func IsHandlerName(text string) bool {
	if text == "" || !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if r <= ' ' || r == 0x7f {
			return false
		}
	}
	return len(text) <= 255 || utf16Units(text) <= 255
}

func utf16Units(text string) int {
	units := 0
	for _, r := range text {
		units++
		if r > 0xffff {
			units++
		}
	}
	return units
}
