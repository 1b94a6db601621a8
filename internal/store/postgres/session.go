package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// connector makes sessions of one kind. Immutable.
type connector struct {
	pool       *pgxpool.Pool
	begin      []string // sent ahead of a session's first statement
	retries    int      // of getting a connection and beginning
	savepoints bool     // around every write
	patience   time.Duration
	texts      *texts
	long       map[string]bool // texts whose rows are read through a cursor, since there is no bound to them
}

// Connect makes a session. It takes a connection when it is first used.
func (c *connector) Connect(context.Context) (driver.Conn, error) { return &session{connector: c}, nil }

// Driver is asked for by nobody but database/sql.
func (c *connector) Driver() driver.Driver { return noDriver{} }

type noDriver struct{}

var errOther = errors.New("postgres: a session only runs statements in its one transaction")

func (noDriver) Open(string) (driver.Conn, error) { return nil, errOther }

// session is one transaction on one connection, from its first statement until it is committed or closed. It is used by one
// goroutine at a time, as database/sql sees to.
type session struct {
	*connector
	conn    *pgxpool.Conn // nil until the first statement
	open    *rows         // are on their way from the server
	cursors int
	stale   string // a cursor that has been read to its end
	failure error  // after which the transaction can no longer be committed
}

var (
	_ driver.QueryerContext    = (*session)(nil)
	_ driver.ExecerContext     = (*session)(nil)
	_ driver.NamedValueChecker = (*session)(nil)
)

func (*session) Prepare(string) (driver.Stmt, error) { return nil, errOther }
func (*session) Begin() (driver.Tx, error)           { return nil, errOther }

// CheckNamedValue lets arrays pass, beside what every driver takes.
func (*session) CheckNamedValue(v *driver.NamedValue) (err error) {
	switch v.Value.(type) {
	case []int64, []string, [][]byte:
		return nil
	}
	v.Value, err = driver.DefaultParameterConverter.ConvertValue(v.Value)
	return err
}

// statement is one of those that are sent together.
type statement struct {
	text string // numbered
	parameters
}

func (s *session) statement(query string, args []driver.NamedValue) (statement, error) {
	p, err := parametersOf(args)
	return statement{s.texts.numbered(query), p}, err
}

// named is a query with its parameters, to be sent together with others.
func (s *session) named(name string, args ...any) (statement, error) {
	values := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return s.statement(queries.Text(name), values)
}

// results of statements that were sent together.
type results struct {
	*pgconn.MultiResultReader
	cancel context.CancelFunc
}

// end reads what is left. The server answers the first error of all, which is err if there was one.
func (r results) end(err error) error {
	first := r.Close()
	r.cancel()
	if first == nil {
		first = err
	}
	return driverError(first)
}

// skip reads the result of a statement that is of no interest.
func (r results) skip() error {
	_, err := r.tag()
	return err
}

// tag reads the result of a statement that has no rows.
func (r results) tag() (pgconn.CommandTag, error) {
	if !r.NextResult() {
		return pgconn.CommandTag{}, r.end(nil)
	}
	tag, err := r.ResultReader().Close()
	if err != nil {
		return tag, r.end(err)
	}
	return tag, nil
}

// send sends statements together, one round trip. The first ones of a session get a connection and begin the transaction.
func (s *session) send(ctx context.Context, all ...statement) (results, error) {
	if s.failure != nil {
		return results{}, s.failure
	}
	if s.open != nil { // the connection carries one result at a time
		if err := s.open.takeIn(); err != nil {
			return results{}, err
		}
	}
	if s.conn != nil {
		return s.sendOn(ctx, all), nil
	}
	for attempt := 0; ; attempt++ {
		r, err := s.begun(ctx, all)
		if err == nil {
			return r, nil
		}
		s.giveBack(err)
		if !transient(err) || attempt >= s.retries || ctx.Err() != nil || !pause(ctx, attempt) {
			s.failure = err
			return r, err
		}
	}
}

