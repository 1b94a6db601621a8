package crashfs

import "slices"

// sectorSize is what a disk writes whole or not at all.
const sectorSize = 512

// inode is a file's content: as it is seen, as it is on disk, and the changes that lead from one to the other in order.
type inode struct {
	seen, kept []byte
	unsynced   []change
	forgotten  bool // a failed sync has left out some of what is seen
	locks      locks
}

// change is bytes written at an offset, or the file's new size where bytes is nil.
type change struct {
	at    int64
	bytes []byte
}

func (f *inode) write(p []byte, at int64) {
	c := change{at, append(make([]byte, 0, len(p)), p...)}
	f.seen = c.apply(f.seen)
	f.unsynced = append(f.unsynced, c)
}

func (f *inode) resize(size int64) {
	c := change{at: size}
	f.seen = c.apply(f.seen)
	f.unsynced = append(f.unsynced, c)
}

func (f *inode) sync() {
	for _, c := range f.unsynced {
		f.kept = c.apply(f.kept)
	}
	f.unsynced = nil
}

// reread makes what is seen what is on disk, and what is still to be saved.
func (f *inode) reread() {
	f.seen = slices.Clone(f.kept)
	for _, c := range f.unsynced {
		f.seen = c.apply(f.seen)
	}
	f.forgotten = false
}

func (c change) apply(to []byte) []byte {
	if c.bytes == nil {
		return sized(to, c.at)
	}
	if end := c.at + int64(len(c.bytes)); end > int64(len(to)) {
		to = sized(to, end)
	}
	copy(to[c.at:], c.bytes)
	return to
}

// sized cuts, or pads with zeros.
func sized(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size:size] // what is cut off must not come back
	}
	if size > int64(cap(b)) { // files grow by small writes
		b = append(make([]byte, 0, max(2*size, 1<<16)), b...)
	}
	old := len(b)
	b = b[:size]
	clear(b[old:])
	return b
}

// sectors splits a write at the disk's sectors.
func (c change) sectors() []change {
	if c.bytes == nil {
		return []change{c}
	}
	var parts []change
	for at, rest := c.at, c.bytes; len(rest) > 0; {
		n := min(sectorSize-at%sectorSize, int64(len(rest)))
		parts = append(parts, change{at, rest[:n]})
		at, rest = at+n, rest[n:]
	}
	return parts
}
