package teststore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3/driver"

	"taocan/internal/clock"
	"taocan/internal/store/sqlite"
)

// template is the file of an empty SQLite store without an epoch: opening a copy of it costs a tenth of migrating, and under
// -race migrating takes more than a second.
var template = sync.OnceValues(func() (_ []byte, err error) {
	dir, err := os.MkdirTemp("", "taocan-template-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := sqlite.Open(context.Background(), sqlite.Options{Dir: dir, Clock: clock.NewFake(time.Unix(0, 0))})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, sqlite.FileName)
	db, err := driver.Open("file:" + path)
	if err != nil {
		return nil, err
	}
	_, err = db.Exec("DELETE FROM store_meta WHERE name = 'epoch'; PRAGMA wal_checkpoint(TRUNCATE)")
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// copyTemplate puts an empty store into dir.
func copyTemplate(dir string) error {
	b, err := template()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, sqlite.FileName), b, 0o600)
}
