package debit

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"taocan/internal/store"
	"taocan/internal/store/storetest"
	"taocan/internal/taocan"
)

var (
	tenant = taocan.Tenant{Account: "acme", Project: "web"}
	start  = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
)

// drawOp draws an operation that has a fair chance of meeting an id that is taken, a full package, a deadline.
func drawOp(t *rapid.T, owner taocan.Tenant) store.Op {
	op := store.Op{Tenant: owner, Kind: rapid.SampledFrom([]store.OpKind{store.OpTake, store.OpTake, store.OpTake, store.OpCommit, store.OpRelease, store.OpDeadline}).Draw(t, "operation")}
	op.ID = taocan.DebitID(fmt.Sprintf("m-%d", rapid.IntRange(0, 40).Draw(t, "id")))
	switch op.Kind {
	case store.OpCommit:
		op.Quantity = taocan.Segments(rapid.IntRange(0, 12).Draw(t, "quantity"))
	case store.OpTake:
		r := taocan.DebitRequest{ID: op.ID, Kind: rapid.SampledFrom([]taocan.DebitKind{taocan.KindDebit, taocan.KindReservation}).Draw(t, "kind")}
		r.Category, r.Purpose = taocan.Domestic, rapid.SampledFrom(taocan.Purposes).Draw(t, "purpose")
		if rapid.IntRange(0, 4).Draw(t, "abroad") == 0 {
			r.Category, r.Country = taocan.International, rapid.SampledFrom([]taocan.Country{"HK", "MY"}).Draw(t, "country")
		}
		r.Quantity = taocan.Segments(rapid.IntRange(1, 20).Draw(t, "quantity"))
		if r.Kind == taocan.KindReservation {
			r.TTL = time.Duration(rapid.SampledFrom([]int{1, 60, 3600}).Draw(t, "ttl")) * time.Second
			r.OnDeadline = rapid.SampledFrom([]taocan.OnDeadline{taocan.ReleaseOnDeadline, taocan.CommitOnDeadline}).Draw(t, "on deadline")
		}
		op.Request = Complete(r)
		op.DryRun = rapid.IntRange(0, 9).Draw(t, "dry run") == 0
	}
	return op
}

func drawPackage(t *rapid.T, owner taocan.Tenant, n int, now time.Time) taocan.Package {
	p := taocan.Package{Tenant: owner, Category: taocan.Domestic, Purpose: rapid.SampledFrom(taocan.Purposes).Draw(t, "purpose"), ChargeOn: taocan.ChargeOnSubmit}
	digit := '1'
	if rapid.IntRange(0, 3).Draw(t, "abroad") == 0 {
		p.Category, p.Purpose, p.Country = taocan.International, taocan.General, rapid.SampledFrom([]taocan.Country{"HK", "MY"}).Draw(t, "country")
		digit = '0'
	}
	p.Number = taocan.PackageNumber(fmt.Sprintf("U%cG26030100%05X", digit, n))
	p.Name = string(p.Number)
	p.Total = taocan.Segments(rapid.IntRange(1, 60).Draw(t, "total"))
	p.Remaining = p.Total
	p.PurchasedAt, p.ExistsFrom = now, now
	p.ExpiresAt = now.Add(time.Duration(rapid.SampledFrom([]int{1, 30, 90, 4000, 100_000}).Draw(t, "life")) * time.Second)
	return p
}

// A batch decided at once answers as the plain model answers its operations one after the other.
func TestDecideAgreesWithThePlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model := storetest.NewModel()
		balances := store.NewBalances()
		records := map[taocan.DebitID]*taocan.Debit{}
		now := start
		for n := range rapid.IntRange(1, 8).Draw(t, "packages") {
			p := drawPackage(t, tenant, n, now)
			model.Add(p, now)
			balances.Add(store.PoolKey{Category: p.Category, Purpose: p.Purpose, Country: p.Country},
				&store.Balance{Number: p.Number, Purpose: p.Purpose, ExpiresAt: p.ExpiresAt, PurchasedAt: p.PurchasedAt, Remaining: p.Remaining})
		}
		balances.Sort()
		for range rapid.IntRange(1, 20).Draw(t, "batches") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{1, 10_000_000, 60_000_000, 3600_000_000}).Draw(t, "step")) * time.Microsecond)
			ledger := store.NewLedger()
			ledger.SetAt(taocan.LaneOf(tenant.Account), now)
			ledger.Lend(tenant, balances)
			for _, d := range records {
				ledger.Recall(d)
			}
			var ops []store.Op
			for range rapid.IntRange(1, 8).Draw(t, "operations") {
				ops = append(ops, drawOp(t, tenant))
			}
			before := map[taocan.PackageNumber]store.Figures{}
			for n, p := range model.Packages {
				before[n] = store.Figures{Remaining: p.Remaining, Reserved: p.Reserved, Used: p.Used}
			}
			for i, o := range Decide(ledger, ops) {
				model.Last = now.Add(-time.Microsecond) // all of a batch is decided at one instant
				if diff := model.Apply(ops[i], now).Differs(o); diff != "" {
					t.Fatalf("%+v: %s", ops[i], diff)
				}
			}
			for _, d := range ledger.Written() {
				records[d.ID] = d
			}
			if len(ledger.Written()) > 0 {
				checkEntries(t, ledger, balances, before)
			}
			ledger.Settle()
			for n, p := range model.Packages {
				b := balances.Balance(n)
				if b.Remaining != p.Remaining || b.Reserved != p.Reserved || b.Used != p.Used {
					t.Fatalf("package %s holds %d/%d/%d, the model says %d/%d/%d", n, b.Remaining, b.Reserved, b.Used, p.Remaining, p.Reserved, p.Used)
				}
			}
		}
	})
}

// checkEntries: the entries of a batch lead from the figures before it to those after it, without a negative figure in between.
func checkEntries(t *rapid.T, l *store.Ledger, balances *store.Balances, before map[taocan.PackageNumber]store.Figures) {
	u := store.NewUnposted(0, 0)
	u.Add(1, l.At(l.Written()[0].Account), l.Written())
	posting := u.Posting()
	for i := range posting.Packages {
		p := &posting.Packages[i]
		_, after := p.Post(p.Tenant, 0, before[p.Number]) // panics below 0
		b := balances.Balance(p.Number)
		if want := (store.Figures{Remaining: b.Remaining, Reserved: b.Reserved, Used: b.Used}); after != want {
			t.Fatalf("package %s: entries end at %+v, the balance is %+v", p.Number, after, want)
		}
	}
}
