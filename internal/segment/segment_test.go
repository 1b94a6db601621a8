package segment_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"

	"taocan/internal/segment"
)

const (
	han   = "短"
	emoji = "😀" // a surrogate pair: two UTF-16 units
	euro  = "€" // of the extension table: two septets
)

func times(n int, s string) string { return strings.Repeat(s, n) }

func TestDomestic(t *testing.T) {
	tests := []struct {
		name            string
		signature, text string
		length          int
		segments        int
	}{
		{"nothing costs nothing", "", "", 0, 0},
		{"one character", "", han, 1, 1},
		{"the brackets of a signature count", "公司", "", 4, 1},
		{"no signature, no brackets", "", "公司", 2, 1},
		{"69", "", times(69, han), 69, 1},
		{"70 is still one segment", "", times(70, han), 70, 1},
		{"71 is two", "", times(71, han), 71, 2},
		{"signature and text are one message", "公司", times(67, han), 71, 2},
		{"signature and text just fit", "公司", times(66, han), 70, 1},
		{"117, as the console shows it", "", times(117, han), 117, 2},
		{"134 fills two parts", "", times(134, han), 134, 2},
		{"135 begins a third", "", times(135, han), 135, 3},
		{"201 fills three parts", "", times(201, han), 201, 3},
		{"202 begins a fourth", "", times(202, han), 202, 4},
		{"499", "", times(499, han), 499, 8},
		{"500 is the longest", "", times(500, han), 500, 8},
		{"500 with a signature", "公司", times(496, han), 500, 8},
		{"English is no cheaper", "", times(71, "a"), 71, 2},
		{"digits and spaces count", "", times(35, "1 "), 70, 1},
		{"a line break counts", "", times(69, han) + "\n", 70, 1},
		{"an emoji is two units", "", emoji, 2, 1},
		{"35 emoji fit one segment", "", times(35, emoji), 70, 1},
		{"36 emoji do not", "", times(36, emoji), 72, 2},
		{"a joined emoji counts every piece", "", "👩‍💻", 5, 1},
		{"a combining mark is a unit of its own", "", "e\u0301", 2, 1},
		{"a pair may straddle unit 67 when there is one segment", "", times(66, han) + emoji + times(2, han), 70, 1},
		{"a pair over the cut moves to the next part", "", times(66, han) + emoji + times(66, han), 134, 3},
		{"a pair before the cut stays", "", times(65, han) + emoji + times(67, han), 134, 2},
		{"a pair after the cut stays", "", times(67, han) + emoji + times(65, han), 134, 2},
		{"moved at the first cut, the second part is full", "", times(66, han) + emoji + times(65, han), 133, 2},
		{"66 units of each part hold 33 emoji", "", times(66, emoji), 132, 2},
		{"the 67th emoji begins a third part", "", times(67, emoji), 134, 3},
		{"250 emoji", "", times(250, emoji), 500, 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := segment.Domestic(tt.signature, tt.text)
			want := segment.Count{Length: tt.length, Encoding: segment.UCS2, Segments: tt.segments}
			if err != nil || got != want {
				t.Errorf("Domestic(%q, %q) = %+v, %v, want %+v", tt.signature, tt.text, got, err, want)
			}
		})
	}
}

