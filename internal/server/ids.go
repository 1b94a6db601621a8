package server

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/store"
	"taocan/internal/store/idindex"
	"taocan/internal/taocan"
)

// CheckIDs reads the whole index of debit ids in the data folder, on which no server may run (ErrHeld), and says how many ids
// are in it. It is opened as the next start would open it: files of another past are thrown away. There may be none: fs.ErrNotExist.
func CheckIDs(ctx context.Context, x config.Settings, st Opened, c clock.Clock) (ids int64, err error) {
	dir := filepath.Join(x.Data, idFolder)
	if files, err := os.ReadDir(dir); err != nil || len(files) == 0 {
		return 0, errors.Join(err, fs.ErrNotExist)
	}
	lock, err := lockFolder(x.Data)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	commitAt := func(lane taocan.Lane, seq int64) (commit int64, err error) {
		err = st.Peek(ctx, func(r store.Reader) error {
			links, err := r.Commits(ctx, lane, seq-1, 1)
			if err == nil && len(links) == 1 && links[0].Seq == seq {
				commit = store.CommitID(lane, links[0].At)
			}
			return err
		})
		return commit, err
	}
	index, err := idindex.Open(idindex.Options{Dir: dir, Owner: st.Epoch(), CommitAt: commitAt, Window: st.Window(), Now: c.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, index.Close()) }()
	return index.Stats().Entries, index.Check(ctx)
}
