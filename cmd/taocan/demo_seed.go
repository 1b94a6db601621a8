package main

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"time"

	"taocan/internal/access"
	"taocan/internal/order"
	"taocan/internal/packages"
	"taocan/internal/server"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// The demo's packages: the example of product.md §2 and four international ones, as a snapshot of demoSnapshot.
//
//go:embed demo.csv
var demoPackages []byte

var demoSnapshot = time.Date(2021, 4, 1, 0, 0, 0, 0, time.UTC)

const (
	demoToken = "demo" // name of the tokens that a start makes and the next one revokes
	demoLogin = "demo"
)

var (
	demoTenant  = taocan.Tenant{Account: "demo", Project: "demo"}
	otherTenant = taocan.Tenant{Account: "other", Project: "other"}
)

// demoPrices are per message to one country: what the demo sells abroad.
var demoPrices = []struct {
	country taocan.Country
	price   taocan.UnitPrice
}{
	{"HK", 3970}, {"MO", 2850}, {"TW", 4260}, {"SG", 3320}, {"MY", 3650}, {"TH", 2280}, {"VN", 5210}, {"ID", 4780}, {"PH", 2640},
	{"JP", 5120}, {"KR", 2470}, {"US", 850}, {"CA", 920}, {"GB", 3540}, {"DE", 6130}, {"FR", 4490}, {"AU", 3890},
}

// seedDemo brings the demo's data about, as far as it is not there yet, and opens fresh doors to it. A crash in
// between leaves a folder that the next start completes.
func seedDemo(ctx context.Context, s *server.Server, now time.Time) (demoAnswer, error) {
	for _, step := range []func(context.Context, *server.Server, time.Time) error{demoAccounts, demoPriceList, demoWallet, demoImport} {
		if err := step(ctx, s, now); err != nil {
			return demoAnswer{}, fmt.Errorf("demo data: %w", err)
		}
	}
	d := demoAnswer{Project: string(demoTenant.Project), User: demoLogin, OperatorUser: server.FirstOperator}
	if err := demoDoors(ctx, s, &d); err != nil {
		return demoAnswer{}, fmt.Errorf("demo credentials: %w", err)
	}
	return d, nil
}

// demoAccounts also refuses the folder of a real installation: the demo would change its operator's password.
func demoAccounts(ctx context.Context, s *server.Server, _ time.Time) error {
	known, err := s.Access.Accounts(ctx, store.AccountFilter{Paging: store.Paging{Limit: 1}})
	if err != nil {
		return err
	}
	if len(known.Items) > 0 {
		if _, err := s.Access.Account(ctx, demoTenant.Account); errors.Is(err, taocan.ErrNotFound) {
			return errors.New("the folder holds the data of another installation, give an empty one with --data")
		}
	}
	for _, t := range []taocan.Tenant{demoTenant, otherTenant} {
		_, err := s.Access.CreateAccount(ctx, taocan.System(), access.AccountRequest{ID: t.Account, Level: taocan.Enterprise})
		if err != nil && !errors.Is(err, taocan.ErrConflict) {
			return err
		}
		_, err = s.Access.CreateProject(ctx, taocan.System(), access.ProjectRequest{ID: t.Project, Account: t.Account})
		if err != nil && !errors.Is(err, taocan.ErrConflict) {
			return err
		}
	}
	return nil
}

// demoPriceList sells abroad to more countries than the shipped list does.
func demoPriceList(ctx context.Context, s *server.Server, _ time.Time) error {
	list := taocan.PriceList{ID: "international-demo", Category: taocan.International, ValidityMonths: 12}
	for _, p := range demoPrices {
		list.Rows = append(list.Rows, taocan.PriceRow{Country: p.country, Tiers: []taocan.Tier{{Price: p.price}}})
	}
	_, err := s.Catalog.Publish(ctx, taocan.System(), list)
	if errors.Is(err, taocan.ErrConflict) {
		return nil
	}
	return err
}

// demoWallet books under fixed keys, so that it is booked once.
func demoWallet(ctx context.Context, s *server.Server, _ time.Time) error {
	cash := order.WalletChange{Key: "demo-cash", ContentHash: []byte("demo"), Amount: 18_70, Reference: "demo-cash"}
	if _, _, err := s.Orders.TopUp(ctx, taocan.System(), demoTenant.Account, cash); err != nil {
		return err
	}
	gift := order.WalletChange{Key: "demo-gift", ContentHash: []byte("demo"), Amount: 79_640_03, Reason: "demo"}
	_, _, err := s.Orders.Gift(ctx, taocan.System(), demoTenant.Account, gift)
	return err
}

