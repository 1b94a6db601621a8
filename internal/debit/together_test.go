package debit_test

import (
	"testing"
	"time"

	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// by makes an operation another project's.
func by(t taocan.Tenant, op store.Op) store.Op {
	op.Tenant = t
	return op
}

// together commits operations at once, as the engine does with calls that come at the same time.
func (b *bench) together(ops ...store.Op) []store.Outcome {
	b.t.Helper()
	outcomes, err := b.store.CommitDebits(b.t.Context(), ops, debit.Decide)
	if err != nil {
		b.t.Fatal(err)
	}
	return outcomes
}

// A project that was only lent to another, since it shares its packages with it, had neither its own pool nor its account's
// purse when it then debited in the same commit: that panicked, or was refused.
func TestAProjectThatLendsInACommitStillDebitsWithAllItHas(t *testing.T) {
	third := taocan.Tenant{Account: "acme", Project: "third"}
	b := newBench(t)
	b.lend()
	b.update(owner.Account, func(tx store.Tx) error {
		if err := tx.InsertProject(t.Context(), taocan.Project{ID: third.Project, Account: third.Account, Name: "n", CreatedAt: begin}); err != nil {
			return err
		}
		return tx.ReplacePoolShares(t.Context(), lender, []taocan.ProjectID{third.Project})
	})
	b.overflow(1000, 1000, 0, 0)
	b.update(owner.Account, func(tx store.Tx) error { // of the lender only
		if err := tx.ReplaceOverflows(t.Context(), owner, nil); err != nil {
			return err
		}
		return tx.ReplaceOverflows(t.Context(), lender, []taocan.Overflow{{Tenant: lender, Category: taocan.Domestic, Cap: 1000, UpdatedAt: begin}})
	})
	own, thirds := domestic(1, taocan.Marketing, 10, begin.AddDate(1, 0, 0)), domestic(2, taocan.Marketing, 5, begin.AddDate(1, 0, 0))
	thirds.Tenant = third
	b.grant(own)
	b.grant(thirds)

	ops := []store.Op{take("a", taocan.Marketing, 10), by(lender, take("b", taocan.Marketing, 5)), by(lender, take("c", taocan.Marketing, 20))}
	for i, o := range b.together(ops...) {
		if o.Err != nil {
			t.Errorf("debit %s: %v", ops[i].Request.ID, o.Err)
		}
	}
	if p := b.purse(); p.Cost != 20*450 {
		t.Errorf("overflow cost %d, want the third debit's %d", p.Cost, 20*450)
	}
	b.verify()
}

// What a reservation gives back long after its deadline, since nobody was there to settle it, is of a day that the meter no longer
// loads. It was counted below 0, which the store refused, and with it every commit.
func TestAReservationIsReleasedAfterTheMeterHasForgottenItsDay(t *testing.T) {
	b := newBench(t)
	b.grant(domestic(1, taocan.Marketing, 1000, begin.AddDate(1, 0, 0)))
	b.limits(taocan.UsageLimit{Category: taocan.Domestic, Period: taocan.PerMonth, Cap: 100})
	b.wantDone(reserve("long", taocan.Marketing, 90, 30*24*time.Hour))
	b.clock.Advance(45 * 24 * time.Hour)
	b.restart()
	b.wantDone(settle(store.OpDeadline, "long", 0), take("a", taocan.Marketing, 100))
	b.verify()
}

// Commits go on from their lane's last, also when the clock has been set back over the end of a month: what the new month's
// overflow had cost was forgotten then.
func TestAClockSetBackOverTheMonthsEndKeepsTheMonthsOverflow(t *testing.T) {
	b := newBench(t)
	b.overflow(100, 1000, 0, 0)
	next := begin.AddDate(0, 1, 0)
	b.clock.Set(next)
	b.wantDone(take("a", taocan.Marketing, 20)) // 90 fen
	b.clock.Set(next.Add(-time.Millisecond))
	b.restart()
	if o := b.one(take("b", taocan.Marketing, 20)); o.Err == nil {
		t.Error("the month's cap of 100 fen was passed")
	}
	b.verify()
}

func TestProjectsOfAnAccountOverflowIntoOneWallet(t *testing.T) {
	b := newBench(t)
	b.lend()
	b.overflow(1000, 100, 0, 0)
	b.update(owner.Account, func(tx store.Tx) error {
		return tx.ReplaceOverflows(t.Context(), lender, []taocan.Overflow{{Tenant: lender, Category: taocan.Domestic, Cap: 1000, UpdatedAt: begin}})
	})
	outcomes := b.together(take("a", taocan.Marketing, 20), by(lender, take("b", taocan.Marketing, 20)), by(lender, take("c", taocan.Marketing, 2)))
	if outcomes[0].Err != nil || outcomes[1].Err == nil || outcomes[2].Err != nil {
		t.Errorf("got %v, want the second refused: 0.90 yuan of 1.00 were spent", []error{outcomes[0].Err, outcomes[1].Err, outcomes[2].Err})
	}
	if p := b.purse(); p.Cost != 22*450 || p.Paid != 99 || p.Wallet.Cash != 1 {
		t.Errorf("cost %d, paid %d fen, left %d; want 9900, 99, 1", p.Cost, p.Paid, p.Wallet.Cash)
	}
	b.verify()
}

func TestAReservationOverASharedPoolReturnsToAPackageFrozenMeanwhile(t *testing.T) {
	b := newBench(t)
	b.lend()
	shared := domestic(1, taocan.Marketing, 10, begin.AddDate(1, 0, 0))
	shared.Tenant = lender
	b.grant(shared)
	b.wantDone(reserve("r", taocan.Marketing, 6, time.Hour))
	b.update(owner.Account, func(tx store.Tx) error { return tx.ReplacePoolShares(t.Context(), owner, nil) })
	b.update(owner.Account, func(tx store.Tx) error {
		return tx.FreezePackage(t.Context(), lender, shared.Number, true, "asked by phone")
	})
	b.wantDone(settle(store.OpCommit, "r", 2))
	outcomes := b.together(take("a", taocan.Marketing, 1), by(lender, take("b", taocan.Marketing, 1)))
	for i, o := range outcomes {
		if o.Err == nil {
			t.Errorf("debit %d was paid by a frozen package", i)
		}
	}
	b.verify()
}
