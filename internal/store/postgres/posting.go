package postgres

import (
	"context"
	"fmt"

	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// settle posts everything, for those who are about to read it. A lane at a time: nobody waits for all.
func (s *Store) settle(ctx context.Context) error {
	if s.writers == nil {
		return nil // a reader, perhaps of a standby, sees what there is
	}
	var lanes []int64
	err := s.Peek(ctx, func(r store.Reader) error {
		heads, err := r.Heads(ctx)
		for _, h := range heads {
			if h.Posted < h.Seq {
				lanes = append(lanes, int64(h.Lane))
			}
		}
		return err
	})
	for _, lane := range lanes {
		if err == nil {
			err = s.settleLane(ctx, lane)
		}
	}
	return err
}

func (s *Store) settleLane(ctx context.Context, lane int64) error {
	lanes := []int64{lane}
	release, err := s.hold(ctx, lanes)
	if err != nil {
		return err
	}
	defer release()
	for attempt := 0; ; attempt++ {
		again, err := s.settleOnce(ctx, lanes)
		if err == nil || !again || attempt >= retries || !pause(ctx, attempt) {
			return sqlstore.About(err, "post lane %d", lane)
		}
	}
}

func (s *Store) settleOnce(ctx context.Context, lanes []int64) (again bool, err error) {
	done := false
	defer func() {
		if !done {
			s.forget(lanes)
		}
	}()
	c, err := s.writers.Conn(ctx)
	if err != nil {
		return false, notCommitted(err)
	}
	defer func() { _ = c.Close() }()
	x, err := sessionOf(c)
	if err != nil {
		return false, notCommitted(err)
	}
	b := &loader{s: s, q: querier{c}}
	err = s.lock(ctx, b.q, lanes)
	if err == nil {
		err = s.postAll(ctx, b, taocan.Lane(lanes[0]))
	}
	if err != nil {
		return x.failure != nil && transient(x.failure), notCommitted(err)
	}
	if b.posted {
		if uncertain, err := x.commit(context.WithoutCancel(ctx)); err != nil {
			return !uncertain && transient(err), sqlstore.Kind(err)
		}
	}
	done = true
	return false, nil
}

// postSome posts those of the locked lanes that have much to post.
func (s *Store) postSome(ctx context.Context, b *loader, lanes []int64) error {
	var work [taocan.Lanes]int
	for _, lane := range lanes {
		work[lane] = s.memory[lane].unposted.Work()
	}
	for _, lane := range store.LanesToPost(work) {
		if err := s.post(ctx, b, lane); err != nil {
			return err
		}
	}
	return nil
}

// postAll posts a lane if there is anything to post.
func (s *Store) postAll(ctx context.Context, b *loader, lane taocan.Lane) error {
	if m := &s.memory[lane]; m.head.Posted < m.head.Seq {
		return s.post(ctx, b, lane)
	}
	return nil
}

// post writes what a lane's records did to packages since it was posted last, in the open transaction. If that fails, what is
// remembered of the lane is dropped.
func (s *Store) post(ctx context.Context, b *loader, lane taocan.Lane) error {
	m := &s.memory[lane]
	posting := m.unposted.Posting()
	owners, before, err := b.figures(ctx, posting.Packages)
	if err != nil {
		return err
	}
	var e entryColumns
	var f figureColumns
	for i := range posting.Packages {
		p := &posting.Packages[i]
		entries, after := p.Post(owners[i], lane, before[i])
		for j := range entries {
			e.add(&entries[j])
		}
		f.add(owners[i], p.Number, before[i], after)
	}
	var r refColumns
	for _, ref := range posting.Refs {
		r.add(ref)
	}
	if len(f.numbers) > 0 {
		var moved int64
		if err := b.q.QueryRowContext(ctx, b.q.Text("package_figures_update_many"), f.accounts, f.projects, f.numbers, f.remaining, f.reserved, f.used, f.moreRemaining, f.moreReserved).Scan(&moved); err != nil {
			return sqlstore.Kind(err)
		}
		if moved != int64(len(f.numbers)) {
			panic(fmt.Sprintf("postgres: a posting of lane %d moved %d packages of %d", lane, moved, len(f.numbers)))
		}
		if err := b.run(ctx, "entry_insert_many", e.accounts, e.projects, e.packages, e.ats, e.kinds, e.remaining, e.reserved, e.used, e.remainingAfter, e.reservedAfter, e.debits, e.references, e.lanes, e.commits); err != nil {
			return fmt.Errorf("entries: %w", err)
		}
	}
	if len(r.firsts) > 0 {
		if err := b.run(ctx, "debit_ref_insert_many", r.accounts, r.projects, r.firsts, r.more); err != nil {
			return fmt.Errorf("references to debits: %w", err)
		}
	}
	if err := b.run(ctx, "lane_posted", posting.UpTo, lane); err != nil {
		return err
	}
	b.posted = true
	m.head.Posted = posting.UpTo
	m.unposted = store.NewUnposted(lane, posting.UpTo)
	return nil
}

// run runs a statement of the transaction.
func (b *loader) run(ctx context.Context, name string, args ...any) error {
	_, err := b.q.ExecContext(ctx, b.q.Text(name), args...)
	return sqlstore.Kind(err)
}

// figures finds whose packages these are, and what they hold as it is posted.
func (b *loader) figures(ctx context.Context, packages []store.PackagePosting) (owners []taocan.Tenant, figures []store.Figures, err error) {
	owners, figures = make([]taocan.Tenant, len(packages)), make([]store.Figures, len(packages))
	for i := range packages {
		owners[i] = packages[i].Tenant
	}
	missing, err := b.readFigures(ctx, packages, owners, figures, every(len(packages)))
	if err != nil || len(missing) == 0 {
		return owners, figures, err
	}
	for _, i := range missing { // they gave to other projects of their accounts
		if owners[i], err = b.Reader().NumberOwner(ctx, packages[i].Number); err != nil {
			return nil, nil, fmt.Errorf("package %s: %w", packages[i].Number, err)
		}
	}
	if missing, err = b.readFigures(ctx, packages, owners, figures, missing); err == nil && len(missing) > 0 {
		err = fmt.Errorf("package %s: %w", packages[missing[0]].Number, taocan.ErrNotFound)
	}
	return owners, figures, err
}

func every(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// readFigures reads those of some packages, and says which were not there.
func (b *loader) readFigures(ctx context.Context, packages []store.PackagePosting, owners []taocan.Tenant, figures []store.Figures, wanted []int) (missing []int, err error) {
	type key struct {
		taocan.Tenant
		n taocan.PackageNumber
	}
	places := make(map[key]int, len(wanted))
	var accounts, projects, numbers []string
	for _, i := range wanted {
		places[key{owners[i], packages[i].Number}] = i
		accounts, projects, numbers = append(accounts, string(owners[i].Account)), append(projects, string(owners[i].Project)), append(numbers, string(packages[i].Number))
	}
	rows, err := b.q.QueryContext(ctx, b.q.Text("package_figures_many"), accounts, projects, numbers)
	if err != nil {
		return nil, sqlstore.Kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var k key
		var f store.Figures
		if err := rows.Scan(&k.Account, &k.Project, &k.n, &f.Remaining, &f.Reserved, &f.Used); err != nil {
			return nil, sqlstore.Kind(err)
		}
		figures[places[k]] = f
		delete(places, k)
	}
	for _, i := range places {
		missing = append(missing, i)
	}
	return missing, sqlstore.Kind(rows.Err())
}

type entryColumns struct {
	accounts, projects, packages, references []string
	ats, kinds, remaining, reserved, used    []int64
	remainingAfter, reservedAfter            []int64
	debits, lanes, commits                   []int64
}

func (c *entryColumns) add(e *taocan.Entry) {
	c.accounts, c.projects = append(c.accounts, string(e.Account)), append(c.projects, string(e.Project))
	c.packages, c.references = append(c.packages, string(e.Package)), append(c.references, e.Reference)
	c.ats, c.kinds = append(c.ats, e.At.UnixMicro()), append(c.kinds, int64(e.Kind))
	c.remaining, c.reserved, c.used = append(c.remaining, int64(e.Remaining)), append(c.reserved, int64(e.Reserved)), append(c.used, int64(e.Used))
	c.remainingAfter, c.reservedAfter = append(c.remainingAfter, int64(e.RemainingAfter)), append(c.reservedAfter, int64(e.ReservedAfter))
	c.debits, c.lanes, c.commits = append(c.debits, int64(e.Debits)), append(c.lanes, int64(e.Lane)), append(c.commits, e.Commit)
}

type figureColumns struct {
	accounts, projects, numbers                            []string
	remaining, reserved, used, moreRemaining, moreReserved []int64
}

func (c *figureColumns) add(t taocan.Tenant, n taocan.PackageNumber, before, after store.Figures) {
	c.accounts, c.projects, c.numbers = append(c.accounts, string(t.Account)), append(c.projects, string(t.Project)), append(c.numbers, string(n))
	c.remaining, c.reserved, c.used = append(c.remaining, int64(after.Remaining)), append(c.reserved, int64(after.Reserved)), append(c.used, int64(after.Used))
	c.moreRemaining = append(c.moreRemaining, int64(after.Remaining-before.Remaining))
	c.moreReserved = append(c.moreReserved, int64(after.Reserved-before.Reserved))
}

type refColumns struct {
	accounts, projects []string
	firsts             []int64
	more               [][]byte
}

func (c *refColumns) add(r store.DebitRefs) {
	more := r.More
	if more == nil {
		more = []byte{} // not NULL
	}
	c.accounts, c.projects = append(c.accounts, string(r.Account)), append(c.projects, string(r.Project))
	c.firsts, c.more = append(c.firsts, r.First.UnixMicro()), append(c.more, more)
}