// demoImport imports the packages as of this morning. It is one transaction, so any package means that it was
// done, perhaps on an earlier day.
func demoImport(ctx context.Context, s *server.Server, now time.Time) error {
	known, err := s.Packages.List(ctx, demoTenant, store.PackageFilter{Paging: store.Paging{Limit: 1}})
	if err != nil || len(known.Items) > 0 {
		return err
	}
	y, m, d := now.In(s.Zone).Date()
	moved, err := movedCSV(demoPackages, int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(demoSnapshot)/(24*time.Hour)), s.Zone)
	if err != nil {
		return err
	}
	report, err := s.Packages.Import(ctx, taocan.System(), demoTenant, bytes.NewReader(moved),
		packages.ImportOptions{SnapshotAt: time.Date(y, m, d, 0, 0, 0, 0, s.Zone), Format: "csv"})
	if err == nil && len(report.Bad) > 0 {
		err = fmt.Errorf("line %d: %s", report.Bad[0].Line, report.Bad[0].Reason)
	}
	return err
}

// movedCSV moves every date of an export by the same days: the expiry, and the hour in the number, whose five
// digits stay.
func movedCSV(file []byte, days int, zone *time.Location) ([]byte, error) {
	rows, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		return nil, err
	}
	for _, row := range rows[1:] {
		number := taocan.PackageNumber(row[0])
		facts, err := number.Parse(zone)
		if err != nil {
			return nil, err
		}
		if number, err = number.MovedTo(facts.Purchased.In(zone).AddDate(0, 0, days), zone); err != nil {
			return nil, err
		}
		expires, err := time.Parse(time.DateOnly, row[5])
		if err != nil {
			return nil, err
		}
		row[0], row[5] = string(number), expires.AddDate(0, 0, days).Format(time.DateOnly)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	err = w.WriteAll(rows)
	return b.Bytes(), err
}

// demoDoors makes tokens and passwords anew and ends those of an earlier start.
func demoDoors(ctx context.Context, s *server.Server, d *demoAnswer) error {
	if err := revokeDemoTokens(ctx, s); err != nil {
		return err
	}
	var err error
	if d.Token, err = projectToken(ctx, s, demoTenant); err != nil {
		return err
	}
	if d.OtherToken, err = projectToken(ctx, s, otherTenant); err != nil {
		return err
	}
	if d.OperatorToken, err = operatorToken(ctx, s, demoToken); err != nil {
		return err
	}
	d.Password, d.OperatorPassword = rand.Text(), rand.Text()
	if _, err := s.Access.SetPassword(ctx, taocan.System(), demoLogin, d.Password); errors.Is(err, taocan.ErrNotFound) {
		_, err = s.Access.CreateMember(ctx, taocan.System(), access.MemberRequest{Account: demoTenant.Account, Login: demoLogin, Password: d.Password, Role: taocan.Owner})
		if err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if _, err := s.Access.SetPassword(ctx, taocan.System(), server.FirstOperator, d.OperatorPassword); err != nil {
		return err
	}
	// The file of the first start names a password that no longer works.
	return s.DropPasswordFile()
}

// projectToken may do everything in the project.
func projectToken(ctx context.Context, s *server.Server, t taocan.Tenant) (string, error) {
	secret, _, err := s.Access.CreateToken(ctx, taocan.System(), access.TokenRequest{Tenant: t, Name: demoToken,
		Scopes: []taocan.Scope{taocan.ScopeRead, taocan.ScopeBuy, taocan.ScopeDebit, taocan.ScopeManage}})
	return secret, err
}

func operatorToken(ctx context.Context, s *server.Server, name string) (string, error) {
	secret, _, err := s.Access.CreateToken(ctx, taocan.System(), access.TokenRequest{Name: name, Scopes: []taocan.Scope{taocan.ScopeOperator}})
	return secret, err
}

func revokeDemoTokens(ctx context.Context, s *server.Server) error {
	for p := (store.Paging{Limit: 100}); ; {
		page, err := s.Access.Tokens(ctx, taocan.Tenant{}, p)
		if err != nil {
			return err
		}
		for _, t := range page.Items {
			if t.Name == demoToken && t.RevokedAt.IsZero() {
				if _, err := s.Access.RevokeToken(ctx, taocan.System(), t.ID); err != nil {
					return err
				}
			}
		}
		if p.Cursor = page.Next; p.Cursor == "" {
			return nil
		}
	}
}
