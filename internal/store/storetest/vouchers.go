package storetest

import (
	"context"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

var voucherCases = []testCase{
	{"a code is redeemed by one account, once", func(f *fixture) {
		f.open(alpha, beta)
		v := f.newVoucher("", f.clock.Now(), func(v *taocan.Voucher) {
			v.Scope = taocan.VoucherScope{Categories: []taocan.Category{taocan.Domestic}, Purposes: []taocan.Purpose{taocan.Marketing, taocan.Verification}, Products: []taocan.ProductID{`p,"1"`}}
		})
		f.putVouchers(v)
		byCode := func() taocan.Voucher {
			return get(f, func(ctx context.Context, r store.Reader) (taocan.Voucher, error) {
				return r.VoucherByCode(ctx, codeOf(v))
			})
		}
		same(f, "unassigned", byCode(), v)
		assign := func(a taocan.AccountID) func(context.Context, store.Tx) error {
			return func(ctx context.Context, tx store.Tx) error {
				return tx.AssignVoucher(ctx, codeOf(v), a, f.clock.Now())
			}
		}
		f.clock.Advance(time.Hour)
		f.update("alpha", assign("alpha"))
		v.Account, v.AssignedAt = "alpha", f.clock.Now()
		same(f, "assigned", byCode(), v)
		same(f, "held", get(f, func(ctx context.Context, r store.Reader) (taocan.Voucher, error) {
			return r.Voucher(ctx, "alpha", v.ID)
		}), v)
		f.refuse("beta", taocan.ErrConflict, assign("beta"))
		f.refuse("alpha", taocan.ErrConflict, assign("alpha"))
		f.refuse("alpha", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error {
			return tx.AssignVoucher(ctx, hashOf("another code"), "alpha", tx.Now())
		})
		absent(f, "unknown code", func(ctx context.Context, r store.Reader) (taocan.Voucher, error) {
			return r.VoucherByCode(ctx, hashOf("another code"))
		})
	}},
	{"a voucher issued to an account needs no code", func(f *fixture) {
		f.open(alpha)
		v, w := f.newVoucher("alpha", f.clock.Now()), f.newVoucher("alpha", f.clock.Now())
		for _, x := range []taocan.Voucher{v, w} {
			f.update("alpha", func(ctx context.Context, tx store.Tx) error { return tx.InsertVoucher(ctx, x, nil) })
		}
		same(f, "held", get(f, func(ctx context.Context, r store.Reader) (taocan.Voucher, error) {
			return r.Voucher(ctx, "alpha", v.ID)
		}), v)
		f.refuse("alpha", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error { return tx.InsertVoucher(ctx, v, hashOf("other")) })
		twin := f.newVoucher("", f.clock.Now())
		f.putVouchers(twin)
		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error {
			return tx.InsertVoucher(ctx, f.newVoucher("", tx.Now()), codeOf(twin))
		})
	}},
	{"a voucher pays once", func(f *fixture) {
		f.open(alpha, beta)
		o, p := f.newOrder(alpha, f.clock.Now()), f.newOrder(alpha, f.clock.Now())
		v := f.newVoucher("alpha", f.clock.Now())
		f.putOrders(o, p)
		f.putVouchers(v)
		use := func(a taocan.AccountID, o taocan.Order) func(context.Context, store.Tx) error {
			return func(ctx context.Context, tx store.Tx) error { return tx.UseVoucher(ctx, a, v.ID, o, f.clock.Now()) }
		}
		f.refuse("beta", taocan.ErrNotFound, use("beta", o))
		f.update("alpha", use("alpha", o))
		v.UsedBy, v.UsedIn, v.UsedAt = o.ID, o.Project, f.clock.Now()
		f.refuse("alpha", taocan.ErrConflict, use("alpha", p))
		f.refuse("alpha", taocan.ErrConflict, use("alpha", o))
		same(f, "used", get(f, func(ctx context.Context, r store.Reader) (taocan.Voucher, error) {
			return r.Voucher(ctx, "alpha", v.ID)
		}), v)
		same(f, "as the operator sees it", get(f, func(ctx context.Context, r store.Reader) (taocan.Voucher, error) {
			return r.VoucherByCode(ctx, codeOf(v))
		}), v)
	}},
	{"unused vouchers are those valid at the instant, the soonest end first", func(f *fixture) {
		f.open(alpha, beta)
		at := f.clock.Now()
		span := func(from, until time.Duration) func(*taocan.Voucher) {
			return func(v *taocan.Voucher) { v.ValidFrom, v.ValidUntil = at.Add(from), at.Add(until) }
		}
		long, short := f.newVoucher("alpha", at, span(0, 3*time.Hour)), f.newVoucher("alpha", at, span(0, 2*time.Hour))
		later, used, code, foreign := f.newVoucher("alpha", at, span(time.Hour, 3*time.Hour)), f.newVoucher("alpha", at), f.newVoucher("", at), f.newVoucher("beta", at)
		o := f.newOrder(alpha, at)
		f.putOrders(o)
		f.putVouchers(long, short, later, used, code, foreign)
		f.update("alpha", func(ctx context.Context, tx store.Tx) error { return tx.UseVoucher(ctx, "alpha", used.ID, o, at) })
		for after, want := range map[time.Duration][]taocan.Voucher{0: {short, long}, time.Hour: {short, long, later}, 2 * time.Hour: {long, later}, 3 * time.Hour: nil, -1: nil} {
			got := get(f, func(ctx context.Context, r store.Reader) ([]taocan.Voucher, error) {
				return r.UnusedVouchers(ctx, "alpha", at.Add(after))
			})
			same(f, "after "+after.String(), got, want)
		}
		page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Voucher], error) {
			return r.Vouchers(ctx, "alpha", all())
		})
		same(f, "held", page.Total, 4)
		page = get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Voucher], error) {
			return r.AllVouchers(ctx, store.VoucherFilter{Paging: all()})
		})
		same(f, "issued", page.Total, 6)
		for _, tt := range []struct {
			filter store.VoucherFilter
			want   []taocan.Voucher
		}{
			{store.VoucherFilter{State: taocan.VoucherUsed}, []taocan.Voucher{used}},
			{store.VoucherFilter{State: taocan.VoucherNotYet}, []taocan.Voucher{later}},
			{store.VoucherFilter{State: taocan.VoucherOutdated, Now: at.Add(2 * time.Hour)}, []taocan.Voucher{short}},
			{store.VoucherFilter{State: taocan.VoucherUsable, Account: "alpha"}, []taocan.Voucher{long, short}},
			{store.VoucherFilter{Unredeemed: true}, []taocan.Voucher{code}},
			{store.VoucherFilter{Account: "beta"}, []taocan.Voucher{foreign}},
			{store.VoucherFilter{From: at.Add(time.Microsecond)}, nil},
			{store.VoucherFilter{Until: at}, nil},
		} {
			if tt.filter.Paging = all(); tt.filter.Now.IsZero() {
				tt.filter.Now = at
			}
			page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Voucher], error) {
				return r.AllVouchers(ctx, tt.filter)
			})
			found, want := map[taocan.VoucherID]bool{}, map[taocan.VoucherID]bool{}
			for _, v := range page.Items {
				found[v.ID] = true
				if tt.filter.State != "" {
					same(f, "state", v.StateAt(tt.filter.Now), tt.filter.State)
				}
			}
			for _, v := range tt.want {
				want[v.ID] = true
			}
			same(f, fmt.Sprintf("%+v", tt.filter), found, want)
		}
	}},
}
