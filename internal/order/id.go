package order

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
)

// alphabet leaves out letters that are mistaken for others (I, L, O) and U. Its 32 characters divide 256, so a
// random byte picks one without bias.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

func (o *Orders) letters(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(o.random, b); err != nil {
		return "", fmt.Errorf("draw random letters: %w", err)
	}
	for i := range b {
		b[i] = alphabet[b[i]%32]
	}
	return string(b), nil
}

// newID is the prefix and 20 random characters: 100 bits.
func (o *Orders) newID(prefix string) (string, error) {
	s, err := o.letters(20)
	return prefix + s, err
}

// keyedID is the i-th id made under a caller's key: the same each time, as long as a drawn one, and as far from all others.
func keyedID(prefix, key string, i int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s", prefix, i, key))
	b := sum[:20]
	for i := range b {
		b[i] = alphabet[b[i]%32]
	}
	return prefix + string(b)
}

const codeLength = 16 // 80 bits: not to be guessed at any rate that a server answers

// newCode is a voucher's code in groups of four, for people to type.
func (o *Orders) newCode() (string, error) {
	s, err := o.letters(codeLength)
	if err != nil {
		return "", err
	}
	return strings.Join([]string{s[:4], s[4:8], s[8:12], s[12:]}, "-"), nil
}

var mistaken = strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1")

// hashCode is what a code is known by: SHA-256 of its normal form. False where it cannot be a code. Case,
// hyphens and spaces do not matter, and letters that the alphabet leaves out are read as those they look like.
func hashCode(code string) ([]byte, bool) {
	if len(code) > 4*codeLength {
		return nil, false
	}
	normal := mistaken.Replace(strings.ToUpper(code))
	if len(normal) != codeLength || strings.Trim(normal, alphabet) != "" {
		return nil, false
	}
	hash := sha256.Sum256([]byte(normal))
	return hash[:], true
}
