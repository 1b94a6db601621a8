package idindex

import (
	"math/bits"
	"time"

	"taocan/internal/taocan"
)

// mergeFactor is how many segments of about one size become one. With it an id is written about once per power of
// four that its slice of time holds memory tables, and there are at most three segments per such power.
const mergeFactor = 4

// sliceOf numbers the slices of time, each a third of the window. Segments of different slices are never merged: one
// that reached over more would keep ids long after their window.
func sliceOf(commit int64, window time.Duration) int64 {
	return commit / taocan.Lanes / max(1, window.Microseconds()/3)
}

// tierOf is 0 for the size of a memory table, and 1 more for every factor of four.
func tierOf(count uint64, memoryIDs int) int {
	return (bits.Len64(count/(2*uint64(memoryIDs))) + 1) / 2 // below 2 tables, 8, 32 …
}

// planMerge chooses neighbours to become one segment: all of a slice that is over, or at least four at the young end of
// the present slice that are no larger than the largest tier among them asks for. lo == hi: nothing to do.
func planMerge(segments []*segment, window time.Duration, memoryIDs int) (lo, hi int) {
	for hi = len(segments); hi > 0; hi = lo {
		slice := sliceOf(segments[hi-1].newest, window)
		for lo = hi; lo > 0 && sliceOf(segments[lo-1].newest, window) == slice; lo-- {
		}
		if hi < len(segments) {
			if hi-lo > 1 {
				return lo, hi
			}
			continue
		}
		tier := 0
		for i := hi - 1; i >= lo; i-- {
			if t := tierOf(segments[i].count, memoryIDs); t > tier {
				if hi-1-i >= mergeFactor {
					return i + 1, hi
				}
				tier = t
			}
			if i == lo && hi-i >= mergeFactor {
				return lo, hi
			}
		}
	}
	return 0, 0
}

// merge writes neighbours into one segment, piece by piece.
type merge struct {
	inputs  []*segment
	cursors []*cursor // those that have not ended
	out     *writer
}

func newMerge(fs files, number uint64, inputs []*segment) (*merge, error) {
	m := &merge{inputs: inputs}
	s := inputs[0].span
	s.to = inputs[len(inputs)-1].to
	var most uint64
	for _, in := range inputs {
		s.oldest, s.newest = min(s.oldest, in.oldest), max(s.newest, in.newest)
		most += in.count
		c, err := newCursor(in)
		if err != nil {
			return nil, err
		}
		m.cursors = append(m.cursors, c)
	}
	var err error
	if m.out, err = newWriter(fs, number, s, most); err != nil {
		return nil, err
	}
	return m, nil
}

// step moves up to n entries. It reports whether there are none left.
func (m *merge) step(n int) (done bool, err error) {
	for range n {
		if len(m.cursors) == 0 {
			return true, nil
		}
		least := 0
		for i, c := range m.cursors {
			if compareEntries(c.entry, m.cursors[least].entry) < 0 {
				least = i
			}
		}
		c := m.cursors[least]
		if err := m.out.add(c.entry); err != nil {
			return false, err
		}
		if err := c.step(); err != nil {
			return false, err
		}
		if c.ended {
			m.cursors = append(m.cursors[:least], m.cursors[least+1:]...)
		}
	}
	return false, nil
}
