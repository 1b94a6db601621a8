package postgres

import (
	"context"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
)

// Health is what can be said of a database without proving it.
type Health struct {
	Schema     int64     // of the database
	Newest     int64     // that this program knows
	LastCommit time.Time // zero: none yet
	Damage     []string  // that PostgreSQL itself knows of; empty is well
	Server     string    // its version
	Standby    bool      // it follows another server and only reads
	Clock      time.Time // PostgreSQL's
}

// Health looks the database over, beside running servers.
func (s *Store) Health(ctx context.Context) (Health, error) {
	h := Health{Newest: NewestSchema()}
	c, err := s.readers.Conn(ctx)
	if err != nil {
		return h, sqlstore.Kind(err)
	}
	defer func() { _ = c.Close() }()
	var clock int64
	if err := c.QueryRowContext(ctx, queries.Text("health_server")).Scan(&h.Server, &h.Standby, &clock); err != nil {
		return h, fmt.Errorf("read the server's version: %w", sqlstore.Kind(err))
	}
	h.Clock = sqlstore.FromMicros(clock)
	if err := c.QueryRowContext(ctx, queries.Text("health_schema")).Scan(&h.Schema); err != nil {
		return h, fmt.Errorf("read the schema's version: %w", sqlstore.Kind(err))
	}
	var last int64
	if err := c.QueryRowContext(ctx, queries.Text("health_last_commit")).Scan(&last); err != nil {
		return h, fmt.Errorf("read the last commit: %w", sqlstore.Kind(err))
	}
	if last > 0 {
		_, h.LastCommit = store.CommitOf(last)
	}
	rows, err := c.QueryContext(ctx, queries.Text("health_quick_check"))
	if err != nil {
		return h, fmt.Errorf("quick check: %w", sqlstore.Kind(err))
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return h, fmt.Errorf("quick check: %w", sqlstore.Kind(err))
		}
		h.Damage = append(h.Damage, line)
	}
	return h, sqlstore.Kind(rows.Err())
}
