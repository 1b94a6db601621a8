package server

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/vault"
)

func TestTheKeyFileIsMadeInTheDataFolderOrWhereTheSettingSays(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		settings := config.Defaults()
		settings.Data = t.TempDir()
		path := filepath.Join(settings.Data, vault.FileName)
		if elsewhere {
			path = filepath.Join(t.TempDir(), "keys")
			settings.KeyFile = path
		}
		s, err := Open(t.Context(), Options{Settings: settings, Clock: clock.System()})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %v, %v; want a file for its owner", path, info, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAServerDoesNotStartWithAKeyFileThatOthersMayRead(t *testing.T) {
	settings := config.Defaults()
	settings.Data = t.TempDir()
	settings.KeyFile = filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(settings.KeyFile, nil, 0o644); err != nil { //nolint:gosec // that is the point
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{Settings: settings, Clock: clock.System()})
	if err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("got %v, want a refusal that says what to do", err)
	}
}

func TestAMailPasswordThatIsNotThereIsSaidAtTheStart(t *testing.T) {
	settings := config.Defaults()
	settings.Data = t.TempDir()
	settings.SMTPUser, settings.SMTPPassword = "robot", filepath.Join(settings.Data, "nothing")
	_, err := Open(t.Context(), Options{Settings: settings, Clock: clock.System()})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "smtp-password-file") {
		t.Errorf("got %v, want the setting named", err)
	}
}
