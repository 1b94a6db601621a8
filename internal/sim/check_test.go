package sim_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/store/storetest"
	"taocan/internal/taocan"
)

// key names what a caller was answered about.
type key struct {
	taocan.Tenant
	id taocan.DebitID
}

// how much of a store is looked at.
type looks uint8

const (
	records    looks = 1 << iota // heads, and what stands under every id; needs nothing posted
	figures                      // heads, packages, wallets and orders
	everything = records | figures
)

// differs says how the store does not hold what the books say, or "".
func (w *world) differs(b *books, what looks) (diff string, err error) {
	look := func(how func(context.Context, func(store.Reader) error) error, at ...func(*books, store.Reader) (string, error)) error {
		return how(w.ctx, func(r store.Reader) error {
			for _, differ := range at {
				if diff, err = differ(b, r); err != nil || diff != "" {
					return err
				}
			}
			return nil
		})
	}
	if what&records != 0 {
		err = look(w.store.Peek, w.headsDiffer, w.recordsDiffer)
	}
	if what&figures != 0 && err == nil && diff == "" {
		err = look(w.store.View, w.headsDiffer, w.figuresDiffer)
	}
	return diff, err
}

func (w *world) headsDiffer(b *books, r store.Reader) (string, error) {
	heads, err := r.Heads(w.ctx)
	if err != nil {
		return "", err
	}
	for lane, want := range b.lanes {
		if got := heads[lane]; got.Seq != want.seq || want.seq > 0 && !got.At.Equal(want.at) {
			return fmt.Sprintf("lane %d ends with commit %d at %s, want %d at %s", lane, got.Seq, got.At.Format(clockFormat), want.seq, want.at.Format(clockFormat)), nil
		}
	}
	return "", nil
}

func (w *world) figuresDiffer(b *books, r store.Reader) (string, error) {
	all, err := r.PackagesAfter(w.ctx, taocan.Tenant{}, "", 10_000)
	if err != nil {
		return "", err
	}
	count := 0
	for _, m := range b.projects {
		count += len(m.Packages)
	}
	if len(all) != count {
		return fmt.Sprintf("%d packages, want %d", len(all), count), nil
	}
	for _, p := range all {
		want := b.pkg(p.Tenant, p.Number)
		if want == nil {
			return fmt.Sprintf("package %s, which nobody has made", p.Number), nil
		}
		_, frozen := b.frozen[p.Number]
		if p.Remaining != want.Remaining || p.Reserved != want.Reserved || p.Used != want.Used || !p.ExpiresAt.Equal(b.expires(want)) || p.Frozen != frozen {
			return fmt.Sprintf("package %s holds %d/%d/%d until %s (frozen: %t), want %d/%d/%d until %s (frozen: %t)", p.Number, p.Remaining, p.Reserved, p.Used,
				p.ExpiresAt.Format(clockFormat), p.Frozen, want.Remaining, want.Reserved, want.Used, b.expires(want).Format(clockFormat), frozen), nil
		}
	}
	wallets, err := r.WalletsAfter(w.ctx, "", 100)
	if err != nil {
		return "", err
	}
	for _, x := range wallets {
		if x.Cash != b.cash[x.Account] {
			return fmt.Sprintf("account %s has %s, want %s", x.Account, x.Cash, b.cash[x.Account]), nil
		}
	}
	orders, err := r.OrdersAfter(w.ctx, taocan.Tenant{}, "", 1000)
	if err != nil {
		return "", err
	}
	if len(orders) != len(b.orders) {
		return fmt.Sprintf("%d orders, want %d", len(orders), len(b.orders)), nil
	}
	for _, o := range orders {
		if o.State != b.orders[o.ID] {
			return fmt.Sprintf("order %s is %s, want %s", o.ID, o.State, b.orders[o.ID]), nil
		}
	}
	return "", nil
}

func (w *world) recordsDiffer(b *books, r store.Reader) (string, error) {
	for _, k := range w.known {
		want := b.projects[k.Tenant].Records[k.id]
		d, err := r.Debit(w.ctx, k.Tenant, k.id)
		switch {
		case want == nil && w.first[k] != nil:
			return fmt.Sprintf("%s of %s was answered, and is not in these books", k.id, k.Project), nil
		case errors.Is(err, taocan.ErrNotFound) && want == nil:
			continue
		case errors.Is(err, taocan.ErrNotFound):
			return fmt.Sprintf("nothing stands under %s of %s, want it %s", k.id, k.Project, want.State), nil
		case err != nil:
			return "", err
		case want == nil:
			return fmt.Sprintf("%s of %s is %s, want nothing there", k.id, k.Project, d.State), nil
		}
		answer := storetest.ModelAnswer{Record: want, Replayed: true}
		if diff := answer.Differs(store.Outcome{Debit: &d, Replayed: true}); diff != "" {
			return fmt.Sprintf("%s of %s: %s", k.id, k.Project, diff), nil
		}
		if first := w.first[k]; first != nil && !d.At.Equal(first.At) {
			return fmt.Sprintf("%s of %s was answered at %s and stands at %s", k.id, k.Project, first.At.Format(clockFormat), d.At.Format(clockFormat)), nil
		}
	}
	return "", nil
}

// replay asks once more for everything that was answered: nothing may come of it but the same answers.
func (w *world) replay() error {
	keys := slices.SortedFunc(maps.Keys(w.first), func(a, b key) int {
		return slices.Compare([]string{string(a.Project), string(a.id)}, []string{string(b.Project), string(b.id)})
	})
	var ops []store.Op
	for _, k := range keys {
		r := w.first[k].DebitRequest
		ops = append(ops, store.Op{Tenant: k.Tenant, Kind: store.OpTake, Request: r, ID: r.ID})
	}
	if len(ops) == 0 {
		return nil
	}
	now := w.clock.Now()
	want := w.truth.clone().batch(ops, now)
	outcomes, err := w.store.CommitDebits(w.ctx, ops, debit.Decide)
	if err != nil {
		return fmt.Errorf("replay of %d answers: %w", len(ops), err)
	}
	for i, o := range outcomes {
		if o.Err != nil || !o.Replayed {
			return fmt.Errorf("%s of %s had been answered; asked again: %+v", ops[i].ID, ops[i].Project, o)
		}
		if diff := want[i].Differs(o); diff != "" {
			return fmt.Errorf("%s of %s had been answered; asked again: %s", ops[i].ID, ops[i].Project, diff)
		}
		if first := w.first[keys[i]]; !o.Debit.At.Equal(first.At) {
			return fmt.Errorf("%s of %s was answered at %s, and again at %s", ops[i].ID, ops[i].Project, first.At, o.Debit.At)
		}
	}
	return nil
}

// prove runs store.Verify.
func (w *world) prove() error {
	report, err := store.Verify(context.Background(), w.store, store.VerifyOptions{})
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if len(report.Findings) > 0 {
		return fmt.Errorf("verify: %v", report.Findings)
	}
	return nil
}

// compare looks at every figure.
func (w *world) compare() error {
	diff, err := w.differs(w.truth, figures)
	if err != nil && w.well() {
		return fmt.Errorf("compare: %w", err)
	}
	if diff != "" {
		return errors.New(diff)
	}
	return nil
}
