//go:build unix

package idindex

import (
	"runtime"
	"testing"
	"time"
	"weak"
)

func TestLargeMemoryLiesOutsideOfTheHeap(t *testing.T) {
	type owner struct{ words []uint64 }
	const words = 4 << 20 // 32 MiB
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	o := new(owner)
	o.words = outside[uint64](o, words)
	if len(o.words) != words {
		t.Fatalf("%d words, want %d", len(o.words), words)
	}
	for i := range o.words {
		if o.words[i] != 0 {
			t.Fatalf("word %d is %d, want 0", i, o.words[i])
		}
		o.words[i] = uint64(i)
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > words {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	runtime.KeepAlive(o)
}

// What a filter holds stays while the filter is held, whatever is collected meanwhile, and goes after it.
func TestOutsideMemoryGoesWithItsOwner(t *testing.T) {
	gone := make(chan bool, 1)
	func() {
		f := newFilter(leastMapped) // 4 MiB
		runtime.AddCleanup(f, func(gone chan bool) { gone <- true }, gone)
		for hash := range uint64(1000) {
			f.add(hash << 50)
		}
		runtime.GC()
		for hash := range uint64(1000) {
			if !f.maybe(hash << 50) {
				t.Fatalf("the filter does not know %d", hash<<50)
			}
		}
	}()
	for {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// A table is let go of when it is written.
func TestTheMemoryOfAWrittenTableIsGivenBack(t *testing.T) {
	o := benchOptions(t.TempDir())
	o.MemoryIDs = benchCommit
	x, err := newIndex(o)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	f := newFeeder(x)
	for range 4 {
		f.commit()
	}
	var written []weak.Pointer[part]
	for _, p := range x.frozen {
		written = append(written, weak.Make(p))
	}
	for range written {
		if _, err := x.work(); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	for i, p := range written {
		if p.Value() != nil {
			t.Errorf("table %d of %d is still held", i, len(written))
		}
	}
	runtime.KeepAlive(x)
}

// Lookups go on while segments are merged and let go of, with the collector at work all the time.
func TestLookupsOutliveWhatIsReplaced(t *testing.T) {
	o := benchOptions(t.TempDir())
	o.MemoryIDs = leastMapped / entryBytes // every table is mapped, and filters of merged files are
	x, err := newIndex(o)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	x.worker.pause = time.Microsecond
	x.worker.start(x)
	f := newFeeder(x)
	f.commit()
	id := f.debits[7].ID
	stop := make(chan struct{})
	done := make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if found, err := x.Candidates("p", id); err != nil || len(found) != 1 {
				done <- err
				t.Errorf("the first id is in %v, want one commit (%v)", found, err)
				return
			}
		}
	}()
	for range 20 {
		f.fill(2 * x.memoryIDs)
		runtime.GC()
	}
	f.quiet()
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
