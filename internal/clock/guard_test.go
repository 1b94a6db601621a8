package clock

import (
	"errors"
	"testing"
	"time"
)

func TestGuard(t *testing.T) {
	fake := NewFake(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	g := NewGuard(fake)
	trusted := func(when string, want bool) {
		t.Helper()
		now, err := g.Now()
		var jump *JumpError
		if want && (err != nil || !now.Equal(fake.Now())) || !want && !errors.As(err, &jump) {
			t.Errorf("%s: %v, %v; want trusted %v", when, now, err, want)
		}
	}
	trusted("at first", true)
	fake.Advance(400 * 24 * time.Hour)
	trusted("time that passed is no jump", true)
	fake.Jump(time.Hour)
	trusted("an hour", true)
	fake.Jump(time.Second)
	trusted("more than an hour", false)
	fake.Jump(-2 * time.Hour)
	trusted("put right", true)
	fake.Jump(5 * time.Hour)
	trusted("again", false)
	g.Confirm()
	trusted("confirmed", true)
}
