package edge

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"taocan/internal/taocan"
)

// JSON reads a document strictly, value by value, in place. A method that meets something else than it asks for
// sets Err and from then on every method does nothing, so that a reader checks once at the end.
type JSON struct {
	b   []byte
	i   int
	Err error
}

// NewJSON starts at the front of b.
func NewJSON(b []byte) *JSON { return &JSON{b: b} }

var (
	errSyntax  = errors.New("the body is not JSON")
	errUnicode = errors.New("the body is not valid UTF-8")
	errType    = errors.New("a value is of another type")
	errMany    = errors.New("the body holds too many values")
	errDeep    = errors.New("the body is nested too deeply")
)

// maxValues is more than the largest batch of debits holds (10,000 of ten values each). It bounds what a body can
// cost beyond its bytes: the values, and an error for each when it is refused.
const maxValues = 150_000

// maxDepth is far deeper than any request of ours.
const maxDepth = 32

func (j *JSON) fail(err error) {
	if j.Err == nil {
		j.Err = err
	}
}

func (j *JSON) space() {
	for j.i < len(j.b) {
		switch j.b[j.i] {
		case ' ', '\t', '\n', '\r':
			j.i++
		default:
			return
		}
	}
}

// Peek is the first byte of the next value, 0 at the end.
func (j *JSON) Peek() byte {
	if j.space(); j.Err != nil || j.i >= len(j.b) {
		return 0
	}
	return j.b[j.i]
}

// take moves over c if it comes next.
func (j *JSON) take(c byte) bool {
	if j.Peek() != c {
		return false
	}
	j.i++
	return true
}

func (j *JSON) expect(c byte) {
	if !j.take(c) {
		j.mismatch()
	}
}

// mismatch says that another value, or none, stands where one was expected.
func (j *JSON) mismatch() {
	switch c := j.Peek(); {
	case c == '"', c == '{', c == '[', c == '-', c >= '0' && c <= '9', c == 't', c == 'f', c == 'n':
		j.fail(errType)
	default:
		j.fail(errSyntax)
	}
}

// End checks that nothing follows.
func (j *JSON) End() {
	if j.space(); j.Err == nil && j.i != len(j.b) {
		j.fail(errSyntax)
	}
}

// Null moves over null if it comes next.
func (j *JSON) Null() bool {
	if j.Peek() != 'n' {
		return false
	}
	j.literal("null")
	return j.Err == nil
}

func (j *JSON) literal(word string) {
	if j.space(); len(j.b)-j.i < len(word) || string(j.b[j.i:j.i+len(word)]) != word {
		j.fail(errSyntax)
		return
	}
	j.i += len(word)
}

// Bool reads true or false.
func (j *JSON) Bool() bool {
	switch j.Peek() {
	case 't':
		j.literal("true")
		return j.Err == nil
	case 'f':
		j.literal("false")
	default:
		j.mismatch()
	}
	return false
}

// Int reads an integer written as one: no point, no exponent, within 64 bits.
func (j *JSON) Int() int64 {
	text, whole := j.number()
	if j.Err != nil {
		return 0
	}
	if !whole {
		j.fail(errType)
		return 0
	}
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		j.fail(errType)
	}
	return v
}

// number moves over a number; whole where it has neither point nor exponent.
func (j *JSON) number() (text []byte, whole bool) {
	c := j.Peek()
	if c != '-' && (c < '0' || c > '9') {
		j.mismatch()
		return nil, false
	}
	start := j.i
	digits := func() bool {
		from := j.i
		for j.i < len(j.b) && j.b[j.i] >= '0' && j.b[j.i] <= '9' {
			j.i++
		}
		return j.i > from
	}
	if c == '-' {
		j.i++
	}
	if j.i < len(j.b) && j.b[j.i] == '0' {
		j.i++
	} else if !digits() {
		j.fail(errSyntax)
		return nil, false
	}
	whole = true
	if j.i < len(j.b) && j.b[j.i] == '.' {
		whole = false
		if j.i++; !digits() {
			j.fail(errSyntax)
			return nil, false
		}
	}
	if j.i < len(j.b) && (j.b[j.i] == 'e' || j.b[j.i] == 'E') {
		whole = false
		j.i++
		if j.i < len(j.b) && (j.b[j.i] == '+' || j.b[j.i] == '-') {
			j.i++
		}
		if !digits() {
			j.fail(errSyntax)
			return nil, false
		}
	}
	return j.b[start:j.i], whole
}

