package storetest

import (
	"context"
	"testing"

	"taocan/internal/store"
)

// verify ends every case: what stands in the store is proved from its own rows.
func verify(t *testing.T, st store.Store) {
	t.Helper()
	report, err := store.Verify(context.WithoutCancel(t.Context()), st, store.VerifyOptions{})
	if err != nil {
		t.Errorf("Verify: %v", err)
	}
	for _, finding := range report.Findings {
		t.Errorf("Verify: %s", finding)
	}
}
