package test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/order"
	"taocan/internal/server"
	"taocan/internal/statement"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// A month of three customers: what they buy, use up, let expire and are told. It is told twice: by the product, and by a
// plain reading of the packages' entries afterwards, which knows the rules but nothing of how the product keeps them.

const (
	monthDebits = 200_000
	monthStep   = 20 * time.Minute
)

type customer struct {
	taocan.Tenant
	by    taocan.Actor
	rules []taocan.AlertRule
	// weights of what it sends, by purpose
	sends map[taocan.Purpose]int
	large int // most messages of one debit
}

type month struct {
	t         *testing.T
	ctx       context.Context
	clock     *clock.Fake
	server    *server.Server
	random    *rand.Rand
	customers []*customer
	receivers *receivers
	looks     []time.Time // when the workers had looked at the rules
	taken     map[taocan.ProjectID]taocan.Segments
	orders    int
	debits    int
}

func TestAScriptedMonth(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	m := &month{t: t, ctx: t.Context(), random: rand.New(rand.NewPCG(7, 11)), taken: map[taocan.ProjectID]taocan.Segments{}}
	m.clock = clock.NewFake(time.Date(2026, 3, 1, 0, 0, 0, 0, zone))
	m.receivers = newReceivers(t)
	m.open()
	m.furnish()
	begin := m.clock.Now()
	steps := int(31 * 24 * time.Hour / monthStep)
	for step := range steps {
		m.script(step, begin)
		m.send(monthDebits*(step+1)/steps - m.debits)
		m.clock.Advance(monthStep)
		m.look()
	}
	m.receivers.mend()
	for range 60 { // what waited for receivers that were down goes out, two days at most
		m.clock.Advance(time.Hour)
		m.look()
	}

	for _, c := range m.customers {
		m.checkNotices(c)
		m.checkDeliveries(c)
		m.checkStatement(c)
	}
	report, err := store.Verify(m.ctx, m.server.Store, store.VerifyOptions{})
	m.must(err)
	for _, f := range report.Findings {
		t.Errorf("verify: %s", f)
	}
	t.Logf("%d debits of %d messages, %d orders, %d notices, %d commits", m.debits, sum(maps.Values(m.taken)), m.orders, m.receivers.told(), report.Commits)
}

func sum[N ~int64](seq func(func(N) bool)) (total N) {
	for n := range seq {
		total += n
	}
	return total
}

func (m *month) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *month) open() {
	m.t.Helper()
	settings := config.Defaults()
	settings.Data = m.t.TempDir()
	var err error
	m.server, err = server.Open(m.ctx, server.Options{Settings: settings, Clock: m.clock})
	m.must(err)
	m.receivers.attach(m)
	m.server.Debits.Start(m.ctx)
	m.t.Cleanup(func() {
		ctx := context.Background()
		if err := m.server.Debits.Stop(ctx); err != nil {
			m.t.Error(err)
		}
		if err := m.server.Close(); err != nil {
			m.t.Error(err)
		}
	})
}

