package packages_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/debit"
	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

var second = taocan.Tenant{Account: demo.Account, Project: "demo-2"}

// newLife is a bench with two projects of one account and a package of 500, granted on 31 January 2026 for a month.
func newLife(t *testing.T) (*bench, taocan.Package) {
	t.Helper()
	b := newBench(t, at("2026-01-31T23:30:00+08:00"))
	b.write(t, "", func(ctx context.Context, tx store.Tx) error {
		return tx.InsertProject(ctx, taocan.Project{ID: second.Project, Account: second.Account, CreatedAt: tx.Now()})
	})
	p, _, err := b.Grant(context.Background(), operator, demo, "g", content, packages.GrantRequest{Category: taocan.Domestic, Purpose: taocan.Marketing,
		Quantity: 500, ValidityMonths: 1, Reason: "welcome"})
	if err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(time.Minute)
	return b, p
}

func (b *bench) write(t *testing.T, account taocan.AccountID, fn func(ctx context.Context, tx store.Tx) error) {
	t.Helper()
	ctx := context.Background()
	if err := b.store.Update(ctx, account, func(tx store.Tx) error { return fn(ctx, tx) }); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) left(t *testing.T, tenant taocan.Tenant) taocan.Segments {
	t.Helper()
	balance, err := b.Balance(context.Background(), tenant, taocan.Domestic, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return balance.Remaining
}

// statement is a package's entries, newest first.
func (b *bench) statement(t *testing.T, tenant taocan.Tenant, n taocan.PackageNumber) string {
	t.Helper()
	page, err := b.Entries(context.Background(), tenant, n, store.Paging{Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range page.Items {
		lines = append(lines, fmt.Sprintf("%s %d %s", e.Kind, e.Remaining, e.Reference))
	}
	return strings.Join(lines, "; ")
}

// lastAudit is the newest line of the audit log.
func (b *bench) lastAudit(t *testing.T) taocan.AuditEntry {
	t.Helper()
	var page store.Page[taocan.AuditEntry]
	err := b.store.View(context.Background(), func(r store.Reader) (err error) {
		page, err = r.AuditEntries(context.Background(), store.AuditFilter{Paging: store.Paging{Limit: 1}})
		return err
	})
	if err != nil || len(page.Items) == 0 {
		t.Fatalf("audit: %v, error %v", page.Items, err)
	}
	return page.Items[0]
}

func TestExtend(t *testing.T) {
	ctx := context.Background()
	b, p := newLife(t)
	extend := func(key string, r packages.ExtendRequest) (taocan.Package, bool, error) {
		return b.Extend(ctx, operator, p.Number, key, []byte(key), r)
	}
	for name, r := range map[string]packages.ExtendRequest{
		"neither a date nor months": {Reason: "r"},
		"both":                      {ExpiresOn: "2027-01-01", Months: 1, Reason: "r"},
		"no date":                   {ExpiresOn: "2027-02-30", Reason: "r"},
		"no reason":                 {Months: 1},
		"its own last date":         {ExpiresOn: "2026-02-28", Reason: "r"},
		"an earlier date":           {ExpiresOn: "2026-02-27", Reason: "r"},
		"too many months":           {Months: 121, Reason: "r"},
		"a year beyond all":         {ExpiresOn: "9999-01-01", Reason: "r"},
	} {
		if _, _, err := extend("bad", r); !errors.Is(err, taocan.ErrInvalid) {
			t.Errorf("%s: error %v, want invalid", name, err)
		}
	}
	if _, _, err := b.Extend(ctx, taocan.Actor{Tenant: demo, Scopes: []taocan.Scope{taocan.ScopeManage}}, p.Number, "k", content,
		packages.ExtendRequest{Months: 1, Reason: "r"}); !errors.Is(err, taocan.ErrForbidden) {
		t.Errorf("a customer extends: error %v, want forbidden", err)
	}
	first, replayed, err := extend("k1", packages.ExtendRequest{Months: 1, Reason: "slow gateway"})
	if err != nil || replayed || first.ExpiresOn(zone) != "2026-03-28" || !first.FirstExpiresAt.Equal(p.ExpiresAt) {
		t.Fatalf("extended to %s, error %v, want 2026-03-28", first.ExpiresOn(zone), err)
	}
	if e := b.lastAudit(t); e.Action != "package.extend" || e.Before != `{"expires_on":"2026-02-28"}` || e.After != `{"expires_on":"2026-03-28","reason":"slow gateway"}` {
		t.Errorf("audit %+v", e)
	}

	b.clock.Set(at("2026-04-01T00:00:00+08:00"))
	if left := b.left(t, demo); left != 0 {
		t.Errorf("%d left in an expired package", left)
	}
	if _, _, err := extend("k2", packages.ExtendRequest{ExpiresOn: "2026-03-31", Reason: "late"}); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("extended into the past: error %v, want invalid", err)
	}
	revived, _, err := extend("k3", packages.ExtendRequest{ExpiresOn: "2026-06-30", Reason: "late"})
	if err != nil || revived.Status(b.clock.Now()) != taocan.Active {
		t.Fatalf("revived to %+v, error %v", revived, err)
	}
	if left := b.left(t, demo); left != 500 {
		t.Errorf("%d left in a revived package, want 500", left)
	}
	again, replayed, err := extend("k1", packages.ExtendRequest{Months: 1, Reason: "slow gateway"})
	if diff := cmp.Diff(first, again); err != nil || !replayed || diff != "" {
		t.Errorf("again: replayed %t, error %v (-first +again):\n%s", replayed, err, diff)
	}
	if got, want := b.statement(t, demo, p.Number), "extend 0 late; expire 0 ; extend 0 slow gateway; grant 500 welcome"; got != want {
		t.Errorf("statement %q, want %q", got, want)
	}

	if _, _, err := b.Adjust(ctx, operator, p.Number, "empty", content, -500, "all"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := extend("k4", packages.ExtendRequest{Months: 1, Reason: "r"}); !stateIs(err, taocan.Exhausted) {
		t.Errorf("an exhausted package: error %v, want its state", err)
	}
}

func stateIs(err error, want taocan.Status) bool {
	var state *taocan.StateError
	return errors.As(err, &state) && state.What == "package" && state.State == string(want)
}

func TestFreeze(t *testing.T) {
	ctx := context.Background()
	b, p := newLife(t)
	if _, _, err := b.Unfreeze(ctx, operator, p.Number, "u0", content, "r"); !stateIs(err, taocan.Active) {
		t.Errorf("unfreeze of an active package: error %v, want its state", err)
	}
	if _, _, err := b.Freeze(ctx, operator, p.Number, "f0", content, " "); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("without a reason: error %v, want invalid", err)
	}
	if _, _, err := b.Freeze(ctx, taocan.Actor{Tenant: demo}, p.Number, "f0", content, "r"); !errors.Is(err, taocan.ErrForbidden) {
		t.Errorf("a customer: error %v, want forbidden", err)
	}
	frozen, _, err := b.Freeze(ctx, operator, p.Number, "f1", content, "a dispute")
	if err != nil || frozen.Status(b.clock.Now()) != taocan.Frozen {
		t.Fatalf("frozen %+v, error %v", frozen, err)
	}
	if e := b.lastAudit(t); e.Action != "package.freeze" || e.Before != `{"frozen":false}` || e.After != `{"frozen":true,"reason":"a dispute"}` {
		t.Errorf("audit %+v", e)
	}
	if _, _, err := b.Freeze(ctx, operator, p.Number, "f2", content, "r"); !stateIs(err, taocan.Frozen) {
		t.Errorf("frozen twice: error %v, want its state", err)
	}
	if again, replayed, err := b.Freeze(ctx, operator, p.Number, "f1", content, "a dispute"); err != nil || !replayed || !again.Frozen {
		t.Errorf("again: %+v, replayed %t, error %v", again, replayed, err)
	}
	if left := b.left(t, demo); left != 0 {
		t.Errorf("%d left in a frozen package", left)
	}
	list, err := b.List(ctx, demo, store.PackageFilter{Statuses: []taocan.Status{taocan.Frozen}, Paging: store.Paging{Limit: 9}})
	if err != nil || len(list.Items) != 1 || list.Total != 1 {
		t.Errorf("frozen packages %+v, error %v, want one", list, err)
	}
	forecast, err := b.Forecast(ctx, demo)
	if err != nil || len(forecast) != 0 {
		t.Errorf("a forecast counts a frozen package: %+v, error %v", forecast, err)
	}
	b.clock.Set(p.ExpiresAt) // expired wins over frozen, and it can still be unfrozen
	if now, err := b.Get(ctx, demo, p.Number); err != nil || now.Status(b.clock.Now()) != taocan.Expired {
		t.Errorf("status %s, error %v, want expired", now.Status(b.clock.Now()), err)
	}
	if _, _, err := b.Extend(ctx, operator, p.Number, "e", content, packages.ExtendRequest{Months: 3, Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	if left := b.left(t, demo); left != 0 {
		t.Errorf("%d left: an extension unfroze the package", left)
	}
	if back, _, err := b.Unfreeze(ctx, operator, p.Number, "u1", content, "settled"); err != nil || back.Status(b.clock.Now()) != taocan.Active {
		t.Errorf("unfrozen %+v, error %v", back, err)
	}
	if left := b.left(t, demo); left != 500 {
		t.Errorf("%d left in an unfrozen package, want 500", left)
	}
	b.clock.Set(at("2026-12-01T00:00:00+08:00"))
	if _, _, err := b.Freeze(ctx, operator, p.Number, "f3", content, "r"); !stateIs(err, taocan.Expired) {
		t.Errorf("an expired package: error %v, want its state", err)
	}
}

func TestTransfer(t *testing.T) {
	ctx := context.Background()
	b, p := newLife(t)
	b.write(t, "", func(ctx context.Context, tx store.Tx) error {
		for login, role := range map[string]taocan.Role{"ann": taocan.Owner, "fin": taocan.Finance} {
			if err := tx.InsertMember(ctx, taocan.Member{ID: taocan.MemberID(login), Account: demo.Account, Login: login, Role: role, CreatedAt: tx.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
	manage := []taocan.Scope{taocan.ScopeManage}
	owner := taocan.Actor{Tenant: demo, Member: "ann", Role: taocan.Owner, Scopes: manage}
	move := func(actor taocan.Actor, key string, r packages.TransferRequest) (packages.Transfer, bool, error) {
		return b.Transfer(ctx, actor, demo, p.Number, key, []byte(key), r)
	}
	all := packages.TransferRequest{To: second.Project}
	for name, tt := range map[string]struct {
		actor taocan.Actor
		r     packages.TransferRequest
		want  error
	}{
		"no project":                  {owner, packages.TransferRequest{}, taocan.ErrInvalid},
		"its own project":             {owner, packages.TransferRequest{To: demo.Project}, taocan.ErrInvalid},
		"another account's project":   {owner, packages.TransferRequest{To: stranger.Project}, taocan.ErrNotFound},
		"an unknown project":          {owner, packages.TransferRequest{To: "nowhere"}, taocan.ErrNotFound},
		"more than remains":           {owner, packages.TransferRequest{To: second.Project, Quantity: 501}, taocan.ErrInsufficientQuota},
		"less than nothing":           {owner, packages.TransferRequest{To: second.Project, Quantity: -1}, taocan.ErrInvalid},
		"an operator without reason":  {operator, all, taocan.ErrInvalid},
		"a token without the scope":   {taocan.Actor{Tenant: demo, Scopes: []taocan.Scope{taocan.ScopeBuy}}, all, taocan.ErrForbidden},
		"a token of another project":  {taocan.Actor{Tenant: second, Scopes: manage}, all, taocan.ErrNotFound},
		"a token of another account":  {taocan.Actor{Tenant: stranger, Scopes: manage}, all, taocan.ErrNotFound},
		"a member who is no owner":    {taocan.Actor{Tenant: demo, Member: "fin", Role: taocan.Owner, Scopes: manage}, all, taocan.ErrForbidden},
		"a key that is no key at all": {owner, all, taocan.ErrInvalid},
	} {
		key := "bad"
		if strings.HasPrefix(name, "a key") {
			key = ""
		}
		if _, _, err := move(tt.actor, key, tt.r); !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", name, err, tt.want)
		}
	}

	first, replayed, err := move(owner, "k1", packages.TransferRequest{To: second.Project, Quantity: 200, Reason: "campaign"})
	if err != nil || replayed {
		t.Fatalf("transfer: replayed %t, error %v", replayed, err)
	}
	want := p
	want.Remaining, want.Adjusted = 300, -200
	if diff := cmp.Diff(want, first.From); diff != "" {
		t.Errorf("source (-want +got):\n%s", diff)
	}
	made := taocan.Package{Tenant: second, Number: first.To.Number, Name: p.Name, Category: p.Category, Purpose: p.Purpose, ChargeOn: p.ChargeOn,
		Total: 200, Remaining: 200, PurchasedAt: p.PurchasedAt, ExistsFrom: first.To.ExistsFrom, ExpiresAt: p.ExpiresAt}
	if diff := cmp.Diff(made, first.To); diff != "" || first.To.Number == p.Number {
		t.Errorf("made of it (-want +got):\n%s", diff)
	}
	if e := b.lastAudit(t); e.Action != "package.transfer" || e.Subject != string(p.Number) || e.By != "member:ann" || !strings.Contains(e.After, `"quantity":200`) {
		t.Errorf("audit %+v", e)
	}
	b.clock.Advance(time.Hour)
	if _, _, err := b.Adjust(ctx, operator, first.To.Number, "a", content, -5, "since then"); err != nil {
		t.Fatal(err)
	}
	if again, replayed, err := move(owner, "k1", packages.TransferRequest{To: second.Project, Quantity: 200, Reason: "campaign"}); err != nil || !replayed || !cmp.Equal(again, first) {
		t.Errorf("again: %+v, replayed %t, error %v, want %+v", again, replayed, err, first)
	}
	if _, _, err := b.Transfer(ctx, owner, demo, p.Number, "k1", []byte("other"), all); !errors.Is(err, taocan.ErrConflict) {
		t.Errorf("the key with other content: error %v, want a conflict", err)
	}
	if got, want := b.statement(t, second, first.To.Number), "adjust -5 since then; transfer_in 200 "+string(p.Number); got != want {
		t.Errorf("statement of what was made %q, want %q", got, want)
	}

	if _, _, err := b.Freeze(ctx, operator, p.Number, "f", content, "r"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := move(owner, "k2", all); !stateIs(err, taocan.Frozen) {
		t.Errorf("a frozen package: error %v, want its state", err)
	}
	if _, _, err := b.Unfreeze(ctx, operator, p.Number, "u", content, "r"); err != nil {
		t.Fatal(err)
	}
	rest, _, err := move(operator, "k3", packages.TransferRequest{To: second.Project, Reason: "asked for"})
	if err != nil || rest.Quantity != 300 || rest.From.Remaining != 0 {
		t.Errorf("all that remains: %+v, error %v", rest, err)
	}
	if _, _, err := move(owner, "k4", all); !stateIs(err, taocan.Exhausted) {
		t.Errorf("an exhausted package: error %v, want its state", err)
	}
	if a, z := b.left(t, demo), b.left(t, second); a != 0 || z != 495 {
		t.Errorf("left %d and %d, want 0 and 495", a, z)
	}
	b.clock.Set(p.ExpiresAt)
	if _, _, err := b.Transfer(ctx, operator, second, rest.To.Number, "k5", content, packages.TransferRequest{To: demo.Project, Reason: "r"}); !stateIs(err, taocan.Expired) {
		t.Errorf("an expired package: error %v, want its state", err)
	}
}

// Debits, transfers, freezes and extensions of one package at once: every message is used once or left once, and the
// store proves (newBench).
func TestTheLifeOfAPackageBesideDebits(t *testing.T) {
	ctx := context.Background()
	b, p := newLife(t)
	engine := debit.New(debit.Config{Store: b.store, Clock: b.clock})
	engine.Start(ctx)
	defer func() {
		if err := engine.Stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	var wg sync.WaitGroup
	var mu sync.Mutex
	used := taocan.Segments(0)
	for sender := range 8 {
		wg.Go(func() {
			for i := range 60 {
				id := taocan.DebitID(fmt.Sprintf("m-%d-%d", sender, i))
				tenant := []taocan.Tenant{demo, second}[i%2]
				answers, err := engine.Do(ctx, []store.Op{{Tenant: tenant, Kind: store.OpTake, ID: id, Request: taocan.DebitRequest{ID: id, Kind: taocan.KindDebit,
					Category: taocan.Domestic, Purpose: taocan.Marketing, Quantity: 2}}})
				switch {
				case err != nil:
					t.Errorf("debit: %v", err)
				case answers[0].Err == nil:
					mu.Lock()
					used += 2
					mu.Unlock()
				case !errors.Is(answers[0].Err, taocan.ErrInsufficientQuota):
					t.Errorf("debit: %v", answers[0].Err)
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 20 {
			key := fmt.Sprintf("k%d", i)
			_, _, err := b.Transfer(ctx, operator, demo, p.Number, key, content, packages.TransferRequest{To: second.Project, Quantity: 7, Reason: "r"})
			if err != nil && !errors.Is(err, taocan.ErrInsufficientQuota) && !errors.Is(err, taocan.ErrState) {
				t.Errorf("transfer: %v", err)
			}
			if i%5 != 0 {
				continue
			}
			for _, freeze := range []func(context.Context, taocan.Actor, taocan.PackageNumber, string, []byte, string) (taocan.Package, bool, error){b.Freeze, b.Unfreeze} {
				if _, _, err := freeze(ctx, operator, p.Number, key, content, "r"); err != nil && !errors.Is(err, taocan.ErrState) {
					t.Errorf("freeze: %v", err)
				}
			}
			if _, _, err := b.Extend(ctx, operator, p.Number, key, content, packages.ExtendRequest{Months: 1, Reason: "r"}); err != nil && !errors.Is(err, taocan.ErrState) {
				t.Errorf("extend: %v", err)
			}
		}
	})
	wg.Wait()
	if left := b.left(t, demo) + b.left(t, second); used+left != 500 {
		t.Errorf("%d used and %d left of 500", used, left)
	}
}
