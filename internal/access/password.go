package access

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"

	"taocan/internal/taocan"
)

// Parameters of new hashes: the OWASP recommendation for argon2id. Old hashes carry their own.
const (
	argonMemoryKiB = 19 * 1024
	argonTime      = 2
	argonThreads   = 1
	argonSaltBytes = 16
	argonKeyBytes  = 32

	// hashesAtOnce bounds memory and keeps sign-ins from taking the processors from debits.
	hashesAtOnce = 2
)

// nobody is the hash that unknown logins are checked against; nothing hashes to its zero key.
var nobody = phc(argonMemoryKiB, argonTime, argonThreads, make([]byte, argonSaltBytes), make([]byte, argonKeyBytes))

func phc(memory, time uint32, threads uint8, salt, key []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, time, threads, b64(salt), b64(key))
}

// deriver computes argon2id: argon2.IDKey, but for tests that count how often.
type deriver func(password, salt []byte, time, memoryKiB uint32, threads uint8, keyBytes uint32) []byte

// enterHashing waits for a place to hash in.
func (a *Access) enterHashing(ctx context.Context) (release func(), err error) {
	select {
	case a.hashing <- struct{}{}:
		return func() { <-a.hashing }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("too many sign-ins at once: %w", taocan.ErrUnavailable)
	}
}

func (a *Access) hashPassword(ctx context.Context, password string) (string, error) {
	release, err := a.enterHashing(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	return a.newHash(password)
}

// newHash is for whoever has a place to hash in.
func (a *Access) newHash(password string) (string, error) {
	salt := make([]byte, argonSaltBytes)
	if _, err := io.ReadFull(a.random, salt); err != nil {
		return "", fmt.Errorf("draw salt: %w", err)
	}
	key := a.derive([]byte(password), salt, argonTime, argonMemoryKiB, argonThreads, argonKeyBytes)
	return phc(argonMemoryKiB, argonTime, argonThreads, salt, key), nil
}

// verifyPassword reports whether the password hashes to the PHC string. An empty or broken one takes as long and fails.
func (a *Access) verifyPassword(encoded, password string) bool {
	memory, time, threads, salt, want, ok := parsePHC(encoded)
	if !ok {
		memory, time, threads, salt, want, _ = parsePHC(nobody)
	}
	if len(password) > maxPasswordBytes {
		password, ok = "", false
	}
	got := a.derive([]byte(password), salt, time, memory, threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1 && ok
}

func parsePHC(s string) (memory, time uint32, threads uint8, salt, key []byte, ok bool) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); n != 3 || err != nil {
		return
	}
	var err error
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return
	}
	if key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
		return
	}
	// Bounds, so that a damaged row cannot make the process allocate without limit or panic.
	ok = memory >= 8 && memory <= 1<<20 && time >= 1 && time <= 100 && threads >= 1 && len(salt) >= 8 && len(key) >= 16 && len(key) <= 64
	return
}
