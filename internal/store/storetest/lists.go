package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// checkPages reads a list by number and by cursor in pages of several sizes: pages never overlap, cover all, and
// agree on the total.
func checkPages[T any](f *fixture, what string, want []T, list func(ctx context.Context, r store.Reader, p store.Paging) (store.Page[T], error)) {
	f.Helper()
	read := func(p store.Paging) store.Page[T] {
		return get(f, func(ctx context.Context, r store.Reader) (store.Page[T], error) { return list(ctx, r, p) })
	}
	limits := []int{7, max(len(want), 1), len(want) + 5}
	if len(want) < 15 {
		limits = append(limits, 1, 2, 3)
	}
	for _, limit := range limits {
		var byNumber, byCursor []T
		for offset := 0; offset <= len(want); offset += limit {
			page := read(store.Paging{Limit: limit, Offset: offset})
			byNumber = append(byNumber, page.Items...)
			if page.Total != len(want) || page.AtLeast {
				f.Errorf("%s: total %d (at least: %v), want %d", what, page.Total, page.AtLeast, len(want))
			}
		}
		same(f, fmt.Sprintf("%s by number, %d a page", what, limit), byNumber, want)
		cursor := ""
		for range len(want) + 1 {
			page := read(store.Paging{Limit: limit, Cursor: cursor})
			byCursor = append(byCursor, page.Items...)
			if cursor = page.Next; cursor == "" {
				break
			}
			if len(page.Items) != limit {
				f.Errorf("%s: a page of %d before the end, want %d", what, len(page.Items), limit)
			}
		}
		same(f, fmt.Sprintf("%s by cursor, %d a page", what, limit), byCursor, want)
		if cursor != "" {
			f.Errorf("%s: no end by cursor", what)
		}
	}
	beyond := read(store.Paging{Limit: 3, Offset: len(want) + 3})
	same(f, what+" beyond the end", beyond.Items, []T(nil))
	for _, bad := range []string{"x", "!", "WyJhIl0", "bnVsbA", "WzEsMiwzXQ"} {
		err := f.st.View(f.Context(), func(r store.Reader) error {
			_, err := list(f.Context(), r, store.Paging{Limit: 3, Cursor: bad})
			return err
		})
		var invalid *taocan.InvalidError
		if !errors.As(err, &invalid) || len(invalid.Fields) != 1 || invalid.Fields[0].Location != "query.cursor" {
			f.Errorf("%s with cursor %q: got error %v, want one about query.cursor", what, bad, err)
		}
	}
}

// modelPackage is a package with all that it ever held.
type modelPackage struct {
	taocan.Package
	past []held // by time
}

type held struct {
	at             time.Time
	remaining      taocan.Segments
	adjusted       taocan.Segments
	expires, first time.Time
	frozen         bool
}

// hold notes what the package is from an instant on.
func (m *modelPackage) hold(at time.Time) {
	m.past = append(m.past, held{at, m.Remaining, m.Adjusted, m.ExpiresAt, m.FirstExpiresAt, m.Frozen})
}

// at is the package as it was; false where it was not there.
func (m modelPackage) at(when time.Time) (taocan.Package, bool) {
	p := m.Package
	known := false
	for _, h := range m.past {
		if !h.at.After(when) {
			p.Remaining, p.Adjusted, p.ExpiresAt, p.FirstExpiresAt, p.Frozen, known = h.remaining, h.adjusted, h.expires, h.first, h.frozen, true
		}
	}
	return p, known
}

// build fills a project with packages of all kinds, changed at several times, and returns what a list must know.
func (f *fixture) build(t taocan.Tenant, r *rand.Rand, n int) []modelPackage {
	f.Helper()
	names := []string{"国内短信包(验证通知)", "5000条", "100%_包", "Plan B", `back\slash`}
	var made []modelPackage
	for range n {
		at := f.clock.Now()
		p := f.newPackage(t, at.Add(-time.Duration(r.IntN(4))*24*time.Hour), func(p *taocan.Package) {
			p.Number = taocan.PackageNumber(fmt.Sprintf("U%dB26030%d12%05X", r.IntN(2), r.IntN(9), f.draw()*7919%0xFFFFF))
			p.Name = names[r.IntN(len(names))]
			p.Purpose = taocan.Purposes[r.IntN(3)]
			p.Total = taocan.Segments(1+r.IntN(5)) * 100
			p.Remaining = taocan.Segments(r.IntN(3)) * p.Total / 2
			p.Used = p.Total - p.Remaining
			p.ExistsFrom = at
			if r.IntN(3) == 0 { // an import is known from its snapshot on, which lies back
				p.ExistsFrom = at.Add(-time.Duration(1+r.IntN(48)) * time.Hour)
			}
			p.ExpiresAt = at.Add(time.Duration(r.IntN(8)-3) * 24 * time.Hour)
			if r.IntN(3) == 0 {
				p.Category, p.Country = taocan.International, taocan.Country([]string{"MY", "SG", "HK"}[r.IntN(3)])
			}
		})
		f.update(t.Account, func(ctx context.Context, tx store.Tx) error { return tx.InsertPackage(ctx, p, taocan.EntryImport, "") })
		made = append(made, modelPackage{Package: p})
		made[len(made)-1].hold(p.ExistsFrom)
		if r.IntN(2) == 0 {
			f.clock.Advance(time.Duration(r.IntN(6)) * time.Hour)
			m := &made[r.IntN(len(made))]
			delta := taocan.Segments(r.IntN(3)-1) * 100
			if delta < 0 {
				delta = -m.Remaining
			}
			f.update(t.Account, func(ctx context.Context, tx store.Tx) error {
				m.Remaining += delta
				m.Adjusted += delta
				m.hold(tx.Now())
				return tx.AdjustPackage(ctx, t, m.Number, delta, "")
			})
		}
		if r.IntN(2) == 0 {
			f.clock.Advance(time.Duration(r.IntN(6)) * time.Hour)
			f.live(&made[r.IntN(len(made))], r)
		}
	}
	return made
}

