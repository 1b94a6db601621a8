package sqlstore

import (
	"context"
	"fmt"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func scanWallet(s scanner) (w taocan.Wallet, err error) {
	return w, s.Scan(&w.Account, &w.Cash, &w.Gift, &w.CreditLimit, &w.CreditUsed)
}

func scanWalletEntry(s scanner) (e taocan.WalletEntry, err error) {
	err = s.Scan(&e.Account, &e.N, &e.Kind, at(&e.At), &e.Cash, &e.Gift, &e.CreditLimit, &e.CreditUsed,
		&e.After.Cash, &e.After.Gift, &e.After.CreditLimit, &e.After.CreditUsed,
		text(&e.Project), text(&e.Order), &e.Reference, &e.By.Token, &e.By.Member, &e.By.Role, &e.By.Address)
	e.After.Account = e.Account
	return e, err
}

// Wallet of an account.
func (r Reader) Wallet(ctx context.Context, a taocan.AccountID) (taocan.Wallet, error) {
	w, err := one(ctx, r.Q, r.Q.Text("wallet_get"), scanWallet, a)
	return w, About(err, "wallet of account %s", a)
}

// WalletEntries lists the wallet's statement, newest first.
func (r Reader) WalletEntries(ctx context.Context, a taocan.AccountID, p store.Paging) (store.Page[taocan.WalletEntry], error) {
	l := listing{query: r.Q.Text("wallet_entry_list"), args: []any{a}, name: "wallet", order: []sortColumn{byNumber("n")}, desc: true}
	return paged(ctx, r.Q, l, p, scanWalletEntry, func(e taocan.WalletEntry) []any { return []any{e.N} })
}

// walletEntry is one line of the statement.
func (r Reader) walletEntry(ctx context.Context, a taocan.AccountID, n int64) (taocan.WalletEntry, error) {
	l := listing{query: r.Q.Text("wallet_entry_list"), args: []any{a}}
	l.and("n = ?", n)
	e, err := one(ctx, r.Q, l.query, scanWalletEntry, l.args...)
	return e, About(err, "wallet entry %d of account %s", n, a)
}

// WalletReference finds the first entry of that kind that carries an external reference.
func (r Reader) WalletReference(ctx context.Context, a taocan.AccountID, kind taocan.WalletEntryKind, reference string) (taocan.WalletEntry, error) {
	e, err := one(ctx, r.Q, r.Q.Text("wallet_entry_by_reference"), scanWalletEntry, a, kind, reference)
	return e, About(err, "%s with reference %q of account %s", kind, reference, a)
}

// AppendWallet writes the next line of a statement and the wallet after it.
func (t *Tx) AppendWallet(ctx context.Context, e taocan.WalletEntry) (taocan.WalletEntry, error) {
	e, err := t.appendWallet(ctx, e)
	if err != nil {
		return taocan.WalletEntry{}, About(err, "append %s to the wallet of account %s", e.Kind, e.Account)
	}
	return e, nil
}

func (t *Tx) appendWallet(ctx context.Context, e taocan.WalletEntry) (taocan.WalletEntry, error) {
	if err := t.owns(e.Account); err != nil {
		return e, err
	}
	w, err := t.Wallet(ctx, e.Account)
	if err != nil {
		return e, err
	}
	w.Cash += e.Cash
	w.Gift += e.Gift
	w.CreditLimit += e.CreditLimit
	w.CreditUsed += e.CreditUsed
	if err := checkWallet(w, e); err != nil {
		return e, err
	}
	var last int64
	if err := t.Q.QueryRowContext(ctx, t.Q.Text("wallet_entry_last"), e.Account).Scan(&last); err != nil {
		return e, Kind(err)
	}
	e.N, e.At, e.After = last+1, t.now, w
	if err := t.exec(ctx, "wallet_entry_insert", e.Account, e.N, e.Kind, Micros(e.At), e.Cash, e.Gift, e.CreditLimit, e.CreditUsed,
		w.Cash, w.Gift, w.CreditLimit, w.CreditUsed, null(e.Project), null(e.Order), e.Reference,
		e.By.Token, e.By.Member, e.By.Role, e.By.Address, t.lane, t.seq); err != nil {
		return e, err
	}
	if err := t.exec(ctx, "wallet_update", w.Cash, w.Gift, w.CreditLimit, w.CreditUsed, e.Account); err != nil {
		return e, err
	}
	return e, t.ledger(store.WalletEntryRow(e))
}

// checkWallet says what the schema would refuse, as the kinds that the contract names.
func checkWallet(after taocan.Wallet, e taocan.WalletEntry) error {
	for _, f := range []taocan.Fen{after.Cash, after.Gift, after.CreditLimit, after.CreditUsed} {
		if f < 0 {
			return fmt.Errorf("a figure would fall to %s: %w", f, taocan.ErrInsufficientFunds)
		}
		if f > taocan.MaxFen {
			return fmt.Errorf("a figure would rise to %s: %w", f, taocan.ErrInvalid)
		}
	}
	if e.CreditUsed > 0 && after.CreditUsed > after.CreditLimit {
		return fmt.Errorf("used credit would rise to %s of %s: %w", after.CreditUsed, after.CreditLimit, taocan.ErrInsufficientFunds)
	}
	return nil
}
