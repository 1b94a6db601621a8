package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"taocan/internal/clock"
	"taocan/internal/store/sqlstore"
)

// Scratch makes databases of its own on a server, for measurements, and drops them. Not safe for concurrent use.
type Scratch struct {
	address url.URL
	prefix  string
	count   int
	made    []string // and not dropped

	Version  string
	Settings map[string]string // those that figures depend on
}

// ErrMayNotCreate is a role that lacks the right to make databases.
var ErrMayNotCreate = errors.New("may not make databases: ALTER ROLE … CREATEDB lets it")

// NewScratch looks at the server that an address names; its database, or postgres, is only connected to.
func NewScratch(ctx context.Context, address string) (*Scratch, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		// What is wrong is not shown, for the password's sake.
		return nil, errors.New("the address of a PostgreSQL server looks like postgres://user@host:5432/postgres")
	}
	if len(u.Path) < 2 {
		u.Path = "/postgres"
	}
	s := &Scratch{address: *u, prefix: fmt.Sprintf("taocan_bench_%08x_", rand.Uint32()), Settings: map[string]string{}}
	return s, s.on(ctx, "", func(c *pgx.Conn) error { return s.look(ctx, c) })
}

// look finds out what can be known before anything is made.
func (s *Scratch) look(ctx context.Context, c *pgx.Conn) error {
	may := false
	if err := c.QueryRow(ctx, queries.Text("bench_server")).Scan(&s.Version, &may); err != nil {
		return err
	}
	if !may {
		return fmt.Errorf("role %s %w", c.Config().User, ErrMayNotCreate)
	}
	rows, err := c.Query(ctx, queries.Text("bench_settings"))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return err
		}
		s.Settings[name] = value
	}
	return rows.Err()
}

// on connects to one of the databases, or to the address's own.
func (s *Scratch) on(ctx context.Context, database string, fn func(*pgx.Conn) error) (err error) {
	address := s.address.String()
	if database != "" {
		address = s.URL(database)
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return fmt.Errorf("the server's address: %w", err) // pgx leaves the password out
	}
	delete(config.RuntimeParams, "pool_max_conns") // is for stores
	config.RuntimeParams["application_name"] = "taocan bench"
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(context.WithoutCancel(ctx))) }()
	return fn(c)
}

func (s *Scratch) run(ctx context.Context, database, statement string) error {
	return s.on(ctx, database, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, statement)
		return err
	})
}

// URL of a database of the server.
func (s *Scratch) URL(database string) string {
	u := s.address
	u.Path = "/" + database
	return u.String()
}

// Create makes a database, empty or as a copy of one that nobody is connected to.
func (s *Scratch) Create(ctx context.Context, from string) (name string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	s.count++
	name = fmt.Sprintf("%s%d", s.prefix, s.count)
	how := "template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'" // whatever the server's own are: columns say what they need
	if from != "" {
		how = from
	}
	s.made = append(s.made, name)
	// A statement that is cut off may still be carried out, and nobody would drop what it made.
	err = s.run(context.WithoutCancel(ctx), "", "CREATE DATABASE "+name+" TEMPLATE "+how)
	if state := (*pgconn.PgError)(nil); errors.As(err, &state) && state.Code == "42501" {
		err = fmt.Errorf("%w: %w", ErrMayNotCreate, err)
	}
	return name, sqlstore.About(err, "create database %s", name)
}

// Tidy does what autovacuum would have done soon: plans of the first minutes are made without it.
func (s *Scratch) Tidy(ctx context.Context, name string) error {
	return s.run(ctx, name, "VACUUM (ANALYZE)")
}

// Bytes is the size of a database, without the server's log.
func (s *Scratch) Bytes(ctx context.Context, name string) (n int64, err error) {
	err = s.on(ctx, name, func(c *pgx.Conn) error { return c.QueryRow(ctx, queries.Text("bench_bytes")).Scan(&n) })
	return n, err
}

// Syncs are times of transactions that write 4 KiB to the log and nothing else, on one connection.
func (s *Scratch) Syncs(ctx context.Context, c clock.Clock, n int) (times []time.Duration, err error) {
	err = s.on(ctx, "", func(conn *pgx.Conn) error {
		for range n {
			began := c.Monotonic()
			if _, err := conn.Exec(ctx, queries.Text("bench_sync")); err != nil {
				return err
			}
			times = append(times, c.Monotonic()-began)
		}
		return nil
	})
	return times, err
}

// Local reports whether the server is on this machine.
func (s *Scratch) Local() bool {
	host := s.address.Hostname()
	ip := net.ParseIP(host)
	return host == "" || host == "localhost" || strings.HasPrefix(host, "/") || ip != nil && ip.IsLoopback()
}

// Drop removes a database, whoever is connected to it.
func (s *Scratch) Drop(ctx context.Context, name string) error {
	if err := s.run(ctx, "", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	s.made = slices.DeleteFunc(s.made, func(made string) bool { return made == name })
	return nil
}

// Close drops what is left.
func (s *Scratch) Close(ctx context.Context) error {
	var errs []error
	for _, name := range slices.Clone(s.made) {
		errs = append(errs, s.Drop(ctx, name))
	}
	return errors.Join(errs...)
}