// String reads a string into its own memory.
func (j *JSON) String() string {
	if j.Peek() != '"' {
		j.mismatch()
		return ""
	}
	return string(j.text())
}

// text reads a string at its opening quote. The result may lie in the document.
func (j *JSON) text() []byte {
	j.i++
	start := j.i
	for j.i < len(j.b) {
		switch c := j.b[j.i]; {
		case c == '"':
			j.i++
			return j.b[start : j.i-1]
		case c == '\\' || c >= utf8.RuneSelf:
			return j.slowText(start)
		case c < ' ':
			j.fail(errSyntax)
			return nil
		}
		j.i++
	}
	j.fail(errSyntax)
	return nil
}

// slowText goes on where a string holds more than plain ASCII.
func (j *JSON) slowText(start int) []byte {
	text := append([]byte(nil), j.b[start:j.i]...)
	for j.i < len(j.b) {
		switch c := j.b[j.i]; {
		case c == '"':
			j.i++
			return text
		case c < ' ':
			j.fail(errSyntax)
			return nil
		case c == '\\':
			r, ok := j.escape()
			if !ok {
				return nil
			}
			text = utf8.AppendRune(text, r)
		default:
			r, n := utf8.DecodeRune(j.b[j.i:])
			if r == utf8.RuneError && n == 1 {
				j.fail(errUnicode)
				return nil
			}
			text = append(text, j.b[j.i:j.i+n]...)
			j.i += n
		}
	}
	j.fail(errSyntax)
	return nil
}

// escape reads what stands behind a backslash. Half a surrogate pair is no character.
func (j *JSON) escape() (rune, bool) {
	if j.i++; j.i >= len(j.b) {
		j.fail(errSyntax)
		return 0, false
	}
	c := j.b[j.i]
	j.i++
	if c == 'u' {
		r := j.hex4()
		if utf16.IsSurrogate(r) {
			low := rune(-1)
			if j.i+1 < len(j.b) && j.b[j.i] == '\\' && j.b[j.i+1] == 'u' {
				j.i += 2
				low = j.hex4()
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				j.fail(errUnicode)
			}
		}
		return r, j.Err == nil
	}
	k := strings.IndexByte(`"\/bfnrt`, c)
	if k < 0 {
		j.fail(errSyntax)
		return 0, false
	}
	return rune("\"\\/\b\f\n\r\t"[k]), true
}

func (j *JSON) hex4() rune {
	if len(j.b)-j.i < 4 {
		j.fail(errSyntax)
		return -1
	}
	v := rune(0)
	for _, c := range j.b[j.i : j.i+4] {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			v = v<<4 | rune(c-'A'+10)
		default:
			j.fail(errSyntax)
			return -1
		}
	}
	j.i += 4
	return v
}

// Object reads an object, calling field at each value. The key is only valid during the call.
func (j *JSON) Object(field func(key []byte)) {
	if j.expect('{'); j.Err != nil || j.take('}') {
		return
	}
	for j.Err == nil {
		if j.Peek() != '"' {
			j.fail(errSyntax)
			return
		}
		key := j.text()
		if !j.take(':') {
			j.fail(errSyntax)
		}
		if j.Err != nil {
			return
		}
		field(key)
		if j.Err != nil || j.take('}') {
			return
		}
		if !j.take(',') {
			j.fail(errSyntax)
		}
	}
}

