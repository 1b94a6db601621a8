package server

import (
	"context"
	"time"
)

// upkeepEvery is how often the database is looked after; after a failure it is tried again sooner.
const (
	upkeepEvery = 24 * time.Hour
	upkeepRetry = 10 * time.Minute
)

// upkeepLoop does at the start and daily what the database needs. Nothing is refused where it fails.
func (s *Server) upkeepLoop(ctx context.Context) {
	for {
		wait := upkeepEvery
		if err := s.database.upkeep(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("upkeep of the database failed, will try again", "error", err)
			wait = upkeepRetry
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}
