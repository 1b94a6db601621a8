package monthfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Dir is a folder of files. It is used by one goroutine at a time, which closes it.
type Dir struct {
	path  string
	whole map[string]bool // files whose digest was found right

	lane  taocan.Lane // of the open file
	month string
	file  *os.File // nil: none is open
	lines *reader
	last  int64 // commit that was read
}

var _ store.Archive = (*Dir)(nil)

// NewDir reads a folder.
func NewDir(path string) *Dir { return &Dir{path: path, whole: map[string]bool{}} }

// Debits of a commit that the row covers.
func (d *Dir) Debits(ctx context.Context, m store.ArchivedMonth, seq int64) ([]byte, error) {
	if d.file == nil || d.lane != m.Lane || d.month != m.Month || seq <= d.last {
		if err := d.open(ctx, m); err != nil {
			return nil, err
		}
	}
	for d.last < seq {
		c, err := d.lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if d.last = c.Seq; c.Seq == seq {
			return c.Packed, nil
		}
	}
	return nil, fmt.Errorf("it does not hold commit %d", seq)
}

func (d *Dir) open(ctx context.Context, m store.ArchivedMonth) error {
	d.Close()
	if m.File == "" || filepath.Base(m.File) != m.File { // the store's word alone leads to no other folder
		return errors.New("that is no name of a file")
	}
	f, err := os.Open(filepath.Join(d.path, m.File))
	if err != nil {
		return plain(err)
	}
	keep := false
	defer func() {
		if !keep {
			_ = f.Close() // it was only read
		}
	}()
	if !d.whole[m.File] {
		sum, err := digestOf(ctx, f)
		if err != nil {
			return err
		}
		if !bytes.Equal(sum, m.FileSHA256) {
			return errors.New("it has been altered: it is not the file that was archived")
		}
		d.whole[m.File] = true
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	lines, err := newReader(f)
	if err != nil {
		return err
	}
	keep = true
	d.file, d.lines, d.lane, d.month, d.last = f, lines, m.Lane, m.Month, 0
	return nil
}

// plain leaves the folder out: the name of the file is said anyway.
func plain(err error) error {
	if p := (*os.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

func digestOf(ctx context.Context, r io.Reader) ([]byte, error) {
	h, b := sha256.New(), make([]byte, 1<<20)
	for {
		n, err := r.Read(b)
		h.Write(b[:n])
		if errors.Is(err, io.EOF) {
			return h.Sum(nil), nil
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
	}
}

// Close lets go of the file that is open.
func (d *Dir) Close() {
	if d.file != nil {
		d.lines.close()
		_ = d.file.Close() // it was only read
		d.file = nil
	}
}
