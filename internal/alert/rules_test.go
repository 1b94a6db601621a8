package alert_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

const (
	day  = 24 * time.Hour
	noon = 12 * time.Hour // at begin, in the platform's zone
)

// step lets the worker look until nothing is due. What comes next comes a little later.
func (e *env) step() {
	e.t.Helper()
	for {
		n, err := e.worker.Step(e.t.Context())
		e.must(err)
		if n == 0 {
			e.clock.Advance(time.Millisecond)
			return
		}
	}
}

// pass moves the clock and lets the worker look, four times a day.
func (e *env) pass(d time.Duration) {
	e.t.Helper()
	for quarter := day / 4; d > 0; d -= quarter {
		e.clock.Advance(min(d, quarter))
		e.step()
	}
}

// notices are all of a project's, the oldest first.
func (e *env) notices() []taocan.Notice {
	e.t.Helper()
	var all []taocan.Notice
	e.must(e.store.View(e.t.Context(), func(r store.Reader) error {
		f := store.NoticeFilter{Paging: store.Paging{Limit: 100}}
		for {
			page, err := r.Notices(e.t.Context(), demo, f)
			if err != nil {
				return err
			}
			for _, n := range page.Items {
				all = append(all, n.Notice)
			}
			if f.Cursor = page.Next; f.Cursor == "" {
				return nil
			}
		}
	}))
	slices.Reverse(all)
	return all
}

// said is a notice in short: "low domestic-marketing 99".
func said(n taocan.Notice) string {
	s := fmt.Sprintf("%s %s %d", n.Event, n.Rule, n.Facts.Remaining)
	switch n.Event {
	case taocan.NoticeReminder:
		s += fmt.Sprintf(" #%d", n.Facts.Nth)
	case taocan.NoticeUsage, taocan.NoticeLimit:
		s += fmt.Sprintf(", %d in %s", n.Facts.Taken, n.Facts.Period)
	case taocan.NoticeExpiring, taocan.NoticeUnused:
		s += fmt.Sprintf(", %d on %s in %d days", n.Facts.Quantity, n.Facts.On, n.Facts.Days)
	case taocan.NoticeRunsOut:
		s += fmt.Sprintf(", on %s in %d days", n.Facts.On, n.Facts.Days)
	}
	return s
}

// want asks for what has been told since it was last asked.
func (e *env) want(what string, want ...string) {
	e.t.Helper()
	all := e.notices()
	var got []string
	for _, n := range all[e.read:] {
		got = append(got, said(n))
	}
	e.read = len(all)
	if diff := cmp.Diff(want, got); diff != "" {
		e.t.Errorf("%s: told (-want +got):\n%s", what, diff)
	}
}

// give writes a package that expires after so long.
func (e *env) give(target taocan.AlertRule, quantity taocan.Segments, life time.Duration) taocan.PackageNumber {
	e.t.Helper()
	e.drawn++
	number := taocan.PackageNumber(fmt.Sprintf("U1A26030112%05X", e.drawn))
	e.update(demo.Account, func(tx store.Tx) error {
		return tx.InsertPackage(e.t.Context(), taocan.Package{Tenant: demo, Number: number, Name: "test", Category: target.Category, Purpose: target.Purpose,
			Country: target.Country, ChargeOn: taocan.ChargeOnSubmit, Total: quantity, Remaining: quantity, PurchasedAt: tx.Now(), ExistsFrom: tx.Now(),
			ExpiresAt: tx.Now().Add(life)}, taocan.EntryGrant, "test")
	})
	return number
}

func (e *env) adjust(n taocan.PackageNumber, delta taocan.Segments) {
	e.t.Helper()
	e.update(demo.Account, func(tx store.Tx) error { return tx.AdjustPackage(e.t.Context(), demo, n, delta, "test") })
}

// debit takes marketing messages.
func (e *env) debit(quantity taocan.Segments) {
	e.t.Helper()
	e.take(taocan.KindDebit, taocan.Marketing, quantity)
}