func TestInternational(t *testing.T) {
	const gsm7, ucs2 = segment.GSM7, segment.UCS2
	tests := []struct {
		name            string
		signature, text string
		length          int
		encoding        string
		segments        int
	}{
		{"nothing costs nothing", "", "", 0, gsm7, 0},
		{"one letter", "", "a", 1, gsm7, 1},
		{"159", "", times(159, "a"), 159, gsm7, 1},
		{"160 is still one segment", "", times(160, "a"), 160, gsm7, 1},
		{"161 is two", "", times(161, "a"), 161, gsm7, 2},
		{"306 fills two parts", "", times(306, "a"), 306, gsm7, 2},
		{"307 begins a third", "", times(307, "a"), 307, gsm7, 3},
		{"459 fills three parts", "", times(459, "a"), 459, gsm7, 3},
		{"460 begins a fourth", "", times(460, "a"), 460, gsm7, 4},
		{"500 is the longest", "", times(500, "a"), 500, gsm7, 4},
		{"each bracket of a signature is two septets", "Co", "hi", 8, gsm7, 1},
		{"signature and text just fit", "Co", times(154, "a"), 160, gsm7, 1},
		{"signature and text are one message", "Co", times(155, "a"), 161, gsm7, 2},
		{"an extension character is two septets", "", euro, 2, gsm7, 1},
		{"80 of them fit one segment", "", times(80, euro), 160, gsm7, 1},
		{"81 do not", "", times(81, euro), 162, gsm7, 2},
		{"a part ends a septet short rather than cut one", "", times(152, euro), 304, gsm7, 2},
		{"so 153 of them need three parts", "", times(153, euro), 306, gsm7, 3},
		{"250 of them", "", times(250, euro), 500, gsm7, 4},
		{"a pair may straddle septet 153 when there is one segment", "", times(152, "a") + euro + times(6, "a"), 160, gsm7, 1},
		{"a pair over the cut moves to the next part", "", times(152, "a") + euro + times(152, "a"), 306, gsm7, 3},
		{"a pair before the cut stays", "", times(151, "a") + euro + times(153, "a"), 306, gsm7, 2},
		{"a pair after the cut stays", "", times(153, "a") + euro + times(151, "a"), 306, gsm7, 2},
		{"one other character makes all of it UCS-2", "", times(69, "a") + han, 70, ucs2, 1},
		{"and then 71 is two", "", times(70, "a") + han, 71, ucs2, 2},
		{"an extension character is one unit in UCS-2", "", times(69, euro) + han, 70, ucs2, 1},
		{"UCS-2: 134 fills two parts", "", times(134, han), 134, ucs2, 2},
		{"UCS-2: 135 begins a third", "", times(135, han), 135, ucs2, 3},
		{"UCS-2: a pair over the cut moves", "", times(66, "a") + emoji + times(66, "a"), 134, ucs2, 3},
		{"a signature can make it UCS-2, its brackets then one unit each", "公司", times(66, "a"), 70, ucs2, 1},
		{"Chinese brackets are not added, but counted when typed", "", "【Co】", 4, ucs2, 1},
		{"ç is not in the alphabet, Ç is", "", "ç", 1, ucs2, 1},
		{"a curly apostrophe is not in the alphabet", "", "it’s", 4, ucs2, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := segment.International(tt.signature, tt.text)
			want := segment.Count{Length: tt.length, Encoding: tt.encoding, Segments: tt.segments}
			if err != nil || got != want {
				t.Errorf("International(%q, %q) = %+v, %v, want %+v", tt.signature, tt.text, got, err, want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	type count = func(signature, text string) (segment.Count, error)
	tests := []struct {
		name            string
		count           count
		signature, text string
		want            error
	}{
		{"domestic: 501 units", segment.Domestic, "", times(501, han), segment.ErrTooLong},
		{"domestic: the signature counts", segment.Domestic, "公司", times(497, han), segment.ErrTooLong},
		{"domestic: an emoji counts two", segment.Domestic, "", times(251, emoji), segment.ErrTooLong},
		{"international: 501 septets", segment.International, "", times(501, "a"), segment.ErrTooLong},
		{"international: brackets count two each", segment.International, "Co", times(495, "a"), segment.ErrTooLong},
		{"international: 251 extension characters are 502 septets", segment.International, "", times(251, euro), segment.ErrTooLong},
		{"international: 501 units", segment.International, "", times(501, han), segment.ErrTooLong},
		{"a stray byte in the text", segment.Domestic, "", "\xff", segment.ErrNotUTF8},
		{"a stray byte in the signature", segment.International, "\xff", "a", segment.ErrNotUTF8},
		{"half a surrogate pair", segment.Domestic, "", "\xed\xa0\x80", segment.ErrNotUTF8},
		{"two halves do not make a good character", segment.Domestic, "\xe7\x9f", "\xad", segment.ErrNotUTF8},
		{"not UTF-8 goes before too long", segment.International, "", times(600, "a") + "\xff", segment.ErrNotUTF8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.count(tt.signature, tt.text)
			if !errors.Is(err, tt.want) || got != (segment.Count{}) {
				t.Errorf("count of (%q, %q) = %+v, %v, want a zero Count and %v", tt.signature, tt.text, got, err, tt.want)
			}
		})
	}
}

// The longest texts are judged in the encoding that they have: see International.
func TestInternationalTooLongOnlyInGSM7(t *testing.T) {
	got, err := segment.International("", times(251, euro)+han)
	want := segment.Count{Length: 252, Encoding: segment.UCS2, Segments: 4}
	if err != nil || got != want {
		t.Errorf("251 euro signs and one Chinese character = %+v, %v, want %+v", got, err, want)
	}
}

// gsm0338 is the default alphabet by code, 0x00 to 0x7F, as the standard's table has it. The product writes
// the same alphabet as characters; two ways of writing it down seldom share a slip.
var gsm0338 = [128]rune{
	0x40, 0xA3, 0x24, 0xA5, 0xE8, 0xE9, 0xF9, 0xEC, 0xF2, 0xC7, 0x0A, 0xD8, 0xF8, 0x0D, 0xC5, 0xE5,
	0x394, 0x5F, 0x3A6, 0x393, 0x39B, 0x3A9, 0x3A0, 0x3A8, 0x3A3, 0x398, 0x39E, -1, 0xC6, 0xE6, 0xDF, 0xC9,
	0x20, 0x21, 0x22, 0x23, 0xA4, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x2B, 0x2C, 0x2D, 0x2E, 0x2F,
	0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F,
	0xA1, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F,
	0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0xC4, 0xD6, 0xD1, 0xDC, 0xA7,
	0xBF, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F,
	0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0xE4, 0xF6, 0xF1, 0xFC, 0xE0,
}

// gsm0338Extension is the extension table: what follows the escape, and the character that it stands for.
var gsm0338Extension = map[byte]rune{
	0x0A: 0x0C, 0x14: 0x5E, 0x28: 0x7B, 0x29: 0x7D, 0x2F: 0x5C,
	0x3C: 0x5B, 0x3D: 0x7E, 0x3E: 0x5D, 0x40: 0x7C, 0x65: 0x20AC,
}

const escape = 0x1B

// gsm0338Codes turns both tables round: the septets that write a character.
var gsm0338Codes = func() map[rune][]byte {
	codes := make(map[rune][]byte)
	for code, r := range gsm0338 {
		codes[r] = []byte{byte(code)}
	}
	for code, r := range gsm0338Extension {
		codes[r] = []byte{escape, code}
	}
	return codes
}()

// septets encodes for GSM-7; nil means that some character has no code.
func septets(text string) []byte {
	out := []byte{}
	for _, r := range text {
		code, ok := gsm0338Codes[r]
		if !ok {
			return nil
		}
		out = append(out, code...)
	}
	return out
}

// TestAlphabet asks for every character of the basic plane alone: 127 cost one septet, 10 cost two, the
// rest are UCS-2.
func TestAlphabet(t *testing.T) {
	one, two := make(map[rune]bool), make(map[rune]bool)
	for _, r := range gsm0338 {
		one[r] = r >= 0
	}
	for _, r := range gsm0338Extension {
		two[r] = true
	}
	for r := rune(0); r <= 0xFFFF; r++ {
		if utf16.IsSurrogate(r) {
			continue
		}
		want := segment.Count{Length: 1, Encoding: segment.UCS2, Segments: 1}
		switch {
		case one[r]:
			want.Encoding = segment.GSM7
		case two[r]:
			want = segment.Count{Length: 2, Encoding: segment.GSM7, Segments: 1}
		}
		if got, err := segment.International("", string(r)); err != nil || got != want {
			t.Errorf("International of %U %q = %+v, %v, want %+v", r, r, got, err, want)
		}
	}
}

// naive counts by other means than the product: it encodes the message and then cuts the units, stepping
// back from a cut that would split a pair.
func naive(signature, text, open, end string, domestic bool) (segment.Count, error) {
	if signature != "" {
		signature = open + signature + end
	}
	msg := signature + text
	if code := septets(msg); !domestic && code != nil {
		n := cuts(len(code), 160, 153, func(i int) bool { return code[i-1] == escape })
		return tooLong(segment.Count{Length: len(code), Encoding: segment.GSM7, Segments: n})
	}
	units := utf16.Encode([]rune(msg))
	n := cuts(len(units), 70, 67, func(i int) bool { return units[i] >= 0xDC00 && units[i] <= 0xDFFF })
	return tooLong(segment.Count{Length: len(units), Encoding: segment.UCS2, Segments: n})
}

func cuts(length, single, part int, splits func(at int) bool) int {
	if length == 0 {
		return 0
	}
	if length <= single {
		return 1
	}
	n := 0
	for at := 0; at < length; n++ {
		at += part
		if at < length && splits(at) {
			at--
		}
	}
	return n
}

func tooLong(c segment.Count) (segment.Count, error) {
	if c.Length > 500 {
		return segment.Count{}, segment.ErrTooLong
	}
	return c, nil
}

// TestAgainstNaive counts random messages, mostly near a boundary and mixed so that pairs meet the cuts.
func TestAgainstNaive(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	alphabets := []string{"a", "a€", "a€[", "a短", "短", "短😀", "😀", "a€短😀", "aÇç\u000c"}
	signatures := []string{"", "Co", "公司", "😀"}
	for range 5000 {
		alphabet := []rune(alphabets[rng.IntN(len(alphabets))])
		n := rng.IntN(520)
		if rng.IntN(2) == 0 {
			edges := []int{67, 70, 134, 153, 160, 201, 306, 459, 500}
			n = max(0, edges[rng.IntN(len(edges))]-12+rng.IntN(15))
		}
		runes := make([]rune, n)
		for i := range runes {
			runes[i] = alphabet[0]
			if rng.IntN(8) == 0 {
				runes[i] = alphabet[rng.IntN(len(alphabet))]
			}
		}
		signature, text := signatures[rng.IntN(len(signatures))], string(runes)

		got, err := segment.Domestic(signature, text)
		want, wantErr := naive(signature, text, "【", "】", true)
		if got != want || !errors.Is(err, wantErr) {
			t.Fatalf("seed %d: Domestic(%q, %q) = %+v, %v, want %+v, %v", seed, signature, text, got, err, want, wantErr)
		}
		got, err = segment.International(signature, text)
		want, wantErr = naive(signature, text, "[", "]", false)
		if got != want || !errors.Is(err, wantErr) {
			t.Fatalf("seed %d: International(%q, %q) = %+v, %v, want %+v, %v", seed, signature, text, got, err, want, wantErr)
		}
	}
}

// FuzzCount holds what every message must satisfy: no panic, a count that its length explains, agreement
// with the naive packer, and never fewer segments for more text.
func FuzzCount(f *testing.F) {
	f.Add("公司", "您的验证码是 123456", "。")
	f.Add("Co", "Your code is 123456", "€")
	f.Add("", strings.Repeat("a", 152)+euro, strings.Repeat("a", 152))
	f.Add("", strings.Repeat(han, 66)+emoji, strings.Repeat(han, 66))
	f.Add("", strings.Repeat(euro, 250), han)
	f.Add("", strings.Repeat("a", 160), han)
	f.Add("\xe7", "\x9f\xad", "\xff")
	f.Fuzz(func(t *testing.T, signature, text, more string) {
		for _, domestic := range []bool{true, false} {
			count, open, end := segment.International, "[", "]"
			if domestic {
				count, open, end = segment.Domestic, "【", "】"
			}
			got, err := count(signature, text)
			if errors.Is(err, segment.ErrNotUTF8) {
				continue
			}
			if want, wantErr := naive(signature, text, open, end, domestic); got != want || !errors.Is(err, wantErr) {
				t.Fatalf("domestic %v: count of (%q, %q) = %+v, %v, want %+v, %v", domestic, signature, text, got, err, want, wantErr)
			}
			if err != nil {
				continue
			}
			if least := leastSegments(got); got.Segments < least {
				t.Fatalf("domestic %v: count of (%q, %q) = %+v, want at least %d segments", domestic, signature, text, got, least)
			}
			for _, longer := range []string{text + more, more + text} {
				if next, err := count(signature, longer); err == nil && next.Segments < got.Segments {
					t.Fatalf("domestic %v: %q costs %d segments, and with more text, %q, only %d", domestic, text, got.Segments, longer, next.Segments)
				}
			}
		}
	})
}

// leastSegments is what the length alone asks for: ceil(length / what a segment holds).
func leastSegments(c segment.Count) int {
	single, part := 70, 67
	if c.Encoding == segment.GSM7 {
		single, part = 160, 153
	}
	if c.Length <= single {
		part = single
	}
	return (c.Length + part - 1) / part
}

func BenchmarkInternational(b *testing.B) {
	text := strings.Repeat("Your code is 123456. ", 7)
	for b.Loop() {
		if _, err := segment.International("Company", text); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleDomestic() {
	c, err := segment.Domestic("公司", "您的验证码是 123456，5 分钟内有效。")
	fmt.Println(c.Length, c.Encoding, c.Segments, err)
	// Output: 26 ucs2 1 <nil>
}

func ExampleInternational() {
	// The brackets of the signature and the euro sign count two septets each.
	c, err := segment.International("Co", "Your balance is 5 €")
	fmt.Println(c.Length, c.Encoding, c.Segments, err)
	// Output: 26 gsm7 1 <nil>
}
