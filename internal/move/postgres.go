package move

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"taocan/internal/store"
	"taocan/internal/store/postgres"
	"taocan/internal/store/sqlstore"
)

// postgresSide is a database that nobody else is connected to. Of a source, one transaction holds all tables against writers.
type postgresSide struct {
	o    Options
	part part
	conn *pgx.Conn
	held pgx.Tx // of a source
}

func openPostgres(ctx context.Context, o Options, p part) (_ *postgresSide, err error) {
	s := &postgresSide{o: o, part: p}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	config, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("the database's address: %w", err) // pgx leaves the password out
	}
	config.RuntimeParams["application_name"] = "taocan migrate-store"
	delete(config.RuntimeParams, "pool_max_conns") // is for servers' pools
	if s.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		return nil, sqlstore.Kind(err)
	}
	// Before the schema is made or changed, and before anything is posted.
	if err := s.alone(ctx); err != nil {
		return nil, err
	}
	var mine bool
	if err := s.conn.QueryRow(ctx, queries.Text("postgres_alone")).Scan(&mine); err != nil {
		return nil, sqlstore.Kind(err)
	}
	if !mine {
		return nil, fmt.Errorf("%w: another move", ErrInUse)
	}
	if err := s.bringUp(ctx); err != nil {
		return nil, err
	}
	if p == asSource {
		err = s.hold(ctx)
	}
	return s, err
}

// bringUp makes or migrates the schema; on a source it also posts everything.
func (s *postgresSide) bringUp(ctx context.Context) (err error) {
	if s.part == asSource {
		// A source that is not there must not be made.
		if _, err := s.meta(ctx); err != nil {
			return fmt.Errorf("there is no database of taocan: %w", err)
		}
	}
	st, err := postgres.Open(ctx, postgres.Options{URL: s.o.URL, Clock: s.o.Clock, Moving: true, IdempotencyWindow: noIDs})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if s.part == asTarget {
		return nil
	}
	return st.View(ctx, func(store.Reader) error { return nil })
}

// How long others' connections may take to end: the server notices a while after its client is gone.
const (
	leavePatience = 10 * time.Second
	leavePause    = 100 * time.Millisecond
)

