package sqlite

import (
	"errors"
	"fmt"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
)

// hotStatements are those of a group commit, prepared once on the writing connection.
type hotStatements struct {
	commitInsert, commitDebits, laneUpdate *sqlite3.Stmt
	packageUpdate, entryInsert, refInsert  *sqlite3.Stmt
	reservationInsert, reservationDelete   *sqlite3.Stmt
	poolSelect, balanceSelect              *sqlite3.Stmt
	figures, lanePosted, watchWanted       *sqlite3.Stmt
}

func (h *hotStatements) all() map[string]**sqlite3.Stmt {
	return map[string]**sqlite3.Stmt{
		"commit_insert": &h.commitInsert, "commit_debits": &h.commitDebits, "lane_update": &h.laneUpdate,
		"package_figures_update": &h.packageUpdate, "entry_insert": &h.entryInsert, "debit_ref_insert": &h.refInsert,
		"reservation_insert": &h.reservationInsert, "reservation_delete": &h.reservationDelete,
		"balance_pool": &h.poolSelect, "balance_get": &h.balanceSelect,
		"package_figures": &h.figures, "lane_posted": &h.lanePosted, "watch_wanted": &h.watchWanted,
	}
}

func (h *hotStatements) prepare(c *sqlite3.Conn) error {
	for name, stmt := range h.all() {
		s, _, err := c.PrepareFlags(queries.Text(name), sqlite3.PREPARE_PERSISTENT)
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
		return sqlstore.Kind(b.err)
	}
	return sqlstore.Kind(b.s.Exec())
}

// rows calls fn for every row and resets the statement.
func (b *bind) rows(fn func(*sqlite3.Stmt) error) error {
	if b.err != nil {
		return sqlstore.Kind(b.err)
	}
	for b.s.Step() {
		if err := fn(b.s); err != nil {
			return errors.Join(err, b.s.Reset())
		}
	}
	return sqlstore.Kind(errors.Join(b.s.Err(), b.s.Reset()))
}

// appendCommit writes a link and moves the lane's head on disk.
func (w *writer) appendCommit(c store.Commit, posted int64) error {
	b := bind{s: w.hot.commitInsert}
	if err := b.num(store.CommitID(c.Lane, c.At), int64(c.Lane), c.Seq).blob(c.Debits, c.DebitsDigest, c.Manifest, c.Prev, c.Hash).exec(); err != nil {
		return fmt.Errorf("append commit %d of lane %d: %w", c.Seq, c.Lane, err)
	}
	b = bind{s: w.hot.laneUpdate}
	if err := b.num(c.Seq, c.At.UnixMicro()).blob(c.Hash).num(posted, int64(c.Lane)).exec(); err != nil {
		return fmt.Errorf("move head of lane %d: %w", c.Lane, err)
	}
	return nil
}
