package server

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"taocan/internal/clock"
)

// A stream would be under way for ever: the server used to wait for requests, and gave them up at its deadline.
func TestStopEndsStreamsAtOnce(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	set := settings(t.TempDir())
	set.StopTimeout = time.Minute
	s := open(t, set, clock.System())
	token := stock(t, s)
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	ask := func(method, path, body string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, method, s.URL()+"/v1/projects/main/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		return answer
	}
	var streams []*bufio.Scanner
	for range 20 {
		answer := ask(http.MethodGet, "events", "") //nolint:bodyclose // ask closes it at the end
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("events: %s", answer.Status)
		}
		streams = append(streams, bufio.NewScanner(answer.Body))
	}
	waitFor := func(lines *bufio.Scanner, part string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), part) {
				return
			}
		}
		t.Fatalf("the stream ended before %s (error %v)", part, lines.Err())
	}
	for _, lines := range streams {
		waitFor(lines, `"total_remaining":100`)
	}
	if answer := ask(http.MethodPost, "debits", `{"id":"m-1","category":"domestic","purpose":"marketing","quantity":3}`); answer.StatusCode != http.StatusCreated { //nolint:bodyclose // likewise
		t.Fatalf("debit: %s", answer.Status)
	}
	began := time.Now()
	for _, lines := range streams {
		waitFor(lines, `"total_remaining":97`)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("the debit was told after %v, want a second at most", took)
	}
	began = time.Now()
	if err := s.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
	if took := time.Since(began); took > set.StopTimeout/10 {
		t.Errorf("the stop took %v with open streams", took)
	}
	for _, lines := range streams {
		for lines.Scan() {
		}
		if err := lines.Err(); err != nil {
			t.Errorf("a stream broke off: %v", err)
		}
	}
}