// furnish makes the customers: one tells of counts, one of a share and of days, one of use; all of what expires.
func (m *month) furnish() {
	m.t.Helper()
	domestic := func(k taocan.AlertKind, u taocan.AlertUnit, p taocan.Purpose, threshold taocan.Segments) taocan.AlertRule {
		return taocan.AlertRule{Kind: k, Unit: u, Category: taocan.Domestic, Purpose: p, Threshold: threshold, Enabled: true}
	}
	m.customers = []*customer{
		{Tenant: taocan.Tenant{Account: "red", Project: "red-shop"}, large: 3, sends: map[taocan.Purpose]int{taocan.Verification: 8, taocan.Marketing: 2},
			rules: []taocan.AlertRule{domestic(taocan.AlertRemaining, taocan.InMessages, taocan.Verification, 5_000),
				domestic(taocan.AlertRemaining, taocan.InMessages, taocan.Marketing, 3_000),
				domestic(taocan.AlertExpiring, taocan.InDays, taocan.Marketing, 5)}},
		{Tenant: taocan.Tenant{Account: "green", Project: "green-bank"}, large: 1, sends: map[taocan.Purpose]int{taocan.Verification: 1},
			rules: []taocan.AlertRule{domestic(taocan.AlertRemaining, taocan.InPercent, taocan.Verification, 20)}},
		{Tenant: taocan.Tenant{Account: "blue", Project: "blue-app"}, large: 2, sends: map[taocan.Purpose]int{taocan.Verification: 1, taocan.Marketing: 3},
			rules: []taocan.AlertRule{domestic(taocan.AlertUsageDay, taocan.InMessages, taocan.Marketing, 1_700),
				domestic(taocan.AlertRemaining, taocan.InMessages, taocan.Marketing, 10_000)}},
	}
	system := taocan.System()
	for _, c := range m.customers {
		m.must(m.server.Store.Update(m.ctx, "", func(tx store.Tx) error {
			if err := tx.InsertAccount(m.ctx, taocan.Account{ID: c.Account, Name: string(c.Account), Level: taocan.Enterprise, CreatedAt: tx.Now()}); err != nil {
				return err
			}
			return tx.InsertProject(m.ctx, taocan.Project{ID: c.Project, Account: c.Account, Name: string(c.Project), CreatedAt: tx.Now()})
		}))
		c.by = taocan.Actor{Tenant: c.Tenant, Token: "tok_" + taocan.TokenID(c.Account), Address: "192.0.2.1",
			Scopes: []taocan.Scope{taocan.ScopeRead, taocan.ScopeBuy, taocan.ScopeDebit, taocan.ScopeManage}}
		_, _, err := m.server.Orders.TopUp(m.ctx, system, c.Account, order.WalletChange{Key: "first", ContentHash: make([]byte, 32), Amount: 10_000_000, Reference: "transfer " + string(c.Account)})
		m.must(err)
		m.buy(c, taocan.Verification, 30_000)
		if c.sends[taocan.Marketing] > 0 {
			m.buy(c, taocan.Marketing, 20_000)
		}
		m.receivers.join(m, c)
		m.clock.Advance(time.Second)
		_, err = m.server.Alerts.Set(m.ctx, c.by, c.rules)
		m.must(err)
		m.look()
	}
}

// script is what happens besides sending.
func (m *month) script(step int, begin time.Time) {
	day, of := step*int(monthStep)/int(24*time.Hour), step*int(monthStep)%int(24*time.Hour)
	if of != 0 {
		return
	}
	red, green, blue := m.customers[0], m.customers[1], m.customers[2]
	switch day {
	case 3: // a gift that expires within the month, with something left
		m.must(m.server.Store.Update(m.ctx, red.Account, func(tx store.Tx) error {
			return tx.InsertPackage(m.ctx, taocan.Package{Tenant: red.Tenant, Number: "U1B2603040000001", Name: "welcome", Category: taocan.Domestic, Purpose: taocan.Marketing,
				ChargeOn: taocan.ChargeOnSubmit, Total: 20_000, Remaining: 20_000, PurchasedAt: tx.Now(), ExistsFrom: tx.Now(), ExpiresAt: begin.Truncate(time.Hour).AddDate(0, 0, 12)}, taocan.EntryGrant, "welcome")
		}))
		m.look()
	case 6: // mail is down for a day, the webhook answers 500 for hours
		m.receivers.fail()
	case 7:
		m.receivers.mend()
	case 27:
		m.buy(green, taocan.Verification, 20_000)
	case 11:
		m.buy(red, taocan.Verification, 40_000)
	case 14:
		m.buy(blue, taocan.Marketing, 30_000)
	case 15: // prices change
		lists, err := m.server.Catalog.PriceLists(m.ctx, taocan.Domestic)
		m.must(err)
		i := slices.IndexFunc(lists, func(l taocan.PriceList) bool { return !l.Draft })
		list := lists[i]
		list.ID, list.ValidFrom, list.Published = "spring", m.clock.Now().Add(time.Minute), time.Time{}
		for r := range list.Rows {
			list.Rows[r].Tiers = slices.Clone(list.Rows[r].Tiers)
			for i := range list.Rows[r].Tiers {
				list.Rows[r].Tiers[i].Price += 20
			}
		}
		_, err = m.server.Catalog.Publish(m.ctx, taocan.System(), list)
		m.must(err)
	case 16, 22:
		m.buy(red, taocan.Verification, 10_000)
		m.buy(blue, taocan.Verification, 5_000)
	case 20:
		m.receivers.fail()
	case 21:
		m.receivers.mend()
	case 24: // up and down around the level: no news
		m.buy(blue, taocan.Marketing, 100)
	}
}

