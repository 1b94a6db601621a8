package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"time"

	"taocan/internal/access"
	"taocan/internal/alert"
	"taocan/internal/clock"
	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

const packagesEach = 5

// Stock makes accounts of one project each, with packages that no run can use up and a token that may debit.
func Stock(ctx context.Context, st store.Store, c clock.Clock, projects int) ([]Project, error) {
	tokens := access.New(access.Config{Store: st, Clock: c, Random: rand.Reader})
	made := make([]Project, projects)
	for i := range made {
		p := &made[i]
		p.Tenant = taocan.Tenant{Account: taocan.AccountID(fmt.Sprintf("bench-%d", i)), Project: taocan.ProjectID(fmt.Sprintf("bench-%d", i))}
		err := st.Update(ctx, p.Account, func(tx store.Tx) error { return stockProject(ctx, tx, p.Tenant, i) })
		if err == nil {
			p.Token, _, err = tokens.CreateToken(ctx, taocan.System(), access.TokenRequest{Tenant: p.Tenant, Name: "bench", Scopes: []taocan.Scope{taocan.ScopeDebit}})
		}
		if err != nil {
			return nil, fmt.Errorf("stock project %s: %w", p.Project, err)
		}
	}
	// A server would look at every new project's alert rules in its first seconds, which is no part of any case.
	looks := alert.NewWorker(alert.WorkerConfig{Store: st, Clock: c, Zone: time.UTC, Forecasts: packages.New(st, c, time.UTC, rand.Reader),
		Random: io.Reader(rand.Reader), Log: slog.New(slog.DiscardHandler)})
	for {
		if n, err := looks.Step(ctx); err != nil || n == 0 {
			return made, err
		}
	}
}

func stockProject(ctx context.Context, tx store.Tx, t taocan.Tenant, i int) error {
	if err := tx.InsertAccount(ctx, taocan.Account{ID: t.Account, Name: string(t.Account), Level: taocan.Enterprise, CreatedAt: tx.Now()}); err != nil {
		return err
	}
	if err := tx.InsertProject(ctx, taocan.Project{ID: t.Project, Account: t.Account, Name: string(t.Project), CreatedAt: tx.Now()}); err != nil {
		return err
	}
	for k := range packagesEach {
		p := taocan.Package{Tenant: t, Number: taocan.PackageNumber(fmt.Sprintf("U1B26010100%05X", i*packagesEach+k)), Name: "bench", Category: taocan.Domestic,
			Purpose: taocan.Marketing, ChargeOn: taocan.ChargeOnSubmit, Total: taocan.MaxSegments, Remaining: taocan.MaxSegments,
			PurchasedAt: tx.Now(), ExistsFrom: tx.Now(), ExpiresAt: tx.Now().AddDate(1, k, 0)}
		if err := tx.InsertPackage(ctx, p, taocan.EntryGrant, "bench"); err != nil {
			return err
		}
	}
	return nil
}
