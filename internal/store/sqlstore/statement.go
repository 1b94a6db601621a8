package sqlstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// PackageSpans reads packages one by one.
func (r Reader) PackageSpans(ctx context.Context, t taocan.Tenant, from, until time.Time, fn func(store.PackageSpan) error) error {
	return About(r.packageSpans(ctx, t, from, until, fn), "span of project %s", t.Project)
}

func (r Reader) packageSpans(ctx context.Context, t taocan.Tenant, from, until time.Time, fn func(store.PackageSpan) error) error {
	rows, err := r.Q.QueryContext(ctx, r.Q.Text("package_span"), t.Account, t.Project, Micros(from), Micros(until))
	if err != nil {
		return Kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		s, came, err := scanSpan(rows)
		if err != nil {
			return Kind(err)
		}
		switch {
		case !came.Before(until):
			continue // imported since, as of an earlier instant
		case came.Before(from):
			s.Moved.Imported = 0
		default: // its import's entry, which may be dated before the span, belongs to it
			s.Before = store.Held{}
			s.Moved.Remaining += s.Moved.Imported
		}
		if err := fn(s); err != nil {
			return err
		}
	}
	return Kind(rows.Err())
}

// scanSpan also gives the time of the commit that the package came with.
func scanSpan(row scanner) (s store.PackageSpan, came time.Time, err error) {
	var commit int64
	var extensions []byte
	m := &s.Moved
	err = row.Scan(&s.Number, &s.Category, &s.Purpose, &s.Country, at(&s.FirstExpiry), &extensions, &s.Frozen, &commit, &m.Imported,
		&s.Before.Remaining, &s.Before.Reserved, &s.After.Remaining, &s.After.Reserved,
		&m.Issued, &m.Granted, &m.Adjusted, &m.Released, &m.Committed, &m.Reserved, &m.Debited, &m.TransferredIn, &m.TransferredOut,
		&m.Remaining, &m.ReservedSum)
	if err != nil {
		return s, came, err
	}
	_, came = store.CommitOf(commit)
	s.Extensions, err = extensionsOf(extensions)
	return s, came, err
}

// extensionsOf reads rows of at, expires_at and what remained, as JSON, in any order.
func extensionsOf(text []byte) ([]store.Extension, error) {
	var rows [][3]int64
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, fmt.Errorf("extensions: %w", err)
	}
	slices.SortFunc(rows, func(a, b [3]int64) int { return cmp.Compare(a[0], b[0]) })
	var list []store.Extension
	for _, x := range rows {
		list = append(list, store.Extension{At: FromMicros(x[0]), ExpiresAt: FromMicros(x[1]), Remaining: taocan.Segments(x[2])})
	}
	return list, nil
}

// WalletSpan of an account.
func (r Reader) WalletSpan(ctx context.Context, a taocan.AccountID, from, until time.Time) (s store.WalletSpan, err error) {
	if s.Before, err = r.walletBefore(ctx, a, from); err != nil {
		return s, About(err, "wallet of account %s", a)
	}
	if s.After, err = r.walletBefore(ctx, a, until); err != nil {
		return s, About(err, "wallet of account %s", a)
	}
	s.Moved, err = many(ctx, r.Q, r.Q.Text("wallet_moved"), func(row scanner) (m store.WalletMoved, err error) {
		return m, row.Scan(&m.Kind, text(&m.Project), &m.Entries, &m.Cash, &m.Gift, &m.CreditLimit, &m.CreditUsed)
	}, a, Micros(from), Micros(until))
	return s, About(err, "wallet of account %s", a)
}

// walletBefore is empty before the first entry.
func (r Reader) walletBefore(ctx context.Context, a taocan.AccountID, t time.Time) (taocan.Wallet, error) {
	w, err := one(ctx, r.Q, r.Q.Text("wallet_before"), scanWallet, a, Micros(t))
	if errors.Is(err, taocan.ErrNotFound) {
		return taocan.Wallet{Account: a}, nil
	}
	return w, err
}

// PaidSums adds up payments by project.
func (r Reader) PaidSums(ctx context.Context, a taocan.AccountID, from, until time.Time) ([]store.PaidSum, error) {
	sums, err := many(ctx, r.Q, r.Q.Text("paid_sums"), func(row scanner) (s store.PaidSum, err error) {
		return s, row.Scan(&s.Project, &s.Orders, &s.Messages, &s.Split.Voucher, &s.Split.Gift, &s.Split.Cash, &s.Split.Credit)
	}, a, Micros(from), Micros(until))
	return sums, About(err, "payments of account %s", a)
}

