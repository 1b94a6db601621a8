package sim_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// tenants: two projects of one account, one whose account shares its lane, and one elsewhere.
func tenants() []taocan.Tenant {
	first := taocan.AccountID("acme")
	var same, other taocan.AccountID
	for n := 0; same == "" || other == ""; n++ {
		a := taocan.AccountID(fmt.Sprintf("account-%d", n))
		if taocan.LaneOf(a) == taocan.LaneOf(first) {
			same = a
		} else {
			other = a
		}
	}
	return []taocan.Tenant{{Account: first, Project: "web"}, {Account: first, Project: "app"}, {Account: same, Project: "same"},
		{Account: other, Project: "other"}}
}

// origin is what runs start from: a store with accounts, projects and some packages.
type origin struct {
	image []byte // of its file
	books *books // what it holds
	drawn int    // numbers used
}

// prepare makes an origin, once for many runs.
func prepare(t *testing.T) origin {
	t.Helper()
	w := newWorld(context.Background(), plan{seed: 1}, t.TempDir(), origin{books: newBooks(tenants())})
	defer w.disk.Close()
	synctest.Test(t, func(t *testing.T) {
		defer w.gone()
		err := w.open()
		if err == nil {
			err = w.furnish()
		}
		if err := errors.Join(err, w.engine.Stop(w.ctx), w.store.Close()); err != nil {
			t.Fatal(err)
		}
	})
	return origin{w.disk.Get(w.path()), w.truth, w.drawn}
}

func (w *world) furnish() error {
	err := w.store.Update(w.ctx, "", func(tx store.Tx) error {
		made := map[taocan.AccountID]bool{}
		for _, x := range w.tenants {
			if !made[x.Account] {
				made[x.Account] = true
				if err := tx.InsertAccount(w.ctx, taocan.Account{ID: x.Account, Name: "n", Level: taocan.Enterprise, CreatedAt: begin}); err != nil {
					return err
				}
			}
			if err := tx.InsertProject(w.ctx, taocan.Project{ID: x.Project, Account: x.Account, Name: "n", CreatedAt: begin}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, t := range w.tenants {
		for range 2 {
			p := w.newPackage(t)
			p.Total += 60
			p.Remaining, p.ExpiresAt = p.Total, begin.AddDate(0, 1, len(w.tenants))
			if err == nil {
				err = w.give(p)
			}
		}
	}
	return err
}
