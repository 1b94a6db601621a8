package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"taocan/internal/config"
	"taocan/internal/store/postgres"
	"taocan/internal/store/sqlstore"
)

// oldestPostgres is the oldest major version that is worked on.
const oldestPostgres = 14

// clocksApart is how far the clocks of this machine and of PostgreSQL's may be from each other, the way there and back included.
const clocksApart = 2 * time.Second

// postgres looks at the database that database-url leads to.
func (d *doctor) postgres() {
	st, ok := d.openPostgres(d.settings)
	if !ok {
		return
	}
	defer func() { _ = st.Close() }() // read only: nothing to lose
	if !d.postgresHealth(st) {
		return
	}
	d.postgresWay(st)
	d.contents(st)
}

// openPostgres opens it for reading only, without an index of ids: nothing is looked up by one.
func (d *doctor) openPostgres(x config.Settings) (*postgres.Store, bool) {
	ctx, cancel := context.WithTimeout(d.ctx, 2*doctorPatience)
	defer cancel()
	st, err := postgres.Open(ctx, postgres.Options{URL: x.DatabaseURL, Clock: d.clock, ReadOnly: true, Unasked: true})
	switch {
	case errors.Is(err, sqlstore.ErrSchema):
		d.say("database", isProblem, "taocan migrate brings an older one up to date; a newer one needs the version that wrote it", "%s: %v", x.Database(), err)
	case err != nil:
		d.say("database", isProblem, "does PostgreSQL run, is the address right, and may this user connect (pg_hba.conf)?", "%s cannot be opened: %v", x.Database(), err)
	}
	return st, err == nil
}

// postgresHealth tells whether there is more to look at.
func (d *doctor) postgresHealth(st *postgres.Store) bool {
	h, err := st.Health(d.ctx)
	if err != nil {
		d.say("database", isProblem, "look at PostgreSQL's log", "%s cannot be read: %v", d.settings.Database(), err)
		return false
	}
	major := 0 // of "16.3 (Debian 16.3-1)" or "17beta1"
	if _, err := fmt.Sscanf(h.Server, "%d", &major); err == nil && major < oldestPostgres {
		d.say("database", isProblem, "upgrade PostgreSQL", "PostgreSQL is version %s, and %d is the oldest that is supported", h.Server, oldestPostgres)
	}
	switch {
	case h.Damage != nil:
		d.say("database", isProblem, "keep the data, restore a backup elsewhere; pg_amcheck looks closer", "PostgreSQL finds: %s", strings.Join(h.Damage, "; "))
	case h.Standby:
		d.say("database", isProblem, "name all hosts in database-url, with target_session_attrs=read-write", "%s is a standby (PostgreSQL %s), which takes no writes",
			d.settings.Database(), h.Server)
	default:
		d.say("database", isWell, "", "%s is PostgreSQL %s with schema %d, and takes writes; taocan verify proves what is in it", d.settings.Database(), h.Server, h.Schema)
	}
	d.time(h.LastCommit)
	if apart := d.clock.Now().Sub(h.Clock).Abs(); apart > clocksApart {
		d.say("clock", isWarning, "put both right (NTP): servers with clocks apart disagree on what has expired",
			"the clock of PostgreSQL is %s from this machine's", apart.Round(time.Millisecond))
	}
	return true
}

// postgresWay looks at how the database is reached: with PgBouncer or several servers in between there is more to set.
func (d *doctor) postgresWay(st *postgres.Store) {
	if u, err := url.Parse(d.settings.DatabaseURL); err == nil && u.Port() == "6432" && d.settings.DatabaseMigrateURL == "" {
		d.say("database-url", isWarning, "if that is PgBouncer: pool_mode = transaction, and the address behind it in database-migrate-url",
			"port 6432 is PgBouncer's, and migrations do not work through one")
	}
	if hosts, _, _ := strings.Cut(d.settings.DatabaseURL, "?"); strings.Contains(hosts, ",") && !strings.Contains(d.settings.DatabaseURL, "target_session_attrs=") {
		d.say("database-url", isWarning, "add target_session_attrs=read-write", "several hosts are named, and the first that answers is taken, a standby too")
	}
	if d.settings.DatabaseMigrateURL == "" {
		return
	}
	direct := d.settings
	direct.DatabaseURL = direct.DatabaseMigrateURL
	behind, ok := d.openPostgres(direct)
	if !ok {
		return
	}
	defer func() { _ = behind.Close() }() // read only: nothing to lose
	if behind.Epoch() != st.Epoch() {
		d.say("database-url", isProblem, "both must lead to the same database", "database-migrate-url leads to another database than database-url")
		return
	}
	d.say("database-url", isWell, "", "database-migrate-url leads to the same database")
}
