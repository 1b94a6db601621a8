package browser

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// watch notes what a page must not do: log an error, break its content security policy, throw, or ask another server.
type watch struct {
	home string // the address that requests may go to

	mu       sync.Mutex
	wrong    []string // guarded by mu
	expected []string // guarded by mu; parts of what the test provokes
	bytes    int64    // guarded by mu; transferred since the last count
	requests int      // guarded by mu
}

// event runs on the goroutine that reads the browser's messages.
func (w *watch) event(ev any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		w.say("threw: %s", text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "assert" {
			var words []string
			for _, a := range e.Args {
				words = append(words, fmt.Sprintf("%s%s", a.Value, a.Description))
			}
			w.say("console.%s: %s", e.Type, strings.Join(words, " "))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			w.say("logged: %s (%s)", e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		w.requests++
		own := strings.HasPrefix(e.Request.URL, w.home+"/") || strings.HasPrefix(e.Request.URL, "data:") || strings.HasPrefix(e.Request.URL, "about:")
		if !own {
			w.say("asked %s", e.Request.URL)
		}
	case *network.EventLoadingFinished:
		w.bytes += int64(e.EncodedDataLength)
	}
}

// say needs mu.
func (w *watch) say(format string, args ...any) {
	sentence := fmt.Sprintf(format, args...)
	if !slices.ContainsFunc(w.expected, func(part string) bool { return strings.Contains(sentence, part) }) {
		w.wrong = append(w.wrong, sentence)
	}
}

func (w *watch) expect(part string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expected = append(w.expected, part)
}

// faults are what was wrong since the last call.
func (w *watch) faults() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	wrong := w.wrong
	w.wrong = nil
	return wrong
}

// transferred is how many bytes came over the wire since the last call, headers included, and for how many requests.
func (w *watch) transferred() (bytes int64, requests int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	bytes, requests = w.bytes, w.requests
	w.bytes, w.requests = 0, 0
	return bytes, requests
}
