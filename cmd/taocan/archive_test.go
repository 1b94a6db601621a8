package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/store/sqlite"
	"taocan/internal/taocan"
)

// olden makes a database that has been debited from for months.
func olden(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: olden DIR")
	}
	ctx, now, day := context.Background(), clock.System().Now().Add(-2*time.Hour), 24*time.Hour
	c := clock.NewFake(now.Add(-160 * day))
	st, err := sqlite.Open(ctx, sqlite.Options{Dir: ts.MkAbs(args[0]), Clock: c})
	ts.Check(err)
	var drawn [32]byte
	_, _ = rand.Read(drawn[:]) // never fails
	secret := "tc_" + base64.RawURLEncoding.EncodeToString(drawn[:])
	hash := sha256.Sum256([]byte(secret))
	web := taocan.Tenant{Account: "acme", Project: "web"}
	ts.Check(st.Update(ctx, web.Account, func(tx store.Tx) error {
		return errors.Join(
			tx.InsertAccount(ctx, taocan.Account{ID: web.Account, Name: "Acme", Level: taocan.Enterprise, CreatedAt: tx.Now()}),
			tx.InsertProject(ctx, taocan.Project{Account: web.Account, ID: web.Project, Name: "Web", CreatedAt: tx.Now()}),
			tx.InsertToken(ctx, taocan.Token{ID: "tok_look", Hash: hash[:], Tenant: web, Name: "look", Scopes: []taocan.Scope{taocan.ScopeRead}, CreatedAt: tx.Now()}),
			tx.InsertPackage(ctx, taocan.Package{Tenant: web, Number: "U1A2601011200001", Name: "1000", Category: taocan.Domestic, Purpose: taocan.Verification,
				ChargeOn: taocan.ChargeOnSubmit, Total: 1000, Remaining: 1000, PurchasedAt: tx.Now(), ExistsFrom: tx.Now(), ExpiresAt: tx.Now().AddDate(2, 0, 0)}, taocan.EntryGrant, "trial"))
	}))
	for i, ago := range []time.Duration{150 * day, 149 * day, 100 * day, day, 0} {
		c.Set(now.Add(-ago))
		id := taocan.DebitID(fmt.Sprint("m-", i))
		outcomes, err := st.CommitDebits(ctx, []store.Op{{Tenant: web, Kind: store.OpTake, ID: id,
			Request: taocan.DebitRequest{ID: id, Kind: taocan.KindDebit, Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: 3}}}, debit.Decide)
		ts.Check(err)
		ts.Check(outcomes[0].Err)
	}
	ts.Check(st.Close())
	ts.Setenv("token", secret)
	ts.Setenv("before", now.Add(-61*day).UTC().Format(store.MonthFormat))
	ts.Setenv("later", now.UTC().Format(store.MonthFormat))
}
