package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/delivery"
	"taocan/internal/pgtest"
	"taocan/internal/store/postgres"
	"taocan/internal/taocan"
)

// refusal opens and says why not; nothing where it is opened.
func refusal(t *testing.T, x config.Settings) string {
	t.Helper()
	s, err := Open(context.Background(), Options{Settings: x, Clock: clock.System()})
	if err != nil {
		return err.Error()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return ""
}

func TestADatabaseWithSecretsNeedsItsKey(t *testing.T) {
	x := settings(t.TempDir())
	x.KeyMissing = "refuse"
	s := open(t, x, clock.System())
	stock(t, s)
	owner := taocan.Actor{Tenant: tenant, Scopes: []taocan.Scope{taocan.ScopeRead, taocan.ScopeManage}}
	if _, _, err := s.Channels.Create(t.Context(), owner, delivery.Request{Kind: taocan.Webhook, Name: "Duty", Address: "https://example.com/hook",
		Language: "en", Enabled: true}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := refusal(t, x); got != "" {
		t.Errorf("with its own key: %s", got)
	}

	other := x
	other.KeyFile = filepath.Join(t.TempDir(), "other.key")
	if got := refusal(t, other); !strings.Contains(got, "there is no key file") {
		t.Errorf("without a key file: %q", got)
	}
	if _, err := os.Stat(other.KeyFile); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a start that was refused made a key file")
	}
	other.KeyMissing = "serve"
	if got := refusal(t, other); got != "" {
		t.Errorf("without a key file, told to serve: %s", got)
	}
	other.KeyMissing = "refuse"
	if got := refusal(t, other); !strings.Contains(got, "lacks the key of 1 of the database's 1 secrets") {
		t.Errorf("with a new key file: %q", got)
	}
}

func postgresSettings(t *testing.T, url string) config.Settings {
	x := settings(t.TempDir())
	x.DatabaseURL = url
	return x
}

// Two processes that set the same database up used to make a key and an operator's password each, of which one did not count.
func TestOneProcessSetsADatabaseUp(t *testing.T) {
	url := pgtest.Migrated(t, postgres.MigrationsDigest(), postgres.Migrate)
	all := []config.Settings{postgresSettings(t, url), postgresSettings(t, url)}
	refused := make([]string, len(all))
	var wg sync.WaitGroup
	for i, x := range all {
		wg.Go(func() { refused[i] = refusal(t, x) })
	}
	wg.Wait()
	made := 0
	for i, x := range all {
		_, keyErr := os.Stat(KeyFile(x))
		_, passwordErr := os.Stat(filepath.Join(x.Data, passwordFileName))
		if is := refused[i] == ""; is != (keyErr == nil) || is != (passwordErr == nil) {
			t.Errorf("process %d: refused %q, key file %v, password file %v", i, refused[i], keyErr, passwordErr)
		}
		if refused[i] == "" {
			made++
		} else if !strings.Contains(refused[i], "key file") {
			t.Errorf("process %d does not say what to do: %s", i, refused[i])
		}
	}
	if made != 1 {
		t.Fatalf("%d processes set the database up, want one: %q", made, refused)
	}

	// With the first one's key the other joins in, and each has its folder to itself.
	first, second := all[0], all[1]
	if refused[0] != "" {
		first, second = second, first
	}
	key, err := os.ReadFile(KeyFile(first))
	if err == nil {
		err = os.WriteFile(KeyFile(second), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	one, two := open(t, first, clock.System()), open(t, second, clock.System())
	if one.Store.Epoch() != two.Store.Epoch() {
		t.Error("they use different databases")
	}
	if two.PasswordFile() != "" {
		t.Error("the second one has a password file")
	}
	if got := refusal(t, first); !strings.Contains(got, ErrHeld.Error()) {
		t.Errorf("a second process on a folder: %q, want it refused", got)
	}
	if err := errors.Join(one.Close(), two.Close()); err != nil {
		t.Error(err)
	}
}
