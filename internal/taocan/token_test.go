package taocan_test

import (
	"testing"
	"time"

	"taocan/internal/taocan"
)

func TestATokenWorksUntilItsEndOrItsRevocation(t *testing.T) {
	end := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name  string
		token taocan.Token
		at    time.Time
		want  taocan.TokenState
	}{
		{"at its last instant", taocan.Token{ExpiresAt: end}, end.Add(-1), taocan.TokenWorking},
		{"at its end", taocan.Token{ExpiresAt: end}, end, taocan.TokenExpired},
		{"without an end", taocan.Token{}, end, taocan.TokenWorking},
		{"revoked", taocan.Token{ExpiresAt: end, RevokedAt: end.Add(-2)}, end.Add(-1), taocan.TokenRevoked},
		{"revoked, and past its end", taocan.Token{ExpiresAt: end, RevokedAt: end.Add(-2)}, end, taocan.TokenRevoked},
	} {
		if got := tt.token.StateAt(tt.at); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}
