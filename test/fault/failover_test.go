package fault

import (
	"fmt"
	"testing"
	"time"

	"taocan/internal/pgtest"
)

// pair is a primary whose commits wait for its standby, and settings that find whichever takes writes.
func pair(t *testing.T) (primary, standby *pgtest.Server, s settings) {
	t.Helper()
	primary = pgtest.NewServer(t, pgtest.Options{})
	standby = primary.Standby(t)
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"} {
		if err := primary.Exec(t.Context(), "postgres", statement); err != nil {
			t.Fatal(err)
		}
	}
	url := fmt.Sprintf("postgres://taocan@127.0.0.1:%d,127.0.0.1:%d/postgres?sslmode=disable&target_session_attrs=read-write", primary.Port, standby.Port)
	return primary, standby, settings{Postgres: url, IDs: t.TempDir(), Patience: 2 * time.Second}
}

// The primary is killed under load and its standby promoted. Nothing that was answered is lost, and processes find the new
// primary by themselves.
func TestAFailOver(t *testing.T) {
	t.Parallel()
	primary, standby, s := pair(t)
	one, two := newWorker(t, s), newWorker(t, s.beside(t))
	b := newBook(t, one, 3)
	b.load(16, []place{one, two}, func() {
		b.goOn(300)
		primary.Kill()
		standby.Promote(t)
		b.goOn(300)
	})
	b.check(two, one, two)
}

// The standby is gone, so commits wait for it in vain. They are not answered: a primary that is lost now would take them along.
func TestACommitThatTheStandbyDoesNotHaveIsNotAnswered(t *testing.T) {
	t.Parallel()
	_, standby, s := pair(t)
	w := newWorker(t, s)
	b := newBook(t, w, 1)
	standby.Kill()
	tenant := b.tenants[0]
	a := b.enter(call{Do: doDebit, Account: tenant.Account, Project: tenant.Project, ID: "m", Quantity: 1})
	if answer := b.ask(w, a)[0]; answer.Err != unavailable {
		t.Errorf("a debit that only the primary has was answered: %+v", answer)
	}
	buy := b.enter(call{Do: doBuy, Account: tenant.Account, Project: tenant.Project, ID: "b"})
	if answer := b.ask(w, buy)[0]; answer.Err != unavailable {
		t.Errorf("a purchase that only the primary has was answered: %+v", answer)
	}
	standby.Start(t)
	b.check(w, w)
}
