package debit_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

var lender = taocan.Tenant{Account: "acme", Project: "lender"}

func (b *bench) update(account taocan.AccountID, fn func(store.Tx) error) {
	b.t.Helper()
	if err := b.store.Update(b.t.Context(), account, fn); err != nil {
		b.t.Fatalf("update: %v", err)
	}
}

func (b *bench) limits(limits ...taocan.UsageLimit) {
	b.t.Helper()
	b.update(owner.Account, func(tx store.Tx) error {
		for i := range limits {
			limits[i].Tenant = owner
		}
		return tx.ReplaceUsageLimits(b.t.Context(), owner, limits)
	})
}

// lend makes a second project of the account whose packages pay for the first.
func (b *bench) lend() {
	b.t.Helper()
	b.update(owner.Account, func(tx store.Tx) error {
		if err := tx.InsertProject(b.t.Context(), taocan.Project{ID: lender.Project, Account: lender.Account, Name: "n", CreatedAt: begin}); err != nil {
			return err
		}
		return tx.ReplacePoolShares(b.t.Context(), owner, []taocan.ProjectID{lender.Project})
	})
}

// overflow lets the project go on for so many fen a month, at 0.045 yuan a message of marketing and 0.06 one to abroad.
func (b *bench) overflow(cap taocan.Fen, cash, gift, credit taocan.Fen) {
	b.t.Helper()
	b.update(owner.Account, func(tx store.Tx) error {
		ctx := b.t.Context()
		_, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: owner.Account, Kind: taocan.WalletAdjust, Cash: cash, Gift: gift, CreditLimit: credit})
		return errors.Join(err,
			tx.InsertOverflowPrice(ctx, taocan.OverflowPrice{Category: taocan.Domestic, Purpose: taocan.Marketing, ValidFrom: begin, Price: 450, PublishedAt: begin}),
			tx.InsertOverflowPrice(ctx, taocan.OverflowPrice{Category: taocan.International, ValidFrom: begin, Price: 600, PublishedAt: begin}),
			tx.ReplaceOverflows(ctx, owner, []taocan.Overflow{{Tenant: owner, Category: taocan.Domestic, Cap: cap, UpdatedAt: begin},
				{Tenant: owner, Category: taocan.International, Cap: cap, UpdatedAt: begin}}))
	})
}

