package limit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"taocan/internal/clock"
	"taocan/internal/limit"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, teststore.Background()...) }

var (
	zone    = time.FixedZone("UTC+8", 8*60*60)
	begin   = time.Date(2026, 3, 31, 12, 0, 0, 0, zone)
	web     = taocan.Tenant{Account: "acme", Project: "web"}
	theirs  = taocan.Tenant{Account: "other", Project: "theirs"}
	owner   = taocan.Actor{Tenant: web, Member: "olga", Role: taocan.Owner, Scopes: []taocan.Scope{taocan.ScopeManage, taocan.ScopeBuy}}
	finance = taocan.Actor{Tenant: web, Member: "fin", Role: taocan.Owner, Scopes: owner.Scopes} // was an owner when signing in
	staff   = taocan.Actor{Member: "staff", Role: taocan.OperatorRole, Scopes: []taocan.Scope{taocan.ScopeOperator}}
)

func token(scopes ...taocan.Scope) taocan.Actor {
	return taocan.Actor{Tenant: web, Token: "tok", Scopes: scopes}
}

type env struct {
	*limit.Limits
	t     *testing.T
	ctx   context.Context
	store store.Store
	clock *clock.Fake
}

// newEnv has the accounts acme (web, shop, app) and other (theirs).
func newEnv(t *testing.T) *env {
	t.Helper()
	c := clock.NewFake(begin)
	st := teststore.Open(t, teststore.Options{Clock: c, Zone: zone})
	e := &env{limit.New(st, c, zone), t, context.WithoutCancel(t.Context()), st, c}
	e.update(func(tx store.Tx) error {
		for _, a := range []taocan.AccountID{"acme", "other"} {
			if err := tx.InsertAccount(e.ctx, taocan.Account{ID: a, Name: "n", Level: taocan.Enterprise, CreatedAt: begin}); err != nil {
				return err
			}
		}
		for _, p := range []taocan.Project{{ID: "web", Account: "acme"}, {ID: "shop", Account: "acme"}, {ID: "app", Account: "acme"}, {ID: "theirs", Account: "other"}} {
			p.Name, p.CreatedAt = "n", begin
			if err := tx.InsertProject(e.ctx, p); err != nil {
				return err
			}
		}
		for id, role := range map[taocan.MemberID]taocan.Role{"olga": taocan.Owner, "fin": taocan.Finance} {
			if err := tx.InsertMember(e.ctx, taocan.Member{ID: id, Account: "acme", Login: string(id), Role: role, PasswordHash: "x", CreatedAt: begin}); err != nil {
				return err
			}
		}
		return nil
	})
	return e
}

func (e *env) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

func (e *env) update(fn func(store.Tx) error) {
	e.t.Helper()
	e.must(e.store.Update(e.ctx, "", fn))
}

// audits are the actions in the log, the newest first.
func (e *env) audits() (list []string) {
	e.t.Helper()
	e.must(e.store.View(e.ctx, func(r store.Reader) error {
		page, err := r.AuditEntries(e.ctx, store.AuditFilter{Paging: store.Paging{Limit: 100}})
		for _, x := range page.Items {
			list = append(list, fmt.Sprintf("%s %s %s>%s", x.Action, x.Subject, x.Before, x.After))
		}
		return err
	}))
	return list
}

func places(err error) (list []string) {
	var bad *taocan.InvalidError
	if errors.As(err, &bad) {
		for _, f := range bad.Fields {
			list = append(list, f.Location)
		}
	}
	return list
}

func required(err error) string {
	var refused *taocan.ForbiddenError
	if errors.As(err, &refused) {
		return refused.Required
	}
	return ""
}

func daily(warning, cap taocan.Segments) taocan.UsageLimit {
	return taocan.UsageLimit{Category: taocan.Domestic, Period: taocan.PerDay, Warning: warning, Cap: cap}
}

