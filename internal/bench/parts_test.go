package bench

import (
	"bufio"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/clock"
)

func TestSpreads(t *testing.T) {
	tests := []struct {
		name string
		runs []Figures
		want map[string]Spread
	}{
		{"an odd number of runs has a middle one", []Figures{{P50: 3}, {P50: 1}, {P50: 20}}, map[string]Spread{P50: {3, 1, 20}}},
		{"an even number has the mean of two", []Figures{{P50: 4}, {P50: 1}}, map[string]Spread{P50: {2.5, 1, 4}}},
		{"a figure that one run lacks is that of the others", []Figures{{P50: 4, P99: 9}, {P50: 4}}, map[string]Spread{P50: {4, 4, 4}, P99: {9, 9, 9}}},
		{"no runs, no figures", nil, map[string]Spread{}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, spreads(tt.runs)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestPercentile(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = i + 1
	}
	for _, tt := range []struct {
		sorted []int
		p      float64
		want   int
	}{{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 100}, {hundred, 0, 1}, {[]int{7}, 0.99, 7}, {[]int{1, 2}, 0.5, 1}, {nil, 0.5, 0}} {
		if got := percentile(tt.sorted, tt.p); got != tt.want {
			t.Errorf("percentile %v of %d values = %d, want %d", tt.p, len(tt.sorted), got, tt.want)
		}
	}
}

func TestFiguresAsText(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.1234: "0.123", 99.96: "100", 100: "100", 999.6: "1,000", 1234567: "1,234,567", 12: "12"} {
		if got := figure(v); got != want {
			t.Errorf("figure(%v) = %q, want %q", v, got, want)
		}
	}
	if got := round(123456.789); got != 123457 {
		t.Errorf("round(123456.789) = %v, want six digits", got)
	}
}

func TestIDsNeverRepeat(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{32}$`)
	seen := map[string]bool{}
	for stream := range uint64(3) {
		x := newIDs(1, stream)
		for range 3 * idsPerBlock {
			id := x.next()
			if !form.MatchString(id) || seen[id] {
				t.Fatalf("stream %d drew %q, want 32 new hexadecimal digits", stream, id)
			}
			seen[id] = true
		}
	}
}

func TestAnswersOfHTTP(t *testing.T) {
	tests := []struct {
		name, text string
		status     int
		body       string
		wrong      bool
	}{
		{"with a length", "HTTP/1.1 201 Created\r\nDate: x\r\ncontent-length: 4\r\n\r\nbodyHTTP/1.1", 201, "body", false},
		{"in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n1\r\ny\r\n0\r\n\r\n", 200, "body", false},
		{"without a body", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", false},
		{"cut in its body", "HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nbo", 0, "", true},
		{"cut between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n", 0, "", true},
		{"no HTTP", "hello\r\n\r\n", 0, "", true},
	}
	for _, tt := range tests {
		c := conn{r: bufio.NewReader(strings.NewReader(tt.text))}
		status, err := c.answer()
		if tt.wrong != (err != nil) {
			t.Errorf("%s: error %v", tt.name, err)
		} else if err == nil && (status != tt.status || string(c.body) != tt.body) {
			t.Errorf("%s: %d %q, want %d %q", tt.name, status, c.body, tt.status, tt.body)
		}
	}
}

func TestLoadCountsOnlyWhatIsAnsweredInTime(t *testing.T) {
	asked := 0
	l := load{clock: clock.System(), warmup: time.Hour, callers: []ask{func(context.Context) (int, error) { asked++; return 2, nil }}}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel) // ends the warm-up; a duration of 0 follows
	s := l.run(ctx)
	if s.Answered != 2*int64(asked) || s.Debits > s.Answered || s.Debits != 2*s.Requests || int64(len(s.Latencies)) != s.Requests {
		t.Errorf("%d calls of 2 debits: answered %d, counted %d in %d requests with %d latencies", asked, s.Answered, s.Debits, s.Requests, len(s.Latencies))
	}
}

func TestLoadGivesUpOnCallersThatFail(t *testing.T) {
	refused := errors.New("refused")
	callers := make([]ask, 3)
	for i := range callers {
		callers[i] = func(context.Context) (int, error) { return 0, refused }
	}
	s := load{clock: clock.System(), duration: time.Millisecond, callers: callers}.run(t.Context())
	if s.Errors > 3*errorsPerCaller || s.Errors == 0 || s.FirstError != "refused" || s.Answered != 0 {
		t.Errorf("%d errors, the first %q, %d answered; want up to %d and none", s.Errors, s.FirstError, s.Answered, 3*errorsPerCaller)
	}
	c := Case{Name: "x"}
	if _, err := c.figures(&s, memory{}); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("figures of a load that got nothing: %v, want an error that names the first refusal", err)
	}
	if err := fill(t.Context(), 10, callers, func(int64) {}); !errors.Is(err, refused) {
		t.Errorf("a history that cannot be made: %v, want the refusal", err)
	}
}

// A generator that believed its own count would not notice a store that loses what it has answered.
func TestAnsweredDebitsMustBeThere(t *testing.T) {
	target, err := NewSQLite(t.TempDir(), clock.System())
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	db, err := target.Make(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	st, err := db.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	b := bench{Config: Config{Target: target, Clock: clock.System(), Runs: 1, Verify: 1}}
	for answered, want := range map[int64]int{0: 0, 1: 1} {
		b.verified = Verified{}
		if err := b.verify(t.Context(), &Case{Name: "x"}, st, answered); err != nil {
			t.Fatal(err)
		}
		if len(b.verified.Findings) != want {
			t.Errorf("%d answered, none stored: findings %q, want %d", answered, b.verified.Findings, want)
		}
	}
	b.verified = Verified{}
	if err := b.verify(t.Context(), &Case{Name: "large"}, st, 2); err != nil || b.verified.Databases != 0 || !slices.Equal(b.verified.Skipped, []string{"large"}) {
		t.Errorf("more debits than are proved: %+v, %v, want it skipped by name", b.verified, err)
	}
}

func TestOneRunHasNoRange(t *testing.T) {
	for want, s := range map[string]Spread{"940": {Median: 940, Min: 940, Max: 940}, "940 [900–950]": {Median: 940, Min: 900, Max: 950}} {
		if got := s.cell(); got != want {
			t.Errorf("%+v is shown as %q, want %q", s, got, want)
		}
	}
}
