package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// FileName of the keys in the data folder.
const FileName = "master.key"

// ErrKeyMissing means that the file has no key with the id that sealed the bytes.
var ErrKeyMissing = errors.New("the key that sealed this is not in the key file")

// errDamaged says nothing about why: wrong key, wrong name or changed bytes look the same.
var errDamaged = errors.New("sealed bytes do not open: they were changed, or sealed for something else")

const (
	keyBytes = 32
	idBytes  = 4
	format   = 1 // first byte of what is sealed; then the key's id, the nonce, the ciphertext
	header   = 1 + idBytes
)

// key seals and opens.
type key struct {
	id     [idBytes]byte
	secret [keyBytes]byte
}

// LogValue keeps the secret out of logs.
func (k key) LogValue() slog.Value { return slog.StringValue("key " + hex.EncodeToString(k.id[:])) }

// String keeps the secret out of texts.
func (k key) String() string { return k.LogValue().String() }

// GoString keeps the secret out of dumps.
func (k key) GoString() string { return k.String() }

// Vault is safe for concurrent use.
type Vault struct {
	path   string    // immutable
	random io.Reader // immutable

	mu   sync.RWMutex
	keys []key // guarded by mu; the first seals
}

// LogValue names the vault without its keys.
func (v *Vault) LogValue() slog.Value { return slog.StringValue("vault " + v.path) }

// Load reads the key file, and makes one with a new key where there is none. A nil random is the machine's.
func Load(path string, random io.Reader) (*Vault, error) {
	if random == nil {
		random = rand.Reader
	}
	v := &Vault{path: path, random: random}
	keys, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		k, err := v.newKey()
		if err != nil {
			return nil, err
		}
		v.keys = []key{k}
		if err := write(path, v.keys); err != nil {
			return nil, fmt.Errorf("make key file: %w", err)
		}
		return v, nil
	}
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	v.keys = keys
	return v, nil
}

func (v *Vault) newKey() (k key, err error) {
	if _, err := io.ReadFull(v.random, k.id[:]); err != nil {
		return k, fmt.Errorf("make a key: %w", err)
	}
	if _, err := io.ReadFull(v.random, k.secret[:]); err != nil {
		return k, fmt.Errorf("make a key: %w", err)
	}
	return k, nil
}

// read parses a key file. Its errors never show what is in it.
func read(path string) ([]key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is not a regular file")
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("has mode %04o: others must not be able to read it; run chmod 600", info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil, err
	}
	var keys []key
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, ok := parse(line)
		if !ok {
			return nil, fmt.Errorf("line %d is not an id and a key of %d bytes in base64", n, keyBytes)
		}
		for _, other := range keys {
			if other.id == k.id {
				return nil, fmt.Errorf("line %d: key %x stands twice", n, k.id)
			}
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("holds no key; put the file back from a copy, or remove it to start with a new key")
	}
	return keys, nil
}

func parse(line string) (k key, ok bool) {
	id, secret, found := strings.Cut(line, " ")
	rawID, err1 := hex.DecodeString(id)
	raw, err2 := base64.StdEncoding.DecodeString(strings.TrimSpace(secret))
	if !found || err1 != nil || err2 != nil || len(rawID) != idBytes || len(raw) != keyBytes {
		return k, false
	}
	copy(k.id[:], rawID)
	copy(k.secret[:], raw)
	return k, true
}

// write replaces the file whole and durably.
func write(path string, keys []key) (err error) {
	var text bytes.Buffer
	text.WriteString("# Keys that seal secrets in the database. Keep a copy apart from its backups. The first one seals.\n")
	for _, k := range keys {
		fmt.Fprintf(&text, "%x %s\n", k.id, base64.StdEncoding.EncodeToString(k.secret[:]))
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".master-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text.Bytes())
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Seal encrypts plain with the first key, bound to a name.
func (v *Vault) Seal(name string, plain []byte) ([]byte, error) {
	v.mu.RLock()
	k := v.keys[0]
	v.mu.RUnlock()
	gcm, err := k.cipher()
	if err != nil {
		return nil, err
	}
	out := make([]byte, header+gcm.NonceSize(), header+gcm.NonceSize()+len(plain)+gcm.Overhead())
	out[0] = format
	copy(out[1:], k.id[:])
	nonce := out[header:]
	if _, err := io.ReadFull(v.random, nonce); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return gcm.Seal(out, nonce, plain, bound(out[:header], name)), nil
}

// Unseal opens what was sealed under that name. A key that is not there is ErrKeyMissing.
func (v *Vault) Unseal(name string, sealed []byte) ([]byte, error) {
	k, err := v.keyOf(sealed)
	if err != nil {
		return nil, err
	}
	gcm, err := k.cipher()
	if err != nil {
		return nil, err
	}
	rest := sealed[header:]
	if len(rest) < gcm.NonceSize() {
		return nil, errDamaged
	}
	plain, err := gcm.Open(nil, rest[:gcm.NonceSize()], rest[gcm.NonceSize():], bound(sealed[:header], name))
	if err != nil {
		return nil, errDamaged
	}
	return plain, nil
}

// Current reports whether the first key sealed the bytes.
func (v *Vault) Current(sealed []byte) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return len(sealed) >= header && sealed[0] == format && bytes.Equal(sealed[1:header], v.keys[0].id[:])
}

func (v *Vault) keyOf(sealed []byte) (key, error) {
	if len(sealed) < header || sealed[0] != format {
		return key{}, errDamaged
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, k := range v.keys {
		if bytes.Equal(sealed[1:header], k.id[:]) {
			return k, nil
		}
	}
	return key{}, fmt.Errorf("key %x: %w", sealed[1:header], ErrKeyMissing)
}

func (k key) cipher() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.secret[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// bound is what is authenticated besides the text.
func bound(head []byte, name string) []byte { return append(bytes.Clone(head), name...) }

// Rotate writes a new first key into the file; from then on it seals.
func (v *Vault) Rotate() error {
	k, err := v.newKey()
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	keys := append([]key{k}, v.keys...)
	if err := write(v.path, keys); err != nil {
		return fmt.Errorf("rotate the master key: %w", err)
	}
	v.keys = keys
	return nil
}

// DropOld forgets all keys but the first. What they sealed can never be opened again.
func (v *Vault) DropOld() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	keys := v.keys[:1:1]
	if err := write(v.path, keys); err != nil {
		return fmt.Errorf("drop old master keys: %w", err)
	}
	v.keys = keys
	return nil
}

// Keys is how many there are.
func (v *Vault) Keys() int {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return len(v.keys)
}
