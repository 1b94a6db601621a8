package order

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Wallet is what the account can pay with, besides vouchers.
func (o *Orders) Wallet(ctx context.Context, account taocan.AccountID) (w taocan.Wallet, err error) {
	err = o.store.Peek(ctx, func(r store.Reader) error {
		w, err = r.Wallet(ctx, account)
		return err
	})
	if err != nil {
		return taocan.Wallet{}, fmt.Errorf("wallet of account %.64s: %w", account, err)
	}
	return w, nil
}

// WalletEntries is the wallet's statement, newest first.
func (o *Orders) WalletEntries(ctx context.Context, account taocan.AccountID, p store.Paging) (page store.Page[taocan.WalletEntry], err error) {
	err = o.store.Peek(ctx, func(r store.Reader) error {
		page, err = r.WalletEntries(ctx, account, p)
		return err
	})
	if err != nil {
		return store.Page[taocan.WalletEntry]{}, fmt.Errorf("wallet entries of account %.64s: %w", account, err)
	}
	return page, nil
}

// WalletChange is an operator's money write. Its key belongs to the account and the kind of change.
type WalletChange struct {
	Key         string
	ContentHash []byte     // SHA-256 of path and body
	Amount      taocan.Fen // SetCreditLimit: the new limit
	Reference   string     // external, of the payment that a top-up books; top-ups need it
	Reason      string     // adjustments need it
}

// TopUp books money received: it repays used credit first, the rest becomes cash. An external reference is
// booked once per account, whatever the key.
func (o *Orders) TopUp(ctx context.Context, actor taocan.Actor, account taocan.AccountID, c WalletChange) (taocan.Wallet, bool, error) {
	return o.change(ctx, actor, account, taocan.WalletTopUp, c)
}

// Gift adds to the gift account.
func (o *Orders) Gift(ctx context.Context, actor taocan.Actor, account taocan.AccountID, c WalletChange) (taocan.Wallet, bool, error) {
	return o.change(ctx, actor, account, taocan.WalletGift, c)
}

// SetCreditLimit sets the limit to Amount. It may fall below what is used: then nothing can be drawn.
func (o *Orders) SetCreditLimit(ctx context.Context, actor taocan.Actor, account taocan.AccountID, c WalletChange) (taocan.Wallet, bool, error) {
	return o.change(ctx, actor, account, taocan.WalletCreditLimit, c)
}

// AdjustWallet corrects cash by Amount, either way, never below 0.
func (o *Orders) AdjustWallet(ctx context.Context, actor taocan.Actor, account taocan.AccountID, c WalletChange) (taocan.Wallet, bool, error) {
	return o.change(ctx, actor, account, taocan.WalletAdjust, c)
}

// change answers the wallet after the change; the same key with the same content answers the same again.
func (o *Orders) change(ctx context.Context, actor taocan.Actor, account taocan.AccountID, kind taocan.WalletEntryKind, c WalletChange) (after taocan.Wallet, replayed bool, err error) {
	if err = actor.OperatorOnly(); err == nil {
		err = c.check(kind)
	}
	if err != nil {
		return taocan.Wallet{}, false, fmt.Errorf("%s of account %.64s: %w", kind, account, err)
	}
	keyOf := taocan.Tenant{Account: account}
	err = o.store.Update(ctx, account, func(tx store.Tx) error {
		before, err := tx.Wallet(ctx, account)
		if err != nil {
			return err
		}
		var n string
		if n, replayed, err = store.Replay(ctx, tx, keyOf, string(kind), c.Key, c.ContentHash); err != nil {
			return err
		}
		if replayed {
			after, err = walletAfter(ctx, tx, account, n)
			return err
		}
		if kind == taocan.WalletTopUp {
			if _, err := tx.WalletReference(ctx, account, kind, c.Reference); err == nil {
				return taocan.Conflict("the reference %s has been booked for this account before", c.Reference)
			} else if !errors.Is(err, taocan.ErrNotFound) {
				return err
			}
		}
		entry, err := c.entry(kind, before)
		if err != nil {
			return err
		}
		entry.At, entry.By = tx.Now(), actor
		if entry, err = tx.AppendWallet(ctx, entry); err != nil {
			return err
		}
		after = entry.After
		if err := tx.InsertIdempotencyKey(ctx, store.IdempotencyKey{Tenant: keyOf, Operation: string(kind), Key: c.Key,
			Content: c.ContentHash, Subject: strconv.FormatInt(entry.N, 10), CreatedAt: tx.Now()}); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, "wallet."+string(kind), string(account), walletFacts(before, nil), walletFacts(after, &c))
	})
	if err != nil {
		return taocan.Wallet{}, false, fmt.Errorf("%s of account %.64s: %w", kind, account, err)
	}
	return after, replayed, nil
}

