package access_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"taocan/internal/access"
	"taocan/internal/clock"
	"taocan/internal/store"
)

// stalled is a store that never answers.
type stalled struct{ store.Store }

func (stalled) Peek(ctx context.Context, _ func(store.Reader) error) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestAStoreThatStallsIsToldSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := access.New(access.Config{Store: stalled{}, Clock: clock.System()})
		began := time.Now()
		_, err := a.Authenticate(t.Context(), "tc_"+strings.Repeat("a", 43), "")
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != 5*time.Second {
			t.Errorf("after %s: %v, want that it took too long after 5 s", took, err)
		}
	})
}
