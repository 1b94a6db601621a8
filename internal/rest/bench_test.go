package rest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"taocan/internal/access"
	"taocan/internal/catalog"
	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/order"
	"taocan/internal/packages"
	"taocan/internal/rest"
	"taocan/internal/store/sqlite"
	"taocan/internal/taocan"
)

// benchServer answers over a real connection from a real store, on the machine's clock.
func benchServer(b *testing.B) (url, token string) {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	ctx, c := b.Context(), clock.System()
	st, err := sqlite.Open(ctx, sqlite.Options{Dir: b.TempDir(), Clock: c})
	must(err)
	acc, cat, pk := access.New(access.Config{Store: st, Clock: c}), catalog.New(st, c, shanghai, 0), packages.New(st, c, shanghai, strings.NewReader(strings.Repeat("digits", 100)))
	engine := debit.New(debit.Config{Store: st, Clock: c})
	engine.Start(ctx)
	handler, err := rest.New(rest.Config{Clock: c, Zone: shanghai, Store: st, Access: acc, Catalog: cat,
		Orders: order.New(order.Config{Store: st, Clock: c, Zone: shanghai, Catalog: cat}), Packages: pk, Engine: engine})
	must(err)
	_, err = acc.CreateAccount(ctx, taocan.System(), access.AccountRequest{ID: "demo", Level: taocan.Enterprise})
	must(err)
	_, err = acc.CreateProject(ctx, taocan.System(), access.ProjectRequest{ID: "demo", Account: "demo"})
	must(err)
	token, _, err = acc.CreateToken(ctx, taocan.System(), access.TokenRequest{Tenant: demoTenant, Scopes: projectAll})
	must(err)
	_, _, err = pk.Grant(ctx, taocan.System(), demoTenant, "g", make([]byte, 32), packages.GrantRequest{Category: taocan.Domestic, Purpose: taocan.Marketing,
		Quantity: taocan.MaxSegments, Reason: "benchmark"})
	must(err)
	server := httptest.NewServer(handler)
	b.Cleanup(func() {
		server.Close()
		must(engine.Stop(b.Context()))
		must(st.Close())
	})
	return server.URL + demoPath, token
}

// drive sends bodies from many connections and reports debits per second.
func drive(b *testing.B, path string, connections, each int, body func(n int64) string) {
	url, token := benchServer(b)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range connections {
		wg.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return
				}
				r, _ := http.NewRequest("POST", url+path, strings.NewReader(body(n)))
				r.Header.Set("Authorization", "Bearer "+token)
				r.Header.Set("Content-Type", "application/json")
				resp, err := client.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				text, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode > 201 {
					b.Errorf("%d %.300s", resp.StatusCode, text)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N*each)/b.Elapsed().Seconds(), "debits/s")
}

func BenchmarkSingleDebits(b *testing.B) {
	drive(b, "/debits", 64, 1, func(n int64) string {
		return fmt.Sprintf(`{"id":"m-%d","category":"domestic","purpose":"marketing","quantity":1,"reference":"task-7"}`, n)
	})
}

func BenchmarkBatchesOf1000(b *testing.B) {
	drive(b, "/debits/batch", 16, 1000, func(n int64) string {
		var s strings.Builder
		s.WriteString(`{"debits":[`)
		for i := range 1000 {
			if i > 0 {
				s.WriteByte(',')
			}
			fmt.Fprintf(&s, `{"id":"m-%d-%d","category":"domestic","purpose":"marketing","quantity":1,"reference":"task-7"}`, n, i)
		}
		s.WriteString("]}")
		return s.String()
	})
}
