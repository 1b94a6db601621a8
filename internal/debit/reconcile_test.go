package debit_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestReconcile(t *testing.T) {
	b := newBench(t)
	b.grant(domestic(1, taocan.Marketing, 1000, begin.AddDate(1, 0, 0)))
	b.wantDone(take("m-1", taocan.Marketing, 2), take("m-2", taocan.Marketing, 3))
	b.clock.Advance(time.Minute)
	b.wantDone(take("m-4", taocan.Marketing, 1), reserve("r-1", taocan.Marketing, 5, time.Hour), reserve("r-2", taocan.Marketing, 5, time.Hour))
	b.clock.Advance(time.Minute)
	b.wantDone(settle(store.OpCommit, "r-1", 2), take("m-5", taocan.Marketing, 1))
	minute := func(n time.Duration) time.Time { return begin.Add(n * time.Minute) }

	names := func(x debit.Reconciliation) (all []string) {
		all = append(all, fmt.Sprint(x.Agreeing, " agree"))
		for _, id := range x.Unknown {
			all = append(all, "unknown "+string(id))
		}
		for _, d := range x.Different {
			all = append(all, fmt.Sprintf("%s is %d %s: %s", d.Debit.ID, d.Debit.Quantity, d.Debit.State, strings.Join(d.Fields, ", ")))
		}
		for _, d := range x.Missing {
			all = append(all, "missing "+string(d.ID))
		}
		return all
	}
	two, five := taocan.Segments(2), taocan.Segments(5)
	full := debit.Claim{ID: "m-1", Category: taocan.Domestic, Purpose: taocan.Marketing, Quantity: 2, State: taocan.Committed}
	for name, tt := range map[string]struct {
		tenant      taocan.Tenant
		claims      []debit.Claim
		from, until time.Time
		want        []string
	}{
		"all is well":                          {owner, []debit.Claim{full, {ID: "m-2"}}, begin, minute(1), []string{"2 agree"}},
		"nobody looks for what is not claimed": {owner, []debit.Claim{full}, time.Time{}, time.Time{}, []string{"1 agree"}},
		"an id that never arrived":             {owner, []debit.Claim{full, {ID: "m-9"}, {ID: "m-2"}}, begin, minute(1), []string{"2 agree", "unknown m-9"}},
		"other content":                        {owner, []debit.Claim{full, {ID: "m-2", Purpose: taocan.General, Quantity: 4, Country: "HK", Category: taocan.International, Reference: "x", State: taocan.Released}}, begin, minute(1), []string{"1 agree", "m-2 is 3 committed: category, purpose, country, quantity, reference, state"}},
		"a debit that is not written down":     {owner, []debit.Claim{{ID: "m-2"}}, begin, minute(1), []string{"1 agree", "missing m-1"}},
		"a time from its beginning to its end": {owner, nil, minute(1), minute(2), []string{"0 agree", "missing m-4", "missing r-2"}},
		"claims of other times":                {owner, []debit.Claim{full, {ID: "m-4"}, {ID: "r-2", State: taocan.Reserved}}, minute(1), minute(2), []string{"3 agree"}},
		"a settled reservation":                {owner, []debit.Claim{{ID: "r-1", Quantity: 5, State: taocan.Committed, Kind: taocan.KindReservation, Settled: &two}, {ID: "m-5"}}, minute(2), minute(3), []string{"2 agree"}},
		"one settled with less":                {owner, []debit.Claim{{ID: "r-1", Settled: &five}, {ID: "m-5", Kind: taocan.KindReservation, Settled: &two}}, minute(2), minute(3), []string{"0 agree", "r-1 is 5 committed: committed", "m-5 is 1 committed: kind, committed"}},
		"one that is believed to be open":      {owner, []debit.Claim{{ID: "r-1", State: taocan.Reserved}, {ID: "m-5"}}, minute(2), minute(3), []string{"1 agree", "r-1 is 5 committed: state"}},
		"an empty time":                        {owner, nil, minute(1), minute(1), []string{"0 agree"}},
		"another's project":                    {taocan.Tenant{Account: "other", Project: "other"}, []debit.Claim{full}, begin, minute(5), []string{"0 agree", "unknown m-1"}},
	} {
		x, err := b.engine.Reconcile(t.Context(), tt.tenant, tt.claims, tt.from, tt.until)
		if diff := cmp.Diff(tt.want, names(x)); err != nil || diff != "" {
			t.Errorf("%s: %v; (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestAReconciliationIsBounded(t *testing.T) {
	b := newBench(t)
	b.grant(domestic(1, taocan.Marketing, 1_000_000, begin.AddDate(1, 0, 0)))
	var ops []store.Op
	var claims []debit.Claim
	for i := range debit.MaxReconciled {
		id := fmt.Sprint("m-", i)
		ops, claims = append(ops, take(id, taocan.Marketing, 1)), append(claims, debit.Claim{ID: taocan.DebitID(id), Quantity: 1})
	}
	b.wantDone(ops...)
	x, err := b.engine.Reconcile(t.Context(), owner, claims, begin, begin.Add(time.Hour))
	if err != nil || x.Agreeing != len(claims) || x.Missing != nil || x.Unknown != nil || x.Different != nil {
		t.Errorf("%d agree, %v, want all %d", x.Agreeing, err, len(claims))
	}
	b.wantDone(take("one-more", taocan.Marketing, 1))
	for name, tt := range map[string]struct {
		claims      []debit.Claim
		from, until time.Time
		want        string
	}{
		"too many records":        {nil, begin, begin.Add(time.Hour), "body.from: more than 10000 debits stand between from and to: ask for a shorter time"},
		"too many claims":         {append(claims, debit.Claim{ID: "x"}), time.Time{}, time.Time{}, "body.debits: must be at most 10000"},
		"an id twice":             {[]debit.Claim{{ID: "x"}, {ID: "y"}, {ID: "x"}}, time.Time{}, time.Time{}, "body.debits[2].id: stands twice"},
		"no id":                   {[]debit.Claim{{}}, time.Time{}, time.Time{}, "body.debits[0].id: must be 1–128 bytes of visible ASCII"},
		"a country that is none":  {[]debit.Claim{{ID: "x", Country: "Hong Kong"}}, time.Time{}, time.Time{}, "body.debits[0].country: must be two capital letters (ISO 3166-1)"},
		"a long reference":        {[]debit.Claim{{ID: "x", Reference: strings.Repeat("x", 129)}}, time.Time{}, time.Time{}, "body.debits[0].reference: must be at most 128 bytes of visible ASCII"},
		"a beginning without end": {nil, begin, time.Time{}, "body.to: is required with from"},
		"an end without":          {nil, time.Time{}, begin, "body.from: is required with to"},
		"backwards":               {nil, begin.Add(1), begin, "body.to: must not be before from"},
	} {
		_, err := b.engine.Reconcile(t.Context(), owner, tt.claims, tt.from, tt.until)
		if !errors.Is(err, taocan.ErrInvalid) || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}
