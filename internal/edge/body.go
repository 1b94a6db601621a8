package edge

import (
	"errors"
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

// Read takes in the whole body. Release it when the request has been served.
func (b *Bodies) Read(w http.ResponseWriter, r *http.Request) (*Body, error) {
	if r.ContentLength > MaxBody {
		w.Header().Set("Connection", "close") // what is still coming is not worth reading
		return nil, ProblemAt(http.StatusRequestEntityTooLarge, "")
	}
	reserve := r.ContentLength
	if reserve < 0 {
		reserve = MaxBody // not announced: it may become as large
	}
	if b.inFlight.Add(reserve) > maxInFlight {
		b.inFlight.Add(-reserve)
		return nil, ProblemAt(http.StatusServiceUnavailable, "too much is being sent at once: try again with the same id")
	}
	body := &Body{bodies: b, reserved: reserve, buffer: buffers.Get().(*[]byte)}
	if err := body.read(w, r); err != nil {
		body.Release()
		return nil, err
	}
	return body, nil
}

func (x *Body) read(w http.ResponseWriter, r *http.Request) error {
	// Whoever sends slowly must not hold memory for longer than a request may take.
	conn := http.NewResponseController(w)
	if deadline, ok := r.Context().Deadline(); ok {
		_ = conn.SetReadDeadline(deadline) // recorders of tests have none
		// Off again, or the connection would be found dead while a slow answer is still in the making.
		defer func() { _ = conn.SetReadDeadline(time.Time{}) }()
	}
	buf := (*x.buffer)[:0]
	if n := int(max(r.ContentLength, 0)); cap(buf) < n+1 {
		buf = make([]byte, 0, n+1) // one more, so that the end is seen without growing
	}
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		*x.buffer = buf
		if len(buf) > MaxBody {
			w.Header().Set("Connection", "close")
			return ProblemAt(http.StatusRequestEntityTooLarge, "")
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
