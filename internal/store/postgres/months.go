package postgres

import (
	"context"
	"fmt"
	"time"
)

// MakeMonths makes the parts of the log for this month and the next two, where they are missing. Called at every start and
// daily, it keeps ahead; a month that is not made yet goes into a part of its own for such, so nothing is refused meanwhile.
func (s *Store) MakeMonths(ctx context.Context) error {
	if err := s.write(ctx, "months_make", s.clock.Now().Format(time.DateOnly)); err != nil {
		return fmt.Errorf("make the months of the log: %w", err)
	}
	return nil
}
