package edge

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"taocan/internal/clock"
)

// How a stream is kept.
const (
	keepEvery   = 15 * time.Second // a comment, so that nothing on the way takes the silence for the end
	checkEvery  = 5 * time.Second  // whether the caller is still let in: a revoked token gets at most so much more
	unreadAfter = 10 * time.Second // a caller that takes nothing for so long is dropped
	retryLine   = "retry: 2000\n\n"
)

// machine is the time that connections go by. It is not the clock that the product is given: that one may stand
// still in a test, or be set.
var machine = clock.System()

// Stream answers r with server-sent events (WHATWG HTML §9.2) until events is closed, the caller goes or takes nothing,
// or allowed refuses. show gives an event's name and data; an event without a name is left out. It is called with a
// request that the gate has let in, and returns when nothing more will be written.
func Stream[E any](w http.ResponseWriter, r *http.Request, events <-chan E, show func(E) (name string, data []byte), allowed func(*http.Request) error) {
	r = untimed(r)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would gather events before it hands them on
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	to := stream{w, http.NewResponseController(w)}
	keep, check := time.NewTicker(keepEvery), time.NewTicker(checkEvery)
	defer keep.Stop()
	defer check.Stop()
	defer to.limit() // of the end, which net/http writes
	for going := to.write([]byte(retryLine)); going; {
		select {
		case e, more := <-events:
			if !more {
				return
			}
			if name, data := show(e); name != "" {
				going = to.write(appendEvent(nil, name, data))
			}
		case <-keep.C:
			going = to.write([]byte(": keep\n\n"))
		case <-check.C:
			going = allowed(r) == nil
		case <-r.Context().Done():
			return
		}
	}
}

// untimed gives a request its connection's context again: it ends with the connection or the server, and not at the
// time limit that Front sets for every other request.
func untimed(r *http.Request) *http.Request {
	info := RequestOf(r.Context())
	info.streamed = true
	if info.connection == nil { // there is no Front
		return r
	}
	return r.WithContext(context.WithValue(info.connection, requestKey{}, info))
}

// stream writes to one caller. Owned by the request's goroutine.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// limit bounds the next write. A writer without deadlines is a test's.
func (s stream) limit() { _ = s.control.SetWriteDeadline(machine.Now().Add(unreadAfter)) }

// write sends b at once, and reports false when the caller has gone or takes nothing.
func (s stream) write(b []byte) bool {
	s.limit()
	if _, err := s.w.Write(b); err != nil {
		return false
	}
	if s.control.Flush() != nil {
		return false
	}
	// HTTP/2 ends a stream at its deadline even when nothing waits to be written.
	_ = s.control.SetWriteDeadline(time.Time{})
	return true
}

// appendEvent writes one event. A line end within data would end the field, so every line is a field of its own.
func appendEvent(b []byte, name string, data []byte) []byte {
	b = append(append(append(b, "event: "...), name...), '\n')
	for line := range bytes.SplitSeq(bytes.ReplaceAll(data, []byte("\r"), nil), []byte("\n")) {
		b = append(append(append(b, "data: "...), line...), '\n')
	}
	return append(b, '\n')
}
