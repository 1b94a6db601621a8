package console

import (
	"net/http"
	"time"

	"taocan/internal/edge"
	"taocan/internal/live"
	"taocan/internal/taocan"
)

// redrawEvery is how often an open page asks for its figures again, at most, while they change all the time.
const redrawEvery = time.Second

// events tells a page that something of its project has changed. The page then asks for what it shows: one place draws
// it. A page that connects is told at once, so that nothing falls between its drawing and its listening.
func (c *console) events(w http.ResponseWriter, r *http.Request) error {
	subscription, err := c.Live.Subscribe(actorOf(r).Tenant)
	if err != nil {
		return err
	}
	defer subscription.Close()
	edge.Stream(w, r, spaced(subscription.Events(), redrawEvery), func(struct{}) (string, []byte) { return "change", nil },
		func(r *http.Request) error {
			known, err := c.identify(r)
			if err != nil {
				return err
			}
			return admit(known, members, []taocan.Scope{taocan.ScopeRead})
		})
	return nil
}

// spaced says that there were events, at most once in a while; the last one is never lost. It ends with events.
func spaced(events <-chan live.Event, every time.Duration) <-chan struct{} {
	out := make(chan struct{}, 1)
	go func() {
		defer close(out)
		for range events {
			for more := true; more; {
				select {
				case out <- struct{}{}:
				default: // one waits to be read, and says the same
				}
				var open bool
				if more, open = pause(events, every); !open {
					return
				}
			}
		}
	}()
	return out
}

// pause waits, and reports whether there were events meanwhile and whether there may be more.
func pause(events <-chan live.Event, every time.Duration) (some, open bool) {
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case _, open := <-events:
			if !open {
				return some, false
			}
			some = true
		case <-timer.C:
			return some, true
		}
	}
}