// alone refuses a database that others are connected to. A server that stands idle may write in the next instant.
func (s *postgresSide) alone(ctx context.Context) error {
	for waited := time.Duration(0); ; waited += leavePause {
		if _, err := s.conn.Exec(ctx, "SELECT pg_stat_clear_snapshot()"); err != nil { // a transaction would see the same ones for ever
			return sqlstore.Kind(err)
		}
		rows, err := s.conn.Query(ctx, queries.Text("postgres_others"))
		if err != nil {
			return sqlstore.Kind(err)
		}
		others, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (string, error) {
			var pid int64
			var name string
			err := r.Scan(&pid, &name)
			return fmt.Sprintf("%d %q", pid, name), err
		})
		switch {
		case err != nil:
			return sqlstore.Kind(err)
		case len(others) == 0:
			return nil
		case waited >= leavePatience:
			return fmt.Errorf("%w: connections with process ids and names %s; stop the servers, PgBouncer, and whoever else is connected", ErrInUse, strings.Join(others, ", "))
		}
		select {
		case <-time.After(leavePause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// hold begins the transaction of a source: everybody may read, nobody may write, and what is read is one snapshot, taken once
// the locks are held.
func (s *postgresSide) hold(ctx context.Context) (err error) {
	// The tables may be in the hands of the server's own vacuum, which gives way when it is waited for.
	for _, setting := range []string{"SET idle_in_transaction_session_timeout = 0", "SET statement_timeout = 0", "SET lock_timeout = '15s'"} {
		if _, err := s.conn.Exec(ctx, setting); err != nil {
			return sqlstore.Kind(err)
		}
	}
	tables, err := s.tables(ctx)
	if err != nil {
		return err
	}
	names := []string{quoted(metaTable)}
	for name := range tables {
		names = append(names, quoted(name))
	}
	if s.held, err = s.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}); err != nil {
		return sqlstore.Kind(err)
	}
	if _, err := s.held.Exec(ctx, "LOCK TABLE "+strings.Join(names, ", ")+" IN EXCLUSIVE MODE"); err != nil {
		return fmt.Errorf("%w: %w", ErrInUse, sqlstore.Kind(err))
	}
	_, err = s.head(ctx)
	return err
}

func (s *postgresSide) String() string { return "PostgreSQL at " + s.o.Name }

func (s *postgresSide) tables(ctx context.Context) (map[string]table, error) {
	rows, err := s.conn.Query(ctx, queries.Text("postgres_columns"))
	if err != nil {
		return nil, sqlstore.Kind(err)
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (f found, err error) {
		err = r.Scan(&f.table, &f.column, &f.kind, &f.key)
		return f, err
	})
	if err != nil {
		return nil, sqlstore.Kind(err)
	}
	return tablesOf(all)
}

func (s *postgresSide) references(ctx context.Context) (all [][2]string, err error) {
	err = s.pairs(ctx, "postgres_references", func(a, b string) { all = append(all, [2]string{a, b}) })
	return all, err
}

func (s *postgresSide) meta(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	err := s.pairs(ctx, "meta_all", func(name, value string) { all[name] = value })
	return all, err
}

// pairs reads two texts of each row.
func (s *postgresSide) pairs(ctx context.Context, query string, fn func(a, b string)) error {
	rows, err := s.conn.Query(ctx, queries.Text(query))
	if err != nil {
		return sqlstore.Kind(err)
	}
	var a, b string
	_, err = pgx.ForEachRow(rows, []any{&a, &b}, func() error {
		fn(a, b)
		return nil
	})
	return sqlstore.Kind(err)
}

func (s *postgresSide) head(ctx context.Context) (string, error) {
	rows, err := s.conn.Query(ctx, queries.Text("lanes"))
	if err != nil {
		return "", sqlstore.Kind(err)
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (l lane, err error) {
		err = r.Scan(&l.lane, &l.seq, &l.hash, &l.posted)
		return l, err
	})
	if err != nil {
		return "", sqlstore.Kind(err)
	}
	return headOf(all, s.part)
}

func (s *postgresSide) commitAfter(ctx context.Context, id int64) (next int64, err error) {
	err = s.conn.QueryRow(ctx, queries.Text("postgres_commit_after"), id).Scan(&next)
	return next, sqlstore.Kind(err)
}

func (s *postgresSide) holds(ctx context.Context, t table) (some bool, err error) {
	err = s.conn.QueryRow(ctx, t.existence()).Scan(&some)
	return some, sqlstore.Kind(err)
}

func (s *postgresSide) rows(ctx context.Context, t table, behind []any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		// Rows stream as fast as they are taken; the server holds none back.
		rows, err := s.conn.Query(ctx, t.selection(behind != nil, func(n int) string { return fmt.Sprintf("$%d", n) }), behind...)
		if err != nil {
			yield(nil, sqlstore.Kind(err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			values, err := rows.Values()
			if !yield(values, sqlstore.Kind(err)) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, sqlstore.Kind(err))
		}
	}
}

func (s *postgresSide) prove(ctx context.Context, window time.Duration) (r store.Report, err error) {
	st, err := postgres.Open(ctx, postgres.Options{URL: s.o.URL, Clock: s.o.Clock, ReadOnly: true, IdempotencyWindow: noIDs})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return proved(ctx, st, window)
}

func (s *postgresSide) leave(ctx context.Context, to string) error {
	if to == "" {
		return sqlstore.Kind(s.held.Rollback(ctx))
	}
	// A server that was started in the meantime has looked at the store before it was marked, and only waits for the locks.
	if err := s.alone(ctx); err != nil {
		return err
	}
	if _, err := s.held.Exec(ctx, queries.Text("postgres_meta_put"), sqlstore.MetaMovedTo, to); err != nil {
		return sqlstore.Kind(err)
	}
	return sqlstore.Kind(s.held.Commit(ctx))
}

// change runs statements in one transaction; last is called right before its commit.
func (s *postgresSide) change(ctx context.Context, fn func(pgx.Tx) error, last func() error) error {
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return sqlstore.Kind(err)
	}
	if err := last(); err != nil {
		return err
	}
	return sqlstore.Kind(tx.Commit(ctx))
}

