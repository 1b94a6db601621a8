package crashfs

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	sqlite3 "github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// Disk is a registered VFS and the files on it.
type Disk struct {
	name   string
	folder string // real; for the indexes of WALs

	mu       sync.Mutex
	random   *rand.Rand
	life     int // counts restarts: a handle of an earlier life is dead
	down     bool
	killed   bool // by the last accident
	lies     bool
	seen     map[string]*inode // the folder as processes see it
	kept     map[string]*inode // as it is on disk
	unsynced []entry           // what leads from kept to seen
	changes  int
	cut      *cut
	faults   []*Fault
	observe  func(Op)
}

// entry is a change of the folder: a file made, or deleted where inode is nil.
type entry struct {
	path  string
	inode *inode
}

// New registers an empty disk. folder is a real one, for the indexes of WALs; random decides what a cut leaves.
func New(folder string, random *rand.Rand) *Disk {
	d := &Disk{folder: folder, random: random, seen: map[string]*inode{}, kept: map[string]*inode{}}
	d.name = fmt.Sprintf("crashfs-%p", d)
	vfs.Register(d.name, layer{d})
	return d
}

// VFS is the name that the disk is registered by.
func (d *Disk) VFS() string { return d.name }

// Close unregisters the disk. Nobody may have a file open.
func (d *Disk) Close() { vfs.Unregister(d.name) }

// Observe has fn told of every call that got through or failed by plan, under the disk's lock.
func (d *Disk) Observe(fn func(Op)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.observe = fn
}

// Put makes a file with that content, synced.
func (d *Disk) Put(path string, content []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := &inode{seen: slices.Clone(content), kept: slices.Clone(content)}
	d.seen[path], d.kept[path] = f, f
}

// Get is a file's content as processes see it; nil where there is none.
func (d *Disk) Get(path string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.seen[path]
	if f == nil {
		return nil
	}
	return slices.Clone(f.seen)
}

// Changes counts the calls that changed something, or made it durable, so far: the places for a cut.
func (d *Disk) Changes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changes
}

// Lie makes syncs succeed without saving anything, as some hardware does. A test that passes on such a disk sees nothing.
func (d *Disk) Lie() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lies = true
}

// layer is the disk as SQLite calls it.
type layer struct{ d *Disk }

var _ vfs.VFS = layer{}

// journals are synced together with their folder when they are new, as the driver's own file layer does.
const journals = vfs.OPEN_MAIN_JOURNAL | vfs.OPEN_SUPER_JOURNAL | vfs.OPEN_WAL

func (l layer) Open(path string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	d := l.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if path == "" { // temporary: it goes with its process
		return &file{d: d, inode: &inode{}, life: d.life}, flags, nil
	}
	f := d.seen[path]
	if f == nil || flags&vfs.OPEN_EXCLUSIVE != 0 {
		if flags&vfs.OPEN_CREATE == 0 || f != nil {
			return nil, flags, sqlite3.CANTOPEN
		}
		err := d.do(d.life, Op{Kind: Create, Name: path}, func() {
			f = &inode{}
			d.enter(entry{path, f})
		}, nil)
		if err != nil {
			return nil, flags, err
		}
	} else if d.down {
		return nil, flags, sqlite3.CANTOPEN
	}
	h := &file{d: d, inode: f, path: path, life: d.life, readOnly: flags&vfs.OPEN_READONLY != 0,
		syncFolder: flags&vfs.OPEN_CREATE != 0 && flags&journals != 0}
	if flags&vfs.OPEN_MAIN_DB != 0 {
		h.shm = vfs.NewSharedMemory(filepath.Join(d.folder, fmt.Sprintf("%s-shm-%d", filepath.Base(path), d.life)), flags)
	}
	return h, flags, nil
}

func (l layer) Delete(path string, syncFolder bool) error {
	d := l.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen[path] == nil && !d.down {
		return sqlite3.IOERR_DELETE_NOENT
	}
	return d.do(d.life, Op{Kind: Delete, Name: path}, func() {
		d.enter(entry{path: path})
		if syncFolder {
			d.keepFolder()
		}
	}, nil)
}

func (l layer) Access(path string, _ vfs.AccessFlag) (bool, error) {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	if l.d.down {
		return false, sqlite3.IOERR_ACCESS
	}
	return l.d.seen[path] != nil, nil
}

func (l layer) FullPathname(path string) (string, error) { return path, nil }

func (d *Disk) enter(e entry) {
	e.put(d.seen)
	d.unsynced = append(d.unsynced, e)
}

func (e entry) put(folder map[string]*inode) {
	if e.inode == nil {
		delete(folder, e.path)
	} else {
		folder[e.path] = e.inode
	}
}

// keepFolder makes the folder durable: which files there are, not what is in them.
func (d *Disk) keepFolder() {
	d.unsynced = nil
	d.kept = maps.Clone(d.seen)
}

// do runs one call of a handle that was opened in that life: unless it is dead, the power goes now, or a
// fault is planned for it, in which case failed, if any, runs. Called with mu held.
func (d *Disk) do(life int, op Op, run func(), failed func(*Fault)) error {
	if d.down || life != d.life {
		return sqlite3.IOERR
	}
	op.Name = strings.TrimPrefix(filepath.Ext(op.Name), ".")
	counts := op.Kind != Read
	if counts {
		d.changes++
		if d.cut.due(d.changes, false) {
			d.lose(d.cut.loss)
			return sqlite3.IOERR
		}
	}
	if f := d.fault(op); f != nil {
		op.Failed = true
		if failed != nil {
			failed(f)
		}
		d.tell(op)
		return f.Err
	}
	run()
	d.tell(op)
	if counts && d.cut.due(d.changes, true) {
		d.lose(d.cut.loss)
	}
	return nil
}

func (d *Disk) tell(op Op) {
	if d.observe != nil {
		d.observe(op)
	}
}
