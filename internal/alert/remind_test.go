package alert_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// country makes a rule or a package one of a country.
func country(r taocan.AlertRule, c taocan.Country) taocan.AlertRule {
	r.Category, r.Purpose, r.Country = taocan.International, taocan.General, c
	return r
}

// use takes so many marketing messages a day for so many days.
func (e *env) use(days int, perDay taocan.Segments) {
	e.t.Helper()
	for range days {
		e.debit(perDay)
		e.pass(day)
	}
}

var forecast = of(taocan.AlertForecast, taocan.InDays, 30)

func TestWhatExpiresUnusedIsToldAtEachStep(t *testing.T) {
	e := newEnv(t)
	e.give(marketing, 1000, 40*day)
	e.set(forecast)
	e.use(7, 10)
	e.want("33 days before")
	e.use(32, 10)
	e.want("30, 7 and 1 days before",
		"unused domestic-marketing-forecast 900, 590 on 2026-04-10 in 30 days",
		"unused domestic-marketing-forecast 670, 590 on 2026-04-10 in 7 days",
		"unused domestic-marketing-forecast 610, 590 on 2026-04-10 in 1 days")
}

func TestWhatExpiresUnusedIsNoNewsWhileOthersLast(t *testing.T) {
	for _, tt := range []struct {
		name   string
		target taocan.AlertRule
		later  taocan.Segments
		silent bool
	}{
		{"use of 30 days in a later package", marketing, 300, true},
		{"one message less", marketing, 299, false},
		{"use of 30 days in a later general package, which pays for it", domestic(taocan.General, 0), 300, true},
		{"a later package that does not pay for it", domestic(taocan.Verification, 0), 300, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			e.give(marketing, 1000, 30*day)
			e.give(tt.target, tt.later, 200*day)
			e.set(forecast)
			for range 7 {
				e.debit(10)
				e.clock.Advance(day)
			}
			e.step()
			if got := len(e.notices()) == 0; got != tt.silent {
				t.Errorf("silent is %t, want %t: %v", got, tt.silent, e.notices())
			}
		})
	}
}

func TestWithoutUseAForecastIsSilent(t *testing.T) {
	e := newEnv(t)
	e.give(marketing, 1000, 20*day)
	e.set(forecast)
	e.pass(20 * day)
	e.want("all expired unused")
}

func TestAForecastAbroadIsOfEachCountry(t *testing.T) {
	e := newEnv(t)
	for _, c := range []taocan.Country{"HK", "US"} {
		e.give(country(marketing, c), 280, 365*day)
	}
	e.set(country(forecast, ""))
	take := func(c taocan.Country, quantity taocan.Segments) {
		e.drawn++
		e.do(store.Op{Tenant: demo, Kind: store.OpTake, Request: taocan.DebitRequest{ID: taocan.DebitID("x-" + string(c) + time.Duration(e.drawn).String()),
			Kind: taocan.KindDebit, Category: taocan.International, Purpose: taocan.General, Country: c, Quantity: quantity}})
	}
	for range 7 {
		take("HK", 10)
		take("US", 1)
		e.pass(day)
	}
	// Of the six whole days before the seventh began, 60 are used.
	e.want("only one runs out", "runs_out international-general-forecast 220, on 2026-04-01 in 25 days")
	if got := e.notices()[0].Facts.Country; got != "HK" {
		t.Errorf("it is %q that runs out, want HK", got)
	}
	for range 5 {
		take("US", 50)
	}
	e.pass(day)
	e.want("the other, too", "runs_out international-general-forecast 23, on 2026-03-09 in 0 days")
	e.pass(day)
	e.want("each once")
}

func TestAPackageIsNotToldOfAnewWhenItsNoticeIsForgotten(t *testing.T) {
	e := newEnv(t)
	e.give(marketing, 100, 300*day)
	e.set(of(taocan.AlertExpiring, taocan.InDays, 365))
	e.step()
	e.want("within a year", "expiring domestic-marketing-expiring 100, 100 on 2026-12-26 in 300 days")
	e.clock.Advance(200 * day)
	e.update("", func(tx store.Tx) error {
		_, err := tx.PurgeNotices(t.Context(), e.clock.Now(), 100)
		return err
	})
	e.read = len(e.notices())
	e.step()
	e.want("after the outbox has forgotten it")
}

func TestRulesTellTheirOwnProjectOnly(t *testing.T) {
	e := newEnv(t)
	theirs := manager
	theirs.Tenant = stranger
	_, err := e.Set(t.Context(), theirs, []taocan.AlertRule{marketing})
	e.must(err)
	e.grant(stranger, marketing, 500)
	e.step()
	e.want("another's rule")
	e.set(marketing)
	e.step()
	e.want("mine, although theirs has enough", "low domestic-marketing 0")
}

