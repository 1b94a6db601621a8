package crashfs

import (
	sqlite3 "github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// locks are held on a file, by handles of one life. With a WAL they only tell that somebody has the database open.
type locks struct {
	shared            int
	reserved, pending bool
}

// Lock never waits: SQLite's busy handler does.
func (f *file) Lock(level vfs.LockLevel) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.dead() {
		return sqlite3.IOERR_LOCK
	}
	l := &f.inode.locks
	switch {
	case f.lock >= level:
		return nil
	case f.readOnly && level >= vfs.LOCK_RESERVED:
		return sqlite3.IOERR_LOCK
	case level == vfs.LOCK_SHARED:
		if l.pending {
			return sqlite3.BUSY
		}
		l.shared++
	case level == vfs.LOCK_RESERVED:
		if l.reserved {
			return sqlite3.BUSY
		}
		l.reserved = true
	case level == vfs.LOCK_EXCLUSIVE:
		if l.pending && f.lock < vfs.LOCK_PENDING {
			return sqlite3.BUSY
		}
		l.pending = true
		if l.shared > 1 {
			f.lock = vfs.LOCK_PENDING
			return sqlite3.BUSY
		}
	}
	f.lock = level
	return nil
}

func (f *file) Unlock(level vfs.LockLevel) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.lock <= level {
		return nil
	}
	if !f.dead() { // the locks of a dead process went with it
		l := &f.inode.locks
		if f.lock >= vfs.LOCK_RESERVED {
			l.reserved = false
		}
		if f.lock >= vfs.LOCK_PENDING {
			l.pending = false
		}
		if level < vfs.LOCK_SHARED {
			l.shared--
		}
	}
	f.lock = level
	return nil
}

func (f *file) CheckReservedLock() (bool, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.dead() {
		return false, sqlite3.IOERR_CHECKRESERVEDLOCK
	}
	return f.inode.locks.reserved, nil
}

func (f *file) LockState() vfs.LockLevel { return f.lock }

func (f *file) dead() bool { return f.path != "" && (f.d.down || f.life != f.d.life) }