// begun sends BEGIN and the first statements, and returns once the transaction has begun.
func (s *session) begun(ctx context.Context, all []statement) (r results, err error) {
	if s.conn, err = s.pool.Acquire(ctx); err != nil {
		return r, driverError(err)
	}
	together := make([]statement, 0, len(s.begin)+len(all))
	for _, text := range s.begin {
		together = append(together, statement{text: text})
	}
	r = s.sendOn(ctx, append(together, all...))
	for range s.begin {
		if err := r.skip(); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (s *session) sendOn(ctx context.Context, all []statement) results {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	b := &pgconn.Batch{}
	for _, x := range all {
		b.ExecParams(x.text, x.values, x.types, x.formats, answersBinary)
	}
	return results{s.conn.Conn().PgConn().ExecBatch(ctx, b), cancel}
}

// note remembers an error that ended the transaction.
func (s *session) note(err error) error {
	if err != nil && s.failure == nil && transient(err) {
		s.failure = err
	}
	return err
}

// QueryContext runs a statement that returns rows.
func (s *session) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	x, err := s.statement(query, args)
	if err != nil {
		return nil, err
	}
	if s.long[query] {
		return s.declare(ctx, x)
	}
	r, err := s.send(ctx, x)
	if err != nil {
		return nil, err
	}
	return s.reading(r)
}

// ExecContext runs a statement that changes something.
func (s *session) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	x, err := s.statement(query, args)
	if err != nil {
		return nil, err
	}
	if !s.savepoints {
		return s.exec(ctx, x)
	}
	tag, err := s.exec(ctx, statement{text: "SAVEPOINT one"}, x, statement{text: "RELEASE SAVEPOINT one"})
	if err != nil && s.failure == nil && s.conn.Conn().PgConn().TxStatus() == 'E' {
		if _, back := s.exec(ctx, statement{text: "ROLLBACK TO SAVEPOINT one"}, statement{text: "RELEASE SAVEPOINT one"}); back != nil {
			s.failure = back
			return nil, errors.Join(err, back)
		}
	}
	return tag, err
}

// exec runs statements together, and tells how many rows all of them changed. Savepoints change none.
func (s *session) exec(ctx context.Context, all ...statement) (driver.Result, error) {
	r, err := s.send(ctx, all...)
	if err != nil {
		return nil, err
	}
	changed := int64(0)
	for range all {
		tag, err := r.tag()
		if err != nil {
			return nil, s.note(err)
		}
		changed += tag.RowsAffected()
	}
	return driver.RowsAffected(changed), s.note(r.end(nil))
}

// commit runs the last statements and commits, all together. uncertain: it may have been committed although there is an error.
func (s *session) commit(ctx context.Context, last ...statement) (uncertain bool, err error) {
	if s.conn != nil { // otherwise there is nothing to commit
		defer commits(s.conn.Conn().PgConn())()
	}
	r, err := s.send(ctx, append(last, statement{text: "COMMIT"})...)
	if err != nil {
		return false, err
	}
	for range last {
		if err := r.skip(); err != nil {
			// What follows a refused statement is not run; but of what was on its way when the connection broke nothing is known.
			return !refused(err), s.note(err)
		}
	}
	tag, err := r.tag()
	if err == nil {
		err = r.end(nil)
	}
	if err != nil {
		return !refused(err), s.note(err)
	}
	if tag.String() != "COMMIT" {
		return false, errAborted
	}
	return false, nil
}

// Close ends the transaction without trace, unless it was committed, and gives the connection back.
func (s *session) Close() error {
	if s.conn == nil {
		return nil
	}
	if s.open != nil {
		_ = s.open.Close() // an error has closed the connection
	}
	if c := s.conn.Conn().PgConn(); !c.IsClosed() && c.TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.Background(), closePatience)
		defer cancel()
		_ = c.Exec(ctx, "ROLLBACK").Close() // an error closes the connection, which also ends the transaction
	}
	s.giveBack(s.failure)
	return nil
}

// giveBack ends the use of the connection. After a fail-over all others of the pool are dropped, too.
func (s *session) giveBack(err error) {
	if s.conn == nil {
		return
	}
	if moved(err) {
		_ = s.conn.Conn().Close(context.Background()) // the pool keeps no closed one
		s.pool.Reset()
	}
	s.conn.Release()
	s.conn = nil
}

// cursorRows is how many rows of a long result are fetched at a time.
const cursorRows = 256

// declare opens a cursor and reads its first rows, in one round trip. It is closed together with the next one's beginning, or by
// the end of the transaction.
func (s *session) declare(ctx context.Context, x statement) (driver.Rows, error) {
	s.cursors++
	name := "c" + strconv.Itoa(s.cursors)
	fetch := statement{text: fmt.Sprintf("FETCH %d FROM %s", cursorRows, name)}
	all := []statement{{text: "DECLARE " + name + " NO SCROLL CURSOR FOR " + x.text, parameters: x.parameters}, fetch}
	skip := 1
	if s.stale != "" {
		all = append([]statement{{text: "CLOSE " + s.stale}}, all...)
		s.stale, skip = "", 2
	}
	r, err := s.send(ctx, all...)
	if err != nil {
		return nil, err
	}
	for range skip {
		if err := r.skip(); err != nil {
			return nil, s.note(err)
		}
	}
	first, err := s.reading(r)
	if err != nil {
		return nil, err
	}
	return &cursor{rows: first, ctx: ctx, name: name, fetch: fetch}, nil
}