func TestLimitsAreReplacedAndShownWithWhatIsTaken(t *testing.T) {
	e := newEnv(t)
	monthly := taocan.UsageLimit{Category: taocan.International, Country: "HK", Period: taocan.PerMonth, Cap: 100}
	list, err := e.Set(e.ctx, owner, []taocan.UsageLimit{monthly, daily(80, 100)})
	e.must(err)
	day, month := daily(80, 100), monthly
	day.Tenant, day.UpdatedAt, month.Tenant, month.UpdatedAt = web, begin.UTC(), web, begin.UTC()
	midnight := time.Date(2026, 4, 1, 0, 0, 0, 0, zone).UTC()
	if diff := cmp.Diff([]limit.Standing{{day, 0, midnight}, {month, 0, midnight}}, list); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	e.clock.Advance(time.Hour)
	list, err = e.Set(e.ctx, owner, []taocan.UsageLimit{daily(80, 100), {Category: taocan.Domestic, Purpose: taocan.Marketing, Period: taocan.PerDay, Warning: 1}})
	e.must(err)
	if len(list) != 2 || !list[0].UpdatedAt.Equal(begin) || !list[1].UpdatedAt.Equal(begin.Add(time.Hour)) {
		t.Errorf("got %+v, want the one that stays to keep its time", list)
	}
	if list, err := e.List(e.ctx, theirs); err != nil || len(list) > 0 {
		t.Errorf("another tenant sees %v, error %v", list, err)
	}
	first := `{"limit-domestic-all-day":{"warning":80,"cap":100},"limit-international-all-HK-month":{"cap":100}}`
	want := []string{`usage_limits.set web ` + first + `>{"limit-domestic-all-day":{"warning":80,"cap":100},"limit-domestic-marketing-day":{"warning":1}}`,
		`usage_limits.set web >` + first}
	if diff := cmp.Diff(want, e.audits()); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
}

