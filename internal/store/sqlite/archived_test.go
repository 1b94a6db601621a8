package sqlite

import (
	"testing"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/store/storetest"
)

func TestWrongArchivesAreFound(t *testing.T) {
	storetest.RunWrongArchives(t, func(t *testing.T, c clock.Clock) store.Store { return openTemp(t, c) })
}
