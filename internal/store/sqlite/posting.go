package sqlite

import (
	"context"
	"errors"
	"fmt"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// settle posts everything, for those who are about to read it.
func (s *Store) settle(ctx context.Context) error {
	if s.w == nil || !s.w.behind.Load() {
		return nil
	}
	w, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer w.release()
	return s.settleWith(ctx, w)
}

// settleWith is settle for those who hold the token. It posts in a transaction of its own.
func (s *Store) settleWith(ctx context.Context, w *writer) error {
	if !w.behind.Load() {
		return nil
	}
	if err := s.begin(ctx, w); err != nil {
		return err
	}
	done := false
	defer func() {
		if !done { // failed or panicked
			_ = w.rollback()
		}
	}()
	for lane, head := range w.heads {
		if head.Posted < head.Seq {
			if err := w.post(ctx, taocan.Lane(lane)); err != nil {
				return fmt.Errorf("%w: %w", store.ErrNotCommitted, err)
			}
		}
	}
	done = true
	if !w.posted {
		w.abandon()
	} else if err := w.commit(); err != nil {
		return err
	}
	w.behind.Store(false)
	return nil
}

// postSome posts the lanes that have much to post.
func (w *writer) postSome(ctx context.Context) error {
	var work [taocan.Lanes]int
	for lane := range work {
		work[lane] = w.unposted[lane].Work()
	}
	for _, lane := range store.LanesToPost(work) {
		if err := w.post(ctx, lane); err != nil {
			return err
		}
	}
	return nil
}

// post writes what a lane's records did to packages since it was posted last, in the open transaction. If that fails, all that
// the writer remembers is dropped.
func (w *writer) post(ctx context.Context, lane taocan.Lane) error {
	posting := w.unposted[lane].Posting()
	for i := range posting.Packages {
		if err := w.postPackage(ctx, lane, &posting.Packages[i]); err != nil {
			return err
		}
	}
	for _, ref := range posting.Refs {
		b := bind{s: w.hot.refInsert}
		if err := b.text(string(ref.Account), string(ref.Project)).num(ref.First.UnixMicro()).blob(nonNil(ref.More)).exec(); err != nil {
			return fmt.Errorf("reference to debits of project %s: %w", ref.Project, err)
		}
	}
	b := bind{s: w.hot.lanePosted}
	if err := b.num(posting.UpTo, int64(lane)).exec(); err != nil {
		return fmt.Errorf("post lane %d: %w", lane, err)
	}
	w.posted = true
	w.heads[lane].Posted = posting.UpTo
	w.unposted[lane] = store.NewUnposted(lane, posting.UpTo)
	return nil
}

// nonNil is bytes for a column that is not NULL.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func (w *writer) postPackage(ctx context.Context, lane taocan.Lane, p *store.PackagePosting) error {
	owner := p.Tenant
	before, err := w.figures(owner, p.Number)
	if errors.Is(err, taocan.ErrNotFound) { // it gave to another project of its account
		if owner, err = (sqlstore.Reader{Q: querier{w.conn}}).NumberOwner(ctx, p.Number); err == nil {
			before, err = w.figures(owner, p.Number)
		}
	}
	if err != nil {
		return fmt.Errorf("package %s: %w", p.Number, err)
	}
	entries, after := p.Post(owner, lane, before)
	for _, e := range entries {
		if err := w.insertEntry(e); err != nil {
			return err
		}
	}
	b := bind{s: w.hot.packageUpdate}
	err = b.num(int64(after.Remaining), int64(after.Reserved), int64(after.Used)).text(string(owner.Account), string(owner.Project), string(p.Number)).exec()
	if err != nil {
		return fmt.Errorf("package %s: %w", p.Number, err)
	}
	return nil
}

// figures of a package as they are posted.
func (w *writer) figures(t taocan.Tenant, n taocan.PackageNumber) (f store.Figures, err error) {
	found := false
	b := bind{s: w.hot.figures}
	err = b.text(string(t.Account), string(t.Project), string(n)).rows(func(s *sqlite3.Stmt) error {
		found = true
		f = store.Figures{Remaining: taocan.Segments(s.ColumnInt64(0)), Reserved: taocan.Segments(s.ColumnInt64(1)), Used: taocan.Segments(s.ColumnInt64(2))}
		return nil
	})
	if err == nil && !found {
		err = taocan.ErrNotFound
	}
	return f, err
}

func (w *writer) insertEntry(e taocan.Entry) error {
	b := bind{s: w.hot.entryInsert}
	err := b.text(string(e.Account), string(e.Project), string(e.Package)).
		num(e.At.UnixMicro(), int64(e.Kind), int64(e.Remaining), int64(e.Reserved), int64(e.Used), int64(e.RemainingAfter), int64(e.ReservedAfter), int64(e.Debits)).
		text(e.Reference).num(int64(e.Lane), e.Commit).exec()
	if err != nil {
		return fmt.Errorf("%s entry of package %s: %w", e.Kind, e.Package, err)
	}
	return nil
}
