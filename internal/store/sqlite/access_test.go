package sqlite

import (
	"strings"
	"testing"

	"taocan/internal/clock"
)

// Sign-ins pile up in the table of tokens: what looks for a member's, or for none, may not walk over all.
func TestQueriesOfTokensDoNotWalkOverSignIns(t *testing.T) {
	s := openTemp(t, clock.System())
	for name, index := range map[string]string{"sign_in_revoke": "token_sign_in (member_id=?)", "token_list_api": "token_api (account_id=? AND project_id=?)"} {
		steps := plan(t, s, queries[name])
		if len(steps) == 0 || !strings.Contains(steps[0], "INDEX "+index) {
			t.Errorf("%s: %q, want index %s", name, steps, index)
		}
	}
}

func TestClosingTwiceIsClosingOnce(t *testing.T) {
	s, err := Open(t.Context(), Options{Dir: t.TempDir(), Clock: clock.System()})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