// buy orders and pays, and lets the workers look, as they would within a second.
func (m *month) buy(c *customer, p taocan.Purpose, q taocan.Segments) {
	m.t.Helper()
	agreement, err := m.server.Catalog.Agreement(m.ctx)
	m.must(err)
	m.orders++
	key := fmt.Sprint("order-", m.orders)
	o, _, err := m.server.Orders.Create(m.ctx, c.by, key, []byte(key), taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: p, Quantity: q}, agreement.Version)
	m.must(err)
	_, _, err = m.server.Orders.Pay(m.ctx, c.by, key, []byte(key), o.ID, "")
	m.must(err)
	m.look()
}

// send debits n messages' worth of requests, in one call per customer; some are refused where packages have run out, some
// are reservations that are settled in part.
func (m *month) send(n int) {
	m.t.Helper()
	shares := []int{n / 2, n / 5, n - n/2 - n/5}
	for i, c := range m.customers {
		var ops []store.Op
		var weights []taocan.Purpose
		for _, p := range taocan.Purposes {
			for range c.sends[p] {
				weights = append(weights, p)
			}
		}
		for range shares[i] {
			m.debits++
			op := store.Op{Tenant: c.Tenant, Kind: store.OpTake, Request: taocan.DebitRequest{ID: taocan.DebitID(fmt.Sprint("m-", m.debits)), Kind: taocan.KindDebit,
				Category: taocan.Domestic, Purpose: weights[m.random.IntN(len(weights))], Quantity: taocan.Segments(1 + m.random.IntN(c.large))}}
			if m.random.IntN(20) == 0 {
				op.Request.Kind, op.Request.TTL = taocan.KindReservation, time.Hour
			}
			ops = append(ops, op)
		}
		if len(ops) == 0 {
			continue
		}
		outcomes, err := m.server.Debits.Do(m.ctx, ops)
		m.must(err)
		var settle []store.Op
		for _, o := range outcomes {
			switch {
			case o.Err != nil:
			case o.Debit.Kind == taocan.KindDebit:
				m.taken[c.Project] += o.Debit.Quantity
			case m.random.IntN(2) == 0:
				settle = append(settle, store.Op{Tenant: c.Tenant, Kind: store.OpCommit, ID: o.Debit.ID, Quantity: 1})
				m.taken[c.Project]++
			} // the others are released at their deadline
		}
		if len(settle) > 0 {
			_, err := m.server.Debits.Do(m.ctx, settle)
			m.must(err)
		}
	}
}

// look is what the server's loops do every second.
func (m *month) look() {
	m.t.Helper()
	if _, err := m.server.Debits.Sweep(m.ctx); err != nil && !errors.Is(err, taocan.ErrUnavailable) { // the engine's own sweep is at it
		m.t.Fatal(err)
	}
	_, err := m.server.Packages.MarkExpired(m.ctx)
	m.must(err)
	_, err = m.server.AlertWorker.Step(m.ctx)
	m.must(err)
	m.looks = append(m.looks, m.clock.Now())
	m.receivers.deliver(m)
}

// checkNotices compares what was said with what a plain reading of the entries says.
func (m *month) checkNotices(c *customer) {
	m.t.Helper()
	var said []string
	for _, n := range m.notices(c) {
		said = append(said, m.line(n.Rule, n.Event, n.At))
	}
	var want []string
	for _, r := range c.rules {
		want = append(want, m.expected(c, r)...)
	}
	slices.Sort(said)
	slices.Sort(want)
	if diff := gocmp.Diff(want, said); diff != "" {
		m.t.Errorf("%s: notices by rule (-want +got):\n%s", c.Project, diff)
	}
	m.t.Logf("%s: %s", c.Project, strings.Join(said, ", "))
}

// line is a notice in short. A reminder stands without its time: whether a look comes just before or just after 24 hours is
// a matter of microseconds.
func (m *month) line(rule taocan.AlertID, e taocan.NoticeEvent, at time.Time) string {
	if e == taocan.NoticeReminder {
		return fmt.Sprintf("%s %s", rule, e)
	}
	return fmt.Sprintf("%s %s %s", rule, e, at.In(m.server.Zone).Format("02T15:04"))
}

func (m *month) notices(c *customer) (all []taocan.Notice) {
	m.t.Helper()
	m.must(m.server.Store.View(m.ctx, func(r store.Reader) error {
		cursor := ""
		for {
			page, err := r.Notices(m.ctx, c.Tenant, store.NoticeFilter{Paging: store.Paging{Limit: 100, Cursor: cursor}})
			if err != nil {
				return err
			}
			for _, n := range page.Items {
				all = append(all, n.Notice)
			}
			if cursor = page.Next; cursor == "" {
				return nil
			}
		}
	}))
	return all
}

