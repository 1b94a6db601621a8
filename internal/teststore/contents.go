package teststore

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"taocan/internal/store/sqlite"
)

// Contents is everything that the database holds, for a test that looks for what must not stand there readable.
func (d *Database) Contents() []byte {
	d.t.Helper()
	b, err := d.contents(d.t.Context())
	if err != nil {
		d.t.Fatalf("read the whole database: %v", err)
	}
	return b
}

// files are those of SQLite in dir.
func files(dir string) ([]byte, error) {
	database, err := os.ReadFile(filepath.Join(dir, sqlite.FileName))
	if err != nil {
		return nil, err
	}
	wal, err := os.ReadFile(filepath.Join(dir, sqlite.FileName+"-wal"))
	return append(database, wal...), err
}

// tables are all rows of a PostgreSQL database, bytes written as text where they are text.
func tables(ctx context.Context, url string) (_ []byte, err error) {
	c, err := pgconn.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	const list = "SELECT string_agg(format('%I', relname), ' ') FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
	names := c.ExecParams(ctx, list, nil, nil, nil, nil).Read()
	if names.Err != nil {
		return nil, names.Err
	}
	var b bytes.Buffer
	err = c.Exec(ctx, "SET bytea_output = escape").Close()
	for _, name := range strings.Fields(string(names.Rows[0][0])) {
		if err == nil {
			_, err = c.CopyTo(ctx, &b, "COPY (SELECT * FROM "+name+") TO STDOUT")
		}
	}
	return b.Bytes(), err
}
