package crashfs

import (
	"maps"
	"slices"
)

// Loss says what an accident leaves of changes that were not synced.
type Loss uint8

// What is left.
const (
	Drop   Loss = iota // nothing
	Keep               // everything
	Prefix             // what came before some point; the change at that point in part
	Some               // some changes, each whole
	Torn               // some sectors of each change
	Kill               // everything, in the machine's memory and still unsynced: only the processes end, as by SIGKILL
)

// Losses are those of power.
var Losses = []Loss{Drop, Keep, Prefix, Some, Torn}

func (l Loss) String() string {
	return [...]string{"drop", "keep", "prefix", "some", "torn", "kill"}[l]
}

// cut is an accident that is planned.
type cut struct {
	change int // the nth since the disk was made
	after  bool
	loss   Loss
}

func (c *cut) due(change int, after bool) bool {
	return c != nil && c.change == change && c.after == after
}

// Cut cuts the power now.
func (d *Disk) Cut(l Loss) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.down {
		d.lose(l)
	}
}

// CutAt plans a cut for the nth change from now, from 1: before it, or after it has got as far as the cache. It takes the place
// of an earlier plan.
func (d *Disk) CutAt(n int, after bool, l Loss) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = &cut{d.changes + n, after, l}
}

// Down reports whether the power is off, or processes were killed: nothing that one has said since then can have been heard.
func (d *Disk) Down() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.down
}

// Killed reports whether the last accident was the end of the processes only.
func (d *Disk) Killed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.killed
}

// Restart lets new processes open files. Plans of cuts and faults are forgotten, and so are locks.
func (d *Disk) Restart() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.seen {
		f.locks = locks{}
	}
	d.down = false
	d.life++
	d.cut, d.faults = nil, nil
}

func (d *Disk) lose(l Loss) {
	d.down, d.killed = true, l == Kill
	if d.killed {
		return
	}
	files := d.files()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		for _, f := range files[path] {
			d.remain(f, l)
		}
	}
	for _, e := range d.left(l) {
		e.put(d.kept)
	}
	d.unsynced = nil
	d.seen = maps.Clone(d.kept)
}

// files are all that a cut can leave: a name may stand for several, of which the folder's fate chooses one.
func (d *Disk) files() map[string][]*inode {
	files := map[string][]*inode{}
	add := func(path string, f *inode) {
		if f != nil && !slices.Contains(files[path], f) {
			files[path] = append(files[path], f)
		}
	}
	for path, f := range d.kept {
		add(path, f)
	}
	for _, e := range d.unsynced {
		add(e.path, e.inode)
	}
	return files
}

// left is what remains of unsynced changes of the folder. They reach the disk in their order.
func (d *Disk) left(l Loss) []entry {
	switch l {
	case Drop:
		return nil
	case Keep:
		return d.unsynced
	}
	return d.unsynced[:d.random.IntN(len(d.unsynced)+1)]
}

// remain makes the file what is left of it.
func (d *Disk) remain(f *inode, l Loss) {
	for _, c := range d.survivors(f.unsynced, l) {
		f.kept = c.apply(f.kept)
	}
	f.unsynced = nil
	f.reread()
}

func (d *Disk) survivors(changes []change, l Loss) (left []change) {
	some := func(changes []change) (left []change) {
		for _, c := range changes {
			if d.random.IntN(2) == 0 {
				left = append(left, c)
			}
		}
		return left
	}
	switch l {
	case Keep:
		return changes
	case Prefix:
		n := d.random.IntN(len(changes) + 1)
		left = slices.Clone(changes[:n])
		if n < len(changes) {
			parts := changes[n].sectors()
			left = append(left, parts[:d.random.IntN(len(parts)+1)]...)
		}
	case Some:
		return some(changes)
	case Torn:
		for _, c := range changes {
			left = append(left, some(c.sectors())...)
		}
	}
	return left
}
