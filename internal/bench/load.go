package bench

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"taocan/internal/clock"
)

// ask sends one request with fresh ids and says how many of its debits were granted.
type ask func(ctx context.Context) (granted int, err error)

// load is callers that each wait for their answer before they ask again.
type load struct {
	clock    clock.Clock
	warmup   time.Duration // asked and answered, but not counted
	duration time.Duration
	callers  []ask // one per caller
	// cpu is the processor time that is counted; nil: this process's.
	cpu func() time.Duration
}

const (
	// patience is how long answers may take that are still out when the time is over.
	patience = 60 * time.Second
	// errorsPerCaller end a caller: a refused one would otherwise spin.
	errorsPerCaller = 20
)

// sample is what a load came to. Only answers within the duration count, but for answered and errors.
type sample struct {
	Debits, Requests int64
	Answered         int64 // granted debits, warm-up and tail included
	Errors           int64
	FirstError       string
	Took, CPU        time.Duration
	Latencies        []uint32 // of requests, µs, sorted
}

type phase = int32

const (
	warming phase = iota
	counting
	over
)

func (l load) run(ctx context.Context) sample {
	ctx, cancel := context.WithTimeout(ctx, l.warmup+l.duration+patience)
	defer cancel()
	var now atomic.Int32
	samples := make([]sample, len(l.callers))
	var running sync.WaitGroup
	counted, ended := make(chan struct{}, 1), make(chan struct{})
	for i, ask := range l.callers {
		running.Go(func() { samples[i] = l.call(ctx, &now, ask, counted) })
	}
	go func() { running.Wait(); close(ended) }()
	pause(ctx, l.warmup)
	used := l.cpu
	if used == nil {
		used = processorTime
	}
	cpu, began := used(), l.clock.Monotonic()
	now.Store(counting)
	pause(ctx, l.duration)
	select { // a duration that is too short for one answer lasts until there is one
	case <-counted:
	case <-ended:
	}
	now.Store(over)
	total := sample{Took: l.clock.Monotonic() - began, CPU: used() - cpu}
	<-ended
	for i := range samples {
		total.add(&samples[i])
	}
	slices.Sort(total.Latencies)
	return total
}

// add what other callers counted. Latencies are to be sorted then.
func (s *sample) add(x *sample) {
	s.Debits += x.Debits
	s.Requests += x.Requests
	s.Answered += x.Answered
	s.Errors += x.Errors
	if s.FirstError == "" {
		s.FirstError = x.FirstError
	}
	s.Latencies = append(s.Latencies, x.Latencies...)
}

// call is one caller's loop. counted, of capacity 1, is filled with the first answer that counts.
func (l load) call(ctx context.Context, now *atomic.Int32, ask ask, counted chan<- struct{}) (s sample) {
	for now.Load() != over {
		asked := l.clock.Monotonic()
		granted, err := ask(ctx)
		s.Answered += int64(granted)
		if now.Load() == counting {
			s.Latencies = append(s.Latencies, uint32(min((l.clock.Monotonic()-asked).Microseconds(), 1<<32-1)))
			if s.Requests++; s.Requests == 1 {
				select {
				case counted <- struct{}{}:
				default:
				}
			}
			s.Debits += int64(granted)
		}
		if err != nil {
			if s.Errors++; s.FirstError == "" {
				s.FirstError = err.Error()
			}
			if s.Errors == errorsPerCaller || ctx.Err() != nil {
				break
			}
		}
	}
	return s
}

// fill asks, one debit a call, until so many have been granted. tell hears of each tenth.
func fill(ctx context.Context, debits int64, callers []ask, tell func(left int64)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var left atomic.Int64
	left.Store(debits)
	var running sync.WaitGroup
	for _, ask := range callers {
		running.Go(func() {
			for n := left.Add(-1); n >= 0; n = left.Add(-1) {
				if _, err := ask(ctx); err != nil {
					cancel(err)
					return
				}
				if n%max(1, debits/10) == 0 {
					tell(n)
				}
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}

func (s *sample) figures() Figures {
	ms := func(p float64) float64 { return float64(percentile(s.Latencies, p)) / 1000 }
	seconds := s.Took.Seconds()
	return Figures{
		DebitsPerS:   round(float64(s.Debits) / seconds),
		RequestsPerS: round(float64(s.Requests) / seconds),
		P50:          ms(0.5), P90: ms(0.9), P99: ms(0.99), MaxLatency: ms(1),
		CPUPerDebit: round(ratio(float64(s.CPU.Microseconds()), s.Debits)),
	}
}

// pause until d has passed or ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// processorTime that this process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
