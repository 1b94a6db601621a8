package taocan

import "time"

// TokenState says whether a token works, leaving aside what suspends its account or member.
type TokenState string

const (
	TokenWorking TokenState = "working"
	TokenRevoked TokenState = "revoked"
	TokenExpired TokenState = "expired"
)

// StateAt is the token's state at an instant. A revoked one stays revoked after its end.
func (t *Token) StateAt(now time.Time) TokenState {
	switch {
	case !t.RevokedAt.IsZero():
		return TokenRevoked
	case !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt):
		return TokenExpired
	}
	return TokenWorking
}
