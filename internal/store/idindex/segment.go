package idindex

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sort"
)

// segment is an immutable sorted file; memory keeps its fences and its filter.
type segment struct {
	footer
	file   file
	fences []uint64
	filter *filter
}

// openSegment reads a file's footer, fences and filter. Blocks are checked when they are read.
func openSegment(f file, size int64) (*segment, error) {
	if size < int64(footerBytes) {
		return nil, fmt.Errorf("%d bytes are too short", size)
	}
	end := make([]byte, footerBytes)
	if _, err := f.ReadAt(end, size-int64(footerBytes)); err != nil {
		return nil, err
	}
	foot, err := parseFooter(end, size)
	if err != nil {
		return nil, err
	}
	s := &segment{footer: *foot, file: f}
	s.fences, s.filter, err = foot.readMeta(io.NewSectionReader(f, int64(foot.blocksLen()), int64(foot.metaLen())))
	return s, err
}

// damage is what is wrong with a segment that was good when it was opened.
type damage struct {
	number uint64
	reason error
}

func (d *damage) Error() string { return fmt.Sprintf("file %s: %v", segmentName(d.number), d.reason) }

func (d *damage) Is(target error) bool { return target == ErrDamaged }

func (d *damage) Unwrap() error { return d.reason }

// errRetired is of a segment that merging or time has replaced while it was looked at.
var errRetired = errors.New("the segment is retired")

// readBlock reads a block's entries into room and checks them.
func (s *segment) readBlock(n uint64, room []byte) ([]byte, error) {
	offset, length := s.block(n)
	b := slices.Grow(room[:0], length)[:length]
	if _, err := s.file.ReadAt(b, offset); errors.Is(err, fs.ErrClosed) {
		return nil, errRetired
	} else if err != nil {
		return nil, &damage{s.number, fmt.Errorf("block %d: %w", n, err)}
	}
	entries := b[:length-checksumBytes]
	if blockSum(s.number, n, entries) != binary.BigEndian.Uint32(b[len(entries):]) {
		return nil, &damage{s.number, fmt.Errorf("the checksum of block %d is wrong", n)}
	}
	return entries, nil
}

// find adds the refs under a hash. room is space for a block.
func (s *segment) find(hash uint64, room *[]byte, found []ref) ([]ref, error) {
	first, _ := slices.BinarySearch(s.fences, hash)
	if first > 0 {
		first-- // the block before the fence may end with the hash
	}
	for n := first; n < len(s.fences) && s.fences[n] <= hash; n++ {
		b, err := s.readBlock(uint64(n), *room)
		if err != nil {
			return found, err
		}
		*room = b
		entries := len(b) / s.entryLen()
		at := sort.Search(entries, func(i int) bool { return binary.BigEndian.Uint64(b[i*s.entryLen():]) >= hash })
		for ; at < entries; at++ {
			e := s.entryAt(b, at)
			if e.hash != hash {
				return found, nil
			}
			found = append(found, e.ref)
		}
	}
	return found, nil
}

// memory is what the segment takes of it, in bytes.
func (s *segment) memory() int64 { return int64(cap(s.fences)+len(s.filter.words)) * 8 }

// cursor walks a segment's entries in order.
type cursor struct {
	segment *segment
	next    uint64 // block
	block   []byte
	at      int // entry of block
	entry   entry
	ended   bool
}

func newCursor(s *segment) (*cursor, error) {
	c := &cursor{segment: s}
	return c, c.step()
}

// step goes on to the next entry, or to the end.
func (c *cursor) step() (err error) {
	if c.at*c.segment.entryLen() == len(c.block) {
		if c.next == c.segment.blocks() {
			c.ended = true
			return nil
		}
		if c.block, err = c.segment.readBlock(c.next, c.block); err != nil {
			return err
		}
		c.next++
		c.at = 0
	}
	last := c.entry
	c.entry = c.segment.entryAt(c.block, c.at)
	c.at++
	if compareEntries(c.entry, last) < 0 {
		return &damage{c.segment.number, fmt.Errorf("block %d is out of order", c.next-1)}
	}
	return nil
}
