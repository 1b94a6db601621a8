package idindex

import (
	"context"
	"errors"
	"fmt"
)

// Check reads every segment wholly: checksums, order, and that fences and filter know every entry. It may run while the
// index works.
func (x *Index) Check(ctx context.Context) error {
	for {
		x.mu.RLock()
		segments := x.segments
		x.mu.RUnlock()
		var err error
		for _, s := range segments {
			if err = s.check(ctx); err != nil {
				break
			}
		}
		switch {
		case !errors.Is(err, errRetired):
			return err
		case x.closed.Load():
			return ErrClosed
		}
	}
}

func (s *segment) check(ctx context.Context) error {
	c, err := newCursor(s)
	if err != nil {
		return err
	}
	bad := func(format string, args ...any) error { return &damage{s.number, fmt.Errorf(format, args...)} }
	for n := uint64(0); !c.ended; n++ {
		block := c.next - 1
		switch {
		case n%blockEntries == 0 && s.fences[block] != c.entry.hash:
			return bad("block %d does not begin at its fence", block)
		case !s.filter.maybe(c.entry.hash):
			return bad("the filter does not know an entry of block %d", block)
		case c.entry.ref.commit() > s.newest:
			return bad("block %d names a commit of after its span", block)
		}
		if n%blockEntries == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := c.step(); err != nil {
			return err
		}
	}
	return nil
}
