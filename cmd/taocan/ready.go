package main

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"taocan/internal/server"
)

// readyCmd is what a container's health check runs: there is no other program in the image.
type readyCmd struct{ folder }

func (c *readyCmd) Run(a *app) error {
	settings, err := c.settings()
	if err != nil {
		return err
	}
	status, err := askReady(a.ctx, settings.Data)
	if err != nil {
		return fmt.Errorf("no server answers on %s: %w", settings.Data, err)
	}
	if a.json {
		if err := a.printJSON(map[string]bool{"ready": status == http.StatusOK}); err != nil {
			return err
		}
	}
	if status != http.StatusOK {
		return fmt.Errorf("the server takes no calls: /readyz answers %d", status)
	}
	if !a.json {
		fmt.Fprintln(a.out, "ready")
	}
	return nil
}

// askReady asks the server on a data folder, over its socket, whether it takes calls.
func askReady(ctx context.Context, dir string) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return server.DialSocket(ctx, dir) }}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://taocan/readyz", nil)
	if err != nil {
		return 0, err
	}
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}
