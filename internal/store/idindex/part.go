package idindex

import (
	"runtime"

	"taocan/internal/taocan"
)

// mark is a commit by its place in its lane and by its id. The zero mark is before the first.
type mark struct {
	Seq    int64 `json:"seq"`
	Commit int64 `json:"commit"`
}

// span says which commits a piece of the index covers: in each lane those after from, up to and with to. Commits that
// nobody told of, in between, have no debits.
type span struct {
	from, to       [taocan.Lanes]mark
	oldest, newest int64 // commits with entries; 0 while there are none
}

func (s *span) cover(lane taocan.Lane, m mark, entries bool) {
	if m.Seq > s.to[lane].Seq {
		s.to[lane] = m
	}
	if !entries {
		return
	}
	if s.oldest == 0 || m.Commit < s.oldest {
		s.oldest = m.Commit
	}
	s.newest = max(s.newest, m.Commit)
}

const entryBytes = 16 // of an entry in memory

// part is a table of entries with open addressing: a hash's home is given by its first bits, a slot without a ref is
// free. At most half of the slots are taken.
type part struct {
	span
	slots []entry // a power of two
	shift uint
	count int
}

const (
	slotsMinBits = 10
	slotsPerID   = 2
)

// newPart makes a table for so many ids.
func newPart(ids int, from [taocan.Lanes]mark) *part {
	bits := uint(slotsMinBits)
	for 1<<bits < slotsPerID*ids {
		bits++
	}
	p := &part{span: span{from: from, to: from}, shift: 64 - bits}
	p.slots = outside[entry](p, 1<<bits)
	return p
}

// add notes an entry; one that is there stays alone.
func (p *part) add(e entry) {
	if slotsPerID*(p.count+1) > len(p.slots) {
		old := p.slots
		p.slots, p.shift, p.count = make([]entry, 2*len(old)), p.shift-1, 0
		for _, o := range old {
			if o.ref != 0 {
				p.put(o)
			}
		}
	}
	p.put(e)
}

func (p *part) put(e entry) {
	mask := uint64(len(p.slots) - 1)
	i := e.hash >> p.shift
	for p.slots[i].ref != 0 {
		if p.slots[i] == e {
			return
		}
		i = (i + 1) & mask
	}
	p.slots[i] = e
	p.count++
}

func (p *part) find(hash uint64, found []ref) []ref {
	mask := uint64(len(p.slots) - 1)
	for i := hash >> p.shift; p.slots[i].ref != 0; i = (i + 1) & mask {
		if p.slots[i].hash == hash {
			found = append(found, p.slots[i].ref)
		}
	}
	runtime.KeepAlive(p)
	return found
}

// sorted copies the entries out, by hash.
func (p *part) sorted() []entry {
	all := make([]entry, 0, p.count)
	for _, e := range p.slots {
		if e.ref != 0 {
			all = append(all, e)
		}
	}
	// Every entry stands near its home, and homes are in order.
	for i, e := range all {
		for ; i > 0 && compareEntries(e, all[i-1]) < 0; i-- {
			all[i] = all[i-1]
		}
		all[i] = e
	}
	runtime.KeepAlive(p)
	return all
}

func (p *part) bytes() int64 { return int64(len(p.slots)) * entryBytes }
