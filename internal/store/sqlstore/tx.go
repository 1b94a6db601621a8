package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Tx implements store.Tx.
type Tx struct {
	Reader
	account taocan.AccountID // whose ledger may be written; empty: none
	lane    taocan.Lane
	seq     int64 // the commit's sequence in the lane
	now     time.Time
	rows    []store.Row
	changed map[taocan.Tenant]bool // projects whose packages or rules were written
	due     map[taocan.Tenant]bool // projects whose packages were written; true: something was added

	everythingChanged bool // what all projects' rules look at
}

var _ store.Tx = (*Tx)(nil)

// NewTx starts a transaction that may write the ledger of an account, in its lane's commit after head; or none, where the account
// is empty.
func NewTx(r Reader, account taocan.AccountID, head store.Head, now time.Time) *Tx {
	return &Tx{Reader: r, account: account, lane: head.Lane, seq: head.Seq + 1, now: now, changed: map[taocan.Tenant]bool{}, due: map[taocan.Tenant]bool{}}
}

// Finish writes what follows from the transaction's writes, and returns the ledger rows that its commit covers.
func (t *Tx) Finish(ctx context.Context) ([]store.Row, error) {
	for _, tenant := range inOrder(t.due) {
		if err := t.exec(ctx, "alert_due_mark", tenant.Account, tenant.Project, Micros(t.now), t.due[tenant]); err != nil {
			return nil, About(err, "mark the alerts of project %s", tenant.Project)
		}
	}
	return t.rows, nil
}

// Changed lists the projects whose packages or rules are no longer what a back end remembers of them; everything: no project's are.
func (t *Tx) Changed() (projects []taocan.Tenant, everything bool) {
	return inOrder(t.changed), t.everythingChanged
}

// inOrder lists tenants always in the same order, so that two processes lock rows in the same order.
func inOrder(set map[taocan.Tenant]bool) []taocan.Tenant {
	return slices.SortedFunc(maps.Keys(set), func(a, b taocan.Tenant) int {
		return cmp.Or(strings.Compare(string(a.Account), string(b.Account)), strings.Compare(string(a.Project), string(b.Project)))
	})
}

// Now is the transaction's time.
func (t *Tx) Now() time.Time { return t.now }

// ledger notes a ledger row that the transaction has written, for the chain.
func (t *Tx) ledger(row store.Row) error {
	if row.Account != t.account || t.account == "" {
		return fmt.Errorf("write %s: the transaction is for the ledger of account %q, not %q", row.RowRef, t.account, row.Account)
	}
	t.rows = append(t.rows, row)
	return nil
}

// packagesChanged makes the debit engine load the project's balances anew, and has its alert rules looked at. added: there
// is more than before, as by a purchase.
func (t *Tx) packagesChanged(tenant taocan.Tenant, added bool) {
	t.changed[tenant] = true
	t.due[tenant] = t.due[tenant] || added
}

// watchChanged makes the debit engine load what the project's rules and limits look at anew.
func (t *Tx) watchChanged(tenant taocan.Tenant) { t.changed[tenant] = true }
