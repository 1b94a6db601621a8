package teststore

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/ncruces/go-sqlite3/driver"

	"taocan/internal/store/sqlite"
)

// Tamper changes the database behind the store's back, as somebody with a shell could, and fails where nothing changed.
func (d *Database) Tamper(statement string) {
	d.t.Helper()
	changed, err := d.exec(d.t.Context(), statement)
	if err != nil || changed == 0 {
		d.t.Fatalf("%s: %d rows, %v", statement, changed, err)
	}
}

func execFile(ctx context.Context, dir, statement string) (changed int64, err error) {
	db, err := driver.Open("file:" + filepath.Join(dir, sqlite.FileName) + "?_pragma=foreign_keys(0)&_pragma=busy_timeout(5000)")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	r, err := db.ExecContext(ctx, statement)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func execURL(ctx context.Context, url, statement string) (changed int64, err error) {
	c, err := pgconn.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	all, err := c.Exec(ctx, statement).ReadAll()
	for _, r := range all {
		changed += r.CommandTag.RowsAffected()
	}
	return changed, err
}
