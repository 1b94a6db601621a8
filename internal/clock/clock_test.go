package clock_test

import (
	"sync"
	"testing"
	"time"

	"taocan/internal/clock"
)

var start = time.Date(2026, 5, 4, 3, 2, 1, 123_456_789, time.FixedZone("CST", 8*60*60))

func TestSystem(t *testing.T) {
	c := clock.System()
	before := time.Now().Truncate(time.Microsecond)
	now := c.Now()
	after := time.Now()
	if now.Before(before) || now.After(after) {
		t.Errorf("Now() = %v, want between %v and %v", now, before, after)
	}
	if now.Location() != time.UTC {
		t.Errorf("Now() is in %v, want UTC", now.Location())
	}
	if now != now.Round(0).Truncate(time.Microsecond) {
		t.Errorf("Now() = %v, want whole microseconds and no monotonic reading", now)
	}

	last := c.Monotonic()
	if last < 0 {
		t.Fatalf("Monotonic() = %v, want time since the start of the process", last)
	}
	for range 1000 {
		next := c.Monotonic()
		if next < last {
			t.Fatalf("Monotonic() went back from %v to %v", last, next)
		}
		last = next
	}
	if other := clock.System().Monotonic(); other < last {
		t.Errorf("a second System() shows %v after %v, want one count for the process", other, last)
	}
}

func TestFake(t *testing.T) {
	tests := []struct {
		name      string
		move      func(*clock.Fake)
		wall      time.Duration // moved since the start
		monotonic time.Duration
	}{
		{"a new clock shows its time and nothing has passed", func(*clock.Fake) {}, 0, 0},
		{"time that passes moves both", func(f *clock.Fake) { f.Advance(time.Hour) }, time.Hour, time.Hour},
		{"a wrong step forward moves the wall clock only", func(f *clock.Fake) { f.Jump(2 * time.Hour) }, 2 * time.Hour, 0},
		{"a wrong step back too", func(f *clock.Fake) { f.Jump(-time.Hour) }, -time.Hour, 0},
		{"set ahead, the time until then passes", func(f *clock.Fake) { f.Set(start.Add(time.Minute)) }, time.Minute, time.Minute},
		{"set back, only the wall clock steps", func(f *clock.Fake) { f.Set(start.Add(-time.Minute)) }, -time.Minute, 0},
		{"a step is corrected while time passes", func(f *clock.Fake) {
			f.Jump(time.Hour)
			f.Advance(time.Second)
			f.Jump(-time.Hour)
		}, time.Second, time.Second},
		{"steps below a microsecond add up", func(f *clock.Fake) {
			for range 4 {
				f.Advance(250 * time.Nanosecond)
			}
		}, time.Microsecond, time.Microsecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := clock.NewFake(start)
			tt.move(f)
			want := start.Add(tt.wall).UTC().Truncate(time.Microsecond)
			if got := f.Now(); got != want {
				t.Errorf("Now() = %v, want %v in UTC", got, want)
			}
			if got := f.Monotonic(); got != tt.monotonic {
				t.Errorf("Monotonic() = %v, want %v", got, tt.monotonic)
			}
		})
	}
}

func TestFakeRefusesToRunBack(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Advance(-1s) did not panic")
		}
	}()
	clock.NewFake(start).Advance(-time.Second)
}

func TestFakeIsSafeForConcurrentUse(t *testing.T) {
	f := clock.NewFake(start)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				f.Advance(time.Millisecond)
				f.Jump(time.Millisecond)
				f.Now()
				f.Monotonic()
			}
		})
	}
	wg.Wait()
	if got, want := f.Now().Sub(start.Truncate(time.Microsecond)), 1600*time.Millisecond; got != want {
		t.Errorf("800 steps and 800 jumps of 1ms moved the wall clock by %v, want %v", got, want)
	}
	if got, want := f.Monotonic(), 800*time.Millisecond; got != want {
		t.Errorf("800 steps of 1ms let %v pass, want %v", got, want)
	}
}
