package access_test

import (
	"errors"
	"testing"

	"taocan/internal/access"
	"taocan/internal/taocan"
)

func TestARequestSentAgainWithItsKeyMakesOneTokenAndShowsTheSecretOnce(t *testing.T) {
	e := newEnv(t)
	req := access.TokenRequest{Tenant: demo, Name: "gateway", Scopes: []taocan.Scope{taocan.ScopeRead}, Key: "k-1"}
	secret, first, err := e.CreateToken(t.Context(), system, req)
	e.must(err)
	if !e.works(secret) {
		t.Error("the token does not work")
	}
	again, same, err := e.CreateToken(t.Context(), system, req)
	e.must(err)
	if again != "" || same.ID != first.ID {
		t.Errorf("sent again: secret %q, token %s; want no secret and %s", again, same.ID, first.ID)
	}
	other := req
	other.Name = "another"
	if _, _, err := e.CreateToken(t.Context(), system, other); !errors.Is(err, taocan.ErrConflict) {
		t.Errorf("other content under the key: got %v, want a conflict", err)
	}
	other.Key = "k-2"
	if secret, _, err := e.CreateToken(t.Context(), system, other); err != nil || secret == "" {
		t.Errorf("another key: got secret %q, error %v", secret, err)
	}
	var bad *taocan.InvalidError
	other.Key = "k 3"
	if _, _, err := e.CreateToken(t.Context(), system, other); !errors.As(err, &bad) || bad.Fields[0].Location != "header.Idempotency-Key" {
		t.Errorf("a key with a space: got %v, want it refused", err)
	}
}
