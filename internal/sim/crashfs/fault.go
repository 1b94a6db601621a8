package crashfs

import "fmt"

// Kind is a kind of call that can fail by plan. All but Read are changes, at which the power can be cut.
type Kind uint8

// The kinds.
const (
	Read Kind = iota
	Write
	Truncate
	Sync
	Create
	Delete
)

func (k Kind) String() string {
	return [...]string{"read", "write", "truncate", "sync", "create", "delete"}[k]
}

// Op is one call.
type Op struct {
	Kind   Kind
	Name   string // what follows the file's last dot: "db", "db-wal"
	Offset int64  // of a read or write; the size of a truncation
	Size   int
	Failed bool // by plan
}

func (o Op) String() string {
	failed := ""
	if o.Failed {
		failed = " fails"
	}
	return fmt.Sprintf("%s %s %d+%d%s", o.Kind, o.Name, o.Offset, o.Size, failed)
}

// Fault makes calls fail.
type Fault struct {
	Kinds []Kind
	Name  string // as Op.Name; empty: of any file
	Skip  int    // so many calls go well before
	Times int    // so many fail; 0: until Heal
	Err   error  // one of SQLite's codes
	// Part lets a failing write leave some first sectors of what it was to write.
	Part bool
	// Lose has a failing sync forget what it was to save: the disk has some of it, processes go on seeing all of it until Evict,
	// and the next sync saves only what is written from now on.
	Lose bool
}

// Fail plans a fault. Several can be planned; the first that fits a call is its own.
func (d *Disk) Fail(f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, &f)
}

// Heal forgets all planned faults.
func (d *Disk) Heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = nil
}

// Evict has files read from disk again, as happens when their pages are needed for something else: what a failed sync has forgotten is
// no longer seen. Nobody may have a file open.
func (d *Disk) Evict() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.seen {
		if f.forgotten {
			f.reread()
		}
	}
}

// fault is the one that the call meets, nil for none.
func (d *Disk) fault(op Op) *Fault {
	for i, f := range d.faults {
		if !f.fits(op) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times == 1 {
			d.faults = append(d.faults[:i:i], d.faults[i+1:]...)
		} else if f.Times > 1 {
			f.Times--
		}
		return f
	}
	return nil
}

func (f *Fault) fits(op Op) bool {
	if f.Name != "" && f.Name != op.Name {
		return false
	}
	for _, k := range f.Kinds {
		if k == op.Kind {
			return true
		}
	}
	return false
}
