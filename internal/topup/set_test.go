package topup_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/topup"
)

func TestSetReplacesAllTopUpsOfTheActorsProjectOnly(t *testing.T) {
	e := newEnv(t)
	tina := taocan.Actor{Tenant: theirs, Member: "tina", Role: taocan.Owner}
	_, err := e.Set(e.ctx, tina, []taocan.TopUp{marketing()}, accepted)
	e.must(err)
	abroad := taocan.TopUp{Category: taocan.International, Purpose: taocan.General, Country: "HK", Level: 5, Quantity: 100, MonthCap: 39_70,
		Cooldown: topup.MinCooldown, Enabled: true}
	list := e.set(abroad, marketing())

	want := marketing()
	want.Tenant, want.By, want.AgreementVersion, want.Cooldown, want.UpdatedAt, want.CalledAt = web, owner, accepted, topup.DefaultCooldown, begin, begin
	if diff := cmp.Diff(topup.Standing{TopUp: want}, list[0]); diff != "" {
		t.Errorf("the first (-want +got):\n%s", diff)
	}
	if len(list) != 2 || list[1].ID() != "international-general-HK" || list[1].Cooldown != topup.MinCooldown {
		t.Errorf("got %+v, want marketing and then Hong Kong", list)
	}
	e.set()
	if list, err := e.List(e.ctx, web); err != nil || len(list) > 0 {
		t.Errorf("after none were set there are %v, error %v", list, err)
	}
	if list, err := e.List(e.ctx, theirs); err != nil || len(list) != 1 {
		t.Errorf("the others' are %v, error %v", list, err)
	}
}

