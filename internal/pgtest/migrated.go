package pgtest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed reuse.sql
var reuse string

// Advisory locks, of whoever makes a template and of whoever uses one of its copies.
const (
	templateLock = 7_402_512
	copyLock     = 7_402_513
)

// Migrated is the URL of a database on which migrate has been run, as it leaves an empty one. Digest names what migrate does:
// a template is made once for each and copied. Copies are used again, by other test binaries on the same server, too: what a
// test has left there is deleted when the next one comes. A test that changes the schema may do so.
func Migrated(t testing.TB, digest string, migrate func(ctx context.Context, url string) error) string {
	t.Helper()
	a, err := shared()
	if err != nil {
		absent(t, err)
	}
	template := "taocan_template_" + digest
	d, err := take(a, template)
	if err != nil {
		t.Fatalf("a copy of %s: %v", template, err)
	}
	t.Cleanup(func() { giveBack(d) })
	if err := d.prepare(t.Context(), migrate); err != nil {
		t.Fatalf("a copy of %s: %v", template, err)
	}
	return a.url(d.name)
}

// replica is a template's copy that this process has. It keeps its connections, since new ones would cost more than all that
// is done with them.
type replica struct {
	address
	template, name string
	admin          *pgconn.PgConn // holds the lock of the name
	own            *pgconn.PgConn // to the copy itself; nil: none yet
}

// free are the copies of this process that no test uses, by template.
var free struct {
	sync.Mutex
	replicas map[string][]*replica
}

func giveBack(d *replica) {
	free.Lock()
	defer free.Unlock()
	if free.replicas == nil {
		free.replicas = map[string][]*replica{}
	}
	free.replicas[d.template] = append(free.replicas[d.template], d)
}

// take finds a copy, perhaps one that is not there yet, that nobody else uses.
func take(a address, template string) (*replica, error) {
	free.Lock()
	defer free.Unlock()
	if all := free.replicas[template]; len(all) > 0 {
		free.replicas[template] = all[:len(all)-1]
		return all[len(all)-1], nil
	}
	ctx := context.Background() // the connection outlives the test
	c, err := pgconn.Connect(ctx, a.String())
	if err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		name := fmt.Sprintf("%s_%d", template, n)
		mine, err := yes(ctx, c, fmt.Sprintf("SELECT pg_try_advisory_lock(%d, hashtext('%s'))", copyLock, name))
		if err != nil {
			return nil, errors.Join(err, c.Close(ctx))
		}
		if mine {
			return &replica{address: a, template: template, name: name, admin: c}, nil
		}
	}
}

// prepare makes the copy what the template is.
func (d *replica) prepare(ctx context.Context, migrate func(context.Context, string) error) error {
	there, err := d.exists(ctx, d.name)
	if err != nil {
		return err
	}
	if there {
		if clean, err := d.reset(ctx); err != nil || clean {
			return err
		}
		if err := run(ctx, d.admin, "DROP DATABASE "+d.name+" WITH (FORCE)"); err != nil {
			return err
		}
	} else if err := d.makeTemplate(ctx, migrate); err != nil {
		return err
	}
	return run(ctx, d.admin, "CREATE DATABASE "+d.name+" TEMPLATE "+d.template)
}

// reset takes back what the last user did; false where that cannot be done.
func (d *replica) reset(ctx context.Context) (clean bool, err error) {
	// Connections that were left open would go on writing.
	const others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
	if d.own == nil || run(ctx, d.own, others) != nil { // a test has ended our own
		if d.own, err = pgconn.Connect(context.WithoutCancel(ctx), d.url(d.name)); err != nil {
			return false, err
		}
		if err := run(ctx, d.own, others); err != nil {
			return false, err
		}
	}
	return yes(ctx, d.own, "SELECT pgtest.reset()")
}

func (d *replica) makeTemplate(ctx context.Context, migrate func(context.Context, string) error) error {
	if err := run(ctx, d.admin, fmt.Sprintf("SELECT pg_advisory_lock(%d)", templateLock)); err != nil {
		return err
	}
	there, err := d.exists(ctx, d.template)
	if err == nil && !there {
		err = d.migrated(ctx, migrate)
	}
	return errors.Join(err, run(ctx, d.admin, fmt.Sprintf("SELECT pg_advisory_unlock(%d)", templateLock)))
}

// migrated makes the template. Only one that was finished gets its name.
func (d *replica) migrated(ctx context.Context, migrate func(context.Context, string) error) error {
	half := "taocan_half_" + random()
	if err := run(ctx, d.admin, "CREATE DATABASE "+half+" TEMPLATE template0"); err != nil {
		return err
	}
	err := migrate(ctx, d.url(half))
	if err == nil {
		err = d.exec(ctx, half, reuse)
	}
	if err == nil {
		return run(ctx, d.admin, "ALTER DATABASE "+half+" RENAME TO "+d.template)
	}
	return errors.Join(err, run(ctx, d.admin, "DROP DATABASE "+half+" WITH (FORCE)"))
}

func (d *replica) exists(ctx context.Context, database string) (bool, error) {
	return yes(ctx, d.admin, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = '"+database+"')")
}

func run(ctx context.Context, c *pgconn.PgConn, statement string) error {
	return c.Exec(ctx, statement).Close()
}

func yes(ctx context.Context, c *pgconn.PgConn, query string) (bool, error) {
	r := c.ExecParams(ctx, query, nil, nil, nil, nil).Read()
	if r.Err != nil {
		return false, r.Err
	}
	return string(r.Rows[0][0]) == "t", nil
}
