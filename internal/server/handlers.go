package server

import (
	"net/http"
	"sync"
	"time"
)

// handlers counts the requests being served. http.Server's Close ends connections and does not wait for what
// serves them. Its zero value is ready.
type handlers struct {
	mu    sync.Mutex
	n     int           // guarded by mu
	ended chan struct{} // guarded by mu; made by end, closed by the last to leave
}

func (x *handlers) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !x.enter() {
			panic(http.ErrAbortHandler) // its connection is being closed
		}
		defer x.leave()
		h.ServeHTTP(w, r)
	})
}

// enter reports false once end has been called.
func (x *handlers) enter() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended != nil {
		return false
	}
	x.n++
	return true
}

func (x *handlers) leave() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.n--; x.n == 0 && x.ended != nil {
		close(x.ended)
	}
}

// end lets no more in, waits for those inside up to the grace, and returns how many are left. It is called once.
func (x *handlers) end(grace time.Duration) int {
	ended := make(chan struct{})
	x.mu.Lock()
	x.ended = ended
	if x.n == 0 {
		close(ended)
	}
	x.mu.Unlock()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.n
}