func TestEverythingWrongWithLimitsIsSaidAtOnce(t *testing.T) {
	e := newEnv(t)
	many := make([]taocan.UsageLimit, limit.MaxLimits+1)
	for name, tt := range map[string]struct {
		limits []taocan.UsageLimit
		want   []string
	}{
		"the largest":             {[]taocan.UsageLimit{daily(limit.MaxCount-1, limit.MaxCount)}, nil},
		"more":                    {[]taocan.UsageLimit{daily(0, limit.MaxCount+1)}, []string{"body.limits[0].cap"}},
		"neither warning nor cap": {[]taocan.UsageLimit{daily(0, 0)}, []string{"body.limits[0]"}},
		"below 0": {[]taocan.UsageLimit{daily(-1, 5), {Category: taocan.Domestic, Period: taocan.PerMonth, Cap: -5}},
			[]string{"body.limits[0].warning", "body.limits[1].cap"}},
		"a warning at the cap":      {[]taocan.UsageLimit{daily(5, 5)}, []string{"body.limits[0].warning"}},
		"two of the same":           {[]taocan.UsageLimit{daily(1, 0), daily(0, 1)}, []string{"body.limits[1]"}},
		"a period that is none":     {[]taocan.UsageLimit{{Category: taocan.Domestic, Period: "year", Cap: 1}}, []string{"body.limits[0].period"}},
		"a country at home":         {[]taocan.UsageLimit{{Category: taocan.Domestic, Country: "HK", Period: taocan.PerDay, Cap: 1}}, []string{"body.limits[0].country"}},
		"purpose and category":      {[]taocan.UsageLimit{{Category: "lunar", Purpose: "jokes", Period: taocan.PerDay, Cap: 1}}, []string{"body.limits[0].category", "body.limits[0].purpose"}},
		"a purpose abroad is asked": {[]taocan.UsageLimit{{Category: taocan.International, Purpose: taocan.Marketing, Country: "HK", Period: taocan.PerDay, Cap: 1}}, nil},
		"too many":                  {many, []string{"body.limits"}},
	} {
		_, err := e.Set(e.ctx, owner, tt.limits)
		if diff := cmp.Diff(tt.want, places(err)); diff != "" || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: error %v, bad places (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestOwnersAndTheirTokensSetThem(t *testing.T) {
	e := newEnv(t)
	manage, both := token(taocan.ScopeManage), token(taocan.ScopeManage, taocan.ScopeBuy)
	usage := func(a taocan.Actor) error { _, err := e.Set(e.ctx, a, nil); return err }
	overflow := func(a taocan.Actor) error { _, err := e.SetOverflow(e.ctx, a, nil); return err }
	pool := func(a taocan.Actor) error { _, err := e.SetPool(e.ctx, a, web, nil); return err }
	for name, tt := range map[string]struct {
		do       func(taocan.Actor) error
		actor    taocan.Actor
		required string // empty: allowed
	}{
		"limits: an owner": {usage, owner, ""}, "limits: a token": {usage, manage, ""},
		"limits: a token without manage": {usage, token(taocan.ScopeBuy), "manage"}, "limits: one who is finance by now": {usage, finance, "owner"},
		"limits: an operator": {usage, staff, "manage"},
		"overflow: an owner":  {overflow, owner, ""}, "overflow: a token with both": {overflow, both, ""},
		"overflow: a token that may not buy": {overflow, manage, "buy"}, "overflow: a finance": {overflow, finance, ""},
		"pool: an owner": {pool, owner, ""}, "pool: an operator": {pool, staff, ""}, "pool: a token": {pool, both, "owner"},
		"pool: one who is finance by now": {pool, finance, "owner"},
	} {
		err := tt.do(tt.actor)
		if got := required(err); got != tt.required || tt.required == "" && err != nil {
			t.Errorf("%s: got %v, want the lack of %q", name, err, tt.required)
		}
	}
	if _, err := e.SetPool(e.ctx, owner, theirs, nil); required(err) != "owner" {
		t.Errorf("another account's pool: %v", err)
	}
	e.update(func(tx store.Tx) error {
		return tx.UpdateAccount(e.ctx, taocan.Account{ID: "acme", Name: "n", Level: taocan.Enterprise, Suspended: true})
	})
	var refused *taocan.ForbiddenError
	if err := usage(owner); !errors.As(err, &refused) {
		t.Errorf("a suspended account: %v", err)
	}
}

func TestOverflowIsSetByCategoryWithItsCap(t *testing.T) {
	e := newEnv(t)
	list, err := e.SetOverflow(e.ctx, owner, []taocan.Overflow{{Category: taocan.International, Cap: 1}, {Category: taocan.Domestic, Cap: limit.MaxOverflowCap}})
	e.must(err)
	if len(list) != 2 || list[0].Category != taocan.Domestic || list[0].Cap != limit.MaxOverflowCap || list[0].Spent != 0 || list[0].Tenant != web {
		t.Errorf("got %+v", list)
	}
	for name, tt := range map[string]struct {
		set  []taocan.Overflow
		want []string
	}{
		"no cap":             {[]taocan.Overflow{{Category: taocan.Domestic}}, []string{"body.overflow[0].month_cap"}},
		"no category":        {[]taocan.Overflow{{Cap: 1}}, []string{"body.overflow[0].category"}},
		"one category twice": {[]taocan.Overflow{{Category: taocan.Domestic, Cap: 1}, {Category: taocan.Domestic, Cap: 2}}, []string{"body.overflow[1]"}},
	} {
		_, err := e.SetOverflow(e.ctx, owner, tt.set)
		if diff := cmp.Diff(tt.want, places(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if list, err := e.Overflows(e.ctx, web); err != nil || len(list) != 2 {
		t.Errorf("refused calls left %v, %v", list, err)
	}
	_, err = e.SetOverflow(e.ctx, owner, nil)
	e.must(err)
	if list, err := e.Overflows(e.ctx, web); err != nil || len(list) > 0 {
		t.Errorf("after none were set there are %v, %v", list, err)
	}
}

func TestOverflowPricesArePublishedAndTakeEffect(t *testing.T) {
	e := newEnv(t)
	price := taocan.OverflowPrice{Category: taocan.Domestic, Purpose: taocan.Marketing, Price: 600}
	first, err := e.PublishPrice(e.ctx, staff, price)
	e.must(err)
	if !first.ValidFrom.Equal(begin) || !first.PublishedAt.Equal(begin) {
		t.Errorf("got %+v, want it in force from now on", first)
	}
	later := price
	later.Price, later.ValidFrom = 700, begin.Add(time.Hour)
	_, err = e.PublishPrice(e.ctx, staff, later)
	e.must(err)
	if _, err := e.PublishPrice(e.ctx, staff, later); !errors.Is(err, taocan.ErrConflict) {
		t.Errorf("a second price from the same instant on: %v", err)
	}
	prices, err := e.Prices(e.ctx)
	e.must(err)
	if len(prices) != 2 || prices[0].Price != 700 || prices[1].Price != 600 {
		t.Errorf("published are %+v, want the later one first", prices)
	}
	e.clock.Advance(time.Hour)
	for name, tt := range map[string]struct {
		change func(*taocan.OverflowPrice)
		want   []string
	}{
		"the past":          {func(p *taocan.OverflowPrice) { p.ValidFrom = begin }, []string{"body.valid_from"}},
		"no price":          {func(p *taocan.OverflowPrice) { p.Price = 0 }, []string{"body.price"}},
		"a country at home": {func(p *taocan.OverflowPrice) { p.Country = "HK" }, []string{"body.country"}},
		"a purpose abroad":  {func(p *taocan.OverflowPrice) { p.Category = taocan.International }, []string{"body.purpose"}},
		"no purpose":        {func(p *taocan.OverflowPrice) { p.Purpose = "" }, []string{"body.purpose"}},
		"no category":       {func(p *taocan.OverflowPrice) { p.Category = "" }, []string{"body.category"}},
	} {
		p := price
		tt.change(&p)
		_, err := e.PublishPrice(e.ctx, staff, p)
		if diff := cmp.Diff(tt.want, places(err)); diff != "" {
			t.Errorf("%s: error %v (-want +got):\n%s", name, err, diff)
		}
	}
	if _, err := e.PublishPrice(e.ctx, owner, price); required(err) != "operator" {
		t.Errorf("an owner publishes: %v", err)
	}
}

func TestAPoolNamesOtherProjectsOfTheAccount(t *testing.T) {
	e := newEnv(t)
	got, err := e.SetPool(e.ctx, owner, web, []taocan.ProjectID{"shop", "app"})
	e.must(err)
	read, err := e.Pool(e.ctx, web)
	e.must(err)
	if want := []taocan.ProjectID{"shop", "app"}; !cmp.Equal(got, want) || !cmp.Equal(read, want) {
		t.Errorf("answered %v, read %v, want %v in this order", got, read, want)
	}
	for name, tt := range map[string]struct {
		owners []taocan.ProjectID
		want   []string
	}{
		"itself":                 {[]taocan.ProjectID{"web"}, []string{"body.projects[0]"}},
		"another account's":      {[]taocan.ProjectID{"shop", "theirs"}, []string{"body.projects[1]"}},
		"one that is not there":  {[]taocan.ProjectID{"nothing"}, []string{"body.projects[0]"}},
		"one twice":              {[]taocan.ProjectID{"shop", "shop"}, []string{"body.projects[1]"}},
		"more than there may be": {make([]taocan.ProjectID, limit.MaxPools+1), []string{"body.projects"}},
	} {
		_, err := e.SetPool(e.ctx, owner, web, tt.owners)
		if diff := cmp.Diff(tt.want, places(err)); diff != "" {
			t.Errorf("%s: error %v (-want +got):\n%s", name, err, diff)
		}
	}
	if _, err := e.SetPool(e.ctx, staff, taocan.Tenant{Account: "other", Project: "web"}, nil); !errors.Is(err, taocan.ErrNotFound) {
		t.Errorf("a project under another account: %v", err)
	}
	_, err = e.SetPool(e.ctx, staff, web, nil)
	e.must(err)
	if read, err := e.Pool(e.ctx, web); err != nil || len(read) > 0 {
		t.Errorf("after none were set there are %v, %v", read, err)
	}
	if got := e.audits(); len(got) != 2 || got[0] != `pool.set web ["shop","app"]>null` || got[1] != `pool.set web []>["shop","app"]` {
		t.Errorf("audit log: %v", got)
	}
}
