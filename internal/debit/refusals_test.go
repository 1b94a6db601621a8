package debit

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

var refusalNoon = time.Date(2026, 4, 29, 12, 0, 0, 0, time.UTC)

func refusalOf(project string) taocan.Tenant {
	return taocan.Tenant{Account: "acme", Project: taocan.ProjectID(project)}
}

// refusing is an engine at rest that only remembers refusals.
func refusing() (*Engine, *clock.Fake) {
	c := clock.NewFake(refusalNoon)
	return New(Config{Clock: c}), c
}

func TestRefusalsAreCountedByMinuteAndReasonAndTheLastAreKept(t *testing.T) {
	e, c := refusing()
	web := refusalOf("web")
	take := func(id string) *store.Op {
		return &store.Op{Tenant: web, Kind: store.OpTake, ID: taocan.DebitID(id), Request: taocan.DebitRequest{ID: taocan.DebitID(id), Kind: taocan.KindDebit,
			Category: taocan.International, Purpose: taocan.General, Country: "HK", Quantity: 3}}
	}
	e.refusedOp(take("m-1"), &taocan.QuotaError{Requested: 3, Available: 2})
	c.Advance(20 * time.Second)
	e.refusedOp(take("m-2"), fmt.Errorf("used: %w", taocan.ErrConflict))
	c.Advance(time.Minute)
	e.refusedOp(&store.Op{Tenant: web, Kind: store.OpCommit, ID: "r-1", Quantity: 7}, &taocan.StateError{What: "reservation", State: "released"})
	dry := take("m-3")
	dry.DryRun = true
	e.refusedOp(dry, &taocan.QuotaError{Requested: 3, Available: 2})
	strange := take("ähm")
	strange.Request.Category = "a word of any length"
	e.refusedOp(strange, taocan.Invalid("body.id", "is not an id", nil))

	two := taocan.Segments(2)
	want := Refusals{
		Since:  refusalNoon,
		Counts: map[string]int64{"insufficient_quota": 1, "idempotency_conflict": 1, "reservation_not_open": 1, "invalid_request": 1},
		Minutes: []RefusalMinute{{refusalNoon, map[string]int64{"insufficient_quota": 1, "idempotency_conflict": 1}},
			{refusalNoon.Add(time.Minute), map[string]int64{"reservation_not_open": 1, "invalid_request": 1}}},
		Last: []Refusal{
			{At: refusalNoon.Add(80 * time.Second), Operation: "debit", Quantity: 3, Reason: "invalid_request"},
			{At: refusalNoon.Add(80 * time.Second), Operation: "commit", ID: "r-1", Quantity: 7, Reason: "reservation_not_open"},
			{At: refusalNoon.Add(20 * time.Second), Operation: "debit", ID: "m-2", Category: "international", Purpose: "general", Country: "HK", Quantity: 3, Reason: "idempotency_conflict"},
			{At: refusalNoon, Operation: "debit", ID: "m-1", Category: "international", Purpose: "general", Country: "HK", Quantity: 3, Reason: "insufficient_quota", Available: &two},
		},
	}
	if diff := cmp.Diff(want, e.Refusals(web)); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
	if n := e.Stats().Refused["insufficient_quota"]; n != 2 {
		t.Errorf("the metric counts %d, want the dry run's, too", n)
	}
	other := Refusals{Since: refusalNoon, Counts: map[string]int64{}, Minutes: []RefusalMinute{}, Last: []Refusal{}}
	if diff := cmp.Diff(other, e.Refusals(refusalOf("other"))); diff != "" {
		t.Errorf("another project's refusals (-want +got):\n%s", diff)
	}
}

func TestRefusalsAreForgottenAfterADay(t *testing.T) {
	e, c := refusing()
	web := refusalOf("web")
	for range 26 * 60 {
		for range 2 {
			e.refusedOp(&store.Op{Tenant: web, Kind: store.OpRelease, ID: "r-1"}, taocan.ErrNotFound)
		}
		c.Advance(time.Minute)
	}
	got := e.Refusals(web)
	begin := c.Now().Add(-24 * time.Hour)
	if len(got.Minutes) != 24*60-1 || got.Counts["not_found"] != 2*(24*60-1) || !got.Minutes[0].At.Equal(begin.Add(time.Minute)) || !got.Since.Equal(begin) {
		t.Errorf("%d minutes from %s, %d refusals, known since %s", len(got.Minutes), got.Minutes[0].At, got.Counts["not_found"], got.Since)
	}
	if len(got.Last) != refusalSamples || !got.Last[0].At.Equal(c.Now().Add(-time.Minute)) || got.Last[0].At.Before(got.Last[refusalSamples-1].At) {
		t.Errorf("%d samples from %s to %s, want the last %d, the newest first", len(got.Last), got.Last[0].At, got.Last[len(got.Last)-1].At, refusalSamples)
	}
	c.Advance(25 * time.Hour)
	if got := e.Refusals(web); len(got.Minutes) != 0 || len(got.Last) != 0 || len(got.Counts) != 0 {
		t.Errorf("a day later there is still %+v", got)
	}
}

func TestRefusalsOfManyProjectsAreBounded(t *testing.T) {
	e, c := refusing()
	for i := range refusalProjects + 5 {
		e.refusedOp(&store.Op{Tenant: refusalOf(fmt.Sprint(i)), Kind: store.OpRelease, ID: "r"}, taocan.ErrNotFound)
		c.Advance(time.Millisecond)
	}
	if n := len(e.refusals.projects); n != refusalProjects {
		t.Errorf("%d projects are remembered, want %d", n, refusalProjects)
	}
	// Of what was dropped it is known since when nothing is: the last refusal that was forgotten.
	if got := e.Refusals(refusalOf("0")); len(got.Last) != 0 || !got.Since.Equal(refusalNoon.Add(4*time.Millisecond)) {
		t.Errorf("a forgotten project: %+v", got)
	}
	if got := e.Refusals(refusalOf("5")); len(got.Last) != 1 || !got.Since.Equal(refusalNoon) {
		t.Errorf("a project that is still there: %+v", got)
	}

	e, c = refusing()
	for range 24 * 60 { // every project every minute: bytes bound it before projects do
		for i := range 400 {
			e.refusedOp(&store.Op{Tenant: refusalOf(fmt.Sprint(i)), Kind: store.OpRelease, ID: "r"}, taocan.ErrNotFound)
		}
		c.Advance(time.Minute)
	}
	sum := 0
	for _, place := range e.refusals.projects {
		sum += place.Value.(*projectRefusals).size()
	}
	if sum != e.refusals.bytes || sum > refusalBytes || len(e.refusals.projects) < 100 {
		t.Errorf("%d projects with %d bytes, counted as %d; the bound is %d", len(e.refusals.projects), sum, e.refusals.bytes, refusalBytes)
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for _, v := range []int64{0, 1, 2, 3, 4, 5, 1 << 40} {
		h.observe(v)
	}
	want := Histogram{Bounds: []int64{1, 2, 4}, Cumulative: []uint64{2, 3, 5}, Count: 7, Sum: 15 + 1<<40}
	if diff := cmp.Diff(want, h.read(0, 2)); diff != "" {
		t.Errorf("histogram (-want +got):\n%s", diff)
	}
}
