package idindex

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// writer makes a segment of entries that come in rising order.
type writer struct {
	footer
	files   files
	file    file
	buf     *bufio.Writer
	block   []byte
	entries int // in block
	last    entry
	fences  []uint64
	filter  *filter

	unsynced int // bytes
}

// Bytes that go to the system at once, and that wait for being put on disk at most: the last sync of a large file shall
// not hold up the syncs of those who debit.
const (
	writeBytes = 256 << 10
	syncBytes  = 4 << 20
)

// newWriter begins a file for a span. most is how many entries it will have at most.
func newWriter(fs files, number uint64, s span, most uint64) (*writer, error) {
	w := &writer{files: fs, footer: footer{span: s, number: number, width: widthOf(s), filtered: filterBlocks(most)}}
	w.filter = newFilter(w.filtered)
	w.fences = make([]uint64, 0, (most+blockEntries-1)/blockEntries)
	f, err := fs.create(segmentName(number))
	if err != nil {
		return nil, err
	}
	w.file, w.buf = f, bufio.NewWriterSize(f, writeBytes)
	return w, nil
}

// add takes the next entry; one that repeats the last is left out.
func (w *writer) add(e entry) error {
	if w.count > 0 {
		if e == w.last {
			return nil
		}
		if compareEntries(e, w.last) < 0 {
			return fmt.Errorf("write %s: entries out of order", segmentName(w.number))
		}
	}
	if w.entries == 0 {
		w.fences = append(w.fences, e.hash)
	}
	w.filter.add(e.hash)
	w.block = w.appendEntry(w.block, e)
	w.entries++
	w.count++
	w.last = e
	if w.entries == blockEntries {
		return w.endBlock()
	}
	return nil
}

func (w *writer) endBlock() error {
	w.block = binary.BigEndian.AppendUint32(w.block, blockSum(w.number, uint64(len(w.fences)-1), w.block))
	_, err := w.buf.Write(w.block)
	w.unsynced += len(w.block)
	w.block, w.entries = w.block[:0], 0
	if err == nil && w.unsynced >= syncBytes {
		w.unsynced = 0
		err = w.sync()
	}
	return err
}

func (w *writer) sync() error {
	if err := w.buf.Flush(); err != nil {
		return err
	}
	return w.file.Sync()
}

// finish publishes the file and gives the segment.
func (w *writer) finish() (*segment, error) {
	if w.entries > 0 {
		if err := w.endBlock(); err != nil {
			return nil, err
		}
	}
	var b [8]byte
	for _, words := range [][]uint64{w.fences, w.filter.words} {
		for _, word := range words {
			binary.BigEndian.PutUint64(b[:], word)
			w.metaSum = crc32.Update(w.metaSum, castagnoli, b[:])
			if _, err := w.buf.Write(b[:]); err != nil {
				return nil, err
			}
		}
	}
	end := w.encode()
	w.checksum = binary.BigEndian.Uint32(end[footerBytes-checksumBytes:])
	if _, err := w.buf.Write(end); err != nil {
		return nil, err
	}
	if err := w.buf.Flush(); err != nil {
		return nil, err
	}
	f, err := w.files.publish(w.file, segmentName(w.number))
	w.file = nil
	if err != nil {
		return nil, err
	}
	return &segment{footer: w.footer, file: f, fences: w.fences, filter: w.filter}, nil
}

// abandon gives up a file that is not finished.
func (w *writer) abandon() {
	if w.file != nil {
		w.files.discard(w.file, segmentName(w.number))
		w.file = nil
	}
}

// writePart makes a segment of a frozen table.
func writePart(fs files, number uint64, p *part) (*segment, error) {
	w, err := newWriter(fs, number, p.span, uint64(p.count))
	if err != nil {
		return nil, err
	}
	defer w.abandon()
	for _, e := range p.sorted() {
		if err := w.add(e); err != nil {
			return nil, err
		}
	}
	return w.finish()
}
