package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"taocan/internal/taocan"
)

// Remote is a running server, which is measured over HTTP alone. Accounts named bench-… are made on it, and stay.
type Remote struct {
	URL   string // http://host:port
	Token string // of an operator
}

// remoteCases are those over HTTP. All runs share the accounts that the first makes.
func (b *bench) remoteCases() (all []*Case) {
	stocked := map[int][]Project{}
	for _, c := range httpCases(b.spread(), func(ctx context.Context, c *Case) (_ Figures, err error) {
		base, err := url.Parse(b.Remote.URL)
		if err != nil {
			return nil, err
		}
		if stocked[c.Projects] == nil {
			if stocked[c.Projects], err = b.Remote.stock(ctx, c.Projects); err != nil {
				return nil, fmt.Errorf("make bench accounts: %w", err)
			}
		}
		s, err := b.httpLoad(ctx, c, base.Host, stocked[c.Projects], nil)
		if err != nil {
			return nil, err
		}
		f, err := c.figures(&s, memory{})
		delete(f, CPUPerDebit) // it would be the generator's
		delete(f, Heap)
		return f, err
	}) {
		all = append(all, &c)
	}
	return all
}

// stock makes accounts of one project each through the operator's API, with packages and a token.
func (r Remote) stock(ctx context.Context, projects int) ([]Project, error) {
	made := make([]Project, projects)
	run := fmt.Sprintf("bench-%08x", rand.Uint32())
	for i := range made {
		id := fmt.Sprintf("%s-%d", run, i)
		if _, err := r.post(ctx, "accounts", id, map[string]any{"id": id, "level": "enterprise"}); err != nil {
			return nil, err
		}
		if _, err := r.post(ctx, "projects", id, map[string]any{"id": id, "account": id}); err != nil {
			return nil, err
		}
		for k := range packagesEach {
			if _, err := r.post(ctx, "packages", fmt.Sprintf("%s-%d", id, k), map[string]any{"project": id, "category": "domestic", "purpose": "marketing",
				"quantity": taocan.MaxSegments, "validity_months": 12, "reason": "bench"}); err != nil {
				return nil, err
			}
		}
		answer, err := r.post(ctx, "tokens", id, map[string]any{"project": id, "name": "bench", "scopes": []string{"debit"}})
		if err != nil {
			return nil, err
		}
		var token struct {
			Token string `json:"token"`
		}
		if err := json.Unmarshal(answer, &token); err != nil {
			return nil, fmt.Errorf("read the new token: %w", err)
		}
		made[i].Project, made[i].Token = taocan.ProjectID(id), token.Token
	}
	return made, nil
}

func (r Remote) post(ctx context.Context, path, key string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL+"/v1/operator/"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", "Bearer "+r.Token)
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Idempotency-Key", key)
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	answer, err := io.ReadAll(a.Body)
	if err == nil && a.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s answers %d: %.300s", path, a.StatusCode, answer)
	}
	return answer, err
}
