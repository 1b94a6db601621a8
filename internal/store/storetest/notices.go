package storetest

import (
	"context"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// newChannel is an enabled webhook with something sealed.
func (f *fixture) newChannel(t taocan.Tenant, change ...func(*taocan.Channel)) taocan.Channel {
	c := taocan.Channel{Tenant: t, ID: taocan.ChannelID(f.id("channel")), Kind: taocan.Webhook, Name: "Duty", Address: "https://example.com/hook",
		Sealed: []byte{1, 2, 3}, Language: "zh", Enabled: true, CreatedAt: f.clock.Now(), UpdatedAt: f.clock.Now()}
	for _, ch := range change {
		ch(&c)
	}
	return c
}

// newNotice says that a rule's target has become low.
func (f *fixture) newNotice(t taocan.Tenant, change ...func(*taocan.Notice)) taocan.Notice {
	n := taocan.Notice{Tenant: t, ID: taocan.NoticeID(f.id("notice")), At: f.clock.Now(), Event: taocan.NoticeLow, Rule: "domestic-verification",
		Facts: taocan.NoticeFacts{Category: taocan.Domestic, Purpose: taocan.Verification, Kind: taocan.AlertRemaining, Unit: taocan.InMessages,
			Threshold: 1000, Level: 1000, Remaining: 999}}
	for _, c := range change {
		c(&n)
	}
	return n
}

func (f *fixture) putChannels(cs ...taocan.Channel) {
	f.Helper()
	for _, c := range cs {
		f.update("", func(ctx context.Context, tx store.Tx) error { return tx.InsertChannel(ctx, c) })
	}
}

func (f *fixture) putNotices(ns ...taocan.Notice) {
	f.Helper()
	for _, n := range ns {
		f.update("", func(ctx context.Context, tx store.Tx) error { return tx.InsertNotice(ctx, n) })
	}
}

func (f *fixture) spread(n taocan.Notice, to ...taocan.ChannelID) {
	f.Helper()
	f.update("", func(ctx context.Context, tx store.Tx) error { return tx.SpreadNotice(ctx, n.Tenant, n.ID, to) })
}

func (f *fixture) channels(t taocan.Tenant) []taocan.Channel {
	f.Helper()
	return get(f, func(ctx context.Context, r store.Reader) ([]taocan.Channel, error) { return r.Channels(ctx, t) })
}

func (f *fixture) unspread() []taocan.Notice {
	f.Helper()
	return get(f, func(ctx context.Context, r store.Reader) ([]taocan.Notice, error) { return r.UnspreadNotices(ctx, 100) })
}

func (f *fixture) due(perChannel int) []taocan.Delivery {
	f.Helper()
	return get(f, func(ctx context.Context, r store.Reader) ([]taocan.Delivery, error) {
		return r.DueDeliveries(ctx, f.clock.Now(), perChannel, 100)
	})
}

func (f *fixture) deliveries(t taocan.Tenant, filter store.DeliveryFilter) store.Page[store.DeliveryRow] {
	f.Helper()
	if filter.Limit == 0 {
		filter.Limit = 100
	}
	return get(f, func(ctx context.Context, r store.Reader) (store.Page[store.DeliveryRow], error) {
		return r.Deliveries(ctx, t, filter)
	})
}

func (f *fixture) notices(t taocan.Tenant, filter store.NoticeFilter) store.Page[store.NoticeRow] {
	f.Helper()
	if filter.Limit == 0 {
		filter.Limit = 100
	}
	return get(f, func(ctx context.Context, r store.Reader) (store.Page[store.NoticeRow], error) {
		return r.Notices(ctx, t, filter)
	})
}

// named are the deliveries of a page as "notice to channel".
func named(page store.Page[store.DeliveryRow]) (all []string) {
	for _, d := range page.Items {
		all = append(all, fmt.Sprintf("%s to %s", d.Notice, d.Channel))
	}
	return all
}

var noticeCases = []testCase{
	{"a channel reads as it was written, changes and goes", func(f *fixture) {
		f.open(alpha)
		hook := f.newChannel(alpha)
		mail := f.newChannel(alpha, func(c *taocan.Channel) {
			c.Kind, c.Address, c.Sealed, c.Language, c.Enabled = taocan.Email, "duty@example.com", nil, "en", false
		})
		f.putChannels(hook, mail)
		same(f, "channels", f.channels(alpha), []taocan.Channel{hook, mail})
		same(f, "sealed ones", get(f, func(ctx context.Context, r store.Reader) ([]taocan.Channel, error) { return r.SealedChannels(ctx) }), []taocan.Channel{hook})
		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error { return tx.InsertChannel(ctx, hook) })
		hook.Name, hook.Address, hook.Sealed, hook.Language, hook.Enabled = "Night", "https://example.com/2", []byte{9}, "en", false
		hook.UpdatedAt = hook.UpdatedAt.Add(time.Hour)
		f.update("", func(ctx context.Context, tx store.Tx) error { return tx.UpdateChannel(ctx, hook) })
		same(f, "channel", get(f, func(ctx context.Context, r store.Reader) (taocan.Channel, error) {
			return r.Channel(ctx, alpha, hook.ID)
		}), hook)
		f.update("", func(ctx context.Context, tx store.Tx) error { return tx.DeleteChannel(ctx, alpha, hook.ID) })
		same(f, "channels at last", f.channels(alpha), []taocan.Channel{mail})
		f.refuse("", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error { return tx.DeleteChannel(ctx, alpha, hook.ID) })
		f.refuse("", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error { return tx.UpdateChannel(ctx, hook) })
	}},
	{"a notice reads as it was written", func(f *fixture) {
		f.open(alpha)
		full := f.newNotice(alpha, func(n *taocan.Notice) {
			n.Event, n.Channels, n.Unique = taocan.NoticeExpiring, []taocan.ChannelID{"a", "b"}, "expiring-1"
			n.Facts = taocan.NoticeFacts{Category: taocan.International, Purpose: taocan.General, Country: "HK", Kind: taocan.AlertExpiring, Unit: taocan.InDays,
				Threshold: 7, Level: 1, Remaining: 2, Taken: 3, Period: "2026-03", Nth: 2, Days: 5, On: "2026-03-08", Package: "P", Quantity: 4, Order: "O",
				Amount: "1.00", Reason: "insufficient_funds"}
		})
		plain := f.newNotice(alpha)
		f.putNotices(full, plain)
		for _, n := range []taocan.Notice{full, plain} {
			same(f, "notice", get(f, func(ctx context.Context, r store.Reader) (taocan.Notice, error) { return r.Notice(ctx, alpha, n.ID) }), n)
		}
		same(f, "to spread", f.unspread(), []taocan.Notice{full, plain})
	}},
	{"a notice whose unique key is known in the project is dropped; another's is not", func(f *fixture) {
		f.open(alpha, beta)
		once := func(n *taocan.Notice) { n.Unique = "expiring-1" }
		first, theirs := f.newNotice(alpha, once), f.newNotice(beta, once)
		f.putNotices(first, f.newNotice(alpha, once), theirs, f.newNotice(alpha), f.newNotice(alpha))
		same(f, "mine", f.notices(alpha, store.NoticeFilter{}).Total, 3)
		same(f, "theirs", f.notices(beta, store.NoticeFilter{}).Total, 1)
		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error { // the same id is a mistake
			return tx.InsertNotice(ctx, f.newNotice(alpha, func(n *taocan.Notice) { n.ID = first.ID }))
		})
	}},
	{"a notice that its transaction takes back was never there", func(f *fixture) {
		f.open(alpha)
		f.refuse("", taocan.ErrState, func(ctx context.Context, tx store.Tx) error {
			if err := tx.InsertNotice(ctx, f.newNotice(alpha)); err != nil {
				return err
			}
			return taocan.ErrState
		})
		same(f, "notices", f.notices(alpha, store.NoticeFilter{}).Total, 0)
	}},
	{"a notice is spread once, and one that nobody is told of shows it", func(f *fixture) {
		f.open(alpha)
		told, untold := f.newNotice(alpha), f.newNotice(alpha)
		f.putNotices(told, untold)
		f.spread(told, "a", "b")
		f.spread(untold)
		same(f, "to spread", f.unspread(), []taocan.Notice{})
		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error {
			return tx.SpreadNotice(ctx, alpha, told.ID, []taocan.ChannelID{"c"})
		})
		same(f, "notices", f.notices(alpha, store.NoticeFilter{}).Items, []store.NoticeRow{
			{Notice: untold, Spread: true}, {Notice: told, Spread: true, Deliveries: 2}})
		same(f, "due", f.due(9), []taocan.Delivery{
			{Tenant: alpha, Notice: told.ID, Channel: "a", State: taocan.DeliveryPending, CreatedAt: start, NextAt: start},
			{Tenant: alpha, Notice: told.ID, Channel: "b", State: taocan.DeliveryPending, CreatedAt: start, NextAt: start}})
	}},
	{"a leased delivery is nobody else's until the lease ends, and only the lease's holder settles it", func(f *fixture) {
		f.open(alpha)
		n := f.newNotice(alpha)
		f.putNotices(n)
		f.spread(n, "a")
		d := f.due(9)[0]
		first := f.clock.Now().Add(time.Minute)
		lease := func(until time.Time) func(ctx context.Context, tx store.Tx) error {
			return func(ctx context.Context, tx store.Tx) error { return tx.LeaseDelivery(ctx, d, until) }
		}
		f.update("", lease(first))
		f.refuse("", taocan.ErrConflict, lease(first.Add(time.Second))) // a second worker that had read the same
		same(f, "due while leased", f.due(9), []taocan.Delivery{})
		f.clock.Advance(time.Minute)
		same(f, "due when the lease has ended", len(f.due(9)), 1)
		d = f.due(9)[0]
		second := f.clock.Now().Add(time.Minute)
		f.update("", lease(second))
		d.State, d.Attempts, d.Status, d.TriedAt, d.NextAt = taocan.DeliveryDelivered, 1, 204, f.clock.Now(), f.clock.Now()
		settle := func(lease time.Time) func(ctx context.Context, tx store.Tx) error {
			return func(ctx context.Context, tx store.Tx) error { return tx.SettleDelivery(ctx, d, lease) }
		}
		f.refuse("", taocan.ErrConflict, settle(first)) // the first holder comes late
		f.update("", settle(second))
		f.refuse("", taocan.ErrConflict, settle(second))
		same(f, "deliveries", f.deliveries(alpha, store.DeliveryFilter{}).Items, []store.DeliveryRow{{Delivery: d, Event: n.Event, Rule: n.Rule}})
	}},
	{"one channel's backlog leaves room for others", func(f *fixture) {
		f.open(alpha, beta)
		for range 5 {
			n := f.newNotice(alpha)
			f.putNotices(n)
			f.spread(n, "slow")
		}
		f.clock.Advance(time.Second)
		n, theirs := f.newNotice(alpha), f.newNotice(beta)
		f.putNotices(n, theirs)
		f.spread(n, "quick")
		f.spread(theirs, "slow") // of that name, but another project's
		count := map[string]int{}
		for _, d := range f.due(2) {
			count[string(d.Account)+" "+string(d.Channel)]++
		}
		same(f, "due by channel", count, map[string]int{"alpha slow": 2, "alpha quick": 1, "beta slow": 1})
	}},
	{"deliveries and notices list newest first, by filter and page", func(f *fixture) {
		f.open(alpha)
		low := f.newNotice(alpha)
		f.putNotices(low)
		f.spread(low, "a", "b")
		f.clock.Advance(time.Second)
		usage := f.newNotice(alpha, func(n *taocan.Notice) { n.Rule, n.Event = "domestic-general-usage_day", taocan.NoticeUsage })
		f.putNotices(usage)
		f.spread(usage, "a")
		want := []string{string(usage.ID) + " to a", string(low.ID) + " to b", string(low.ID) + " to a"}
		same(f, "all", named(f.deliveries(alpha, store.DeliveryFilter{})), want)
		first := f.deliveries(alpha, store.DeliveryFilter{Paging: store.Paging{Limit: 2}})
		same(f, "first page", named(first), want[:2])
		same(f, "second page", named(f.deliveries(alpha, store.DeliveryFilter{Paging: store.Paging{Limit: 2, Cursor: first.Next}})), want[2:])
		same(f, "to a", named(f.deliveries(alpha, store.DeliveryFilter{Channel: "a"})), []string{want[0], want[2]})
		same(f, "of the rule", named(f.deliveries(alpha, store.DeliveryFilter{Rule: usage.Rule})), want[:1])
		same(f, "failed", named(f.deliveries(alpha, store.DeliveryFilter{State: taocan.DeliveryFailed})), []string(nil))
		page := f.notices(alpha, store.NoticeFilter{Paging: store.Paging{Limit: 1}})
		same(f, "newest notice", page.Items[0].ID, usage.ID)
		page = f.notices(alpha, store.NoticeFilter{Paging: store.Paging{Limit: 1, Cursor: page.Next}})
		same(f, "the one before", page.Items[0].ID, low.ID)
		same(f, "of a rule", f.notices(alpha, store.NoticeFilter{Rule: low.Rule}).Total, 1)
	}},
	{"old notices are forgotten with their deliveries, but not what is still to be delivered", func(f *fixture) {
		f.open(alpha)
		done, pending, unspread := f.newNotice(alpha), f.newNotice(alpha), f.newNotice(alpha)
		f.putNotices(done, pending, unspread)
		f.spread(pending, "a")
		f.spread(done, "b")
		for _, d := range f.due(9) {
			if d.Notice != done.ID {
				continue
			}
			f.update("", func(ctx context.Context, tx store.Tx) error {
				after := d
				after.State = taocan.DeliveryFailed
				return tx.SettleDelivery(ctx, after, d.NextAt)
			})
		}
		f.clock.Advance(time.Hour)
		recent := f.newNotice(alpha)
		f.putNotices(recent)
		f.spread(recent)
		var n int
		f.update("", func(ctx context.Context, tx store.Tx) (err error) {
			n, err = tx.PurgeNotices(ctx, start.Add(time.Minute), 100)
			return err
		})
		same(f, "forgotten", n, 1)
		same(f, "notices left", f.notices(alpha, store.NoticeFilter{}).Total, 3)
		same(f, "deliveries left", named(f.deliveries(alpha, store.DeliveryFilter{})), []string{string(pending.ID) + " to a"})
	}},
	{"channels, notices and deliveries are their own tenant's only", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		c, n := f.newChannel(alpha), f.newNotice(alpha)
		f.putChannels(c)
		f.putNotices(n)
		f.spread(n, c.ID)
		d := f.due(9)[0]
		for _, t := range []taocan.Tenant{alphaOther, beta, {Account: "beta", Project: alpha.Project}, {Account: "alpha", Project: beta.Project},
			{Account: "alpha"}, {Project: alpha.Project}, {}} {
			same(f, "channels", f.channels(t), []taocan.Channel{})
			same(f, "notices", f.notices(t, store.NoticeFilter{}).Total, 0)
			same(f, "deliveries", f.deliveries(t, store.DeliveryFilter{Channel: c.ID}).Total, 0)
			absent(f, "channel", func(ctx context.Context, r store.Reader) (taocan.Channel, error) { return r.Channel(ctx, t, c.ID) })
			absent(f, "notice", func(ctx context.Context, r store.Reader) (taocan.Notice, error) { return r.Notice(ctx, t, n.ID) })
			f.refuse("", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error { return tx.DeleteChannel(ctx, t, c.ID) })
			f.refuse("", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error {
				theirs := c
				theirs.Tenant = t
				return tx.UpdateChannel(ctx, theirs)
			})
			f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error { return tx.SpreadNotice(ctx, t, n.ID, nil) })
			f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error {
				theirs := d
				theirs.Tenant = t
				return tx.LeaseDelivery(ctx, theirs, start.Add(time.Hour))
			})
		}
		crossed := f.newChannel(taocan.Tenant{Account: "beta", Project: alpha.Project})
		f.refuse("", nil, func(ctx context.Context, tx store.Tx) error { return tx.InsertChannel(ctx, crossed) })
		same(f, "mine", f.channels(alpha), []taocan.Channel{c})
	}},
}
