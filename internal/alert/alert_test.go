package alert_test

import (
	"errors"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/alert"
	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

var (
	shanghai = time.FixedZone("UTC+8", 8*60*60)
	begin    = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
	demo     = taocan.Tenant{Account: "acme", Project: "demo"}
	second   = taocan.Tenant{Account: "acme", Project: "second"}
	stranger = taocan.Tenant{Account: "rival", Project: "theirs"}
	manager  = taocan.Actor{Tenant: demo, Token: "tok_1", Scopes: []taocan.Scope{taocan.ScopeManage}, Address: "192.0.2.1"}
)

// env is a store with three projects and nothing in them, the use case and a worker on it, and its clock.
type env struct {
	*alert.Alerts
	t      testing.TB
	data   *teststore.Database
	store  store.Store
	worker *alert.Worker
	clock  *clock.Fake
	drawn  int
	read   int // notices that news has told of
}

func newEnv(t testing.TB) *env {
	t.Helper()
	e := &env{t: t, data: teststore.NewDatabase(t), clock: clock.NewFake(begin)}
	e.open()
	t.Cleanup(func() {
		if err := e.store.Close(); err != nil {
			t.Error(err)
		}
	})
	e.update("", func(tx store.Tx) error {
		var errs []error
		for _, a := range []taocan.AccountID{"acme", "rival"} {
			errs = append(errs, tx.InsertAccount(t.Context(), taocan.Account{ID: a, Level: taocan.Enterprise, CreatedAt: tx.Now()}))
		}
		for _, p := range []taocan.Tenant{demo, second, stranger} {
			errs = append(errs, tx.InsertProject(t.Context(), taocan.Project{ID: p.Project, Account: p.Account, CreatedAt: tx.Now()}))
		}
		return errors.Join(errs...)
	})
	return e
}

// open opens the store as a process does that starts.
func (e *env) open() {
	e.t.Helper()
	st := e.data.Open(teststore.Options{Clock: e.clock, Zone: shanghai})
	e.store, e.Alerts = st, alert.New(st, e.clock, shanghai)
	e.worker = alert.NewWorker(alert.WorkerConfig{Store: st, Clock: e.clock, Zone: shanghai, Random: rand.New(rand.NewSource(1)),
		Forecasts: packages.New(st, e.clock, shanghai, nil)})
}

func (e *env) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

func (e *env) update(account taocan.AccountID, fn func(store.Tx) error) {
	e.t.Helper()
	e.must(e.store.Update(e.t.Context(), account, fn))
}

// grant writes a package with so much left, which works for a year from begin.
func (e *env) grant(t taocan.Tenant, target taocan.AlertRule, quantity taocan.Segments) {
	e.t.Helper()
	e.drawn++
	e.update(t.Account, func(tx store.Tx) error {
		return tx.InsertPackage(e.t.Context(), taocan.Package{Tenant: t, Number: taocan.PackageNumber(fmt.Sprintf("U1A26030112%05X", e.drawn)), Name: "test",
			Category: target.Category, Purpose: target.Purpose, Country: target.Country, ChargeOn: taocan.ChargeOnSubmit,
			Total: quantity, Remaining: quantity, PurchasedAt: tx.Now(), ExistsFrom: tx.Now(), ExpiresAt: begin.AddDate(1, 0, 0)}, taocan.EntryGrant, "test")
	})
}

// take debits or reserves one domestic quantity.
func (e *env) take(kind taocan.DebitKind, p taocan.Purpose, quantity taocan.Segments) {
	e.t.Helper()
	e.drawn++
	op := store.Op{Tenant: demo, Kind: store.OpTake, Request: taocan.DebitRequest{ID: taocan.DebitID(fmt.Sprint("d-", e.drawn)), Kind: kind,
		Category: taocan.Domestic, Purpose: p, Quantity: quantity}}
	if kind == taocan.KindReservation {
		op.Request.TTL, op.Request.OnDeadline = time.Hour, taocan.ReleaseOnDeadline
	}
	e.do(op)
}

// do commits an operation as the engine does.
func (e *env) do(op store.Op) {
	e.t.Helper()
	outcomes, err := e.store.CommitDebits(e.t.Context(), []store.Op{op}, func(l *store.Ledger, ops []store.Op) []store.Outcome {
		outcomes := debit.Decide(l, ops)
		alert.Watch(l)
		return outcomes
	})
	e.must(err)
	e.must(outcomes[0].Err)
}

func domestic(p taocan.Purpose, threshold taocan.Segments) taocan.AlertRule {
	return taocan.AlertRule{Kind: taocan.AlertRemaining, Unit: taocan.InMessages, Category: taocan.Domestic, Purpose: p, Threshold: threshold, Enabled: true}
}

func abroad(c taocan.Country, threshold taocan.Segments) taocan.AlertRule {
	return taocan.AlertRule{Kind: taocan.AlertRemaining, Unit: taocan.InMessages, Category: taocan.International, Purpose: taocan.General, Country: c, Threshold: threshold, Enabled: true}
}

func off(r taocan.AlertRule) taocan.AlertRule {
	r.Enabled = false
	return r
}

func (e *env) set(rules ...taocan.AlertRule) {
	e.t.Helper()
	_, err := e.Set(e.t.Context(), manager, rules)
	e.must(err)
}

// lines are standings in short: "domestic-marketing low 150".
func lines(list []alert.Standing) []string {
	var all []string
	for _, s := range list {
		all = append(all, fmt.Sprintf("%s %s %d", s.ID(), s.State, s.Remaining))
	}
	return all
}

func (e *env) wantRules(t taocan.Tenant, want ...string) {
	e.t.Helper()
	list, err := e.Rules(e.t.Context(), t)
	e.must(err)
	if diff := cmp.Diff(want, lines(list)); diff != "" {
		e.t.Errorf("rules of %s (-want +got):\n%s", t.Project, diff)
	}
}

func (e *env) wantBoard(c taocan.Category, want ...string) {
	e.t.Helper()
	list, err := e.Board(e.t.Context(), demo, c)
	e.must(err)
	if diff := cmp.Diff(want, lines(list)); diff != "" {
		e.t.Errorf("board of %s (-want +got):\n%s", c, diff)
	}
}

func TestARuleIsLowBelowItsThresholdOnly(t *testing.T) {
	e := newEnv(t)
	e.grant(demo, domestic(taocan.Marketing, 0), 1000)
	e.set(domestic(taocan.Marketing, 1000))
	e.wantRules(demo, "domestic-marketing ok 1000")
	e.take(taocan.KindDebit, taocan.Marketing, 1)
	e.wantRules(demo, "domestic-marketing low 999")
	e.grant(demo, domestic(taocan.Marketing, 0), 1)
	e.wantRules(demo, "domestic-marketing ok 1000")
	e.take(taocan.KindReservation, taocan.Marketing, 400)
	e.wantRules(demo, "domestic-marketing low 600") // what is reserved is not left
	e.set(off(domestic(taocan.Marketing, 1000)))
	e.wantRules(demo, "domestic-marketing off 600")
}

func TestWhatHasExpiredIsNotLeft(t *testing.T) {
	e := newEnv(t)
	e.grant(demo, domestic(taocan.General, 0), 1000)
	e.grant(demo, abroad("HK", 0), 1000)
	e.set(domestic(taocan.General, 1), abroad("", 1), abroad("HK", 1))
	e.clock.Set(begin.AddDate(1, 0, 0).Add(-time.Microsecond))
	e.wantRules(demo, "domestic-general ok 1000", "international-general ok 1000", "international-general-HK ok 1000")
	e.clock.Advance(time.Microsecond)
	e.wantRules(demo, "domestic-general low 0", "international-general low 0", "international-general-HK low 0")
	e.wantBoard(taocan.International, "international-general low 0", "international-general-HK low 0")
}

func TestARuleLooksAtExactlyItsTarget(t *testing.T) {
	e := newEnv(t)
	e.grant(demo, domestic(taocan.Marketing, 0), 10)
	e.grant(demo, domestic(taocan.General, 0), 5000) // may pay for marketing, and is not marketing
	e.grant(demo, abroad("HK", 0), 700)
	e.grant(demo, abroad("US", 0), 20)
	e.grant(second, domestic(taocan.Verification, 0), 9000) // another project of the account
	e.grant(stranger, domestic(taocan.Verification, 0), 9000)
	e.set(abroad("US", 100), abroad("MY", 1), abroad("", 720), domestic(taocan.General, 100), domestic(taocan.Verification, 1),
		domestic(taocan.Marketing, 100), abroad("HK", 701))
	e.wantRules(demo, "domestic-verification low 0", "domestic-marketing low 10", "domestic-general ok 5000",
		"international-general ok 720", "international-general-HK low 700", "international-general-MY low 0", "international-general-US low 20")
}

func TestTheBoardShowsWhatIsNotSetToo(t *testing.T) {
	e := newEnv(t)
	e.grant(demo, domestic(taocan.Marketing, 0), 150)
	e.grant(demo, abroad("HK", 0), 7)
	e.wantBoard(taocan.Domestic, "domestic-verification unset 0", "domestic-marketing unset 150", "domestic-general unset 0")
	e.wantBoard(taocan.International, "international-general unset 7")
	e.wantRules(demo)

	e.set(abroad("US", 1), abroad("HK", 8), off(domestic(taocan.General, 1)), domestic(taocan.Marketing, 1000))
	e.wantBoard(taocan.Domestic, "domestic-verification unset 0", "domestic-marketing low 150", "domestic-general off 0")
	e.wantBoard(taocan.International, "international-general unset 7", "international-general-HK low 7", "international-general-US low 0")
	e.set(abroad("", 5))
	e.wantBoard(taocan.International, "international-general ok 7")

	board, err := e.Board(t.Context(), stranger, taocan.Domestic)
	e.must(err)
	want := alert.Standing{AlertRule: taocan.AlertRule{Tenant: stranger, Kind: taocan.AlertRemaining, Unit: taocan.InMessages, Category: taocan.Domestic, Purpose: taocan.Verification}, State: alert.Unset}
	if diff := cmp.Diff(want, board[0]); diff != "" {
		t.Errorf("an unset target (-want +got):\n%s", diff)
	}
	var bad *taocan.InvalidError
	if _, err := e.Board(t.Context(), demo, "lunar"); !errors.As(err, &bad) || bad.Fields[0].Location != "query.category" {
		t.Errorf("board of an unknown category: got %v, want query.category to be refused", err)
	}
}

func TestSetReplacesAllRulesOfTheActorsProjectOnly(t *testing.T) {
	e := newEnv(t)
	theirs := manager
	theirs.Tenant = stranger
	_, err := e.Set(t.Context(), theirs, []taocan.AlertRule{abroad("", 5)})
	e.must(err)
	e.set(domestic(taocan.Marketing, 10), abroad("HK", 10))

	claimed := domestic(taocan.Verification, 20)
	claimed.Tenant, claimed.UpdatedAt = stranger, begin.AddDate(-1, 0, 0)
	got, err := e.Set(t.Context(), manager, []taocan.AlertRule{claimed})
	e.must(err)
	want := domestic(taocan.Verification, 20)
	want.Tenant, want.UpdatedAt = demo, begin
	if diff := cmp.Diff([]alert.Standing{{AlertRule: want, State: alert.Low, Level: 20}}, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	e.wantRules(demo, "domestic-verification low 0")
	e.wantRules(stranger, "international-general low 0")
	e.wantRules(second)
	e.set()
	e.wantRules(demo)
}

func TestARuleThatStaysAsItWasKeepsItsTime(t *testing.T) {
	e := newEnv(t)
	e.set(domestic(taocan.Verification, 10), domestic(taocan.Marketing, 10), domestic(taocan.General, 10))
	e.clock.Advance(time.Hour)
	e.set(domestic(taocan.Verification, 10), domestic(taocan.Marketing, 11), off(domestic(taocan.General, 10)), abroad("", 10))
	list, err := e.Rules(t.Context(), demo)
	e.must(err)
	for i, want := range []time.Time{begin, begin.Add(time.Hour), begin.Add(time.Hour), begin.Add(time.Hour)} {
		if got := list[i].UpdatedAt; !got.Equal(want) {
			t.Errorf("%s was updated at %v, want %v", list[i].ID(), got, want)
		}
	}
}

func TestEverythingWrongIsSaidAtOnce(t *testing.T) {
	many := make([]taocan.AlertRule, alert.MaxRules+1)
	for i := range many {
		many[i] = abroad(taocan.Country([]byte{byte('A' + i/26), byte('A' + i%26)}), 1)
	}
	for _, tt := range []struct {
		name  string
		rules []taocan.AlertRule
		want  []string // the bad places; none: it is taken
	}{
		{"all targets that there are", []taocan.AlertRule{domestic(taocan.Verification, 1), domestic(taocan.Marketing, taocan.MaxSegments),
			domestic(taocan.General, 1), abroad("", 1), abroad("HK", 1)}, nil},
		{"as many rules as may be", many[:alert.MaxRules], nil},
		{"more", many, []string{"body.rules"}},
		{"an unknown category", []taocan.AlertRule{{Category: "lunar", Purpose: taocan.General, Threshold: 1}}, []string{"body.rules[0].category"}},
		{"an unknown purpose", []taocan.AlertRule{domestic("jokes", 1)}, []string{"body.rules[0].purpose"}},
		{"a domestic rule for a country", []taocan.AlertRule{{Category: taocan.Domestic, Purpose: taocan.General, Country: "HK", Threshold: 1}},
			[]string{"body.rules[0].country"}},
		{"marketing abroad", []taocan.AlertRule{{Category: taocan.International, Purpose: taocan.Marketing, Threshold: 1}}, []string{"body.rules[0].purpose"}},
		{"a country in small letters", []taocan.AlertRule{abroad("hk", 1)}, []string{"body.rules[0].country"}},
		{"thresholds out of range", []taocan.AlertRule{domestic(taocan.Marketing, 0), domestic(taocan.General, -1), abroad("", taocan.MaxSegments+1)},
			[]string{"body.rules[0].threshold", "body.rules[1].threshold", "body.rules[2].threshold"}},
		{"two rules for one target", []taocan.AlertRule{abroad("HK", 1), abroad("", 1), off(abroad("HK", 2))}, []string{"body.rules[2]"}},
		{"several things", []taocan.AlertRule{domestic(taocan.Marketing, 1), {}},
			[]string{"body.rules[1].category", "body.rules[1].purpose", "body.rules[1].threshold"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			e.set(domestic(taocan.Verification, 77))
			_, err := e.Set(t.Context(), manager, tt.rules)
			var got []string
			var bad *taocan.InvalidError
			if errors.As(err, &bad) {
				for _, f := range bad.Fields {
					got = append(got, f.Location)
				}
			} else {
				e.must(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("bad places (-want +got):\n%s", diff)
			}
			if tt.want != nil {
				e.wantRules(demo, "domestic-verification low 0")
			}
		})
	}
}

func TestOnlyWhoManagesSetsRules(t *testing.T) {
	for _, tt := range []struct {
		name     string
		change   func(*taocan.Actor)
		member   taocan.Member
		suspend  bool   // the account
		required string // of the refusal
		allowed  bool
	}{
		{name: "a token with the scope manage", allowed: true},
		{name: "a token without it", required: "manage",
			change: func(a *taocan.Actor) { a.Scopes = []taocan.Scope{taocan.ScopeRead, taocan.ScopeBuy, taocan.ScopeDebit} }},
		{name: "an operator", change: func(a *taocan.Actor) { *a = taocan.System() }, required: "manage"},
		{name: "an owner", member: taocan.Member{ID: "m", Account: "acme", Role: taocan.Owner}, allowed: true},
		{name: "an owner who has become a finance since signing in", member: taocan.Member{ID: "m", Account: "acme", Role: taocan.Finance}, required: "owner"},
		{name: "an owner who has become a viewer since", member: taocan.Member{ID: "m", Account: "acme", Role: taocan.Viewer}, required: "owner"},
		{name: "an owner who has been suspended since", member: taocan.Member{ID: "m", Account: "acme", Role: taocan.Owner, Suspended: true}, required: "owner"},
		{name: "an owner of another account", member: taocan.Member{ID: "m", Account: "rival", Role: taocan.Owner}, required: "owner"},
		{name: "a member that is not there", change: func(a *taocan.Actor) { a.Member = "nobody" }, required: "owner"},
		{name: "a token of a suspended account", suspend: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			actor := manager
			e.update("", func(tx store.Tx) error {
				if tt.suspend {
					e.must(tx.UpdateAccount(t.Context(), taocan.Account{ID: "acme", Level: taocan.Enterprise, Suspended: true}))
				}
				if tt.member.ID == "" {
					return nil
				}
				actor.Member, actor.Role = tt.member.ID, taocan.Owner
				return tx.InsertMember(t.Context(), tt.member)
			})
			if tt.change != nil {
				tt.change(&actor)
			}
			_, err := e.Set(t.Context(), actor, []taocan.AlertRule{domestic(taocan.General, 1)})
			if tt.allowed {
				e.must(err)
				e.wantRules(demo, "domestic-general low 0")
				return
			}
			var refused *taocan.ForbiddenError
			if !errors.As(err, &refused) || refused.Required != tt.required {
				t.Errorf("got error %v, want it forbidden for the lack of %q", err, tt.required)
			}
			e.wantRules(demo)
			if entries := e.audit(); len(entries) > 0 {
				t.Errorf("a refused call is in the audit log: %v", entries)
			}
		})
	}
}

func (e *env) audit() []taocan.AuditEntry {
	e.t.Helper()
	var page store.Page[taocan.AuditEntry]
	e.must(e.store.View(e.t.Context(), func(r store.Reader) (err error) {
		page, err = r.AuditEntries(e.t.Context(), store.AuditFilter{Paging: store.Paging{Limit: 100}})
		return err
	}))
	return page.Items
}

func TestSettingRulesIsInTheAuditLogWithBeforeAndAfter(t *testing.T) {
	e := newEnv(t)
	e.set(domestic(taocan.Marketing, 10))
	e.clock.Advance(time.Minute)
	e.set(off(abroad("HK", 5)), domestic(taocan.Marketing, 20))
	e.set()
	first, then := `{"domestic-marketing":{"threshold":10,"enabled":true}}`,
		`{"domestic-marketing":{"threshold":20,"enabled":true},"international-general-HK":{"threshold":5,"enabled":false}}`
	entry := func(n int64, at time.Time, before, after string) taocan.AuditEntry {
		return taocan.AuditEntry{N: n, At: at, By: "token:tok_1", Address: "192.0.2.1", Action: "alerts.set", Subject: "demo", Before: before, After: after}
	}
	want := []taocan.AuditEntry{entry(3, begin.Add(time.Minute), then, ""), entry(2, begin.Add(time.Minute), first, then), entry(1, begin, "", first)}
	if diff := cmp.Diff(want, e.audit()); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
}

func TestIdsComeFromTargets(t *testing.T) {
	for want, r := range map[taocan.AlertID]taocan.AlertRule{"domestic-marketing": domestic(taocan.Marketing, 1), "international-general": abroad("", 1),
		"international-general-HK": abroad("HK", 1)} {
		if got := r.ID(); got != want {
			t.Errorf("got id %s, want %s", got, want)
		}
	}
}