// history is what happened to a project's packages of one purpose.
type history struct {
	packages []taocan.Package
	entries  []taocan.Entry // of all purposes, in time: a commit of any of them is a look
	of       map[taocan.PackageNumber]taocan.Package
}

func (m *month) history(c *customer) history {
	m.t.Helper()
	h := history{of: map[taocan.PackageNumber]taocan.Package{}}
	m.must(m.server.Store.View(m.ctx, func(r store.Reader) error {
		page, err := r.Packages(m.ctx, c.Tenant, store.PackageFilter{Now: m.clock.Now(), Paging: store.Paging{Limit: 1000}})
		if err != nil {
			return err
		}
		h.packages = page.Items
		for _, p := range h.packages {
			h.of[p.Number] = p
			if err := r.EachEntry(m.ctx, c.Tenant, p.Number, func(e taocan.Entry) error {
				h.entries = append(h.entries, e)
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	}))
	slices.SortStableFunc(h.entries, func(a, b taocan.Entry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind)) })
	return h
}

// expected reads the rule's news out of the history.
func (m *month) expected(c *customer, r taocan.AlertRule) (news []string) {
	h := m.history(c)
	var at time.Time
	say := func(e taocan.NoticeEvent) { news = append(news, m.line(r.ID(), e, at)) }
	switch r.Kind {
	case taocan.AlertExpiring:
		for _, p := range h.packages {
			// Told on the day that is so many days before the last on which it works.
			if at = p.ExpiresAt.AddDate(0, 0, -1-int(r.Threshold)); p.Purpose == r.Purpose && !at.After(m.clock.Now()) && m.leftAt(h, p.Number, at) > 0 {
				say(taocan.NoticeExpiring)
			}
		}
		return news
	case taocan.AlertUsageDay:
		for _, at = range m.daysAbove(c, r) {
			say(taocan.NoticeUsage)
		}
		return news
	}
	// All instants at which anybody looked: commits of the project, and the workers' rounds.
	type look struct {
		at     time.Time
		bought bool
	}
	var looks []look
	for _, e := range h.entries {
		if e.Kind == taocan.EntryExpire {
			continue // a marker moves nothing, and no rule is looked at for it
		}
		opens := e.Kind == taocan.EntryIssue || e.Kind == taocan.EntryGrant
		looks = append(looks, look{e.At, opens})
	}
	for _, at := range m.looks {
		looks = append(looks, look{at, false})
	}
	slices.SortStableFunc(looks, func(a, b look) int { return a.at.Compare(b.at) })
	left := map[taocan.PackageNumber]taocan.Segments{}
	held := map[taocan.PackageNumber]taocan.Segments{}
	next, low, reminders := 0, false, 0
	var told, ruled time.Time
	ruled = m.ruledAt(c)
	level := r.Threshold
	for i, l := range looks {
		for next < len(h.entries) && !h.entries[next].At.After(l.at) {
			e := h.entries[next]
			left[e.Package] = e.RemainingAfter
			if e.Kind == taocan.EntryIssue || e.Kind == taocan.EntryGrant {
				held[e.Package] = e.Remaining
			}
			next++
		}
		if l.at.Before(ruled) || i+1 < len(looks) && looks[i+1].at.Equal(l.at) && !l.bought {
			continue
		}
		at = l.at
		var q, ever taocan.Segments
		for n, x := range left {
			if p := h.of[n]; p.Purpose == r.Purpose && l.at.Before(p.ExpiresAt) {
				q += x
				ever += held[n]
			}
		}
		if r.Unit == taocan.InPercent {
			level = (ever*r.Threshold + 99) / 100
		}
		switch {
		case !low && q < level:
			low, reminders, told = true, 0, l.at
			say(taocan.NoticeLow)
		case low && q >= level && (l.bought || q >= level+(level+9)/10):
			low = false
			say(taocan.NoticeRecovered)
		case low && q < level && reminders < 3 && !l.at.Before(told.Add(24*time.Hour)):
			reminders++
			told = l.at
			say(taocan.NoticeReminder)
		}
	}
	return news
}

// ruledAt is when the customer's rules were set.
func (m *month) ruledAt(c *customer) (at time.Time) {
	m.t.Helper()
	m.must(m.server.Store.View(m.ctx, func(r store.Reader) error {
		rules, err := r.AlertRules(m.ctx, c.Tenant)
		if err == nil {
			at = rules[0].UpdatedAt
		}
		return err
	}))
	return at
}

func (m *month) leftAt(h history, n taocan.PackageNumber, at time.Time) (left taocan.Segments) {
	for _, e := range h.entries {
		if e.Package == n && !e.At.After(at) {
			left = e.RemainingAfter
		}
	}
	return left
}

// daysAbove says of the days on which the project took more than the threshold of the purpose when that was, by its debits; a return lowers
// the day of taking, and comes within the hour.
func (m *month) daysAbove(c *customer, r taocan.AlertRule) map[string]time.Time {
	m.t.Helper()
	taken, above := map[string]taocan.Segments{}, map[string]time.Time{}
	var records []taocan.Debit
	m.must(m.server.Store.View(m.ctx, func(rd store.Reader) error {
		cursor := ""
		for {
			page, err := rd.Debits(m.ctx, c.Tenant, store.DebitFilter{Purpose: r.Purpose, Paging: store.Paging{Limit: 1000, Cursor: cursor}})
			if err != nil {
				return err
			}
			records = append(records, page.Items...)
			if cursor = page.Next; cursor == "" {
				return nil
			}
		}
	}))
	type change struct {
		at  time.Time
		day string
		q   taocan.Segments
	}
	var changes []change
	for _, d := range records {
		day := d.At.In(m.server.Zone).Format(time.DateOnly)
		changes = append(changes, change{d.At, day, d.Quantity})
		if d.Kind == taocan.KindReservation && !d.Open() {
			changes = append(changes, change{d.SettledAt, day, d.Settled - d.Quantity})
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	for i, x := range changes {
		taken[x.day] += x.q
		if (i+1 == len(changes) || !changes[i+1].at.Equal(x.at)) && taken[x.day] > r.Threshold && above[x.day].IsZero() {
			above[x.day] = x.at
		}
	}
	return above
}

// checkStatement compares the month's statement with the entries and with what the month itself counted.
func (m *month) checkStatement(c *customer) {
	m.t.Helper()
	statements := statement.New(m.server.Store, m.clock, m.server.Zone)
	st, err := statements.Project(m.ctx, c.Tenant, "2026-03")
	m.must(err)
	whole, err := statements.Account(m.ctx, taocan.System(), c.Account, "2026-03")
	m.must(err)
	if whole.Sum != st.Sum {
		m.t.Errorf("%s: the account's statement says %+v, its only project's %+v", c.Project, whole.Sum, st.Sum)
	}
	var bought, granted, used, expired taocan.Segments
	until := time.Date(2026, 4, 1, 0, 0, 0, 0, m.server.Zone)
	h := m.history(c)
	for _, p := range h.packages {
		if p.ExpiresAt.Before(until) {
			expired += m.leftAt(h, p.Number, until)
		}
	}
	for _, e := range h.entries {
		if !e.At.Before(until) {
			continue
		}
		used += e.Used
		switch e.Kind {
		case taocan.EntryIssue:
			bought += e.Remaining
		case taocan.EntryGrant:
			granted += e.Remaining
		}
	}
	if st.Sum.Bought != bought || st.Sum.Granted != granted || st.Sum.Expired != expired || st.Sum.Used != used || used != m.taken[c.Project] {
		m.t.Errorf("%s: the statement says bought %d, granted %d, expired %d, used %d; the entries %d, %d, %d, %d; %d were taken", c.Project,
			st.Sum.Bought, st.Sum.Granted, st.Sum.Expired, st.Sum.Used, bought, granted, expired, used, m.taken[c.Project])
	}
	wallet, err := m.server.Orders.Wallet(m.ctx, c.Account)
	m.must(err)
	if whole.Wallet == nil || whole.Wallet.Closing != wallet {
		m.t.Errorf("%s: the statement's closing wallet is %+v, the wallet %+v", c.Account, whole.Wallet, wallet)
	}
	if spent := taocan.Fen(10_000_000) - wallet.Cash; whole.Purchases.Paid.Total() != spent {
		m.t.Errorf("%s: the statement says %s was paid, the wallet %s", c.Account, whole.Purchases.Paid.Total(), spent)
	}
}
