package crashfs

import (
	"io"

	sqlite3 "github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// file is an open handle.
type file struct {
	d     *Disk
	inode *inode
	path  string // empty: temporary, which no fault and no cut concerns
	life  int
	shm   vfs.SharedMemory // of main databases

	readOnly   bool
	syncFolder bool          // with the next sync
	lock       vfs.LockLevel // held by this handle
}

var (
	_ vfs.FileLockState    = (*file)(nil)
	_ vfs.FileSizeHint     = (*file)(nil)
	_ vfs.FileSharedMemory = (*file)(nil)
)

func (f *file) Close() error {
	if f.shm != nil {
		_ = f.shm.Close() // it is not there where no WAL was read
	}
	return f.Unlock(vfs.LOCK_NONE)
}

func (f *file) SharedMemory() vfs.SharedMemory { return f.shm }

// do runs a call on the disk, or on a temporary file.
func (f *file) do(op Op, run func(), failed func(*Fault)) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.path == "" {
		run()
		return nil
	}
	op.Name = f.path
	return f.d.do(f.life, op, run, failed)
}

func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.do(Op{Kind: Read, Offset: off, Size: len(p)}, func() {
		if off < int64(len(f.inode.seen)) {
			n = copy(p, f.inode.seen[off:])
		}
	}, nil)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if f.readOnly {
		return 0, sqlite3.READONLY
	}
	err := f.do(Op{Kind: Write, Offset: off, Size: len(p)}, func() { f.inode.write(p, off) }, func(fault *Fault) {
		if !fault.Part {
			return
		}
		parts := change{off, p}.sectors()
		for _, c := range parts[:f.d.random.IntN(len(parts)+1)] {
			f.inode.write(c.bytes, c.at)
		}
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *file) Truncate(size int64) error {
	return f.do(Op{Kind: Truncate, Offset: size}, func() { f.inode.resize(size) }, nil)
}

// SizeHint makes room, as the driver's own file layer does.
func (f *file) SizeHint(size int64) error {
	f.d.mu.Lock()
	enough := size <= int64(len(f.inode.seen))
	f.d.mu.Unlock()
	if enough {
		return nil
	}
	return f.Truncate(size)
}

func (f *file) Sync(vfs.SyncFlag) error {
	return f.do(Op{Kind: Sync}, func() {
		if f.d.lies {
			return
		}
		f.inode.sync()
		if f.syncFolder {
			f.syncFolder = false
			f.d.keepFolder()
		}
	}, func(fault *Fault) {
		if fault.Lose {
			for _, c := range f.d.survivors(f.inode.unsynced, Torn) {
				f.inode.kept = c.apply(f.inode.kept)
			}
			f.inode.unsynced = nil
			f.inode.forgotten = true
		}
	})
}

func (f *file) Size() (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return int64(len(f.inode.seen)), nil
}

// SectorSize is what SQLite believes, as with the driver's own file layer. What is torn is smaller.
func (f *file) SectorSize() int { return 4096 }

func (f *file) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return vfs.IOCAP_SUBPAGE_READ | vfs.IOCAP_POWERSAFE_OVERWRITE
}
