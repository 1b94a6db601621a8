package bench

import (
	"context"
	"time"

	"taocan/internal/config"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Target is a back end that can be measured. Adding one means implementing this and Database, in a file of its own.
type Target interface {
	// About stands in the report.
	About() About
	// Dir is a folder on the disk that takes the commits; empty where that disk is another machine's.
	Dir() string
	// Probe is the median time in ms of a synced write of 4 KiB to where commits go.
	Probe(ctx context.Context) (ms float64, err error)
	// Writers is how many batches of an engine may be on their way at once.
	Writers() int
	// Shared reports whether several processes may have one database open.
	Shared() bool
	// Make makes a database of its own that holds Stock's accounts and has no debits; nobody has it open.
	Make(ctx context.Context, projects int) (Database, error)
	// Close removes everything that was made.
	Close() error
}

// About is what databases are kept by.
type About struct {
	Name     string            `json:"name"`
	Version  string            `json:"version,omitempty"`
	Settings map[string]string `json:"settings,omitempty"`
	Warnings []string          `json:"-"` // why figures say less than they seem to
}

// Database is one that a case has for itself.
type Database interface {
	Projects() []Project
	// Open it for the engine alone; Settings are for a server on it.
	Open(ctx context.Context) (store.Store, error)
	Settings() config.Settings
	// Bytes is what it occupies on disk, while nobody has it open.
	Bytes(ctx context.Context) (int64, error)
	// Written looks at what an engine, which made so many commits of so many operations, has left in the database.
	Written(ctx context.Context, open store.Store, operations, commits int64) (Written, error)
	// Remove takes its room back. It is closed.
	Remove(ctx context.Context) error
}

// Written is what group commits left in a database.
type Written struct {
	PackedBytes int64 // of the records of debits
	// Ceiling repeats transactions of that shape for about d in another database: as many rows and bytes, through the same
	// statements and with the same sync, and nothing decided, packed, hashed or answered.
	Ceiling func(ctx context.Context, d time.Duration) (transactions int64, took time.Duration, err error)
}

// Project is one that can be debited.
type Project struct {
	taocan.Tenant
	Token string // with scope debit
}
