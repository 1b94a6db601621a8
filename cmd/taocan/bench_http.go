package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"
)

// overHTTP makes bench accounts on the server and debits them over kept-alive connections, one per caller. Requests
// are written and answers read by hand: a full HTTP client would cost as much processor time as the server.
func (c *benchCmd) overHTTP(ctx context.Context, base, operator string) (loadResult, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" {
		return loadResult{}, usage("bench: --url must be an http:// address")
	}
	projects, err := stockOverHTTP(ctx, &client{http: &http.Client{Timeout: requestTimeout}, base: base, token: operator}, c.Accounts)
	if err != nil {
		return loadResult{}, fmt.Errorf("make bench accounts: %w", err)
	}
	conns := make([]*debitConn, c.Callers)
	defer func() {
		for _, conn := range conns {
			if conn != nil {
				_ = conn.Close()
			}
		}
	}()
	var dialer net.Dialer
	for i := range conns {
		conn, err := dialer.DialContext(ctx, "tcp", u.Host)
		if err != nil {
			return loadResult{}, err
		}
		conns[i] = &debitConn{Conn: conn, r: bufio.NewReaderSize(conn, 64<<10), host: u.Host}
	}
	return load{c.Callers, c.Batch, c.Duration, func(ctx context.Context, caller int, ids []string) (int, error) {
		return conns[caller].debit(projects[rand.IntN(len(projects))], ids)
	}}.run(ctx), nil
}

type benchProject struct{ id, token string }

// stockOverHTTP makes accounts of one project each with packages and a token, through the operator's API.
func stockOverHTTP(ctx context.Context, c *client, accounts int) ([]benchProject, error) {
	projects := make([]benchProject, accounts)
	run := fmt.Sprintf("bench-%08x", rand.Uint32())
	for i := range projects {
		id := fmt.Sprintf("%s-%d", run, i)
		post := func(path string, body any) (json.RawMessage, error) {
			return c.do(ctx, request{method: http.MethodPost, path: "/v1/operator" + path, body: body, key: fmt.Sprintf("%s-%d", id, rand.Uint64())})
		}
		if _, err := post("/accounts", map[string]any{"id": id, "level": "enterprise"}); err != nil {
			return nil, err
		}
		if _, err := post("/projects", map[string]any{"id": id, "account": id}); err != nil {
			return nil, err
		}
		for range benchPackages {
			if _, err := post("/packages", map[string]any{"project": id, "category": "domestic", "purpose": "marketing", "quantity": 1_000_000_000,
				"validity_months": 12, "reason": "bench"}); err != nil {
				return nil, err
			}
		}
		answer, err := post("/tokens", map[string]any{"project": id, "name": "bench", "scopes": []string{"debit"}})
		if err != nil {
			return nil, err
		}
		var token struct {
			Token string `json:"token"`
		}
		if err := json.Unmarshal(answer, &token); err != nil {
			return nil, fmt.Errorf("read the new token: %w", err)
		}
		projects[i] = benchProject{id, token.Token}
	}
	return projects, nil
}

// debitConn is one connection that asks and waits.
type debitConn struct {
	net.Conn
	r    *bufio.Reader
	host string
	body bytes.Buffer
	head bytes.Buffer
}

func (c *debitConn) debit(p benchProject, ids []string) (granted int, err error) {
	path := "/debits"
	c.body.Reset()
	if len(ids) == 1 {
		fmt.Fprintf(&c.body, `{"id":"%s","category":"domestic","purpose":"marketing","quantity":1}`, ids[0])
	} else {
		path = "/debits/batch"
		c.body.WriteString(`{"debits":[`)
		for i, id := range ids {
			if i > 0 {
				c.body.WriteByte(',')
			}
			fmt.Fprintf(&c.body, `{"id":"%s","category":"domestic","purpose":"marketing","quantity":1}`, id)
		}
		c.body.WriteString(`]}`)
	}
	c.head.Reset()
	fmt.Fprintf(&c.head, "POST /v1/projects/%s%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		p.id, path, c.host, p.token, c.body.Len())
	c.head.Write(c.body.Bytes())
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := c.Write(c.head.Bytes()); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	switch {
	case len(ids) == 1 && answer.StatusCode == http.StatusCreated:
		return 1, nil
	case len(ids) > 1 && answer.StatusCode == http.StatusOK:
		granted = bytes.Count(body, []byte(`"status":201`))
		if granted < len(ids) {
			err = errors.New("some debits of a batch were refused")
		}
		return granted, err
	}
	return 0, fmt.Errorf("status %d: %.200s", answer.StatusCode, body)
}
