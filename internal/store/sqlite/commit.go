package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// hotStatements are those of a group commit, prepared once on the writing connection.
type hotStatements struct {
	commitInsert, commitDebits, laneUpdate *sqlite3.Stmt
	packageUpdate, entryInsert, refInsert  *sqlite3.Stmt
	reservationInsert, reservationDelete   *sqlite3.Stmt
	poolSelect, balanceSelect, watchWanted *sqlite3.Stmt
}

func (h *hotStatements) all() map[string]**sqlite3.Stmt {
	return map[string]**sqlite3.Stmt{
		"commit_insert": &h.commitInsert, "commit_debits": &h.commitDebits, "lane_update": &h.laneUpdate,
		"package_figures_update": &h.packageUpdate, "entry_insert": &h.entryInsert, "debit_ref_insert": &h.refInsert,
		"reservation_insert": &h.reservationInsert, "reservation_delete": &h.reservationDelete,
		"balance_pool": &h.poolSelect, "balance_get": &h.balanceSelect,
		"watch_wanted": &h.watchWanted,
	}
}

func (h *hotStatements) prepare(c *sqlite3.Conn) error {
	for name, stmt := range h.all() {
		s, _, err := c.PrepareFlags(sqlText(name), sqlite3.PREPARE_PERSISTENT)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*stmt = s
	}
	return nil
}

func (h *hotStatements) close() error {
	var errs []error
	for _, stmt := range h.all() {
		if *stmt != nil {
			errs = append(errs, (*stmt).Close())
		}
	}
	return errors.Join(errs...)
}

// bind sets the parameters of a statement from the first on; exec runs it.
type bind struct {
	s   *sqlite3.Stmt
	n   int
	err error
}

func (b *bind) text(vs ...string) *bind {
	for _, v := range vs {
		b.n++
		if err := b.s.BindText(b.n, v); err != nil && b.err == nil {
			b.err = err
		}
	}
	return b
}

func (b *bind) num(vs ...int64) *bind {
	for _, v := range vs {
		b.n++
		if err := b.s.BindInt64(b.n, v); err != nil && b.err == nil {
			b.err = err
		}
	}
	return b
}

// blob binds bytes; nil is NULL.
func (b *bind) blob(vs ...[]byte) *bind {
	for _, v := range vs {
		b.n++
		var err error
		if v == nil {
			err = b.s.BindNull(b.n)
		} else {
			err = b.s.BindBlob(b.n, v)
		}
		if err != nil && b.err == nil {
			b.err = err
		}
	}
	return b
}

func (b *bind) exec() error {
	if b.err != nil {
		return kind(b.err)
	}
	return kind(b.s.Exec())
}

// rows calls fn for every row and resets the statement.
func (b *bind) rows(fn func(*sqlite3.Stmt) error) error {
	if b.err != nil {
		return kind(b.err)
	}
	for b.s.Step() {
		if err := fn(b.s); err != nil {
			return errors.Join(err, b.s.Reset())
		}
	}
	return kind(errors.Join(b.s.Err(), b.s.Reset()))
}

// commitID is a commit's key: rising with time over all lanes.
func commitID(lane taocan.Lane, at time.Time) int64 { return at.UnixMicro()*taocan.Lanes + int64(lane) }

func commitOf(id int64) (taocan.Lane, time.Time) {
	return taocan.Lane(id % taocan.Lanes), time.UnixMicro(id / taocan.Lanes).UTC()
}

// appendCommit writes a link and moves the lane's head on disk.
func (w *writer) appendCommit(c store.Commit) error {
	b := bind{s: w.hot.commitInsert}
	if err := b.num(commitID(c.Lane, c.At), int64(c.Lane), c.Seq).blob(c.Debits, c.DebitsDigest, c.Manifest, c.Prev, c.Hash).exec(); err != nil {
		return fmt.Errorf("append commit %d of lane %d: %w", c.Seq, c.Lane, err)
	}
	b = bind{s: w.hot.laneUpdate}
	if err := b.num(c.Seq, c.At.UnixMicro()).blob(c.Hash).num(int64(c.Lane)).exec(); err != nil {
		return fmt.Errorf("move head of lane %d: %w", c.Lane, err)
	}
	return nil
}

func heads(ctx context.Context, q querier) (all [taocan.Lanes]store.Head, err error) {
	rows, err := q.QueryContext(ctx, sqlText("lane_heads"))
	if err != nil {
		return all, kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var h store.Head
		var at int64
		if err := rows.Scan(&h.Lane, &h.Seq, &at, &h.Hash); err != nil {
			return all, kind(err)
		}
		if h.Lane >= taocan.Lanes {
			return all, fmt.Errorf("the table of lanes names lane %d; there are %d", h.Lane, taocan.Lanes)
		}
		h.At = fromMicros(at)
		all[h.Lane] = h
	}
	return all, kind(rows.Err())
}
