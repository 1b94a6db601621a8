package idindex

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"slices"

	"taocan/internal/taocan"
)

// A segment file is blocks, then fences and the filter, then a footer. Integers are big-endian.
//
//	block    up to 256 entries in rising order, each hash (8 bytes) and distance of its ref from the oldest commit (width
//	         bytes); then a checksum over file number, place and entries, so that a block of elsewhere is noticed
//	fences   the first hash of every block
//	filter   its words
//	footer   of fixed length, with a checksum over fences and filter, and its own at its end
const (
	blockEntries  = 256
	checksumBytes = 4
	formatVersion = 1
	footerMagic   = "taocanid"
	footerBytes   = len(footerMagic) + 4 + 5*8 + checksumBytes + taocan.Lanes*4*8 + checksumBytes
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// footer says what a segment is.
type footer struct {
	span
	number   uint64 // of the file; none is used twice in a folder
	count    uint64 // entries
	width    uint8  // bytes of a distance
	filtered uint64 // blocks of the filter
	metaSum  uint32 // over fences and filter
	checksum uint32 // of the footer
}

// widthOf is how many bytes hold every distance within a span.
func widthOf(s span) uint8 {
	return uint8(max(1, (bits.Len64(distanceMax(s.oldest, s.newest))+7)/8))
}

func (f *footer) entryLen() int { return 8 + int(f.width) }

func (f *footer) blocks() uint64 { return (f.count + blockEntries - 1) / blockEntries }

func (f *footer) blocksLen() uint64 {
	return f.count*uint64(f.entryLen()) + f.blocks()*checksumBytes
}

func (f *footer) metaLen() uint64 { return 8 * (f.blocks() + f.filtered*filterBlock) }

func (f *footer) fileLen() int64 { return int64(f.blocksLen()+f.metaLen()) + int64(footerBytes) }

// block is where a block stands, and its length with its checksum.
func (f *footer) block(n uint64) (offset int64, length int) {
	full := blockEntries*f.entryLen() + checksumBytes
	entries := min(blockEntries, f.count-n*blockEntries)
	return int64(n) * int64(full), int(entries)*f.entryLen() + checksumBytes
}

func blockSum(number, block uint64, entries []byte) uint32 {
	var place [16]byte
	binary.BigEndian.PutUint64(place[:], number)
	binary.BigEndian.PutUint64(place[8:], block)
	return crc32.Update(crc32.Checksum(place[:], castagnoli), castagnoli, entries)
}

func (f *footer) appendEntry(b []byte, e entry) []byte {
	var distance [8]byte
	binary.BigEndian.PutUint64(distance[:], e.ref.since(f.oldest))
	return append(binary.BigEndian.AppendUint64(b, e.hash), distance[8-f.width:]...)
}

// entryAt reads entry i of a block.
func (f *footer) entryAt(block []byte, i int) entry {
	b := block[i*f.entryLen():][:f.entryLen()]
	var distance uint64
	for _, x := range b[8:] {
		distance = distance<<8 | uint64(x)
	}
	return entry{binary.BigEndian.Uint64(b), refSince(f.oldest, distance)}
}

func (f *footer) encode() []byte {
	b := make([]byte, 0, footerBytes)
	b = append(b, footerMagic...)
	b = append(b, formatVersion, f.width, 0, 0)
	for _, n := range []uint64{f.number, f.count, uint64(f.oldest), uint64(f.newest), f.filtered} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = binary.BigEndian.AppendUint32(b, f.metaSum)
	for lane := range f.to {
		for _, n := range []int64{f.from[lane].Seq, f.from[lane].Commit, f.to[lane].Seq, f.to[lane].Commit} {
			b = binary.BigEndian.AppendUint64(b, uint64(n))
		}
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// parseFooter reads the end of a file of that size.
func parseFooter(b []byte, size int64) (*footer, error) {
	if len(b) != footerBytes || string(b[:len(footerMagic)]) != footerMagic {
		return nil, fmt.Errorf("no footer")
	}
	sum := binary.BigEndian.Uint32(b[footerBytes-checksumBytes:])
	if crc32.Checksum(b[:footerBytes-checksumBytes], castagnoli) != sum {
		return nil, fmt.Errorf("the footer's checksum is wrong")
	}
	b = b[len(footerMagic):]
	if b[0] != formatVersion {
		return nil, fmt.Errorf("format %d is unknown", b[0])
	}
	f := &footer{width: b[1], checksum: sum}
	b = b[4:]
	next := func() uint64 {
		n := binary.BigEndian.Uint64(b)
		b = b[8:]
		return n
	}
	f.number, f.count, f.oldest, f.newest, f.filtered = next(), next(), int64(next()), int64(next()), next()
	f.metaSum = binary.BigEndian.Uint32(b)
	b = b[4:]
	for lane := range f.to {
		f.from[lane] = mark{int64(next()), int64(next())}
		f.to[lane] = mark{int64(next()), int64(next())}
	}
	most := uint64(size) // keeps the sums below from overflowing
	if f.width < 1 || f.width > 8 || f.count < 1 || f.count > most || f.filtered < 1 || f.filtered > most || f.oldest < 0 || f.newest < f.oldest {
		return nil, fmt.Errorf("the footer makes no sense")
	}
	if f.fileLen() != size {
		return nil, fmt.Errorf("%d bytes long, want %d", size, f.fileLen())
	}
	return f, nil
}

// readMeta reads fences and filter from where they stand.
func (f *footer) readMeta(r io.Reader) (fences []uint64, filter *filter, err error) {
	fences, filter = make([]uint64, f.blocks()), newFilter(f.filtered)
	sum, room := uint32(0), make([]byte, readBytes)
	for _, to := range [][]uint64{fences, filter.words} {
		for len(to) > 0 {
			b := room[:8*min(len(to), readBytes/8)]
			if _, err := io.ReadFull(r, b); err != nil {
				return nil, nil, err
			}
			sum = crc32.Update(sum, castagnoli, b)
			for ; len(b) > 0; b, to = b[8:], to[1:] {
				to[0] = binary.BigEndian.Uint64(b)
			}
		}
	}
	switch {
	case sum != f.metaSum:
		return nil, nil, fmt.Errorf("the checksum of fences and filter is wrong")
	case !slices.IsSorted(fences):
		return nil, nil, fmt.Errorf("the fences are out of order")
	}
	return fences, filter, nil
}

const readBytes = 64 << 10
