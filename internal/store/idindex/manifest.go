package idindex

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"taocan/internal/taocan"
)

// manifest names the files that make up the index. What it does not name does not count.
type manifest struct {
	Format int                `json:"format"`
	Owner  string             `json:"owner"`
	Key    []byte             `json:"key"`       // of the hash, 16 bytes
	Window int64              `json:"window_us"` // what was behind so long a time may have been dropped, or was never told; 0: 30 days
	Last   uint64             `json:"last"`      // the number of the last file that was begun
	Floor  [taocan.Lanes]mark `json:"floor"`     // commits up to these were dropped: they are behind the window
	Files  []manifestFile     `json:"files"`     // oldest first
}

type manifestFile struct {
	Number   uint64 `json:"number"`
	Checksum uint32 `json:"checksum"` // of the footer
}

func newManifest(owner string, window time.Duration) (*manifest, error) {
	m := &manifest{Format: formatVersion, Owner: owner, Window: window.Microseconds(), Key: make([]byte, 16)}
	if _, err := rand.Read(m.Key); err != nil {
		return nil, fmt.Errorf("draw a key: %w", err)
	}
	return m, nil
}

func (m *manifest) hashKey() hashKey {
	return hashKey{binary.BigEndian.Uint64(m.Key), binary.BigEndian.Uint64(m.Key[8:])}
}

// reaches reports whether the files know all that was within a window.
func (m *manifest) reaches(window time.Duration) bool {
	const unsaid = 30 * 24 * time.Hour // in manifests from before the window was written
	return window.Microseconds() <= cmp.Or(m.Window, unsaid.Microseconds())
}

// listing copies m with other files.
func (m *manifest) listing(segments []*segment) *manifest {
	x := *m
	x.Files = nil
	for _, s := range segments {
		x.Files = append(x.Files, manifestFile{s.number, s.checksum})
	}
	return &x
}

// encode is a line of JSON and a line with its checksum.
func (m *manifest) encode() ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	return fmt.Appendf(b, "\n%08x\n", crc32.Checksum(b, castagnoli)), nil
}

func parseManifest(b []byte) (*manifest, error) {
	line, sum, _ := bytes.Cut(b, []byte("\n"))
	want := binary.BigEndian.AppendUint32(nil, crc32.Checksum(line, castagnoli))
	if got, err := hex.DecodeString(string(bytes.TrimSuffix(sum, []byte("\n")))); err != nil || !slices.Equal(got, want) {
		return nil, fmt.Errorf("the manifest's checksum is wrong")
	}
	var m manifest
	if err := json.Unmarshal(line, &m); err != nil {
		return nil, fmt.Errorf("the manifest: %w", err)
	}
	if m.Format != formatVersion || len(m.Key) != 16 {
		return nil, fmt.Errorf("the manifest is of format %d", m.Format)
	}
	return &m, nil
}
