package idindex

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// file is a segment's file: written once from the front, then only read.
type file interface {
	io.Writer
	io.ReaderAt
	Sync() error
	Close() error
}

// files keep segments and the manifest. A file that is created has no name yet; publish gives it one, durably.
type files interface {
	create(name string) (file, error)
	publish(f file, name string) (file, error)
	discard(f file, name string) // a created file that shall not be published
	open(name string) (f file, size int64, err error)
	remove(name string) error
	readManifest() ([]byte, error) // nil: there is none
	writeManifest([]byte) error
	tidy(keep func(name string) bool) error // removes the segments not to keep, and what was never published
}

const (
	manifestName  = "manifest"
	segmentSuffix = ".ids"
	temporary     = ".tmp"
)

func segmentName(number uint64) string { return fmt.Sprintf("%08d%s", number, segmentSuffix) }

// folder keeps files on disk, readable by their owner alone.
type folder string

func (d folder) path(name string) string { return filepath.Join(string(d), name) }

func (d folder) create(name string) (file, error) {
	return os.OpenFile(d.path(name+temporary), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
}

// publish closes the file for the time of renaming, which not every system allows otherwise.
func (d folder) publish(f file, name string) (file, error) {
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err := os.Rename(d.path(name+temporary), d.path(name)); err != nil {
		return nil, err
	}
	if err := d.sync(); err != nil {
		return nil, err
	}
	return os.Open(d.path(name))
}

func (d folder) discard(f file, name string) {
	_ = f.Close()
	_ = os.Remove(d.path(name + temporary)) // else the next Open does
}

func (d folder) open(name string) (file, int64, error) {
	f, err := os.Open(d.path(name))
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func (d folder) remove(name string) error { return os.Remove(d.path(name)) }

func (d folder) readManifest() ([]byte, error) {
	b, err := os.ReadFile(d.path(manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func (d folder) writeManifest(b []byte) error {
	f, err := d.create(manifestName)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		d.discard(f, manifestName)
		return err
	}
	published, err := d.publish(f, manifestName)
	if err != nil {
		return err
	}
	return published.Close()
}

func (d folder) tidy(keep func(string) bool) error {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, temporary) || strings.HasSuffix(name, segmentSuffix) && !keep(name) {
			if err := d.remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// sync makes the names of files durable.
func (d folder) sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// memory keeps segments for one process that owns no folder; they end with it.
type memory struct{}

func (memory) create(string) (file, error)            { return &memoryFile{}, nil }
func (memory) publish(f file, _ string) (file, error) { return f, nil }
func (memory) discard(file, string)                   {}
func (memory) open(name string) (file, int64, error) {
	return nil, 0, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
}
func (memory) remove(string) error                      { return nil }
func (memory) readManifest() ([]byte, error)            { return nil, nil }
func (memory) writeManifest([]byte) error               { return nil }
func (memory) tidy(func(name string) (keep bool)) error { return nil }

type memoryFile struct{ b []byte }

func (m *memoryFile) Write(b []byte) (int, error) {
	m.b = append(m.b, b...)
	return len(b), nil
}

func (m *memoryFile) ReadAt(b []byte, offset int64) (int, error) {
	if offset < 0 || offset > int64(len(m.b)) {
		return 0, io.EOF
	}
	n := copy(b, m.b[offset:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memoryFile) Sync() error  { return nil }
func (m *memoryFile) Close() error { return nil }
