package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"taocan/internal/taocan"
)

// Names in store_meta that a move of the whole store leaves (package move). Their values are for people.
const (
	MetaMovedTo = "moved_to" // on the store that was moved away: where to
	MetaMoving  = "moving"   // on the store that is being filled: how far it has come
)

// ErrMoved means that nobody may write to a store: it was moved away, or a move into it has not ended.
var ErrMoved = errors.New("this is not the store to write to")

// CheckMoved refuses such a store.
func CheckMoved(ctx context.Context, value func(ctx context.Context, name string) (string, error)) error {
	to, err := value(ctx, MetaMovedTo)
	switch {
	case err == nil:
		return fmt.Errorf("%w: it was moved to %s; use that one", ErrMoved, to)
	case !errors.Is(err, taocan.ErrNotFound):
		return err
	}
	_, err = value(ctx, MetaMoving)
	switch {
	case err == nil:
		return fmt.Errorf("%w: a move into it has not ended; run taocan migrate-store again", ErrMoved)
	case !errors.Is(err, taocan.ErrNotFound):
		return err
	}
	return nil
}
