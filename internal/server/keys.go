package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"taocan/internal/config"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/vault"
)

// KeyFile is where the keys are that seal secrets in the database.
func KeyFile(x config.Settings) string {
	if x.KeyFile != "" {
		return x.KeyFile
	}
	return filepath.Join(x.Data, vault.FileName)
}

// openKeys reads the key file. All processes of a database need the same keys: where the settings refuse a missing one, a new
// key is made only by the process that sets the database up, and all that is sealed must open.
func (s *Server) openKeys(ctx context.Context) (*vault.Vault, error) {
	path := KeyFile(s.settings)
	_, err := os.Stat(path)
	s.newKey = errors.Is(err, fs.ErrNotExist)
	if s.newKey && s.settings.RefuseMissingKey() {
		staff, err := s.Access.Members(ctx, "")
		if err != nil {
			return nil, err
		}
		if len(staff) > 0 {
			return nil, fmt.Errorf("there is no key file %s, and the database is in use: copy the key file of a process that runs on it to there "+
				"(if it is lost, key-missing = serve makes a new one)", path)
		}
	}
	keys, err := vault.Load(path, nil)
	if err != nil || !s.settings.RefuseMissingKey() {
		return keys, err
	}
	return keys, s.checkKeys(ctx, keys, path)
}

// checkKeys refuses a file that lacks a key. Whether the sealed bytes are whole is not looked at: what is needed is their key.
func (s *Server) checkKeys(ctx context.Context, keys *vault.Vault, path string) error {
	var sealed []taocan.Channel
	err := s.Store.Peek(ctx, func(r store.Reader) (err error) {
		sealed, err = r.SealedChannels(ctx)
		return err
	})
	if err != nil {
		return err
	}
	lost, first := 0, error(nil)
	for _, c := range sealed {
		if _, err := keys.Unseal("", c.Sealed); errors.Is(err, vault.ErrKeyMissing) {
			if lost++; first == nil {
				first = fmt.Errorf("channel %s of project %s: %w", c.ID, c.Project, err)
			}
		}
	}
	if lost == 0 {
		return nil
	}
	return fmt.Errorf("key file %s lacks the key of %d of the database's %d secrets: copy the key file of a process that runs on it to there "+
		"(if the key is lost, key-missing = serve starts without it); first %w", path, lost, len(sealed), first)
}

// anotherWasFirst undoes what this process had made for a database that another one has set up at the same moment.
func (s *Server) anotherWasFirst() error {
	if err := s.DropPasswordFile(); err != nil {
		return err
	}
	if !s.newKey {
		return nil
	}
	path := KeyFile(s.settings)
	return errors.Join(fmt.Errorf("another process has set up the database at the same moment: copy its key file to %s and start again", path), os.Remove(path))
}
