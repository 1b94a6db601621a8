package idindex

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"taocan/internal/taocan"
)

const firstCommit = int64(28_000_000_000_000_000)

// segmentOf writes sorted entries into memory and opens what was written.
func segmentOf(t testing.TB, entries []entry) *segment {
	t.Helper()
	slices.SortFunc(entries, compareEntries)
	s := span{}
	for _, e := range entries {
		s.cover(0, mark{1, e.ref.commit()}, true)
	}
	w, err := newWriter(memory{}, 7, s, uint64(len(entries)))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := w.add(e); err != nil {
			t.Fatal(err)
		}
	}
	written, err := w.finish()
	if err != nil {
		t.Fatal(err)
	}
	read, err := openSegment(written.file, written.fileLen())
	if err != nil {
		t.Fatal(err)
	}
	if err := read.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	return read
}

func TestSegmentFindsWhatWasWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	one := func(hash uint64) entry {
		return entry{hash, newRef(firstCommit+random.Int64N(1<<40), random.IntN(2) == 0)}
	}
	var many, doubles []entry
	for range 10 * blockEntries {
		many = append(many, one(random.Uint64()))
		doubles = append(doubles, one(1<<63+uint64(random.IntN(3)))) // each over several blocks
	}
	tests := []struct {
		name    string
		entries []entry
	}{
		{"one entry", []entry{one(5)}},
		{"the least and the largest hash", []entry{one(0), one(^uint64(0))}},
		{"a full block", slices.Clone(many[:blockEntries])},
		{"a full block and one", slices.Clone(many[:blockEntries+1])},
		{"many blocks", many},
		{"a hash that fills blocks", doubles},
		{"the same twice", []entry{{9, newRef(firstCommit, true)}, {9, newRef(firstCommit, true)}, {9, newRef(firstCommit, false)}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := segmentOf(t, tt.entries)
			want := map[uint64][]ref{}
			for _, e := range slices.Compact(tt.entries) {
				want[e.hash] = append(want[e.hash], e.ref)
			}
			var room []byte
			for hash, refs := range want {
				got, err := s.find(hash, &room, nil)
				if err != nil || !slices.Equal(got, refs) {
					t.Errorf("find(%d) = %v, %v, want %v", hash, got, err, refs)
				}
				if !s.filter.maybe(hash) {
					t.Errorf("the filter does not know %d", hash)
				}
				if got, err := s.find(hash+1, &room, nil); err != nil || len(got) != len(want[hash+1]) {
					t.Errorf("find(%d) = %v, %v, want %v", hash+1, got, err, want[hash+1])
				}
			}
		})
	}
}

func TestSegmentOfAMonthKeepsItsDistances(t *testing.T) {
	month := int64(31*24*3600) * 1_000_000 * taocan.Lanes
	entries := []entry{{1, newRef(firstCommit, false)}, {2, newRef(firstCommit+month, true)}, {3, newRef(firstCommit+month/2, false)}}
	s := segmentOf(t, entries)
	if s.width != 6 {
		t.Errorf("a distance takes %d bytes, want 6", s.width)
	}
	for _, e := range entries {
		var room []byte
		if got, err := s.find(e.hash, &room, nil); err != nil || !slices.Equal(got, []ref{e.ref}) {
			t.Errorf("find(%d) = %v, %v, want %v", e.hash, got, err, e.ref)
		}
	}
}

// Any altered bit of a file is found before an answer is given from it.
func TestSegmentNoticesEveryAlteredByte(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 3))
	var entries []entry
	for range blockEntries + 20 {
		entries = append(entries, entry{random.Uint64(), newRef(firstCommit+random.Int64N(1000), false)})
	}
	whole := segmentOf(t, entries)
	file := whole.file.(*memoryFile).b
	for at := range file {
		b := slices.Clone(file)
		b[at] ^= 1 << random.IntN(8)
		s, err := openSegment(&memoryFile{b}, int64(len(b)))
		if err != nil {
			continue
		}
		if at >= int(whole.blocksLen()) {
			t.Fatalf("byte %d of footer, fences or filter was altered, and the file was opened", at)
		}
		block := at / (blockEntries*whole.entryLen() + checksumBytes)
		var room []byte
		for i, e := range []entry{entries[10], entries[blockEntries+10]} {
			got, err := s.find(e.hash, &room, nil)
			if errors.Is(err, ErrDamaged) != (i == block) || err == nil && (len(got) != 1 || got[0] != e.ref) {
				t.Fatalf("byte %d altered: find of an entry of block %d = %v, %v", at, i, got, err)
			}
		}
	}
	for length := range file {
		if _, err := openSegment(&memoryFile{file[:length]}, int64(length)); err == nil {
			t.Fatalf("the file was cut to %d bytes, and opened", length)
		}
	}
}

func TestABlockOfElsewhereIsDamage(t *testing.T) {
	var entries []entry
	for i := range uint64(2 * blockEntries) {
		entries = append(entries, entry{i, newRef(firstCommit, false)})
	}
	s := segmentOf(t, entries)
	b := slices.Clone(s.file.(*memoryFile).b)
	_, length := s.block(0)
	copy(b[length:2*length], b[:length]) // a write that went to another place
	s.file = &memoryFile{b}
	if _, err := s.readBlock(1, nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("reading a copy of block 0 in place of block 1: %v, want ErrDamaged", err)
	}
}

func TestFilter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 4))
	for _, n := range []int{1, 10, 1000, 300_000} {
		f := newFilter(filterBlocks(uint64(n)))
		hashes := make([]uint64, n)
		for i := range hashes {
			hashes[i] = random.Uint64()
			f.add(hashes[i])
		}
		for _, h := range hashes {
			if !f.maybe(h) {
				t.Fatalf("a filter of %d does not know one of them", n)
			}
		}
		const others = 200_000
		wrong := 0
		for range others {
			if f.maybe(random.Uint64()) {
				wrong++
			}
		}
		t.Logf("%d hashes: wrong for %.3f%% of others, %.2f bytes per hash", n, 100*float64(wrong)/others, float64(8*len(f.words))/float64(n))
		if n >= 1000 && wrong > others/100 {
			t.Errorf("a filter of %d hashes says maybe for %d of %d others, want at most 1%%", n, wrong, others)
		}
	}
}

func TestPartSortsWhatItTook(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 5))
	p := newPart(0, [taocan.Lanes]mark{})
	want := map[entry]bool{}
	for range 4_000 {
		e := entry{random.Uint64(), newRef(firstCommit+random.Int64N(100), random.IntN(2) == 0)}
		switch random.IntN(4) {
		case 0:
			e.hash |= 0xFFF << 52 // a cluster that runs over the table's end
		case 1:
			e.hash %= 50 // many refs under one hash
		}
		want[e] = true
		p.add(e)
		p.add(e)
	}
	got := p.sorted()
	if !slices.IsSortedFunc(got, compareEntries) || len(got) != len(want) || p.count != len(want) {
		t.Fatalf("%d entries, counted as %d, sorted: %v; want %d", len(got), p.count, slices.IsSortedFunc(got, compareEntries), len(want))
	}
	for _, e := range got {
		if !want[e] || !slices.Contains(p.find(e.hash, nil), e.ref) {
			t.Fatalf("entry %v is not one that was added, or is not found", e)
		}
	}
}