// PaidOrders lists orders by payment.
func (r Reader) PaidOrders(ctx context.Context, t taocan.Tenant, from, until time.Time, limit int) ([]taocan.Order, error) {
	l := listing{query: r.Q.Text("order_list"), name: "paid orders", order: []sortColumn{byNumber("m.paid_at"), byText("o.id")}}
	l.and("o.account_id = ?", t.Account)
	if t.Project != "" {
		l.and("o.project_id = ?", t.Project)
	}
	l.and("m.paid_at >= ? AND m.paid_at < ?", Micros(from), Micros(until))
	orders, _, err := slice(ctx, r.Q, l, store.Paging{Limit: limit}, scanOrder)
	return orders, About(err, "paid orders of account %s", t.Account)
}

// PlatformSpans adds up all accounts.
func (r Reader) PlatformSpans(ctx context.Context, bounds []time.Time, now time.Time) ([]store.PlatformSpan, error) {
	if len(bounds) < 2 {
		return nil, nil
	}
	all := make([]store.PlatformSpan, len(bounds)-1)
	at := make([]int64, len(bounds))
	for i, b := range bounds {
		at[i] = Micros(b)
		if i > 0 {
			all[i-1].From, all[i-1].Until = bounds[i-1], b
		}
	}
	asked, err := json.Marshal(at)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		query string
		args  []any
		into  func(*store.PlatformSpan) []any
	}{
		{r.Q.Text("platform_sold"), []any{string(asked)}, func(s *store.PlatformSpan) []any {
			return []any{&s.Orders, &s.Sold, &s.Revenue.Voucher, &s.Revenue.Gift, &s.Revenue.Cash, &s.Revenue.Credit}
		}},
		{r.Q.Text("platform_overflow"), []any{string(asked)}, func(s *store.PlatformSpan) []any {
			return []any{&s.OverflowMoney.Gift, &s.OverflowMoney.Cash, &s.OverflowMoney.Credit}
		}},
		{r.Q.Text("platform_used"), []any{string(asked)}, func(s *store.PlatformSpan) []any { return []any{&s.Used} }},
		{r.Q.Text("platform_expired"), []any{string(asked), Micros(now)}, func(s *store.PlatformSpan) []any { return []any{&s.Expired} }},
		{r.Q.Text("platform_accounts"), []any{string(asked)}, func(s *store.PlatformSpan) []any { return []any{&s.NewAccounts} }},
	} {
		if err := r.platformPart(ctx, all, part.query, part.args, part.into); err != nil {
			return nil, About(err, "sums of the platform")
		}
	}
	return all, nil
}

// platformPart scans one kind of sums, each row into the span whose place it begins with.
func (r Reader) platformPart(ctx context.Context, all []store.PlatformSpan, query string, args []any, into func(*store.PlatformSpan) []any) error {
	rows, err := r.Q.QueryContext(ctx, query, args...)
	if err != nil {
		return Kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		if err := rows.Scan(append([]any{&i}, into(&store.PlatformSpan{})...)...); err != nil { // which span it is
			return Kind(err)
		}
		if err := rows.Scan(append([]any{&i}, into(&all[i])...)...); err != nil {
			return Kind(err)
		}
	}
	return Kind(rows.Err())
}

// Liabilities at an instant, from the figures as they stand.
func (r Reader) Liabilities(ctx context.Context, now time.Time) (store.Liabilities, error) {
	l, err := one(ctx, r.Q, r.Q.Text("platform_liabilities"), func(row scanner) (l store.Liabilities, err error) {
		return l, row.Scan(&l.Packages, &l.Remaining, &l.Reserved, &l.Unpaid, &l.Money.Voucher, &l.Money.Gift, &l.Money.Cash, &l.Money.Credit)
	}, Micros(now))
	return l, About(err, "liabilities")
}

// TopCustomers by cash and credit.
func (r Reader) TopCustomers(ctx context.Context, from, until time.Time, limit int) ([]store.Customer, error) {
	all, err := many(ctx, r.Q, r.Q.Text("platform_customers"), func(row scanner) (c store.Customer, err error) {
		return c, row.Scan(&c.Account, &c.Orders, &c.Sold, &c.Revenue.Voucher, &c.Revenue.Gift, &c.Revenue.Cash, &c.Revenue.Credit)
	}, Micros(from), Micros(until), limit)
	return all, About(err, "top customers")
}
