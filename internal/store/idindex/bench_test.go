package idindex

import (
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"taocan/internal/taocan"
)

// Run by hand:
//
//	go test ./internal/store/idindex -run '^$' -bench . -benchtime 1000000x [-idindex.ids 10000000]
var benchIDs = flag.Int("idindex.ids", 1_000_000, "how many ids stand in the index before a benchmark begins")

// benchCommit is a commit of 256 debits with random ids, as a busy server makes them.
const benchCommit = 256

type feeder struct {
	x      *Index
	random *rand.Rand
	at     int64
	seq    int64
	debits []*taocan.Debit
}

func newFeeder(x *Index) *feeder {
	f := &feeder{x: x, random: rand.New(rand.NewPCG(1, 2)), at: modelStart.UnixMicro()}
	for range benchCommit {
		f.debits = append(f.debits, debit("p", ""))
	}
	return f
}

func (f *feeder) commit() {
	f.seq++
	f.at += 2000 // about 128,000 debits a second
	for _, d := range f.debits {
		d.ID = hexID(f.random)
	}
	f.x.AddWritten(3, f.seq, f.at*taocan.Lanes+3, f.debits)
}

// hexID is randomID without its cost.
func hexID(r *rand.Rand) taocan.DebitID {
	const digits = "0123456789abcdef"
	var b [32]byte
	hi, lo := r.Uint64(), r.Uint64()
	for i := range 16 {
		b[i], b[16+i] = digits[hi>>(4*i)&15], digits[lo>>(4*i)&15]
	}
	return taocan.DebitID(b[:])
}

func (f *feeder) fill(n int) {
	for range n / benchCommit {
		f.commit()
		for f.x.Stats().Waiting > 2*MemoryIDs {
			runtime.Gosched()
		}
	}
}

func benchOptions(dir string) Options {
	return Options{
		Dir: dir, Owner: "bench", Window: 30 * 24 * time.Hour, Now: func() time.Time { return modelStart }, Log: slog.New(slog.DiscardHandler),
		CommitAt: func(lane taocan.Lane, seq int64) (int64, error) {
			return (modelStart.UnixMicro()+2000*seq)*taocan.Lanes + int64(lane), nil
		},
	}
}

func filled(b *testing.B, dir string) *feeder {
	x, err := Open(benchOptions(dir))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { x.Close() })
	f := newFeeder(x)
	f.fill(*benchIDs)
	f.quiet()
	return f
}

// quiet waits until all tables are written and nothing is left to merge.
func (f *feeder) quiet() {
	for {
		f.x.mu.RLock()
		segments, waiting := f.x.segments, len(f.x.frozen)
		f.x.mu.RUnlock()
		if lo, hi := planMerge(segments, f.x.window, f.x.memoryIDs); waiting == 0 && lo == hi {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func report(b *testing.B, x *Index) {
	n := x.Stats()
	b.ReportMetric(float64(n.Segments), "segments")
	b.ReportMetric(float64(n.Memory)/float64(n.Entries), "memory-B/id")
	b.ReportMetric(float64(n.Disk)/float64(n.Entries), "disk-B/id")
}

// BenchmarkAbsent looks up ids that nobody recorded.
func BenchmarkAbsent(b *testing.B) {
	f := filled(b, b.TempDir())
	ids := make([]taocan.DebitID, 1<<16)
	for i := range ids {
		ids[i] = hexID(f.random)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if _, err := f.x.Candidates("p", ids[i%len(ids)]); err != nil {
			b.Fatal(err)
		}
	}
	report(b, f.x)
}

// BenchmarkDebit looks up each of a commit's ids and adds them, with all background work: what a debit costs.
func BenchmarkDebit(b *testing.B) {
	f := filled(b, b.TempDir())
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += benchCommit {
		f.commit()
		for _, d := range f.debits {
			if _, err := f.x.Candidates("p", d.ID); err != nil {
				b.Fatal(err)
			}
		}
	}
	report(b, f.x)
}

// BenchmarkOpen opens what is on disk.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	f := filled(b, dir)
	if err := f.x.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		x, err := Open(benchOptions(dir))
		if err != nil {
			b.Fatal(err)
		}
		if got := x.Covered()[3]; got == 0 {
			b.Fatal("nothing is covered")
		}
		x.Close()
	}
}

// BenchmarkWritePart makes a file of a full table.
func BenchmarkWritePart(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	p := newPart(MemoryIDs, [taocan.Lanes]mark{})
	for i := range MemoryIDs {
		p.add(entry{random.Uint64(), newRef(modelStart.UnixMicro()*taocan.Lanes+int64(i), false)})
	}
	p.cover(0, mark{1, modelStart.UnixMicro() * taocan.Lanes}, true)
	p.cover(0, mark{2, modelStart.UnixMicro()*taocan.Lanes + MemoryIDs}, true)
	dir := folder(b.TempDir())
	for b.Loop() {
		s, err := writePart(dir, 1, p)
		if err != nil {
			b.Fatal(err)
		}
		s.file.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/MemoryIDs, "ns/id")
}

// BenchmarkMerge makes one file of four, without pauses.
func BenchmarkMerge(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	var inputs []*segment
	at := modelStart.UnixMicro() * taocan.Lanes
	for n := range uint64(mergeFactor) {
		p := newPart(MemoryIDs, [taocan.Lanes]mark{})
		for range MemoryIDs {
			at++
			p.add(entry{random.Uint64(), newRef(at, false)})
			p.cover(0, mark{at, at}, true)
		}
		s, err := writePart(memory{}, n, p)
		if err != nil {
			b.Fatal(err)
		}
		inputs = append(inputs, s)
	}
	dir := folder(b.TempDir())
	for b.Loop() {
		m, err := newMerge(dir, 9, inputs)
		if err != nil {
			b.Fatal(err)
		}
		for done := false; !done; {
			if done, err = m.step(mergeEntries); err != nil {
				b.Fatal(err)
			}
		}
		s, err := m.out.finish()
		if err != nil {
			b.Fatal(err)
		}
		s.file.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/mergeFactor/MemoryIDs, "ns/id")
}

// BenchmarkHash is what the key costs.
func BenchmarkHash(b *testing.B) {
	id := hexID(rand.New(rand.NewPCG(1, 2)))
	var sum uint64
	for range b.N {
		sum += hashOf(hashKey{1, 2}, "project", id)
	}
	if sum == 0 {
		b.Log(fmt.Sprint(sum))
	}
}
