package debit

import (
	"container/list"
	"errors"
	"sync"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Bounds of what is remembered of refusals. It is kept in memory only: a refusal leaves nothing in the ledger.
const (
	refusalWindow   = 24 * time.Hour
	refusalSamples  = 50
	refusalProjects = 10_000
	refusalBytes    = 64 << 20 // of all projects, roughly
)

// Refusal is one operation that was refused.
type Refusal struct {
	At        time.Time
	Operation string // debit, reservation, commit, release
	ID        taocan.DebitID
	Category  taocan.Category // what was asked for; empty for commit and release
	Purpose   taocan.Purpose
	Country   taocan.Country
	Quantity  taocan.Segments
	Reason    string           // by Reason
	Available *taocan.Segments // with insufficient_quota: what there was
}

// RefusalMinute counts the refusals of one minute, by reason.
type RefusalMinute struct {
	At     time.Time
	Counts map[string]int64
}

// Refusals are what a project was refused lately.
type Refusals struct {
	Since   time.Time        // what happened before is not known, or longer ago than a day
	Counts  map[string]int64 // of all minutes
	Minutes []RefusalMinute  // those with a refusal, the oldest first
	Last    []Refusal        // the newest first
}

// refusalLog remembers refusals by project: those that were refused longest ago are forgotten first.
type refusalLog struct {
	mu       sync.Mutex
	projects map[taocan.Tenant]*list.Element // guarded by mu; of *projectRefusals
	recent   *list.List                      // guarded by mu; the latest refused first
	bytes    int                             // guarded by mu
	since    time.Time                       // guarded by mu; nothing is known of projects that are not in the list from before it
}

type projectRefusals struct {
	tenant  taocan.Tenant
	since   time.Time
	last    time.Time
	minutes []RefusalMinute
	samples []Refusal // a ring once it is full
	next    int       // of the ring
}

// Rough sizes, for the bound.
const (
	minuteBytes = 200
	sampleBytes = 200
)

func newRefusalLog(now time.Time) *refusalLog {
	return &refusalLog{projects: map[taocan.Tenant]*list.Element{}, recent: list.New(), since: now}
}

// note remembers a refusal.
func (x *refusalLog) note(t taocan.Tenant, r Refusal) {
	x.mu.Lock()
	defer x.mu.Unlock()
	place, before := x.projects[t], 0
	if place == nil {
		place = x.recent.PushFront(&projectRefusals{tenant: t, since: x.since})
		x.projects[t] = place
	} else {
		before = place.Value.(*projectRefusals).size()
	}
	x.recent.MoveToFront(place)
	p := place.Value.(*projectRefusals)
	p.note(r)
	x.bytes += p.size() - before
	for len(x.projects) > 1 && (len(x.projects) > refusalProjects || x.bytes > refusalBytes) {
		x.forget()
	}
}

// forget drops the project that was refused longest ago. Called with mu held.
func (x *refusalLog) forget() {
	p := x.recent.Remove(x.recent.Back()).(*projectRefusals)
	delete(x.projects, p.tenant)
	x.bytes -= p.size()
	if p.last.After(x.since) {
		x.since = p.last // later ones of that project would still be there
	}
}

func (p *projectRefusals) size() int {
	return (len(p.minutes)+1)*minuteBytes + len(p.samples)*sampleBytes
}

func (p *projectRefusals) note(r Refusal) {
	minute := r.At.Truncate(time.Minute)
	// A clock that was set back counts in the minute that was the last.
	if n := len(p.minutes); n == 0 || p.minutes[n-1].At.Before(minute) {
		p.minutes = append(p.minutes, RefusalMinute{minute, map[string]int64{}})
	}
	p.minutes[len(p.minutes)-1].Counts[r.Reason]++
	old := 0
	for old < len(p.minutes)-1 && !p.minutes[old].At.After(minute.Add(-refusalWindow)) {
		old++
	}
	p.minutes = p.minutes[old:]
	if len(p.samples) < refusalSamples {
		p.samples = append(p.samples, r)
	} else {
		p.samples[p.next] = r
		p.next = (p.next + 1) % refusalSamples
	}
	if r.At.After(p.last) {
		p.last = r.At
	}
}

// of says what is remembered of a project.
func (x *refusalLog) of(t taocan.Tenant, now time.Time) Refusals {
	x.mu.Lock()
	defer x.mu.Unlock()
	begin := now.Truncate(time.Minute).Add(-refusalWindow)
	r := Refusals{Since: x.since, Counts: map[string]int64{}, Minutes: []RefusalMinute{}, Last: []Refusal{}}
	if place := x.projects[t]; place != nil {
		p := place.Value.(*projectRefusals)
		r.Since = p.since
		for _, m := range p.minutes {
			if !m.At.After(begin) {
				continue
			}
			counts := make(map[string]int64, len(m.Counts))
			for reason, n := range m.Counts {
				counts[reason] = n
				r.Counts[reason] += n
			}
			r.Minutes = append(r.Minutes, RefusalMinute{m.At, counts})
		}
		for i := range p.samples { // from the newest back
			s := p.samples[(p.next+len(p.samples)-1-i)%len(p.samples)]
			if s.At.After(begin) {
				r.Last = append(r.Last, s)
			}
		}
	}
	if begin.After(r.Since) {
		r.Since = begin
	}
	return r
}

// Refusals says what a project was refused within the last 24 hours, as far as this process has seen it. Dry runs are left
// out: they tell their caller, and no message depended on them.
func (e *Engine) Refusals(t taocan.Tenant) Refusals { return e.refusals.of(t, e.clock.Now()) }

// refusedOp counts and remembers that an operation was refused.
func (e *Engine) refusedOp(op *store.Op, err error) {
	e.refused(err)
	if op.DryRun {
		return
	}
	r := Refusal{At: e.clock.Now(), Operation: operationName(op), Reason: Reason(err), Quantity: op.Quantity}
	if op.Kind == store.OpTake {
		r.Quantity = op.Request.Quantity
		// What is no word of ours may be of any length.
		if q := op.Request; q.Category.Valid() && q.Purpose.Valid() {
			r.Category, r.Purpose = q.Category, q.Purpose
			if q.Country.Valid() {
				r.Country = q.Country
			}
		}
	}
	if taocan.ValidCallerID(string(op.ID)) {
		r.ID = op.ID
	}
	if quota := (*taocan.QuotaError)(nil); errors.As(err, &quota) {
		r.Available = &quota.Available
	}
	e.refusals.note(op.Tenant, r)
}