// hold reserves marketing messages, and returns what gives them back.
func (e *env) hold(quantity taocan.Segments) (release func()) {
	e.t.Helper()
	e.take(taocan.KindReservation, taocan.Marketing, quantity)
	id := taocan.DebitID(fmt.Sprint("d-", e.drawn))
	return func() { e.t.Helper(); e.do(store.Op{Tenant: demo, Kind: store.OpRelease, ID: id}) }
}

func of(kind taocan.AlertKind, unit taocan.AlertUnit, threshold taocan.Segments) taocan.AlertRule {
	r := domestic(taocan.Marketing, threshold)
	r.Kind, r.Unit = kind, unit
	return r
}

var marketing = domestic(taocan.Marketing, 100)

func TestACrossingIsToldOnceInItsDebit(t *testing.T) {
	e := newEnv(t)
	e.give(marketing, 200, 365*day)
	e.set(marketing)
	e.step()
	e.debit(100)
	e.want("at the level")
	e.debit(1)
	e.want("below it, without a worker", "low domestic-marketing 99")
	e.debit(50)
	e.step()
	e.want("further down")
	n := e.notices()[0]
	want := taocan.NoticeFacts{Category: taocan.Domestic, Purpose: taocan.Marketing, Kind: taocan.AlertRemaining, Unit: taocan.InMessages,
		Threshold: 100, Level: 100, Remaining: 99}
	if diff := cmp.Diff(want, n.Facts); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

func TestAPurchaseArmsAtTheLevelAndAReturnATenthAboveIt(t *testing.T) {
	e := newEnv(t)
	e.give(marketing, 250, 365*day)
	e.set(marketing)
	release := e.hold(151)
	e.want("crossing", "low domestic-marketing 99")
	small := e.hold(19)
	e.step()
	e.want("further down")

	e.give(marketing, 19, 365*day)
	e.step()
	e.want("a purchase to one below the level") // 99
	e.give(marketing, 1, 365*day)
	e.step()
	e.want("a purchase to the level", "recovered domestic-marketing 100")
	e.debit(1)
	e.want("below it again", "low domestic-marketing 99")

	small() // 118: a tenth above and more
	e.want("a return to a tenth above", "recovered domestic-marketing 118")
	e.debit(19)
	e.want("down again", "low domestic-marketing 99")
	hold := e.hold(9) // 90
	e.debit(1)
	hold()
	back := e.hold(1)
	back()
	e.step()
	e.want("flaps below")
	release()
	e.want("all back", "recovered domestic-marketing 249")
}

func TestReturnsAroundTheLevelAreNotToldOf(t *testing.T) {
	e := newEnv(t)
	e.give(marketing, 120, 365*day)
	e.set(domestic(taocan.Marketing, 95)) // a tenth more is 104.5, so 105
	e.debit(10)
	first := e.hold(16)
	e.want("crossing", "low domestic-marketing 94")
	first() // 110
	e.want("above a tenth", "recovered domestic-marketing 110")
	e.debit(6) // 104
	for range 5 {
		e.hold(10)() // 94 and back to 104
		e.step()
	}
	e.want("to and fro between the level and a tenth above", "low domestic-marketing 94")
	e.adjust("U1A2603011200001", 1)
	e.step()
	e.want("an adjustment to the level and above is as a purchase", "recovered domestic-marketing 105")
}

func TestWhatNobodyDebitsIsToldByTheWorker(t *testing.T) {
	e := newEnv(t)
	number := e.give(marketing, 120, 30*day)
	e.give(marketing, 50, 90*day)
	e.set(marketing)
	e.step()
	e.want("enough")
	e.adjust(number, -71)
	e.step()
	e.want("an adjustment down", "low domestic-marketing 99")
	e.adjust(number, +30)
	e.step()
	e.want("an adjustment up", "recovered domestic-marketing 129")
	freeze := func(frozen bool) {
		e.update(demo.Account, func(tx store.Tx) error { return tx.FreezePackage(t.Context(), demo, number, frozen, "test") })
		e.step()
	}
	freeze(true)
	e.want("a package frozen", "low domestic-marketing 50")
	freeze(false)
	e.want("and thawed", "recovered domestic-marketing 129")
	e.clock.Advance(30*day - time.Second)
	e.step()
	e.want("before the expiry")
	e.clock.Advance(time.Second)
	e.step()
	e.want("an expiry", "low domestic-marketing 50")
	e.set(domestic(taocan.Marketing, 40))
	e.step()
	e.want("a level a tenth and more below", "recovered domestic-marketing 50")
}

func TestARuleThatIsSetLowFiresAtItsFirstLook(t *testing.T) {
	e := newEnv(t)
	e.set(marketing)
	e.step()
	e.want("nothing is left", "low domestic-marketing 0")
	e.set(off(marketing))
	e.step()
	e.want("off")
	e.set(marketing)
	e.step()
	e.want("on again", "low domestic-marketing 0")
	e.set()
	e.step()
	e.want("removed")
	if _, err := e.worker.Step(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAtMostThreeRemindersADayApart(t *testing.T) {
	e := newEnv(t)
	e.give(marketing, 100, 365*day)
	e.set(marketing)
	e.step()
	e.debit(1)
	e.want("crossing", "low domestic-marketing 99")
	e.pass(day - time.Minute)
	e.want("a minute less than a day later")
	e.clock.Advance(time.Minute + time.Second)
	e.step()
	e.want("a day later", "reminder domestic-marketing 99 #1")
	e.pass(30 * day)
	e.want("a month later", "reminder domestic-marketing 99 #2", "reminder domestic-marketing 99 #3")
	e.give(marketing, 100, 365*day)
	e.step()
	e.debit(100)
	e.want("another crossing", "recovered domestic-marketing 199", "low domestic-marketing 99")
	e.pass(day)
	e.want("its own reminders", "reminder domestic-marketing 99 #1")
}

func TestARestartForgetsNothing(t *testing.T) {
	e := newEnv(t)
	e.give(marketing, 100, 365*day)
	e.set(marketing)
	e.debit(1)
	e.want("crossing", "low domestic-marketing 99")
	again := func() {
		e.must(e.store.Close())
		e.open()
	}
	again()
	e.debit(1)
	e.step()
	e.want("after a restart")
	e.clock.Advance(2 * day)
	again()
	e.step()
	e.want("down for two days", "reminder domestic-marketing 98 #1")
}

func TestLevelsInPercentAreOfWhatIsHeld(t *testing.T) {
	e := newEnv(t)
	e.give(marketing, 200, 10*day)
	e.give(marketing, 103, 20*day)
	e.set(of(taocan.AlertRemaining, taocan.InPercent, 10))
	e.step()
	e.debit(272)
	e.want("31 of 303 are left, which is more than a tenth")
	e.debit(1)
	e.want("30 are less", "low domestic-marketing-percent 30")
	if got := e.notices()[0].Facts.Level; got != 31 {
		t.Errorf("a tenth of 303 is told as %d, want 31", got)
	}
	e.clock.Advance(10*day + time.Second) // the 200 are all used up, and now expire
	e.step()
	e.want("30 of 103 are more than a tenth", "recovered domestic-marketing-percent 30")
	e.clock.Advance(10 * day)
	e.step()
	e.want("nothing is held", "low domestic-marketing-percent 0")
	e.wantRules(demo, "domestic-marketing-percent low 0")
}

func TestLevelsInDaysAreOfTheLastSevenWholeDays(t *testing.T) {
	e := newEnv(t)
	e.give(marketing, 1000, 365*day)
	e.set(of(taocan.AlertRemaining, taocan.InDays, 3))
	e.debit(701)
	e.step()
	e.want("use of today does not count")
	e.clock.Advance(noon - time.Second)
	e.step()
	e.want("before midnight in the platform's zone")
	e.clock.Advance(time.Second)
	e.step()
	e.want("three days take 301: 299 are too few", "low domestic-marketing-days 299")
	e.clock.Advance(7 * day)
	e.step()
	e.want("a week without use", "recovered domestic-marketing-days 299")
}

func TestUseIsToldOncePerNaturalDayAndMonth(t *testing.T) {
	e := newEnv(t)
	e.give(marketing, 1000, 365*day)
	e.debit(50)
	e.set(of(taocan.AlertUsageDay, taocan.InMessages, 60), of(taocan.AlertUsageMonth, taocan.InMessages, 100))
	e.step()
	e.debit(10)
	e.want("at the threshold")
	e.debit(1)
	e.want("above it", "usage domestic-marketing-usage_day 939, 61 in 2026-03-01")
	e.debit(1)
	e.step()
	e.want("once")
	e.wantRules(demo, "domestic-marketing-usage_day fired 938", "domestic-marketing-usage_month ok 938")
	e.clock.Set(begin.Add(noon - time.Microsecond))
	e.wantRules(demo, "domestic-marketing-usage_day fired 938", "domestic-marketing-usage_month ok 938")
	e.clock.Advance(time.Microsecond) // midnight in the platform's zone, 16:00 in UTC
	e.wantRules(demo, "domestic-marketing-usage_day ok 938", "domestic-marketing-usage_month ok 938")
	e.hold(39)
	e.want("reserved counts", "usage domestic-marketing-usage_month 899, 101 in 2026-03")
	e.debit(22)
	e.want("the next day", "usage domestic-marketing-usage_day 877, 61 in 2026-03-02")
	e.clock.Advance(30 * day)
	e.debit(101)
	e.want("the next month", "usage domestic-marketing-usage_day 776, 101 in 2026-04-01", "usage domestic-marketing-usage_month 776, 101 in 2026-04")
	e.set(of(taocan.AlertUsageDay, taocan.InMessages, 150))
	e.debit(49)
	e.want("a raised threshold")
	e.debit(1)
	e.want("above that, too", "usage domestic-marketing-usage_day 726, 151 in 2026-04-01")
	e.set(of(taocan.AlertUsageDay, taocan.InMessages, 150), of(taocan.AlertUsageMonth, taocan.InMessages, 120))
	e.step()
	e.want("set above it already", "usage domestic-marketing-usage_month 726, 151 in 2026-04")
}

func TestAPackageThatExpiresSoonIsToldOnce(t *testing.T) {
	e := newEnv(t)
	e.give(marketing, 100, 30*day)
	e.give(domestic(taocan.General, 0), 100, 30*day)
	used := e.give(marketing, 50, 20*day)
	e.set(of(taocan.AlertExpiring, taocan.InDays, 14))
	e.adjust(used, -50)
	e.pass(15*day + noon - time.Hour) // to an hour before the day 14 days before the last one, 31 March
	e.want("15 days before")
	e.pass(time.Hour)
	e.want("14 days before", "expiring domestic-marketing-expiring 100, 100 on 2026-03-31 in 14 days")
	e.wantRules(demo, "domestic-marketing-expiring fired 100")
	e.pass(3 * day)
	e.want("once")
	e.give(marketing, 7, 5*day+time.Hour)
	e.step()
	e.want("one that is bought to expire soon", "expiring domestic-marketing-expiring 107, 7 on 2026-03-25 in 5 days")
	e.pass(20 * day)
	e.want("expired")
	e.wantRules(demo, "domestic-marketing-expiring ok 0")
}

func TestAForecastRemindsBeforeItRunsOut(t *testing.T) {
	e := newEnv(t)
	e.give(marketing, 700, 365*day)
	e.set(of(taocan.AlertForecast, "", 0))
	use := func(days int) {
		for range days {
			e.debit(10)
			e.pass(day)
		}
	}
	use(7)
	e.want("63 days of stock")
	use(56)
	e.want("at 30, and at 7 days", "runs_out domestic-marketing-forecast 300, on 2026-05-10 in 30 days",
		"runs_out domestic-marketing-forecast 70, on 2026-05-10 in 7 days")
	e.give(marketing, 100, 365*day)
	e.step()
	e.want("bought for 10 days more")
	use(16)
	e.want("at 1 day: that of 7 has been told", "runs_out domestic-marketing-forecast 10, on 2026-05-20 in 1 days")
	e.give(marketing, 1000, 365*day)
	e.step()
	e.wantRules(demo, "domestic-marketing-forecast ok 1010")
	use(71)
	e.want("armed again", "runs_out domestic-marketing-forecast 300, on 2026-08-28 in 30 days")
}