// live extends a package, freezes it, or unfreezes it.
func (f *fixture) live(m *modelPackage, r *rand.Rand) {
	f.Helper()
	if r.IntN(3) == 0 {
		if m.FirstExpiresAt.IsZero() {
			m.FirstExpiresAt = m.ExpiresAt
		}
		m.ExpiresAt = m.ExpiresAt.Add(time.Duration(1+r.IntN(4)) * 24 * time.Hour)
		f.extend(m.Tenant, m.Number, m.ExpiresAt)
	} else {
		m.Frozen = !m.Frozen
		f.freeze(m.Tenant, m.Number, m.Frozen)
	}
	m.hold(f.lastCommit(m.Account))
}

// instants are those at which something changes for one of the packages, and the microsecond before.
func instants(made []modelPackage, until time.Time) []time.Time {
	var all []time.Time
	for _, m := range made {
		for _, h := range m.past {
			for _, at := range []time.Time{h.at, h.expires} {
				if at.Before(until) {
					all = append(all, at, at.Add(-time.Microsecond))
				}
			}
		}
	}
	return all
}

// listed is what the model says a filter finds.
func listed(made []modelPackage, filter store.PackageFilter) []taocan.Package {
	now := filter.Now
	var found []taocan.Package
	for _, m := range made {
		p := m.Package
		if !filter.AsOf.IsZero() {
			now = filter.AsOf
			var known bool
			if p, known = m.at(now); !known {
				continue
			}
		}
		q := strings.ToLower(filter.Query)
		switch {
		case filter.Category != "" && p.Category != filter.Category,
			filter.Country != "" && p.Country != filter.Country,
			len(filter.Purposes) > 0 && !slices.Contains(filter.Purposes, p.Purpose),
			len(filter.Statuses) > 0 && !slices.Contains(filter.Statuses, p.Status(now)),
			!strings.HasPrefix(strings.ToLower(string(p.Number)), q) && !strings.Contains(strings.ToLower(p.Name), q):
			continue
		}
		found = append(found, p)
	}
	sort := filter.Sort
	if sort == "" {
		sort = "-purchased_at"
	}
	key, desc := strings.CutPrefix(sort, "-")
	value := func(p taocan.Package) int64 {
		switch key {
		case "total":
			return int64(p.Total)
		case "remaining":
			return int64(p.Remaining)
		case "expires_at":
			return p.ExpiresAt.UnixMicro()
		case "purchased_at":
			return p.PurchasedAt.UnixMicro()
		}
		return 0
	}
	slices.SortFunc(found, func(a, b taocan.Package) int {
		less := value(a) < value(b) || value(a) == value(b) && a.Number < b.Number
		if less != desc {
			return -1
		}
		return 1
	})
	return found
}