// Two processes may find the same project due; what was read before is read again by who writes.
func TestTwoWorkersTellOnce(t *testing.T) {
	e := newEnv(t)
	e.set(marketing)
	done := make(chan error)
	for range 2 {
		go func() {
			_, err := e.worker.Step(t.Context())
			done <- err
		}()
	}
	e.must(errors.Join(<-done, <-done))
	e.want("both", "low domestic-marketing 0")
}

func TestAWorkerLooksUntilItIsStopped(t *testing.T) {
	e := newEnv(t)
	e.set(marketing)
	e.worker.Start(t.Context())
	for t.Context().Err() == nil && len(e.notices()) == 0 {
	}
	e.must(e.worker.Stop(t.Context()))
	e.want("started", "low domestic-marketing 0")
	e.must(newEnv(t).worker.Stop(t.Context())) // never started
}

func TestChannelsMustBeTheProjects(t *testing.T) {
	e := newEnv(t)
	channel := func(p taocan.Tenant, id taocan.ChannelID) {
		e.update("", func(tx store.Tx) error {
			return tx.InsertChannel(t.Context(), taocan.Channel{Tenant: p, ID: id, Kind: taocan.Email, Name: "ops", Address: "ops@example.com",
				Language: "en", Enabled: true, CreatedAt: tx.Now(), UpdatedAt: tx.Now()})
		})
	}
	channel(demo, "chn_mine")
	channel(second, "chn_other")
	refused := func(ids ...taocan.ChannelID) (at []string) {
		rule := marketing
		rule.Channels = ids
		_, err := e.Set(t.Context(), manager, []taocan.AlertRule{domestic(taocan.General, 1), rule})
		var bad *taocan.InvalidError
		if errors.As(err, &bad) {
			for _, f := range bad.Fields {
				at = append(at, f.Location)
			}
			return at
		}
		e.must(err)
		return nil
	}
	for _, tt := range []struct {
		name     string
		channels []taocan.ChannelID
		want     []string
	}{
		{"none", nil, nil},
		{"another project's", []taocan.ChannelID{"chn_mine", "chn_other"}, []string{"body.rules[1].channels[1]"}},
		{"one twice", []taocan.ChannelID{"chn_mine", "chn_mine"}, []string{"body.rules[1].channels[1]"}},
		{"the project's", []taocan.ChannelID{"chn_mine"}, nil},
	} {
		if diff := cmp.Diff(tt.want, refused(tt.channels...)); diff != "" {
			t.Errorf("%s: bad places (-want +got):\n%s", tt.name, diff)
		}
	}
	e.step()
	for _, n := range e.notices() {
		if n.Rule == marketing.ID() && !slices.Equal(n.Channels, []taocan.ChannelID{"chn_mine"}) {
			t.Errorf("%s goes to %v, want chn_mine", n.Rule, n.Channels)
		}
	}
	e.update("", func(tx store.Tx) error { return tx.DeleteChannel(t.Context(), demo, "chn_mine") })
	if at := refused("chn_mine"); at != nil {
		t.Errorf("a rule that named a channel before it was removed is refused at %v", at)
	}
}

func TestABoardReplacesItsOwnRulesOnly(t *testing.T) {
	e := newEnv(t)
	e.update("", func(tx store.Tx) error {
		return tx.InsertChannel(t.Context(), taocan.Channel{Tenant: demo, ID: "chn_mine", Kind: taocan.Email, Name: "ops", Address: "ops@example.com",
			Language: "en", CreatedAt: tx.Now(), UpdatedAt: tx.Now()})
	})
	told := marketing
	told.Channels = []taocan.ChannelID{"chn_mine"}
	e.set(told, domestic(taocan.General, 5), forecast, of(taocan.AlertRemaining, taocan.InPercent, 10))
	changed := domestic(taocan.Marketing, 70)
	_, err := e.SetBoard(t.Context(), manager, []taocan.AlertRule{changed, abroad("", 9)})
	e.must(err)
	list, err := e.Rules(t.Context(), demo)
	e.must(err)
	var got []string
	for _, s := range list {
		got = append(got, string(s.ID()))
	}
	want := []string{"domestic-marketing", "domestic-marketing-percent", "domestic-marketing-forecast", "international-general"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if list[0].Threshold != 70 || !slices.Equal(list[0].Channels, told.Channels) {
		t.Errorf("the changed rule is %+v, want its new threshold and its old channels", list[0])
	}
}
