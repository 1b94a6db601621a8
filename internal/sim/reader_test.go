package sim_test

import (
	"context"
	"errors"
	"fmt"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// snapshot is a reader that looks twice at one snapshot.
type snapshot struct {
	look, ended chan struct{}
	well        bool // when it began
	err         error
}

// hold begins a long reading, or ends the one under way.
func (w *world) hold() error {
	if w.held != nil {
		w.log("a reader ends")
		return w.letGo()
	}
	w.log("a reader begins")
	s := &snapshot{look: make(chan struct{}), ended: make(chan struct{}), well: w.well()}
	w.held = s
	st := w.store
	go func() {
		s.err = st.View(w.ctx, func(r store.Reader) error {
			first, err := sight(w.ctx, r)
			<-s.look
			if err != nil {
				return err
			}
			again, err := sight(w.ctx, r)
			if err == nil && first != again {
				err = fmt.Errorf("%w: a snapshot showed\n%s\nand then\n%s", errSnapshot, first, again)
			}
			return err
		})
		close(s.ended)
	}()
	return w.settle()
}

var errSnapshot = errors.New("a snapshot changed")

func sight(ctx context.Context, r store.Reader) (s string, err error) {
	all, err := r.PackagesAfter(ctx, taocan.Tenant{}, "", 10_000)
	for _, p := range all {
		s += fmt.Sprintf("%s %d/%d/%d ", p.Number, p.Remaining, p.Reserved, p.Used)
	}
	return s, err
}

// letGo ends the long reading.
func (w *world) letGo() error {
	s := w.held
	if s == nil {
		return nil
	}
	w.held = nil
	close(s.look)
	<-s.ended
	if errors.Is(s.err, errSnapshot) || s.err != nil && s.well && w.well() && !w.disk.Down() {
		return s.err
	}
	return nil
}