func (b *bench) purse() (p store.Purse) {
	b.t.Helper()
	err := b.store.View(b.t.Context(), func(r store.Reader) (err error) {
		p, err = r.Purse(b.t.Context(), owner.Account)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// wantLimit expects a refusal by a cap of which so much is used.
func (b *bench) wantLimit(op store.Op, used taocan.Segments, resets time.Time) {
	b.t.Helper()
	var limit *taocan.LimitError
	if o := b.one(op); !errors.As(o.Err, &limit) || limit.Used != used || !limit.ResetsAt.Equal(resets) {
		b.t.Fatalf("%s: got %+v (%v), want a usage limit with %d used until %s", op.Request.ID, o.Debit, o.Err, used, resets)
	}
}

func (b *bench) wantDone(ops ...store.Op) {
	b.t.Helper()
	for i, o := range b.do(ops...) {
		if o.Err != nil {
			b.t.Fatalf("operation %d (%s): %v", i, ops[i].ID+ops[i].Request.ID, o.Err)
		}
	}
}

func TestAHardCapCountsWhatIsReservedAndStartsAnewWithThePeriod(t *testing.T) {
	b := newBench(t)
	b.grant(domestic(1, taocan.General, 1000, begin.AddDate(1, 0, 0)))
	b.limits(taocan.UsageLimit{Category: taocan.Domestic, Purpose: taocan.Marketing, Period: taocan.PerDay, Cap: 10},
		taocan.UsageLimit{Category: taocan.Domestic, Period: taocan.PerMonth, Cap: 25})
	tomorrow := begin.AddDate(0, 0, 1)

	b.wantDone(take("a", taocan.Marketing, 4), reserve("b", taocan.Marketing, 5, 72*time.Hour))
	b.wantLimit(take("c", taocan.Marketing, 2), 9, tomorrow)
	b.wantLimit(take("c", taocan.Marketing, 11), 9, tomorrow)
	b.wantDone(take("c", taocan.Marketing, 1), take("a", taocan.Marketing, 4))    // exactly the cap; a replay takes nothing
	b.wantDone(take("d", taocan.Verification, 15))                                // another purpose; the month is full
	b.wantLimit(take("e", taocan.Verification, 1), 25, begin.AddDate(0, 1, 0))    // refused by the month
	b.wantLimit(take("e", taocan.Verification, 2000), 25, begin.AddDate(0, 1, 0)) // a cap goes before quota
	b.wantDone(settle(store.OpCommit, "b", 2))
	b.wantDone(take("e", taocan.Marketing, 3)) // what returned is free again
	b.wantLimit(take("f", taocan.Marketing, 1), 25, begin.AddDate(0, 1, 0))

	b.restart()
	b.wantLimit(take("f", taocan.Marketing, 1), 25, begin.AddDate(0, 1, 0))
	b.clock.Set(begin.AddDate(0, 1, 0))
	b.wantDone(take("f", taocan.Marketing, 10))
	b.verify()
}

func TestAReturnCreditsTheDayOfTaking(t *testing.T) {
	b := newBench(t)
	b.grant(domestic(1, taocan.Marketing, 1000, begin.AddDate(1, 0, 0)))
	b.limits(taocan.UsageLimit{Category: taocan.Domestic, Period: taocan.PerDay, Cap: 10}, taocan.UsageLimit{Category: taocan.Domestic, Period: taocan.PerMonth, Cap: 12})
	b.wantDone(reserve("yesterday's", taocan.Marketing, 10, 72*time.Hour))
	b.clock.Advance(24 * time.Hour)
	b.wantLimit(take("a", taocan.Marketing, 3), 10, begin.AddDate(0, 1, 0))
	b.wantDone(settle(store.OpRelease, "yesterday's", 0))
	b.wantDone(take("a", taocan.Marketing, 10)) // yesterday's return did not lower today
	b.wantLimit(take("b", taocan.Marketing, 1), 10, begin.AddDate(0, 0, 2))
	b.verify()
}

func TestALimitSetLateKnowsTheMonthSoFar(t *testing.T) {
	b := newBench(t)
	b.grant(domestic(1, taocan.Marketing, 1000, begin.AddDate(1, 0, 0)))
	b.wantDone(take("a", taocan.Marketing, 7), reserve("r", taocan.Marketing, 9, time.Hour), settle(store.OpCommit, "r", 1), reserve("open", taocan.Marketing, 2, time.Hour))
	b.clock.Advance(time.Minute)
	b.wantDone(settle(store.OpRelease, "open", 0))
	b.limits(taocan.UsageLimit{Category: taocan.Domestic, Period: taocan.PerMonth, Cap: 10})
	b.wantLimit(take("b", taocan.Marketing, 3), 8, begin.AddDate(0, 1, 0))
	b.wantDone(take("b", taocan.Marketing, 2))
	b.verify()
}

func TestOverflowGoesOnFromTheWalletByTheFen(t *testing.T) {
	b := newBench(t)
	b.grant(domestic(1, taocan.Marketing, 10, begin.AddDate(1, 0, 0)))
	b.overflow(10_000, 100, 3, 50)
	o := b.one(take("a", taocan.Marketing, 12)) // 10 of the package, 2 at 0.045 yuan
	if o.Err != nil || o.Debit.Overflow != 2 || o.Debit.OverflowPrice != 450 || len(o.Debit.Allocations) != 1 {
		t.Fatalf("got %+v, %v", o.Debit, o.Err)
	}
	if p := b.purse(); p.Wallet.Gift != 0 || p.Wallet.Cash != 94 || p.Cost != 900 || p.Paid != 9 {
		t.Errorf("9 fen are 3 of gift and 6 of cash, got %+v", p)
	}
	b.wantDone(take("b", taocan.Marketing, 1)) // 4.5 fen: 4 are paid, half a fen is owed
	b.wantDone(take("b", taocan.Marketing, 1)) // a replay
	if p := b.purse(); p.Wallet.Cash != 90 || p.Cost != 1350 || p.Paid != 13 {
		t.Errorf("got %+v", p)
	}
	b.restart()
	b.wantDone(take("c", taocan.Marketing, 1))
	if p := b.purse(); p.Wallet.Cash != 85 || p.Cost != 1800 || p.Paid != 18 {
		t.Errorf("the half fen was not carried: %+v", p)
	}
	var quota *taocan.QuotaError
	if o := b.one(take("d", taocan.Verification, 1)); !errors.As(o.Err, &quota) || quota.Available != 0 {
		t.Errorf("a purpose without a price went on: %+v %v", o.Debit, o.Err)
	}
	if o := b.one(reserve("r", taocan.Marketing, 1, time.Hour)); !errors.As(o.Err, &quota) || quota.Available != 0 {
		t.Errorf("a reservation took money: %+v %v", o.Debit, o.Err)
	}
	dry := take("e", taocan.Marketing, 30)
	dry.DryRun = true
	if o := b.one(dry); o.Err != nil || o.Debit.Overflow != 30 || b.purse().Paid != 18 {
		t.Errorf("dry run: %+v %v", o.Debit, o.Err)
	}
	// 135 fen are there, and up to one more is not due yet: 30 messages are 135 fen, 31 would be 139.5.
	if o := b.one(take("f", taocan.Marketing, 31)); !errors.As(o.Err, &quota) || quota.Available != 30 {
		t.Errorf("got %+v, %v, want 30 to be available", o.Debit, o.Err)
	}
	b.wantDone(take("f", taocan.Marketing, 30))
	if p := b.purse(); p.Wallet.Cash != 0 || p.Wallet.CreditUsed != 50 || p.Wallet.Gift != 0 {
		t.Errorf("got %+v", p)
	}
	b.verify()
}

func TestOverflowStopsAtTheMonthsCap(t *testing.T) {
	b := newBench(t)
	b.overflow(9, 100_000, 0, 0)
	var quota *taocan.QuotaError
	if o := b.one(take("a", taocan.Marketing, 3)); !errors.As(o.Err, &quota) || quota.Available != 2 {
		t.Fatalf("got %+v, %v, want 2 to be available", o.Debit, o.Err)
	}
	outcomes := b.do(take("b", taocan.Marketing, 1), take("c", taocan.Marketing, 1), take("d", taocan.Marketing, 1))
	if outcomes[0].Err != nil || outcomes[1].Err != nil || !errors.As(outcomes[2].Err, &quota) {
		t.Fatalf("got %v", outcomes)
	}
	b.restart()
	if o := b.one(take("d", taocan.Marketing, 1)); !errors.As(o.Err, &quota) {
		t.Fatalf("after a restart: %+v", o)
	}
	b.clock.Set(begin.AddDate(0, 1, 0))
	b.wantDone(take("d", taocan.Marketing, 2))
	b.verify()
}

// A dry run or a refusal in the new month changes nothing, and so does not empty the old month's cap.
func TestAClockSetBackOverAMonthsEndDoesNotEmptyItsCap(t *testing.T) {
	b := newBench(t)
	b.overflow(9, 100_000, 0, 0)
	april := begin.AddDate(0, 1, 0)
	b.clock.Set(april.Add(-time.Minute))
	b.wantDone(take("a", taocan.Marketing, 2))
	b.clock.Set(april)
	dry := take("b", taocan.Marketing, 1)
	dry.DryRun = true
	if o := b.one(dry); o.Err != nil || o.Debit.Overflow != 1 {
		t.Fatalf("dry run in April: %+v, %v", o.Debit, o.Err)
	}
	b.clock.Set(april.Add(-time.Second))
	if o := b.one(take("b", taocan.Marketing, 1)); !errors.Is(o.Err, taocan.ErrInsufficientQuota) {
		t.Errorf("in March again: %+v, %v, want the cap to be reached", o.Debit, o.Err)
	}
	b.clock.Set(april.Add(time.Second))
	b.wantDone(take("b", taocan.Marketing, 2))
	b.verify()
}

func TestASharedPoolPaysAfterTheProjectsOwn(t *testing.T) {
	b := newBench(t)
	b.lend()
	own := domestic(1, taocan.General, 10, begin.AddDate(1, 0, 0))
	theirs := domestic(2, taocan.Marketing, 100, begin.AddDate(0, 1, 0)) // expires sooner, and is of the very purpose
	theirs.Tenant = lender
	b.grant(own)
	b.grant(theirs)
	o := b.one(take("a", taocan.Marketing, 15))
	if o.Err != nil {
		t.Fatal(o.Err)
	}
	if diff := cmp.Diff([]taocan.Allocation{{Package: own.Number, Quantity: 10}, {Package: theirs.Number, Quantity: 5}}, o.Debit.Allocations); diff != "" {
		t.Errorf("allocations (-want +got):\n%s", diff)
	}
	x, err := b.engine.Explain(t.Context(), owner, "a")
	if err != nil || len(x.Considered) != 2 || x.Considered[0].Taken != 10 || x.Considered[1].Taken != 5 || x.Considered[1].Package.Remaining != 100 {
		t.Errorf("explain: %+v, %v", x.Considered, err)
	}
	recent, err := b.engine.Recent(t.Context(), lender, theirs.Number, 10)
	if err != nil || len(recent.Items) != 1 || recent.Items[0].Project != owner.Project {
		t.Errorf("recent debits of the lender's package: %+v, %v", recent, err)
	}
	lent := take("x", taocan.Marketing, 1)
	lent.Tenant = lender
	b.wantDone(lent) // sharing is one way
	lent.Request.ID, lent.Request.Quantity = "y", 95
	if o := b.one(lent); !errors.Is(o.Err, taocan.ErrInsufficientQuota) {
		t.Errorf("the lender has 94: %v", o.Err)
	}

	b.wantDone(reserve("r", taocan.Marketing, 40, time.Hour), reserve("s", taocan.Marketing, 4, time.Hour))
	b.update(owner.Account, func(tx store.Tx) error { return tx.ReplacePoolShares(t.Context(), owner, nil) })
	b.restart()
	if o := b.one(take("b", taocan.Marketing, 1)); !errors.Is(o.Err, taocan.ErrInsufficientQuota) {
		t.Errorf("the pool is no longer shared: %v", o.Err)
	}
	b.wantDone(settle(store.OpCommit, "r", 30)) // what was held stays committable, the rest returns to where it came from
	b.clock.Advance(2 * time.Hour)
	if _, err := b.engine.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left taocan.Package
	b.update(lender.Account, func(tx store.Tx) (err error) {
		left, err = tx.Package(t.Context(), lender, theirs.Number)
		return err
	})
	if left.Remaining != 64 || left.Reserved != 0 || left.Used != 36 {
		t.Errorf("the lender's package: %+v", left)
	}
	b.verify()
}

// Whatever is taken, returned and restarted, the meter says what the records say, the wallet pays what overflow cost, and
// no cap is passed.
func TestMetersAndOverflowAgreeWithTheRecords(t *testing.T) {
	teststore.Check(t, 100, func(rt *rapid.T, try testing.TB) {
		b := newBench(try)
		b.lend()
		b.overflow(taocan.Fen(rapid.IntRange(1, 400).Draw(rt, "cap")), taocan.Fen(rapid.IntRange(0, 300).Draw(rt, "cash")), taocan.Fen(rapid.IntRange(0, 50).Draw(rt, "gift")), 0)
		b.limits(taocan.UsageLimit{Category: taocan.Domestic, Period: taocan.PerDay, Cap: 60}, taocan.UsageLimit{Category: taocan.Domestic, Purpose: taocan.Marketing, Period: taocan.PerMonth, Cap: 90})
		for n := range 4 {
			p := domestic(n, rapid.SampledFrom(taocan.Purposes).Draw(rt, "purpose"), taocan.Segments(rapid.IntRange(1, 40).Draw(rt, "total")), begin.AddDate(0, 0, 1+n))
			if n%2 == 1 {
				p.Tenant = lender
			}
			b.grant(p)
		}
		type day struct {
			day     string
			purpose taocan.Purpose
		}
		taken := map[day]taocan.Segments{}
		reserved := map[taocan.DebitID]*taocan.Debit{}
		for i := range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				b.restart()
			case 1, 2:
				b.clock.Advance(time.Duration(rapid.IntRange(1, 30).Draw(rt, "hours")) * time.Hour)
			case 3, 4:
				for id, d := range reserved {
					delete(reserved, id)
					o := b.one(settle(store.OpCommit, string(id), taocan.Segments(rapid.IntRange(1, int(d.Quantity)).Draw(rt, "part"))))
					if o.Err == nil {
						taken[day{d.At.Format(time.DateOnly), d.Purpose}] -= d.Quantity - o.Debit.Settled
					}
					break
				}
			default:
				op := take(fmt.Sprint("m-", i), rapid.SampledFrom(taocan.Purposes).Draw(rt, "purpose"), taocan.Segments(rapid.IntRange(1, 30).Draw(rt, "quantity")))
				if rapid.Bool().Draw(rt, "reserve") {
					op = reserve(string(op.Request.ID), op.Request.Purpose, op.Request.Quantity, 30*24*time.Hour)
				}
				if o := b.one(op); o.Err == nil {
					taken[day{o.Debit.At.Format(time.DateOnly), o.Debit.Purpose}] += o.Debit.Quantity
					if o.Debit.Kind == taocan.KindReservation {
						reserved[o.Debit.ID] = o.Debit
					}
				}
			}
		}
		today := map[string]taocan.Segments{}
		for k, q := range taken {
			today[k.day] += q
			var got taocan.Segments
			b.update("", func(tx store.Tx) error {
				sums, err := tx.Metered(t.Context(), owner, k.day)
				for _, s := range sums {
					if s.Purpose == k.purpose {
						got = s.Quantity
					}
				}
				return err
			})
			if got != q {
				rt.Errorf("%s %s: the meter says %d, the records %d", k.day, k.purpose, got, q)
			}
		}
		for d, q := range today {
			if q > 60 {
				rt.Errorf("%d were taken on %s, the cap is 60", q, d)
			}
		}
		b.verify()
	})
}

func TestExplainNamesPackagesThatWereFrozen(t *testing.T) {
	b := newBench(t)
	cold := domestic(1, taocan.Marketing, 100, begin.AddDate(0, 1, 0))
	b.grant(cold)
	b.grant(domestic(2, taocan.Marketing, 100, begin.AddDate(0, 2, 0)))
	b.update(owner.Account, func(tx store.Tx) error { return tx.FreezePackage(t.Context(), owner, cold.Number, true, "fraud") })
	b.clock.Advance(time.Minute)
	b.wantDone(take("a", taocan.Marketing, 5))
	b.clock.Advance(time.Minute)
	b.update(owner.Account, func(tx store.Tx) error { return tx.FreezePackage(t.Context(), owner, cold.Number, false, "cleared") })
	x, err := b.engine.Explain(t.Context(), owner, "a")
	if err != nil || len(x.Considered) != 2 || x.Considered[0].Taken != 5 || x.Considered[1].Package.Number != cold.Number || x.Considered[1].Verdict != debit.FrozenThen {
		t.Errorf("got %+v, %v", x.Considered, err)
	}
	b.verify()
}
