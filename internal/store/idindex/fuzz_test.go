package idindex

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"
	"time"

	"taocan/internal/taocan"
)

// FuzzOpenSegment reads files that strangers wrote, with checksums that fit, as the decoder would see a fault of ours.
func FuzzOpenSegment(f *testing.F) {
	for _, n := range []uint64{1, 3, blockEntries, 2*blockEntries + 9} {
		var entries []entry
		for i := range n {
			entries = append(entries, entry{i * 0x9E3779B97F4A7C15, newRef(firstCommit+int64(i), i%2 == 0)})
		}
		f.Add(segmentOf(f, entries).file.(*memoryFile).b, uint64(5))
	}
	f.Fuzz(func(t *testing.T, b []byte, hash uint64) {
		if len(b) >= footerBytes {
			foot := b[len(b)-footerBytes:]
			sum := foot[footerBytes-checksumBytes:]
			binary.BigEndian.PutUint32(sum, crc32.Checksum(foot[:footerBytes-checksumBytes], castagnoli))
			if parsed, err := parseFooter(foot, int64(len(b))); err == nil {
				meta := b[parsed.blocksLen() : len(b)-footerBytes]
				at := footerBytes - checksumBytes - taocan.Lanes*4*8 - checksumBytes
				binary.BigEndian.PutUint32(foot[at:], crc32.Checksum(meta, castagnoli))
				binary.BigEndian.PutUint32(sum, crc32.Checksum(foot[:footerBytes-checksumBytes], castagnoli))
				for n := range parsed.blocks() {
					offset, length := parsed.block(n)
					block := b[offset:][:length]
					binary.BigEndian.PutUint32(block[length-checksumBytes:], blockSum(parsed.number, n, block[:length-checksumBytes]))
				}
			}
		}
		s, err := openSegment(&memoryFile{b}, int64(len(b)))
		if err != nil {
			return
		}
		var room []byte
		s.filter.maybe(hash)
		if found, err := s.find(hash, &room, nil); err != nil || uint64(len(found)) > s.count {
			t.Errorf("find = %d entries, %v, in a segment of %d with good checksums", len(found), err, s.count)
		}
		_ = s.check(t.Context()) // order may be wrong; it must only end
		m, err := newMerge(memory{}, 8, []*segment{s, s})
		if err != nil {
			t.Fatalf("merge: %v", err)
		}
		for done := false; !done; {
			if done, err = m.step(100); err != nil {
				return
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	m, err := newManifest("owner", time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	m.Files = []manifestFile{{1, 2}, {3, 4}}
	b, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, true)
	f.Add([]byte(`{"format":1,"key":"AAAA","files":[{"number":1}]}`), false)
	f.Add([]byte("\n"), true)
	f.Fuzz(func(t *testing.T, b []byte, signed bool) {
		if !signed {
			sum := crc32.Checksum(b, castagnoli)
			b = fmt.Appendf(b, "\n%08x\n", sum)
		}
		m, err := parseManifest(b)
		if err != nil {
			return
		}
		m.hashKey()
		if _, err := m.encode(); err != nil {
			t.Errorf("%v", err)
		}
	})
}
