package move

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3/driver"

	"taocan/internal/store"
	"taocan/internal/store/sqlite"
	"taocan/internal/store/sqlstore"
)

// sqliteSide is a database in a file, whose folder's lock is held.
type sqliteSide struct {
	o      Options
	part   part
	holder *sqlite.Store // holds the lock; otherwise it does nothing
	db     *sql.DB
	conn   *sql.Conn
}

func openSQLite(ctx context.Context, o Options, p part) (_ *sqliteSide, err error) {
	path := filepath.Join(o.Dir, sqlite.FileName)
	if p == asSource {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w in %s", ErrNothing, o.Dir)
		}
	}
	s := &sqliteSide{o: o, part: p}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	s.holder, err = sqlite.Open(ctx, sqlite.Options{Dir: o.Dir, Clock: o.Clock, Moving: true})
	if errors.Is(err, sqlite.ErrHeld) {
		return nil, fmt.Errorf("%w: a server holds the data folder %s; stop it first", ErrInUse, o.Dir)
	}
	if err != nil {
		return nil, err
	}
	if p == asSource {
		// Everything is posted before a reader is let in.
		if err := s.holder.View(ctx, func(store.Reader) error { return nil }); err != nil {
			return nil, err
		}
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: url.Values{"_pragma": {
		"busy_timeout(5000)", "synchronous(full)", "foreign_keys(1)", "cache_size(-65536)"}}.Encode()}
	if s.db, err = driver.Open(u.String()); err != nil {
		return nil, err
	}
	s.conn, err = s.db.Conn(ctx)
	return s, sqlstore.Kind(err)
}

func (s *sqliteSide) String() string { return "SQLite in " + s.o.Dir }

func (s *sqliteSide) tables(ctx context.Context) (map[string]table, error) {
	rows, err := s.conn.QueryContext(ctx, queries.Text("sqlite_columns"))
	if err != nil {
		return nil, sqlstore.Kind(err)
	}
	defer rows.Close()
	var all []found
	for rows.Next() {
		var f found
		if err := rows.Scan(&f.table, &f.column, &f.kind, &f.key); err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	if err := rows.Err(); err != nil {
		return nil, sqlstore.Kind(err)
	}
	return tablesOf(all)
}

func (s *sqliteSide) references(ctx context.Context) (all [][2]string, err error) {
	err = s.pairs(ctx, "sqlite_references", func(a, b string) { all = append(all, [2]string{a, b}) })
	return all, err
}

func (s *sqliteSide) meta(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	err := s.pairs(ctx, "meta_all", func(name, value string) { all[name] = value })
	return all, err
}

// pairs reads two texts of each row.
func (s *sqliteSide) pairs(ctx context.Context, query string, fn func(a, b string)) error {
	rows, err := s.conn.QueryContext(ctx, queries.Text(query))
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var a, b string
		if err := rows.Scan(&a, &b); err != nil {
			return err
		}
		fn(a, b)
	}
	return sqlstore.Kind(rows.Err())
}

func (s *sqliteSide) head(ctx context.Context) (string, error) {
	rows, err := s.conn.QueryContext(ctx, queries.Text("lanes"))
	if err != nil {
		return "", sqlstore.Kind(err)
	}
	defer rows.Close()
	var all []lane
	for rows.Next() {
		var l lane
		if err := rows.Scan(&l.lane, &l.seq, &l.hash, &l.posted); err != nil {
			return "", err
		}
		all = append(all, l)
	}
	if err := rows.Err(); err != nil {
		return "", sqlstore.Kind(err)
	}
	return headOf(all, s.part)
}

func (s *sqliteSide) commitAfter(ctx context.Context, id int64) (next int64, err error) {
	err = s.conn.QueryRowContext(ctx, queries.Text("sqlite_commit_after"), id).Scan(&next)
	return next, sqlstore.Kind(err)
}

