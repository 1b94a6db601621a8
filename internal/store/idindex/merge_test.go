package idindex

import (
	"testing"
	"time"

	"taocan/internal/taocan"
)

func TestPlanMerge(t *testing.T) {
	const window = 30 * time.Minute // slices of 10 minutes
	type seg struct {
		minute int64
		count  uint64
	}
	tests := []struct {
		name     string
		segments []seg
		lo, hi   int
	}{
		{"nothing of nothing", nil, 0, 0},
		{"three tables wait for a fourth", []seg{{1, 100}, {2, 100}, {3, 100}}, 0, 0},
		{"four tables become one", []seg{{1, 100}, {2, 100}, {3, 100}, {4, 100}}, 0, 4},
		{"the larger ones before them stay", []seg{{1, 400}, {1, 400}, {2, 100}, {2, 100}, {3, 100}, {4, 100}}, 2, 6},
		{"four larger ones take the young with them", []seg{{1, 400}, {1, 400}, {2, 400}, {2, 400}, {4, 100}}, 0, 5},
		{"small ones between larger ones do not hold up", []seg{{1, 400}, {2, 3}, {3, 400}, {4, 1}, {4, 400}}, 0, 5},
		{"a slice that is over becomes one", []seg{{1, 1600}, {2, 400}, {9, 100}, {11, 100}}, 0, 3},
		{"slices are not mixed", []seg{{8, 100}, {11, 100}, {12, 100}, {13, 100}}, 0, 0},
		{"the youngest slice that is over comes first", []seg{{1, 100}, {2, 100}, {11, 100}, {12, 100}, {21, 100}}, 2, 4},
		{"one of each slice stays", []seg{{1, 9000}, {11, 9000}, {21, 9000}}, 0, 0},
	}
	base := modelStart.Truncate(window).UnixMicro()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var segments []*segment
			for _, s := range tt.segments {
				at := (base + s.minute*60_000_000) * taocan.Lanes
				segments = append(segments, &segment{footer: footer{count: s.count, span: span{oldest: at, newest: at}}})
			}
			lo, hi := planMerge(segments, window, 100)
			if lo == hi {
				lo, hi = 0, 0
			}
			if lo != tt.lo || hi != tt.hi {
				t.Errorf("planMerge = %d, %d, want %d, %d", lo, hi, tt.lo, tt.hi)
			}
		})
	}
}

// However long the history, few files stand, none reaches over more than a slice, and those behind the window go.
func TestSegmentsStayFew(t *testing.T) {
	w := newWorld(t, memory{}, 30*time.Minute, 8)
	w.start()
	most, dropped := 0, false
	for range 60 { // two windows, each of 3000 tables
		w.writeMany(200, 4, 300*time.Millisecond)
		w.settleDown()
		most = max(most, w.x.Stats().Segments)
		for _, s := range w.x.segments {
			if length := time.Duration(s.newest-s.oldest) / taocan.Lanes * time.Microsecond; length > 10*time.Minute {
				t.Fatalf("a segment reaches over %v, want a slice of 10m at most", length)
			}
		}
		dropped = dropped || w.x.worker.manifest.Floor != [taocan.Lanes]mark{}
	}
	t.Logf("%d segments at most; now %+v", most, w.x.Stats())
	if most > 16 {
		t.Errorf("%d segments stood at a time, want at most 3 per power of four and one per past slice", most)
	}
	if oldest := w.x.segments[0].newest; !dropped || oldest < w.horizon() {
		t.Errorf("the oldest segment ends at %d, want the horizon %d or later, and the floor moved", oldest, w.horizon())
	}
	w.verify()
}

func TestAWrongClockForgetsNothing(t *testing.T) {
	for name, meanwhile := range map[string]func(*world){
		"the clock is ahead for a while, and work is done": (*world).settleDownWrongly,
		"a commit follows the clock, which is set back":    func(w *world) { w.write(9, debit("project-c", "ahead")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := onDisk(t, 30*time.Minute, 8)
			w.writeMany(20, 4, time.Second)
			was, passed := w.now.Load(), w.passed
			w.advance(100 * 24 * time.Hour)
			meanwhile(w)
			w.now.Store(was)
			w.settleDown()
			w.passed = passed
			w.verify()
		})
	}
}

// settleDownWrongly does the background work under a clock that is not to be believed.
func (w *world) settleDownWrongly() {
	passed := w.passed
	w.settleDown()
	w.passed = passed
}
