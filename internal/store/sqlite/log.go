package sqlite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// rewriteLog writes a write-ahead log over itself and syncs it. After a sync that failed, the system shows what is not on disk and
// syncs it never again: what the next process read and built on would be lost with the power. Written once more, it is on disk
// or the error is known.
func rewriteLog(path string) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	room := make([]byte, 1<<20)
	for at := int64(0); ; {
		n, err := f.ReadAt(room, at)
		if n > 0 {
			if _, err := f.WriteAt(room[:n], at); err != nil {
				return fmt.Errorf("write the log once more: %w", err)
			}
			at += int64(n)
		}
		if errors.Is(err, io.EOF) {
			return f.Sync()
		}
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
	}
}
