package storetest

import (
	"context"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

var accountCases = []testCase{
	{"an account comes with an empty wallet and reads as it was written", func(f *fixture) {
		a := taocan.Account{ID: "alpha", Name: "阿尔法", Level: taocan.Personal, CreatedAt: f.clock.Now()}
		f.update("", func(ctx context.Context, tx store.Tx) error { return tx.InsertAccount(ctx, a) })
		same(f, "account", get(f, func(ctx context.Context, r store.Reader) (taocan.Account, error) { return r.Account(ctx, "alpha") }), a)
		same(f, "wallet", get(f, func(ctx context.Context, r store.Reader) (taocan.Wallet, error) { return r.Wallet(ctx, "alpha") }), taocan.Wallet{Account: "alpha"})

		a.Name, a.Level, a.Suspended = "甲", taocan.Enterprise, true
		f.update("", func(ctx context.Context, tx store.Tx) error { return tx.UpdateAccount(ctx, a) })
		same(f, "changed account", get(f, func(ctx context.Context, r store.Reader) (taocan.Account, error) { return r.Account(ctx, "alpha") }), a)
	}},
	{"ids of accounts and projects are taken once over the whole store", func(f *fixture) {
		f.open(alpha, beta)
		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error {
			return tx.InsertAccount(ctx, taocan.Account{ID: "alpha", Name: "again", Level: taocan.Personal, CreatedAt: tx.Now()})
		})
		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error {
			return tx.InsertProject(ctx, taocan.Project{ID: alpha.Project, Account: "beta", Name: "stolen", CreatedAt: tx.Now()})
		})
		f.refuse("", nil, func(ctx context.Context, tx store.Tx) error {
			return tx.InsertProject(ctx, taocan.Project{ID: "new", Account: "nobody", CreatedAt: tx.Now()})
		})
	}},
	{"what is not there is not found", func(f *fixture) {
		f.open(alpha)
		absent(f, "account", func(ctx context.Context, r store.Reader) (taocan.Account, error) { return r.Account(ctx, "nobody") })
		absent(f, "project", func(ctx context.Context, r store.Reader) (taocan.Project, error) { return r.Project(ctx, "none") })
		absent(f, "member", func(ctx context.Context, r store.Reader) (taocan.Member, error) { return r.Member(ctx, "nobody") })
		absent(f, "member by id", func(ctx context.Context, r store.Reader) (taocan.Member, error) { return r.MemberByID(ctx, "nobody") })
		absent(f, "wallet", func(ctx context.Context, r store.Reader) (taocan.Wallet, error) { return r.Wallet(ctx, "nobody") })
		f.refuse("", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error {
			return tx.UpdateAccount(ctx, taocan.Account{ID: "nobody", Level: taocan.Personal})
		})
		f.refuse("", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error {
			return tx.UpdateMember(ctx, taocan.Member{ID: "nobody", Role: taocan.Viewer})
		})
	}},
	{"projects are listed by account or all", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		for account, want := range map[taocan.AccountID][]taocan.ProjectID{"alpha": {"alpha-1", "alpha-2"}, "beta": {"beta-1"}, "": {"alpha-1", "alpha-2", "beta-1"}, "nobody": nil} {
			page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Project], error) {
				return r.Projects(ctx, account, all())
			})
			var got []taocan.ProjectID
			for _, p := range page.Items {
				got = append(got, p.ID)
			}
			same(f, "projects of "+string(account), got, want)
			same(f, "their number", page.Total, len(want))
		}
	}},
	{"a project is renamed in its own account only", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		name := func(id taocan.ProjectID) string {
			return get(f, func(ctx context.Context, r store.Reader) (taocan.Project, error) { return r.Project(ctx, id) }).Name
		}
		f.update("", func(ctx context.Context, tx store.Tx) error {
			return tx.UpdateProject(ctx, taocan.Project{ID: alpha.Project, Account: "alpha", Name: "甲"})
		})
		for _, p := range []taocan.Project{{ID: alpha.Project, Account: "beta", Name: "stolen"}, {ID: "none", Account: "alpha", Name: "new"}} {
			f.refuse("", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error { return tx.UpdateProject(ctx, p) })
		}
		same(f, "names", []string{name(alpha.Project), name(alphaOther.Project), name(beta.Project)}, []string{"甲", "Project", "Project"})
	}},
	{"members are found by login and id, and staff belongs to no account", func(f *fixture) {
		f.open(alpha)
		owner := taocan.Member{ID: "m1", Account: "alpha", Login: "owner@alpha", Role: taocan.Owner, PasswordHash: "$argon2id$1", CreatedAt: f.clock.Now()}
		viewer := taocan.Member{ID: "m2", Account: "alpha", Login: "viewer@alpha", Role: taocan.Viewer, PasswordHash: "$argon2id$2", CreatedAt: f.clock.Now().Add(time.Second)}
		staff := taocan.Member{ID: "m0", Login: "operator", Role: taocan.OperatorRole, PasswordHash: "$argon2id$3", CreatedAt: f.clock.Now()}
		f.update("", func(ctx context.Context, tx store.Tx) error {
			for _, m := range []taocan.Member{viewer, owner, staff} {
				if err := tx.InsertMember(ctx, m); err != nil {
					return err
				}
			}
			return nil
		})
		members := func(a taocan.AccountID) []taocan.Member {
			return get(f, func(ctx context.Context, r store.Reader) ([]taocan.Member, error) { return r.Members(ctx, a) })
		}
		same(f, "members", members("alpha"), []taocan.Member{owner, viewer})
		same(f, "staff", members(""), []taocan.Member{staff})
		same(f, "by login", get(f, func(ctx context.Context, r store.Reader) (taocan.Member, error) { return r.Member(ctx, "operator") }), staff)

		owner.Role, owner.PasswordHash, owner.Suspended = taocan.Finance, "$argon2id$4", true
		f.update("", func(ctx context.Context, tx store.Tx) error { return tx.UpdateMember(ctx, owner) })
		same(f, "changed", get(f, func(ctx context.Context, r store.Reader) (taocan.Member, error) { return r.MemberByID(ctx, "m1") }), owner)

		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error {
			return tx.InsertMember(ctx, taocan.Member{ID: "m3", Account: "alpha", Login: "operator", Role: taocan.Viewer, CreatedAt: tx.Now()})
		})
	}},
}