var listCases = []testCase{
	{"packages are filtered, sorted and paged as a plain list would be, now and as of any instant", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		r := rand.New(rand.NewPCG(1, 2))
		f.build(alphaOther, r, 5)
		f.build(beta, r, 5)
		made := f.build(alpha, r, 60)
		f.clock.Advance(6 * time.Hour)
		past := instants(made, f.clock.Now())
		statuses := []taocan.Status{taocan.Active, taocan.Exhausted, taocan.Expired, taocan.Frozen}
		pick := func(filter *store.PackageFilter) {
			filter.Now = f.clock.Now()
			if r.IntN(2) == 0 {
				filter.AsOf = past[r.IntN(len(past))]
			}
			if r.IntN(3) == 0 {
				filter.Category = []taocan.Category{taocan.Domestic, taocan.International}[r.IntN(2)]
			}
			if r.IntN(5) == 0 {
				filter.Country = "MY"
			}
			if r.IntN(3) == 0 {
				filter.Purposes = taocan.Purposes[r.IntN(2):][:1+r.IntN(2)]
			}
			if r.IntN(2) == 0 {
				r.Shuffle(len(statuses), func(i, j int) { statuses[i], statuses[j] = statuses[j], statuses[i] })
				filter.Statuses = slices.Clone(statuses[:1+r.IntN(len(statuses))])
			}
			if r.IntN(3) == 0 {
				filter.Query = []string{"u1b26", "U0", "条", "%", "_", "plan", `\`, "B", "nothing", string(made[r.IntN(len(made))].Number)}[r.IntN(10)]
			}
		}
		for i := range 6 {
			for _, sort := range append(store.PackageSorts, "") {
				filter := store.PackageFilter{Sort: sort}
				if sort != "" && i%2 == 1 {
					filter.Sort = "-" + sort
				}
				if i > 0 {
					pick(&filter)
				}
				filter.Now = f.clock.Now()
				what := fmt.Sprintf("%+v", filter)
				checkPages(f, what, listed(made, filter), func(ctx context.Context, r store.Reader, p store.Paging) (store.Page[taocan.Package], error) {
					filter := filter
					filter.Paging = p
					return r.Packages(ctx, alpha, filter)
				})
				if f.Failed() {
					return
				}
			}
		}
	}},
	{"an unknown sort or a cursor of another sort is refused", func(f *fixture) {
		f.open(alpha)
		f.put(f.newPackage(alpha, f.clock.Now()), f.newPackage(alpha, f.clock.Now()))
		list := func(filter store.PackageFilter) (page store.Page[taocan.Package], err error) {
			filter.Now = f.clock.Now()
			err = f.st.View(f.Context(), func(r store.Reader) error {
				page, err = r.Packages(f.Context(), alpha, filter)
				return err
			})
			return page, err
		}
		for _, sort := range []string{"name", "--total", "total desc", "p.total; DROP TABLE package", "-"} {
			if _, err := list(store.PackageFilter{Sort: sort, Paging: store.Paging{Limit: 1}}); !errors.Is(err, taocan.ErrInvalid) {
				f.Errorf("sort %q: got error %v, want %v", sort, err, taocan.ErrInvalid)
			}
		}
		page, err := list(store.PackageFilter{Sort: "total", Paging: store.Paging{Limit: 1}})
		if err != nil || page.Next == "" {
			f.Fatalf("got cursor %q and error %v, want a cursor", page.Next, err)
		}
		for _, sort := range []string{"-total", "number", "expires_at"} {
			if _, err := list(store.PackageFilter{Sort: sort, Paging: store.Paging{Limit: 1, Cursor: page.Next}}); !errors.Is(err, taocan.ErrInvalid) {
				f.Errorf("cursor of total with sort %q: got error %v, want %v", sort, err, taocan.ErrInvalid)
			}
		}
	}},
	{"balances are the sums of active packages, now and as of any instant", func(f *fixture) {
		f.open(alpha, alphaOther)
		r := rand.New(rand.NewPCG(3, 4))
		f.build(alphaOther, r, 5)
		made := f.build(alpha, r, 60)
		past := instants(made, f.clock.Now())
		for _, category := range []taocan.Category{taocan.Domestic, taocan.International} {
			for _, asOf := range append(past, time.Time{}) {
				when := asOf
				if asOf.IsZero() {
					when = f.clock.Now()
				}
				want := taocan.Balance{Category: category, AsOf: when, ByPurpose: map[taocan.Purpose]taocan.Segments{}, ByCountry: map[taocan.Country]taocan.Segments{}}
				for _, p := range taocan.Purposes {
					want.ByPurpose[p] = 0
				}
				for _, m := range made {
					p, known := m.at(when)
					if known && p.Category == category && p.Status(when) == taocan.Active {
						want.Remaining += p.Remaining
						want.ByPurpose[p.Purpose] += p.Remaining
						if p.Country != "" {
							want.ByCountry[p.Country] += p.Remaining
						}
					}
				}
				got := get(f, func(ctx context.Context, r store.Reader) (taocan.Balance, error) {
					return r.Balance(ctx, alpha, category, f.clock.Now(), asOf)
				})
				same(f, fmt.Sprintf("%s as of %v", category, when), got, want)
			}
		}
	}},
	{"every other list is paged without gap or overlap", func(f *fixture) {
		f.open(alpha, beta)
		const n = 12
		at := func(i int) time.Time { return start.Add(time.Duration(i/3) * time.Second) } // three share an instant
		var accounts []taocan.Account
		var projects []taocan.Project
		var tokens []taocan.Token
		var audit []taocan.AuditEntry
		f.update("", func(ctx context.Context, tx store.Tx) error {
			var errs []error
			for i := range n {
				a := taocan.Account{ID: taocan.AccountID(fmt.Sprintf("c%02d", i)), Level: taocan.Personal, CreatedAt: at(i)}
				p := taocan.Project{ID: taocan.ProjectID(fmt.Sprintf("p%02d", i)), Account: a.ID, CreatedAt: at(i)}
				k := f.newToken(alpha, at(i))
				e := taocan.AuditEntry{At: at(i), Action: "x", N: int64(i + 1)}
				errs = append(errs, tx.InsertAccount(ctx, a), tx.InsertProject(ctx, p), tx.InsertToken(ctx, k), tx.InsertAudit(ctx, e))
				accounts, projects = append(accounts, a), append(projects, p)
				tokens, audit = append(tokens, k), append(audit, e)
			}
			return errors.Join(errs...)
		})
		var orders []taocan.Order
		var vouchers []taocan.Voucher
		var statement []taocan.WalletEntry
		p := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		for i := range n {
			o := f.newOrder(alpha, at(i))
			v := f.newVoucher("alpha", start, func(v *taocan.Voucher) { v.ValidUntil, v.IssuedAt = at(i).AddDate(0, 1, 0), at(i) })
			f.putOrders(o)
			f.putVouchers(v)
			orders, vouchers = append(orders, o), append(vouchers, v)
			f.update("alpha", func(ctx context.Context, tx store.Tx) error {
				e, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: "alpha", Kind: taocan.WalletGift, Gift: 1})
				statement = append(statement, e)
				return err
			})
			f.adjust(alpha, p.Number, 1)
		}
		known := get(f, func(ctx context.Context, r store.Reader) ([]taocan.Account, error) {
			page, err := r.Accounts(ctx, store.AccountFilter{Paging: all()})
			return page.Items, err
		})
		checkPages(f, "accounts", append(known[:2:2], accounts...), func(ctx context.Context, r store.Reader, p store.Paging) (store.Page[taocan.Account], error) {
			return r.Accounts(ctx, store.AccountFilter{Paging: p})
		})
		checkPages(f, "projects of an account", projects[:1], func(ctx context.Context, r store.Reader, p store.Paging) (store.Page[taocan.Project], error) {
			return r.Projects(ctx, "c00", p)
		})
		checkPages(f, "tokens", reversed(tokens), func(ctx context.Context, r store.Reader, p store.Paging) (store.Page[taocan.Token], error) {
			return r.Tokens(ctx, alpha, p)
		})
		checkPages(f, "audit", reversed(audit), func(ctx context.Context, r store.Reader, p store.Paging) (store.Page[taocan.AuditEntry], error) {
			return r.AuditEntries(ctx, store.AuditFilter{Paging: p})
		})
		checkPages(f, "orders", reversed(orders), func(ctx context.Context, r store.Reader, p store.Paging) (store.Page[taocan.Order], error) {
			return r.Orders(ctx, alpha, taocan.OrderPending, start, p)
		})
		checkPages(f, "all orders", reversed(orders), func(ctx context.Context, r store.Reader, p store.Paging) (store.Page[taocan.Order], error) {
			return r.AllOrders(ctx, store.OrderFilter{Now: start, Paging: p})
		})
		checkPages(f, "statement", reversed(statement), func(ctx context.Context, r store.Reader, p store.Paging) (store.Page[taocan.WalletEntry], error) {
			return r.WalletEntries(ctx, "alpha", p)
		})
		checkPages(f, "vouchers", vouchers, func(ctx context.Context, r store.Reader, p store.Paging) (store.Page[taocan.Voucher], error) {
			return r.Vouchers(ctx, "alpha", p)
		})
		checkPages(f, "all vouchers", reversed(vouchers), func(ctx context.Context, r store.Reader, p store.Paging) (store.Page[taocan.Voucher], error) {
			return r.AllVouchers(ctx, store.VoucherFilter{Paging: p})
		})
		checkPages(f, "entries", f.entries(alpha, p.Number), func(ctx context.Context, r store.Reader, paging store.Paging) (store.Page[taocan.Entry], error) {
			return r.Entries(ctx, alpha, p.Number, paging)
		})
		same(f, "number of entries", len(f.entries(alpha, p.Number)), n+1)
	}},
	{"lists without anything are empty", func(f *fixture) {
		f.open(alpha)
		checkPages(f, "orders", nil, func(ctx context.Context, r store.Reader, p store.Paging) (store.Page[taocan.Order], error) {
			return r.Orders(ctx, alpha, "", start, p)
		})
		checkPages(f, "packages", nil, func(ctx context.Context, r store.Reader, p store.Paging) (store.Page[taocan.Package], error) {
			return r.Packages(ctx, alpha, store.PackageFilter{Now: start, Paging: p})
		})
	}},
}

func reversed[T any](list []T) []T {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}
