package segment

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// RuleVersion numbers the rules of this package. It is stored with each debit, so that an old bill can be
// explained by the rules that made it.
const RuleVersion = 1

// MaxLength is the longest message, signature and brackets included, in the unit of its encoding.
const MaxLength = 500

// The encodings that a Count can name.
const (
	GSM7 = "gsm7"
	UCS2 = "ucs2"
)

// A message of at most …Single units is one segment. A longer one is cut into parts of …Part units, since
// the header that joins the parts again takes 6 bytes: 7 septets, or 3 UTF-16 units.
const (
	gsm7Single = 160
	gsm7Part   = 153
	ucs2Single = 70
	ucs2Part   = 67
)

var (
	// ErrTooLong means that signature and text together are longer than MaxLength.
	ErrTooLong = errors.New("content too long")
	// ErrNotUTF8 means that the signature or the text is not valid UTF-8, so it has no length.
	ErrNotUTF8 = errors.New("content is not valid UTF-8")
)

// Count is what a message costs.
type Count struct {
	Length   int    // septets for GSM7, UTF-16 code units for UCS2; brackets included
	Encoding string // GSM7 or UCS2
	Segments int    // 0 only for an empty message
}

// Domestic counts a message to a mainland number: 【signature】text, always UCS-2. An empty signature adds
// no brackets.
func Domestic(signature, text string) (Count, error) {
	msg, err := message("【", signature, "】", text)
	if err != nil {
		return Count{}, err
	}
	return countUCS2(msg)
}

// International counts a message to any other number: [signature]text, in GSM-7 if that can write every
// character, otherwise in UCS-2. An empty signature adds no brackets; the brackets are characters of the
// extension table, so they count two septets each.
//
// ErrTooLong speaks of the length in the encoding that the message has: 251 euro signs are 502 septets and
// refused, yet with one Chinese character more they are 252 UTF-16 units and pass.
func International(signature, text string) (Count, error) {
	msg, err := message("[", signature, "]", text)
	if err != nil {
		return Count{}, err
	}
	if isGSM7(msg) {
		return countGSM7(msg)
	}
	return countUCS2(msg)
}

// message puts together what is sent. Each piece is checked by itself: two broken halves may not join into
// one good character.
func message(open, signature, end, text string) (string, error) {
	if !utf8.ValidString(signature) || !utf8.ValidString(text) {
		return "", ErrNotUTF8
	}
	if signature == "" {
		return text, nil
	}
	return open + signature + end + text, nil
}

func isGSM7(msg string) bool {
	for _, r := range msg {
		if gsm7Cost[r] == 0 {
			return false
		}
	}
	return true
}

func countGSM7(msg string) (Count, error) {
	length, parts := pack(msg, func(r rune) int { return gsm7Cost[r] }, gsm7Part)
	return count(GSM7, length, gsm7Single, parts)
}

func countUCS2(msg string) (Count, error) {
	length, parts := pack(msg, utf16Units, ucs2Part)
	return count(UCS2, length, ucs2Single, parts)
}

func utf16Units(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}

// pack fills parts of partMax units one after the other. A character that does not fit whole opens the next
// part, so a part may end one unit short.
func pack(msg string, cost func(rune) int, partMax int) (length, parts int) {
	left := 0
	for _, r := range msg {
		c := cost(r)
		length += c
		if c > left {
			parts++
			left = partMax
		}
		left -= c
	}
	return length, parts
}

func count(encoding string, length, single, parts int) (Count, error) {
	if length > MaxLength {
		return Count{}, fmt.Errorf("%w: %d, at most %d", ErrTooLong, length, MaxLength)
	}
	if length <= single {
		parts = min(parts, 1)
	}
	return Count{Length: length, Encoding: encoding, Segments: parts}, nil
}
