package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"taocan/internal/taocan"
)

// MetaWindow, in store_meta, is how long ids of debits are remembered, as the server had it that opened the store last. Commands do
// not know what it was told; they must not forget sooner.
const MetaWindow = "idempotency_window"

const defaultWindow = 30 * 24 * time.Hour

// Window is how long a store remembers ids of debits: as wanted, else (0) as it is noted there, else 30 days.
func Window(ctx context.Context, value func(ctx context.Context, name string) (string, error), wanted time.Duration) (time.Duration, error) {
	if wanted > 0 {
		return wanted, nil
	}
	noted, err := value(ctx, MetaWindow)
	if errors.Is(err, taocan.ErrNotFound) {
		return defaultWindow, nil
	}
	if err != nil {
		return 0, err
	}
	d, err := time.ParseDuration(noted)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("how long ids are remembered is noted as %q: not a length of time", noted)
	}
	return d, nil
}