func TestEverythingWrongIsSaidAtOnce(t *testing.T) {
	e := newEnv(t)
	e.set(marketing())
	with := func(change func(*taocan.TopUp)) []taocan.TopUp { return []taocan.TopUp{marketing(change)} }
	many := make([]taocan.TopUp, topup.MaxTopUps+1)
	for name, tt := range map[string]struct {
		topUps []taocan.TopUp
		want   []string
	}{
		"a category that is none":      {with(func(x *taocan.TopUp) { x.Category = "lunar" }), []string{"body.top_ups[0].category"}},
		"general at home":              {with(func(x *taocan.TopUp) { x.Purpose = taocan.General }), []string{"body.top_ups[0].purpose"}},
		"a country at home":            {with(func(x *taocan.TopUp) { x.Country = "HK" }), []string{"body.top_ups[0].country"}},
		"everywhere abroad":            {with(func(x *taocan.TopUp) { x.Category, x.Purpose = taocan.International, taocan.General }), []string{"body.top_ups[0].country"}},
		"no level":                     {with(func(x *taocan.TopUp) { x.Level = 0 }), []string{"body.top_ups[0].level"}},
		"a quantity that is not sold":  {with(func(x *taocan.TopUp) { x.Quantity = 150 }), []string{"body.top_ups[0].quantity"}},
		"more than is sold at once":    {with(func(x *taocan.TopUp) { x.Quantity = 10_000_100 }), []string{"body.top_ups[0].quantity"}},
		"a country that is not sold":   {with(func(x *taocan.TopUp) { x.Category, x.Purpose, x.Country = "international", "general", "ZZ" }), []string{"body.top_ups[0].country"}},
		"no cap":                       {with(capped(0)), []string{"body.top_ups[0].month_cap"}},
		"a cap below one purchase":     {with(capped(43_99)), []string{"body.top_ups[0].month_cap"}},
		"a cooldown too short":         {with(func(x *taocan.TopUp) { x.Cooldown = 299 * time.Second }), []string{"body.top_ups[0].cooldown_seconds"}},
		"a cooldown too long":          {with(func(x *taocan.TopUp) { x.Cooldown = topup.MaxCooldown + time.Second }), []string{"body.top_ups[0].cooldown_seconds"}},
		"a cooldown with milliseconds": {with(func(x *taocan.TopUp) { x.Cooldown = time.Hour + time.Millisecond }), []string{"body.top_ups[0].cooldown_seconds"}},
		"two of one target":            {[]taocan.TopUp{marketing(), marketing(capped(50_00))}, []string{"body.top_ups[1]"}},
		"too many":                     {many, []string{"body.top_ups"}},
		"several things":               {with(func(x *taocan.TopUp) { x.Level, x.Quantity = -1, 0 }), []string{"body.top_ups[0].level", "body.top_ups[0].quantity"}},
	} {
		_, err := e.Set(e.ctx, owner, tt.topUps, accepted)
		var got []string
		var bad *taocan.InvalidError
		if errors.As(err, &bad) {
			for _, f := range bad.Fields {
				got = append(got, f.Location)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: error %v, bad places (-want +got):\n%s", name, err, diff)
		}
	}
	if s := e.state(); s.Level != 100 || s.MonthCap != 100_00 {
		t.Errorf("refused calls changed the top-up to %+v", s)
	}
}

func TestOnlyTheCurrentAgreementCounts(t *testing.T) {
	e := newEnv(t)
	off := marketing(func(x *taocan.TopUp) { x.Enabled = false })
	for _, version := range []string{"", "sample-0"} {
		var refused *taocan.AgreementError
		if _, err := e.Set(e.ctx, owner, []taocan.TopUp{marketing()}, version); !errors.As(err, &refused) || refused.CurrentVersion != accepted {
			t.Errorf("with version %q: got %v, want the current agreement to be named", version, err)
		}
		if _, err := e.Set(e.ctx, owner, []taocan.TopUp{off}, version); err != nil {
			t.Errorf("what is switched off buys nothing and takes no acceptance: %v", err)
		}
	}
}

func TestOnlyWhoMayBuySetsTopUps(t *testing.T) {
	token := func(scopes ...taocan.Scope) taocan.Actor {
		return taocan.Actor{Tenant: web, Token: "t", Scopes: scopes}
	}
	member := func(id taocan.MemberID) taocan.Actor {
		return taocan.Actor{Tenant: web, Member: id, Role: taocan.Owner}
	}
	e := newEnv(t)
	e.update("", func(tx store.Tx) error {
		insert := func(id taocan.MemberID, role taocan.Role, suspended bool) error {
			return tx.InsertMember(e.ctx, taocan.Member{ID: id, Account: "acme", Login: string(id), Role: role, PasswordHash: "x", Suspended: suspended, CreatedAt: begin})
		}
		return errors.Join(insert("fin", taocan.Finance, false), insert("viv", taocan.Viewer, false), insert("sue", taocan.Owner, true))
	})
	for name, tt := range map[string]struct {
		actor    taocan.Actor
		required string // of the refusal; empty: allowed
	}{
		"an owner":                           {owner, ""},
		"a finance":                          {member("fin"), ""},
		"one who is a viewer by now":         {member("viv"), "finance"},
		"one who is suspended":               {member("sue"), "finance"},
		"another account's owner":            {member("tina"), "finance"},
		"nobody":                             {member("nobody"), "finance"},
		"a token with manage and buy":        {token(taocan.ScopeManage, taocan.ScopeBuy), ""},
		"a token that may not buy":           {token(taocan.ScopeManage, taocan.ScopeDebit), "buy"},
		"a token that may change no setting": {token(taocan.ScopeBuy), "manage"},
		"an operator":                        {staff, "finance"},
	} {
		_, err := e.Set(e.ctx, tt.actor, []taocan.TopUp{marketing()}, accepted)
		var refused *taocan.ForbiddenError
		if errors.As(err, &refused) != (tt.required != "") || tt.required != "" && refused.Required != tt.required {
			t.Errorf("%s: got %v, want the lack of %q", name, err, tt.required)
		}
	}
	e.account(func(a *taocan.Account) { a.Level = taocan.Personal })
	var refused *taocan.ForbiddenError
	if _, err := e.Set(e.ctx, owner, []taocan.TopUp{marketing()}, accepted); !errors.As(err, &refused) || refused.Required != "enterprise" {
		t.Errorf("a person's account: got %v, want marketing to take an enterprise", err)
	}
	e.account(func(a *taocan.Account) { a.Level, a.Suspended = taocan.Enterprise, true })
	if _, err := e.Set(e.ctx, owner, nil, accepted); !errors.As(err, &refused) {
		t.Errorf("a suspended account: got %v", err)
	}
}

// account changes acme.
func (e *env) account(change func(*taocan.Account)) {
	e.t.Helper()
	e.update("", func(tx store.Tx) error {
		a, err := tx.Account(e.ctx, "acme")
		if err != nil {
			return err
		}
		change(&a)
		return tx.UpdateAccount(e.ctx, a)
	})
}

func TestSettingIsInTheAuditLogWithBeforeAndAfter(t *testing.T) {
	e := newEnv(t)
	e.set(marketing())
	e.set()
	var entries []taocan.AuditEntry
	e.must(e.store.View(e.ctx, func(r store.Reader) error {
		page, err := r.AuditEntries(e.ctx, store.AuditFilter{Paging: store.Paging{Limit: 100}})
		entries = page.Items
		return err
	}))
	first := `{"domestic-marketing":{"level":100,"quantity":1000,"month_cap":"100.00","cooldown_seconds":3600,"enabled":true}}`
	i := slices.IndexFunc(entries, func(x taocan.AuditEntry) bool { return x.Action == "top_ups.set" && x.After == first })
	if i < 0 || entries[i].Before != "" || entries[i].By != "member:olga" || entries[i].Subject != "web" {
		t.Errorf("the log does not say who set it: %v", entries)
	}
	if x := entries[0]; x.Action != "top_ups.set" || x.Before != first || x.After != "" {
		t.Errorf("the log does not say who removed it: %v", x)
	}
}

func TestWhoReadsListsHasTheProjectsOwn(t *testing.T) {
	e := newEnv(t)
	e.fund("acme", 1000_00)
	e.set(marketing())
	e.step()
	for _, other := range []taocan.Tenant{shop, theirs, {Account: "other", Project: "web"}, {}} {
		list, err := e.List(e.ctx, other)
		e.must(err)
		page, err := e.History(e.ctx, other, store.Paging{Limit: 10})
		e.must(err)
		if len(list)+len(page.Items) > 0 {
			t.Errorf("%v sees %v and %v", other, list, page.Items)
		}
	}
	s := e.state()
	if s.Last == nil || s.Spent != 44_00 || s.Remaining != 1000 || s.Buying || !strings.HasPrefix(string(s.Last.Order), "O") {
		t.Errorf("after a purchase it stands at %+v", s)
	}
}

func TestPutAndRemoveLeaveTheOthersAsTheyAre(t *testing.T) {
	e := newEnv(t)
	e.set(marketing())
	e.step() // no money: a failure to remember
	before := e.state()
	verification := marketing(func(x *taocan.TopUp) { x.Purpose = taocan.Verification })
	list, err := e.Put(e.ctx, owner, verification, accepted)
	e.must(err)
	if len(list) != 2 || list[0].Purpose != taocan.Verification {
		t.Fatalf("got %+v, want both", list)
	}
	if diff := cmp.Diff(before, list[1]); diff != "" {
		t.Errorf("the other changed (-before +after):\n%s", diff)
	}
	verification.Level = 7
	if list, err = e.Put(e.ctx, owner, verification, accepted); err != nil || len(list) != 2 || list[0].Level != 7 {
		t.Errorf("put again: %+v, %v", list, err)
	}
	for range 2 {
		if list, err = e.Remove(e.ctx, owner, "domestic-verification"); err != nil || len(list) != 1 || list[0].ID() != "domestic-marketing" {
			t.Errorf("removed: %+v, %v", list, err)
		}
	}
	if diff := cmp.Diff(before, e.state()); diff != "" {
		t.Errorf("the other changed (-before +after):\n%s", diff)
	}
}