// entry is what the change does to a wallet.
func (c WalletChange) entry(kind taocan.WalletEntryKind, w taocan.Wallet) (taocan.WalletEntry, error) {
	e := taocan.WalletEntry{Account: w.Account, Kind: kind, Reference: c.Reason}
	if e.Reference == "" || kind == taocan.WalletTopUp {
		e.Reference = c.Reference
	}
	switch kind {
	case taocan.WalletTopUp:
		repaid := min(c.Amount, w.CreditUsed)
		e.CreditUsed, e.Cash = -repaid, c.Amount-repaid
	case taocan.WalletGift:
		e.Gift = c.Amount
	case taocan.WalletCreditLimit:
		e.CreditLimit = c.Amount - w.CreditLimit
	case taocan.WalletAdjust:
		e.Cash = c.Amount
		if w.Cash+e.Cash < 0 {
			return e, &taocan.FundsError{Total: -c.Amount, Available: w.Cash, Missing: -c.Amount - w.Cash}
		}
	}
	if w.Cash+e.Cash > taocan.MaxFen || w.Gift+e.Gift > taocan.MaxFen {
		return e, taocan.Invalid("body.amount", "would lift the wallet above "+taocan.MaxFen.String(), c.Amount.String())
	}
	return e, nil
}

// maxTextRunes bounds references and reasons.
const maxTextRunes = 128

func (c WalletChange) check(kind taocan.WalletEntryKind) error {
	if err := checkKey(c.Key); err != nil {
		return err
	}
	var bad []taocan.FieldError
	refuse := func(field, message string, value any) {
		bad = append(bad, taocan.FieldError{Location: "body." + field, Message: message, Value: value})
	}
	least := taocan.Fen(1)
	switch kind {
	case taocan.WalletCreditLimit:
		least = 0
	case taocan.WalletAdjust:
		least = -taocan.MaxFen
	}
	if c.Amount < least || c.Amount > taocan.MaxFen || kind == taocan.WalletAdjust && c.Amount == 0 {
		refuse("amount", fmt.Sprintf("must be %s to %s, and not nothing", least, taocan.MaxFen), c.Amount.String())
	}
	for _, text := range []struct {
		field, value string
		needed       bool
	}{
		{"reference", c.Reference, kind == taocan.WalletTopUp},
		{"reason", c.Reason, kind == taocan.WalletAdjust},
	} {
		trimmed := strings.TrimSpace(text.value)
		switch {
		case text.needed && trimmed == "":
			refuse(text.field, "is missing", text.value)
		case utf8.RuneCountInString(text.value) > maxTextRunes || !utf8.ValidString(text.value) || strings.ContainsFunc(text.value, unicode.IsControl):
			refuse(text.field, fmt.Sprintf("must be at most %d printable characters", maxTextRunes), nil)
		case trimmed != text.value:
			// A space that nobody sees would make two references of one, and its payment would be booked twice.
			refuse(text.field, "must not begin or end with a space", text.value)
		}
	}
	if bad != nil {
		return &taocan.InvalidError{Fields: bad}
	}
	return nil
}

// walletAfter is the wallet after its n-th entry. Entries count 1, 2, 3 … without gaps, so the n-th lies as far
// behind the newest as their numbers differ.
func walletAfter(ctx context.Context, r store.Reader, account taocan.AccountID, n string) (taocan.Wallet, error) {
	wanted, err := strconv.ParseInt(n, 10, 64)
	if err != nil {
		return taocan.Wallet{}, fmt.Errorf("wallet entry %q: %w", n, err)
	}
	newest, err := r.WalletEntries(ctx, account, store.Paging{Limit: 1})
	if err != nil {
		return taocan.Wallet{}, err
	}
	for _, e := range newest.Items {
		page, err := r.WalletEntries(ctx, account, store.Paging{Limit: 1, Offset: int(e.N - wanted)})
		if err != nil {
			return taocan.Wallet{}, err
		}
		if len(page.Items) == 1 && page.Items[0].N == wanted {
			return page.Items[0].After, nil
		}
	}
	return taocan.Wallet{}, fmt.Errorf("wallet entry %s of account %s: %w", n, account, taocan.ErrNotFound)
}

func walletFacts(w taocan.Wallet, c *WalletChange) map[string]string {
	facts := map[string]string{"cash": w.Cash.String(), "gift": w.Gift.String(), "credit_limit": w.CreditLimit.String(), "credit_used": w.CreditUsed.String()}
	if c != nil {
		facts["amount"], facts["reference"], facts["reason"] = c.Amount.String(), c.Reference, c.Reason
	}
	return facts
}
