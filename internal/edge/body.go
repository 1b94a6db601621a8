package edge

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// MaxBody is the largest body of a request.
	MaxBody = 8 << 20
	// maxStranger is the largest body of somebody who has shown no token: a sign-in.
	maxStranger = 8 << 10
	// firstRead is what a body is given room for before any of it has arrived; it counts as it grows.
	firstRead = 4 << 10
	// maxInFlight bounds the bytes of all bodies held at once.
	maxInFlight = 64 << 20
	// maxPooled keeps one large batch from pinning its memory.
	maxPooled = 1 << 20
)

// Bodies reads bodies and bounds how much of them is held at once. Its zero value is ready.
type Bodies struct{ inFlight atomic.Int64 }

// Body holds what was sent. Bytes are only valid until Release.
type Body struct {
	Bytes    []byte
	bodies   *Bodies
	reserved int64
	buffer   *[]byte
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

// Read takes in the whole body. Release it when the request has been served. What counts against the bound is what
// has arrived: a connection that announces a body and sends none holds next to nothing.
func (b *Bodies) Read(w http.ResponseWriter, r *http.Request) (*Body, error) {
	limit := MaxBody
	if len(ActorOf(r.Context()).Scopes) == 0 {
		limit = maxStranger
	}
	return b.ReadUpTo(w, r, limit)
}

// ReadUpTo is Read with a limit of the caller's, at most MaxBody.
func (b *Bodies) ReadUpTo(w http.ResponseWriter, r *http.Request, limit int) (*Body, error) {
	body := &Body{bodies: b, buffer: buffers.Get().(*[]byte)}
	if err := body.read(w, r, limit); err != nil {
		body.Release()
		return nil, err
	}
	return body, nil
}

func (x *Body) read(w http.ResponseWriter, r *http.Request, limit int) (err error) {
	tooLarge := func() error {
		detail := ""
		if limit < MaxBody {
			detail = fmt.Sprintf("the body is larger than %d KiB", limit>>10)
		}
		return ProblemAt(http.StatusRequestEntityTooLarge, detail)
	}
	// Whoever sends slowly must not hold memory for longer than a request may take.
	conn := http.NewResponseController(w)
	deadline, timed := r.Context().Deadline()
	if timed {
		_ = conn.SetReadDeadline(deadline) // recorders of tests have none
	}
	defer func() {
		switch {
		case err != nil:
			// What is still coming is not worth reading, and the deadline stays: net/http reads on before it answers, and
			// would wait for a sender that never sends.
			w.Header().Set("Connection", "close")
		case timed:
			// Off again, or the connection would be found dead while a slow answer is still in the making.
			_ = conn.SetReadDeadline(time.Time{})
		}
	}()
	if r.ContentLength > int64(limit) {
		return tooLarge()
	}
	buf, room := (*x.buffer)[:0], 0
	for {
		if len(buf) == room {
			room = min(max(firstRead, 4*room), limit+1)
			if n := int(r.ContentLength) + 1; n > len(buf) { // one more, so that the end is seen without growing
				room = min(room, n)
			}
			if err := x.grow(&buf, room); err != nil {
				return err
			}
		}
		n, err := r.Body.Read(buf[len(buf):room])
		buf = buf[:len(buf)+n]
		*x.buffer = buf
		if len(buf) > limit {
			return tooLarge()
		}
		if errors.Is(err, io.EOF) {
			x.Bytes = buf
			return nil
		}
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return ProblemAt(http.StatusServiceUnavailable, "the body did not arrive in time: try again with the same id")
			}
			return ProblemAt(http.StatusBadRequest, "the body broke off")
		}
	}
}

// grow makes room for size bytes in all and counts it. What a buffer of the pool has beyond that is no body's.
func (x *Body) grow(buf *[]byte, size int) error {
	more := int64(min(size, MaxBody)) - x.reserved
	if x.bodies.inFlight.Add(more) > maxInFlight {
		x.bodies.inFlight.Add(-more)
		return ProblemAt(http.StatusServiceUnavailable, "too much is being sent at once: try again with the same id")
	}
	x.reserved += more
	if size > cap(*buf) {
		*buf = append(make([]byte, 0, size), *buf...)
		*x.buffer = *buf
	}
	return nil
}

// CheckType refuses a body that says it is something else. One that says nothing is believed to be what is wanted.
func CheckType(r *http.Request, want string) error {
	got := r.Header.Get("Content-Type")
	if got == "" || got == want {
		return nil
	}
	if media, _, err := mime.ParseMediaType(got); err == nil && media == want {
		return nil
	}
	return ProblemAt(http.StatusUnsupportedMediaType, "send "+want)
}

// Release gives the memory back.
func (x *Body) Release() {
	x.bodies.inFlight.Add(-x.reserved)
	if cap(*x.buffer) <= maxPooled {
		buffers.Put(x.buffer)
	}
	x.Bytes, x.buffer = nil, nil
}