func (s *sqliteSide) holds(ctx context.Context, t table) (some bool, err error) {
	err = s.conn.QueryRowContext(ctx, t.existence()).Scan(&some)
	return some, sqlstore.Kind(err)
}

func (s *sqliteSide) rows(ctx context.Context, t table, behind []any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		rows, err := s.conn.QueryContext(ctx, t.selection(behind != nil, func(int) string { return "?" }), behind...)
		if err != nil {
			yield(nil, sqlstore.Kind(err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			values, into := make([]any, len(t.columns)), make([]any, len(t.columns))
			for i := range into {
				into[i] = &values[i]
			}
			err := rows.Scan(into...)
			for i, c := range t.columns {
				if b, ok := values[i].([]byte); ok && c.kind == bytesOf && b == nil {
					values[i] = []byte{}
				}
			}
			if !yield(values, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, sqlstore.Kind(err))
		}
	}
}

func (s *sqliteSide) prove(ctx context.Context, window time.Duration) (r store.Report, err error) {
	st, err := sqlite.Open(ctx, sqlite.Options{Dir: s.o.Dir, Clock: s.o.Clock, ReadOnly: true, IdempotencyWindow: noIDs})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return proved(ctx, st, window)
}

// change runs statements in one transaction; last is called right before its commit.
func (s *sqliteSide) change(ctx context.Context, fn func(*sql.Tx) error, last func() error) error {
	tx, err := s.conn.BeginTx(ctx, nil)
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return sqlstore.Kind(err)
	}
	if err := last(); err != nil {
		return err
	}
	return sqlstore.Kind(tx.Commit())
}

func atOnce() error { return nil }

func (s *sqliteSide) leave(ctx context.Context, to string) error {
	if to == "" {
		return nil
	}
	return s.change(ctx, func(tx *sql.Tx) error { return put(ctx, tx, sqlstore.MetaMovedTo, to) }, atOnce)
}

func put(ctx context.Context, tx *sql.Tx, name, value string) error {
	_, err := tx.ExecContext(ctx, queries.Text("sqlite_meta_put"), name, value)
	return err
}

func (s *sqliteSide) clear(ctx context.Context, tables []table, o origin) error {
	text, err := o.start().text()
	if err != nil {
		return err
	}
	return s.change(ctx, func(tx *sql.Tx) error {
		for i := len(tables) - 1; i >= 0; i-- { // what refers to a row before the row
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+quoted(tables[i].name)); err != nil {
				return err
			}
		}
		return put(ctx, tx, sqlstore.MetaMoving, text)
	}, atOnce)
}

func (s *sqliteSide) write(ctx context.Context, b batch, last func() error) error {
	text, err := b.place.text()
	if err != nil {
		return err
	}
	return s.change(ctx, func(tx *sql.Tx) error {
		if b.empty {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+quoted(b.name)); err != nil {
				return err
			}
		}
		insert, err := tx.PrepareContext(ctx, b.insertion())
		if err != nil {
			return err
		}
		defer func() { _ = insert.Close() }() // the transaction decides
		for _, row := range b.rows {
			if _, err := insert.ExecContext(ctx, row...); err != nil {
				return err
			}
		}
		return put(ctx, tx, sqlstore.MetaMoving, text)
	}, last)
}

// makeMonths: the log is one table.
func (s *sqliteSide) makeMonths(context.Context, side) error { return nil }

func (s *sqliteSide) settle(ctx context.Context, meta map[string]string) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, queries.Text("sqlite_meta_clear")); err != nil {
			return err
		}
		for name, value := range meta {
			if err := put(ctx, tx, name, value); err != nil {
				return err
			}
		}
		return nil
	}, atOnce)
}

func (s *sqliteSide) open(ctx context.Context) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, queries.Text("sqlite_meta_delete"), sqlstore.MetaMoving)
		return err
	}, atOnce)
}

func (s *sqliteSide) close() error {
	var errs []error
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.holder != nil {
		errs = append(errs, s.holder.Close())
	}
	return errors.Join(errs...)
}