func (s *postgresSide) clear(ctx context.Context, tables []table, o origin) error {
	text, err := o.start().text()
	if err != nil {
		return err
	}
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = quoted(t.name)
	}
	return s.change(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "TRUNCATE "+strings.Join(names, ", ")+" RESTART IDENTITY"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, queries.Text("postgres_meta_put"), sqlstore.MetaMoving, text)
		return err
	}, atOnce)
}

func (s *postgresSide) write(ctx context.Context, b batch, last func() error) error {
	text, err := b.place.text()
	if err != nil {
		return err
	}
	columns := make([]string, len(b.columns))
	for i, c := range b.columns {
		columns[i] = c.name
	}
	return s.change(ctx, func(tx pgx.Tx) error {
		if b.empty {
			if _, err := tx.Exec(ctx, "DELETE FROM "+quoted(b.name)); err != nil {
				return err
			}
		}
		// COPY takes the numbers of rows that the database would otherwise give itself.
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{b.name}, columns, pgx.CopyFromRows(b.rows)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, queries.Text("postgres_meta_put"), sqlstore.MetaMoving, text)
		return err
	}, last)
}

// makeMonths makes the months that the source has commits of.
func (s *postgresSide) makeMonths(ctx context.Context, from side) error {
	for id := int64(0); ; {
		next, err := from.commitAfter(ctx, id)
		if err != nil || next == 0 {
			return err
		}
		var month string
		if err := s.conn.QueryRow(ctx, queries.Text("postgres_months"), next).Scan(&month, &id); err != nil {
			return sqlstore.Kind(err)
		}
		if id <= next {
			return fmt.Errorf("no month ends after commit %d", next)
		}
		if _, err := s.conn.Exec(ctx, queries.Text("postgres_month_make"), month); err != nil {
			return sqlstore.Kind(err)
		}
	}
}

func (s *postgresSide) settle(ctx context.Context, meta map[string]string) error {
	rows, err := s.conn.Query(ctx, queries.Text("postgres_identities"))
	if err != nil {
		return sqlstore.Kind(err)
	}
	identities, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (x [3]string, err error) {
		err = r.Scan(&x[0], &x[1], &x[2])
		return x, err
	})
	if err != nil {
		return sqlstore.Kind(err)
	}
	return s.change(ctx, func(tx pgx.Tx) error {
		for _, x := range identities {
			next := "SELECT setval($1::regclass, coalesce(max(" + quoted(x[1]) + "), 1), count(*) > 0) FROM " + quoted(x[0])
			if _, err := tx.Exec(ctx, next, x[2]); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, queries.Text("postgres_meta_clear")); err != nil {
			return err
		}
		for name, value := range meta {
			if _, err := tx.Exec(ctx, queries.Text("postgres_meta_put"), name, value); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "ANALYZE")
		return err
	}, atOnce)
}

func (s *postgresSide) open(ctx context.Context) error {
	if err := s.alone(ctx); err != nil { // a server that was quicker than the mark
		return err
	}
	_, err := s.conn.Exec(ctx, queries.Text("postgres_meta_delete"), sqlstore.MetaMoving)
	return sqlstore.Kind(err)
}

func (s *postgresSide) close() error {
	if s.conn == nil {
		return nil
	}
	// Ends the transaction that holds a source, too.
	ctx, cancel := context.WithTimeout(context.Background(), leavePatience)
	defer cancel()
	return s.conn.Close(ctx)
}
