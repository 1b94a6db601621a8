package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// Shape sums up what a run of group commits wrote.
type Shape struct {
	Debits, Transactions         int64 // the engine's own figures
	Links, Entries, Refs         int64 // rows
	DebitsBytes, ManifestBytes   int64
	FileBytes                    int64
	Packages, PackagesPerProject int
}

// Shape measures the store; debits and transactions are what the engine counted.
func (s *Store) Shape(ctx context.Context, debits, transactions int64) (Shape, error) {
	shape := Shape{Debits: debits, Transactions: transactions}
	err := s.readers.QueryRowContext(ctx, queries.Text("shape_of_debits")).Scan(&shape.Links, &shape.DebitsBytes, &shape.ManifestBytes,
		&shape.Entries, &shape.Refs, &shape.Packages, &shape.PackagesPerProject, &shape.FileBytes)
	return shape, sqlstore.Kind(err)
}

// Ceiling is what the disk and SQLite would give without us: in a new database in dir, it repeats transactions of
// the same statements, with as many rows and bytes and the same sync, and nothing decided, packed, hashed or
// answered. It returns how many ran in about the given time. The database it leaves is no ledger.
func Ceiling(ctx context.Context, dir string, shape Shape, c clock.Clock, d time.Duration) (transactions int64, took time.Duration, err error) {
	if _, err := os.Stat(dir); err == nil || shape.Transactions == 0 {
		return 0, 0, fmt.Errorf("measure the ceiling in %s: it needs a new folder and a shape", dir)
	}
	s, err := Open(ctx, Options{Dir: dir, Clock: c})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	packages, err := s.stockCeiling(ctx, shape)
	if err != nil {
		return 0, 0, err
	}
	w := s.w
	debits, manifest, hash := make([]byte, shape.DebitsBytes/max(1, shape.Links)), make([]byte, shape.ManifestBytes/max(1, shape.Links)), make([]byte, 32)
	_, _ = rand.Read(debits)
	_, _ = rand.Read(manifest)
	per := func(total int64) int { return int((total + shape.Transactions - 1) / shape.Transactions) }
	at, next := c.Now(), 0
	started := c.Monotonic()
	for took < d {
		if err := w.raw.Exec("BEGIN IMMEDIATE"); err != nil {
			return 0, 0, sqlstore.Kind(err)
		}
		at = at.Add(time.Second)
		for i := range per(shape.Entries) {
			p := &packages[(next+i)%len(packages)]
			p.Remaining--
			p.Used++
			b := bind{s: w.hot.packageUpdate}
			if err := b.num(int64(p.Remaining), 0, int64(p.Used)).text(string(p.Account), string(p.Project), string(p.Number)).exec(); err != nil {
				return 0, 0, err
			}
			e := taocan.Entry{Tenant: p.Tenant, Package: p.Number, Kind: taocan.EntryDebit, At: at, Remaining: -1, Used: 1, RemainingAfter: p.Remaining, Debits: 1}
			if err := w.insertEntry(e); err != nil {
				return 0, 0, err
			}
		}
		for i := range min(per(shape.Refs), len(packages)/max(1, shape.PackagesPerProject)) {
			p := packages[(next+i)*shape.PackagesPerProject%len(packages)]
			b := bind{s: w.hot.refInsert}
			if err := b.text(string(p.Account), string(p.Project)).num(at.UnixMicro()).exec(); err != nil {
				return 0, 0, err
			}
		}
		for lane := range min(per(shape.Links), taocan.Lanes) {
			w.heads[lane].Seq++
			link := store.Commit{Lane: taocan.Lane(lane), Seq: w.heads[lane].Seq, At: at, Debits: debits, DebitsDigest: hash, Manifest: manifest, Prev: hash, Hash: hash}
			if err := w.appendCommit(link, link.Seq); err != nil {
				return 0, 0, err
			}
		}
		if err := w.commit(); err != nil {
			return 0, 0, err
		}
		next += per(shape.Entries)
		transactions++
		took = c.Monotonic() - started
	}
	return transactions, took, nil
}

// stockCeiling makes as many packages as the shape had, each project in an account of its own.
func (s *Store) stockCeiling(ctx context.Context, shape Shape) ([]taocan.Package, error) {
	each := max(1, shape.PackagesPerProject)
	var packages []taocan.Package
	for i := range max(1, shape.Packages/each) {
		t := taocan.Tenant{Account: taocan.AccountID(fmt.Sprintf("account-%d", i)), Project: taocan.ProjectID(fmt.Sprintf("project-%d", i))}
		err := s.Update(ctx, t.Account, func(tx store.Tx) error {
			if err := tx.InsertAccount(ctx, taocan.Account{ID: t.Account, Name: "-", Level: taocan.Enterprise, CreatedAt: tx.Now()}); err != nil {
				return err
			}
			if err := tx.InsertProject(ctx, taocan.Project{ID: t.Project, Account: t.Account, Name: "-", CreatedAt: tx.Now()}); err != nil {
				return err
			}
			for k := range each {
				p := taocan.Package{Tenant: t, Number: taocan.PackageNumber(fmt.Sprintf("U1B260101%07X", i*each+k)), Name: "-", Category: taocan.Domestic,
					Purpose: taocan.Marketing, ChargeOn: taocan.ChargeOnSubmit, Total: taocan.MaxSegments, Remaining: taocan.MaxSegments,
					PurchasedAt: tx.Now(), ExistsFrom: tx.Now(), ExpiresAt: tx.Now().AddDate(1, 0, 0)}
				if err := tx.InsertPackage(ctx, p, taocan.EntryGrant, ""); err != nil {
					return err
				}
				packages = append(packages, p)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return packages, nil
}
