package store

import (
	"context"
	"encoding/json"
	"fmt"

	"taocan/internal/taocan"
)

// Audit writes that by changed subject as an operator, with what it was before and after as small JSON
// (nil: nothing). It belongs into the transaction of the change, so that neither stands without the other.
func Audit(ctx context.Context, tx Tx, by taocan.Actor, action, subject string, before, after any) error {
	e := taocan.AuditEntry{At: tx.Now(), By: by.Name(), Address: by.Address, Action: action, Subject: subject}
	for _, side := range []struct {
		value any
		text  *string
	}{{before, &e.Before}, {after, &e.After}} {
		if side.value == nil {
			continue
		}
		b, err := json.Marshal(side.value)
		if err != nil {
			return fmt.Errorf("audit %s %s: %w", action, subject, err)
		}
		*side.text = string(b)
	}
	if err := tx.InsertAudit(ctx, e); err != nil {
		return fmt.Errorf("audit %s %s: %w", action, subject, err)
	}
	return nil
}