// Array reads an array, calling item at each value.
func (j *JSON) Array(item func()) {
	if j.expect('['); j.Err != nil || j.take(']') {
		return
	}
	for j.Err == nil {
		item()
		if j.Err != nil || j.take(']') {
			return
		}
		if !j.take(',') {
			j.fail(errSyntax)
		}
	}
}

// Refuse ends the reading with an error of the caller's.
func (j *JSON) Refuse(err error) { j.fail(err) }

// Literal is a number that is no 64-bit integer. No request of ours holds one, so it stays as it was written.
type Literal string

// MarshalJSON shows it as it was written.
func (l Literal) MarshalJSON() ([]byte, error) { return []byte(l), nil }

// Decode reads a strict document into maps, slices, strings, int64, Literal, bool and nil. What is not JSON is a
// problem with status 400; a key given twice is a bad field.
func Decode(b []byte) (any, *Problem) {
	d := decoder{JSON: JSON{b: b}}
	v := d.value(0)
	d.End()
	switch {
	case d.values > maxValues:
		return nil, ProblemOf(taocan.Invalid("body", fmt.Sprintf("holds more than %d values", maxValues), nil))
	case d.Err == nil && len(d.twice) == 0:
		return v, nil
	case d.Err == nil:
		return nil, ProblemOf(&taocan.InvalidError{Fields: d.twice})
	}
	return nil, ProblemAt(http.StatusBadRequest, fmt.Sprintf("%s (at byte %d)", d.Err, d.i))
}

type decoder struct {
	JSON
	path   []string
	twice  []taocan.FieldError
	values int
}

func (d *decoder) value(depth int) any {
	if depth > maxDepth {
		d.fail(errDeep)
		return nil
	}
	if d.values++; d.values > maxValues {
		d.fail(errMany) // ends the walk
		return nil
	}
	switch c := d.Peek(); {
	case c == '{':
		m := map[string]any{}
		d.Object(func(key []byte) {
			k := string(key)
			d.path = append(d.path, "."+k)
			if _, dup := m[k]; dup && len(d.twice) < maxErrors {
				d.twice = append(d.twice, taocan.FieldError{Location: "body" + strings.Join(d.path, ""), Message: "is given twice"})
			}
			m[k] = d.value(depth + 1)
			d.path = d.path[:len(d.path)-1]
		})
		return m
	case c == '[':
		list := []any{}
		d.Array(func() {
			d.path = append(d.path, "["+strconv.Itoa(len(list))+"]")
			list = append(list, d.value(depth+1))
			d.path = d.path[:len(d.path)-1]
		})
		return list
	case c == '"':
		return d.String()
	case c == 't', c == 'f':
		return d.Bool()
	case c == 'n':
		d.literal("null")
		return nil
	case c == '-', c >= '0' && c <= '9':
		text, whole := d.number()
		if v, err := strconv.ParseInt(string(text), 10, 64); whole && err == nil {
			return v
		}
		return Literal(text)
	}
	d.fail(errSyntax)
	return nil
}

// AppendString writes a JSON string. Broken UTF-8 becomes U+FFFD. HTML is left as it is: answers carry a
// content type that no browser takes for a page.
func AppendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\b':
				b = append(b, '\\', 'b')
			case '\f':
				b = append(b, '\\', 'f')
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(append(b, s[start:i]...), `\ufffd`...)
			start = i + n
		case r == '\u2028' || r == '\u2029': // as encoding/json does, for what reads JSON as JavaScript
			b = append(append(b, s[start:i]...), `\u202`...)
			b = append(b, hex[r&15])
			start = i + n
		}
		i += n
	}
	return append(append(b, s[start:]...), '"')
}

// Word reads a string like String; words that requests repeat are not copied again.
func (j *JSON) Word() string {
	if j.Peek() != '"' {
		j.mismatch()
		return ""
	}
	text := j.text()
	switch string(text) {
	case "domestic":
		return "domestic"
	case "international":
		return "international"
	case "verification":
		return "verification"
	case "marketing":
		return "marketing"
	case "general":
		return "general"
	case "commit":
		return "commit"
	case "release":
		return "release"
	}
	return string(text)
}
