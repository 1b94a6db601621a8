package idindex

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"taocan/internal/taocan"
)

// faulty is a disk that fails when it is told to, before or after the deed.
type faulty struct {
	files
	failing atomic.Bool
	after   bool         // the deed is done, and yet it fails
	tries   atomic.Int32 // to create a file
}

var errFull = errors.New("no space left on device")

func (f *faulty) create(name string) (file, error) {
	f.tries.Add(1)
	if f.failing.Load() && !f.after {
		return nil, errFull
	}
	made, err := f.files.create(name)
	return &faultyFile{made, f}, err
}

func (f *faulty) publish(made file, name string) (file, error) {
	made = made.(*faultyFile).file
	if f.failing.Load() && !f.after {
		f.discard(made, name)
		return nil, errFull
	}
	published, err := f.files.publish(made, name)
	if f.failing.Load() && err == nil {
		_ = published.Close()
		return nil, errFull
	}
	return published, err
}

func (f *faulty) discard(made file, name string) {
	if x, ok := made.(*faultyFile); ok {
		made = x.file
	}
	f.files.discard(made, name)
}

func (f *faulty) writeManifest(b []byte) error {
	if f.failing.Load() && !f.after {
		return errFull
	}
	if err := f.files.writeManifest(b); err != nil || !f.failing.Load() {
		return err
	}
	return errFull
}

type faultyFile struct {
	file
	disk *faulty
}

func (f *faultyFile) Write(b []byte) (int, error) {
	if f.disk.failing.Load() && !f.disk.after {
		n, _ := f.file.Write(b[:len(b)/2])
		return n, errFull
	}
	return f.file.Write(b)
}

// spoil alters one of the folder's files.
func spoil(t *rapid.T, dir string) {
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) == 0 {
		return
	}
	name := rapid.SampledFrom(names).Draw(t, "file")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v", err)
	}
	switch how := rapid.SampledFrom([]string{"flip", "cut", "remove", "other", "empty"}).Draw(t, "damage"); how {
	case "flip":
		if len(b) == 0 {
			return
		}
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		err = os.WriteFile(name, b, 0o600)
	case "cut":
		err = os.Truncate(name, int64(rapid.IntRange(0, len(b)).Draw(t, "length")))
	case "remove":
		err = os.Remove(name)
	case "other":
		var other []byte
		if other, err = os.ReadFile(rapid.SampledFrom(names).Draw(t, "other")); err == nil {
			err = os.WriteFile(name, other, 0o600)
		}
	case "empty":
		err = os.WriteFile(name, nil, 0o600)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// Whatever happens, every id that a commit of the window recorded leads to that commit.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "idindex-")
		if err != nil {
			t.Fatalf("%v", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		disk := &faulty{files: folder(dir)}
		window := rapid.SampledFrom([]time.Duration{30 * time.Second, 9 * time.Minute}).Draw(t, "window")
		w := newWorld(t, disk, window, rapid.IntRange(1, 8).Draw(t, "memory ids"))
		w.start()
		defer func() { w.x.Close() }()
		spoiled := false
		draw := func(lane taocan.Lane) (debits []*taocan.Debit) {
			project := taocan.ProjectID(fmt.Sprintf("project-%c", 'a'+rune(lane)))
			here := map[taocan.DebitID]bool{}
			for range rapid.IntRange(0, 5).Draw(t, "debits") {
				id := taocan.DebitID(fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "id")))
				if here[id] {
					continue
				}
				here[id] = true
				_, open := w.open[openKey{project, id}]
				made := !open && rapid.IntRange(0, 3).Draw(t, "kind") == 0
				if made {
					debits = append(debits, reservation(project, id, taocan.Reserved))
				} else if !open {
					debits = append(debits, debit(project, id))
				}
				if open || made && rapid.Bool().Draw(t, "at once") {
					debits = append(debits, reservation(project, id, rapid.SampledFrom([]taocan.DebitState{taocan.Committed, taocan.Released}).Draw(t, "state")))
				}
			}
			return debits
		}
		t.Repeat(map[string]func(*rapid.T){
			"commit": func(t *rapid.T) {
				for range rapid.IntRange(1, 6).Draw(t, "commits") {
					lane := taocan.Lane(rapid.IntRange(0, 2).Draw(t, "lane"))
					if debits := draw(lane); rapid.Bool().Draw(t, "written") {
						w.write(lane, debits...)
					} else {
						w.tell(w.commit(lane, debits...))
					}
				}
			},
			"work": func(t *rapid.T) { w.work(rapid.IntRange(1, 20).Draw(t, "pieces")) },
			"wait": func(t *rapid.T) {
				w.advance(window / time.Duration(rapid.SampledFrom([]int{30, 3, 1}).Draw(t, "part")))
			},
			"clock": func(t *rapid.T) { w.advance(-time.Duration(rapid.Int64Range(0, int64(window)/4).Draw(t, "back"))) },
			"disk": func(t *rapid.T) {
				disk.failing.Store(rapid.Bool().Draw(t, "failing"))
				disk.after = rapid.Bool().Draw(t, "after")
			},
			"restart": func(*rapid.T) {
				_ = w.x.Close()
				w.start()
			},
			"crash": func(*rapid.T) {
				w.crash()
				w.start()
			},
			"spoil": func(t *rapid.T) { // beside the running index, or before the next start
				spoiled = true
				if rapid.Bool().Draw(t, "running") {
					spoil(t, dir)
					return
				}
				w.crash()
				spoil(t, dir)
				w.start()
			},
			"restore": func(t *rapid.T) { // the database is of before; the folder knows more
				w.crash()
				end := w.now.Load()
				for lane, log := range w.lanes {
					if n := len(log); n > 0 {
						end = max(end, log[n-1].mark.Commit/taocan.Lanes)
						w.lanes[lane] = log[:rapid.IntRange(n/2, n).Draw(t, "end")]
					}
				}
				w.now.Store(end + 1) // what comes now has times of its own
				clear(w.open)
				for _, log := range w.lanes {
					for _, c := range log {
						for _, d := range c.debits {
							if d.Open() {
								w.open[openKey{d.Project, d.ID}] = c.mark.Commit
							} else {
								delete(w.open, openKey{d.Project, d.ID})
							}
						}
					}
				}
				w.start()
			},
			"check": func(t *rapid.T) {
				if err := w.x.Check(t.Context()); err != nil && !(spoiled && errors.Is(err, ErrDamaged)) {
					t.Fatalf("check: %v", err)
				}
			},
			"": func(*rapid.T) { w.verify() },
		})
	})
}
