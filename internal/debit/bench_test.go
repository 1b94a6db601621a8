package debit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/store/sqlite"
	"taocan/internal/taocan"
)

// BenchmarkDebit: durable debits under random ids, by callers that each wait for their answer.
func BenchmarkDebit(b *testing.B) {
	for _, c := range []struct{ callers, projects int }{{1, 1}, {64, 1}, {64, 1000}, {1024, 1}, {1024, 1000}} {
		b.Run(fmt.Sprintf("callers=%d/projects=%d", c.callers, c.projects), func(b *testing.B) {
			ctx := context.Background()
			st, err := sqlite.Open(ctx, sqlite.Options{Dir: b.TempDir(), Clock: clock.System()})
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			tenants := stock(b, st, c.projects)
			engine := debit.New(debit.Config{Store: st, Clock: clock.System()})
			engine.Start(ctx)
			b.ResetTimer()
			used := cpuTime()
			var left atomic.Int64
			left.Store(int64(b.N))
			var callers sync.WaitGroup
			for i := range c.callers {
				callers.Go(func() {
					random := rand.New(rand.NewPCG(7, uint64(i)))
					for left.Add(-1) >= 0 {
						op := take(fmt.Sprintf("%016x%016x", random.Uint64(), random.Uint64()), taocan.Marketing, taocan.Segments(1+random.IntN(8)))
						op.Tenant = tenants[random.IntN(len(tenants))]
						if o, err := engine.Do(ctx, []store.Op{op}); err != nil || o[0].Err != nil {
							b.Errorf("debit: %v, %v", o, err)
							return
						}
					}
				})
			}
			callers.Wait()
			b.StopTimer()
			used = cpuTime() - used
			s := engine.Stats()
			b.ReportMetric(float64(used.Nanoseconds())/1000/float64(b.N), "cpu-µs/debit") // steadier than the rate where others share the machine
			b.ReportMetric(float64(s.Operations)/float64(s.Commits), "debits/commit")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "debits/s")
			if err := engine.Stop(ctx); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// cpuTime is what this process has used, callers included.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// stock makes accounts of one project each, with five packages that last.
func stock(b *testing.B, st store.Store, projects int) []taocan.Tenant {
	b.Helper()
	ctx := context.Background()
	tenants := make([]taocan.Tenant, projects)
	n := 0
	for i := range tenants {
		tenants[i] = taocan.Tenant{Account: taocan.AccountID(fmt.Sprintf("a%d", i)), Project: taocan.ProjectID(fmt.Sprintf("p%d", i))}
		err := st.Update(ctx, tenants[i].Account, func(tx store.Tx) error {
			now := tx.Now()
			if err := tx.InsertAccount(ctx, taocan.Account{ID: tenants[i].Account, Name: "n", Level: taocan.Enterprise, CreatedAt: now}); err != nil {
				return err
			}
			if err := tx.InsertProject(ctx, taocan.Project{ID: tenants[i].Project, Account: tenants[i].Account, Name: "n", CreatedAt: now}); err != nil {
				return err
			}
			for k := range 5 {
				n++
				p := domestic(n, taocan.Marketing, 1_000_000_000, now.AddDate(1, k, 0))
				p.Tenant, p.PurchasedAt, p.ExistsFrom = tenants[i], now, now
				if err := tx.InsertPackage(ctx, p, taocan.EntryGrant, ""); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return tenants
}

// BenchmarkOpen: how long a start takes when ids have to be remembered.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000, 5_000_000} {
		b.Run(fmt.Sprintf("ids=%d", n), func(b *testing.B) {
			ctx, dir := context.Background(), b.TempDir()
			open := func() *sqlite.Store {
				st, err := sqlite.Open(ctx, sqlite.Options{Dir: dir, Clock: clock.System()})
				if err != nil {
					b.Fatal(err)
				}
				return st
			}
			st := open()
			fill(b, st, stock(b, st, 10), n)
			if err := st.Close(); err != nil {
				b.Fatal(err)
			}
			before := heapMiB()
			b.ResetTimer()
			for range b.N {
				st = open()
				b.StopTimer()
				b.ReportMetric((heapMiB()-before)*(1<<20)/float64(n), "bytes/id")
				if err := st.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// fill makes n debits in batches of 10,000.
func fill(b *testing.B, st store.Store, tenants []taocan.Tenant, n int) {
	b.Helper()
	ctx := context.Background()
	engine := debit.New(debit.Config{Store: st, Clock: clock.System()})
	engine.Start(ctx)
	for done := 0; done < n; {
		ops := make([]store.Op, min(10_000, n-done))
		for i := range ops {
			ops[i] = take(fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()), taocan.Marketing, 1)
			ops[i].Tenant = tenants[done/10_000%len(tenants)]
		}
		if _, err := engine.Do(ctx, ops); err != nil {
			b.Fatal(err)
		}
		done += len(ops)
	}
	if err := engine.Stop(ctx); err != nil {
		b.Fatal(err)
	}
}

func heapMiB() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse) / (1 << 20)
}
