package move

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strings"
	"time"

	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

//go:embed query/*.sql
var queryFiles embed.FS

// queries is immutable.
var queries = sqlstore.Load(queryFiles)

// noIDs is a window for stores that nobody asks about an id of a debit: their index of ids stays small, whatever the history.
const noIDs = time.Minute

// part is what a side is opened for.
type part int

const (
	asSource part = iota // everything is posted, and nobody else writes until it is closed
	asTarget             // has the newest schema, and nobody else moves into it
)

// side is one end of a move. It is used by one goroutine at a time; rows of one side must be read to their end, or given up,
// before anything else is asked of it.
type side interface {
	fmt.Stringer // for people
	tables(ctx context.Context) (map[string]table, error)
	references(ctx context.Context) ([][2]string, error)
	// rows of a table behind a key, in its order; nil: all. Whoever is handed a row may keep it.
	rows(ctx context.Context, t table, behind []any) iter.Seq2[[]any, error]
	holds(ctx context.Context, t table) (bool, error) // any row
	meta(ctx context.Context) (map[string]string, error)
	head(ctx context.Context) (string, error) // as verify prints it
	// commitAfter is the id of the first commit at or after an id; 0: there is none.
	commitAfter(ctx context.Context, id int64) (int64, error)
	prove(ctx context.Context, window time.Duration) (store.Report, error)

	// leave marks a source as moved away, unless to is empty, and lets others write to it again.
	leave(ctx context.Context, to string) error

	// clear empties a target and notes that it is being filled.
	clear(ctx context.Context, tables []table, o origin) error
	// write is one transaction; last is called right before its commit.
	write(ctx context.Context, b batch, last func() error) error
	// makeMonths makes parts of the log for what is to come from the source, where the database cuts it.
	makeMonths(ctx context.Context, from side) error
	// settle does what is due once all rows are there, with these facts of the store in place of its own.
	settle(ctx context.Context, meta map[string]string) error
	// open ends the filling: servers may use the target.
	open(ctx context.Context) error

	close() error
}

func openSide(ctx context.Context, o Options, k Kind, p part) (side, error) {
	switch k {
	case SQLite:
		return openSQLite(ctx, o, p)
	case Postgres:
		return openPostgres(ctx, o, p)
	}
	return nil, fmt.Errorf("there is no store of kind %q", k)
}

// metaSettled is drawn anew by every start of an SQLite database, so that its log is synced.
const metaSettled = "settled"

// facts are what a store's meta says about its history. Where it stands in a move, and marks of its own file, are not of it.
func facts(meta map[string]string) map[string]string {
	all := maps.Clone(meta)
	for _, name := range []string{sqlstore.MetaMoving, sqlstore.MetaMovedTo, metaSettled} {
		delete(all, name)
	}
	return all
}

// proved is a whole proof; anything found is an error.
func proved(ctx context.Context, st store.Store, window time.Duration) (store.Report, error) {
	r, err := store.Verify(ctx, st, store.VerifyOptions{IdempotencyWindow: window})
	if err == nil && len(r.Findings) > 0 {
		err = fmt.Errorf("it does not prove: %d found, first %s", len(r.Findings), r.Findings[0])
	}
	return r, err
}

// lane is a row of the lanes.
type lane struct {
	lane, seq, posted int64
	hash              []byte
}

// headOf is the head of all lanes. On a source everything must be posted: what is not would be posted by the target, in rows that
// the source does not have.
func headOf(lanes []lane, p part) (string, error) {
	var heads [taocan.Lanes]store.Head
	for _, l := range lanes {
		if l.lane < 0 || l.lane >= taocan.Lanes {
			return "", fmt.Errorf("there is no lane %d", l.lane)
		}
		if p == asSource && l.posted < l.seq {
			return "", errors.New("a server has written in the meantime: stop it, and run this again")
		}
		h := &heads[l.lane]
		h.Lane, h.Seq, h.Hash = taocan.Lane(l.lane), l.seq, l.hash
	}
	return store.HeadText(heads), nil
}

// insertion of one row.
func (t table) insertion() string {
	return "INSERT INTO " + quoted(t.name) + " (" + t.names() + ") VALUES (" + strings.TrimSuffix(strings.Repeat("?, ", len(t.columns)), ", ") + ")"
}
