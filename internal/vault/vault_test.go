package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"taocan/internal/vault"
)

func load(t *testing.T, path string) *vault.Vault {
	t.Helper()
	v, err := vault.Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWhatIsSealedOpensUnderItsNameOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), vault.FileName)
	v := load(t, path)
	sealed, err := v.Seal("alpha/1", []byte("the secret"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("secret")) {
		t.Errorf("sealed bytes %q show their content", sealed)
	}
	again := load(t, path) // another process
	if plain, err := again.Unseal("alpha/1", sealed); err != nil || string(plain) != "the secret" {
		t.Errorf("got %q, %v", plain, err)
	}
	if _, err := again.Unseal("alpha/2", sealed); err == nil || errors.Is(err, vault.ErrKeyMissing) {
		t.Errorf("under another name: got error %v, want that it does not open", err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := v.Unseal("alpha/1", bad); err == nil {
			t.Errorf("with byte %d changed it opens", i)
		}
	}
	for n := range sealed {
		if _, err := v.Unseal("alpha/1", sealed[:n]); err == nil {
			t.Errorf("cut to %d bytes it opens", n)
		}
	}
}

func TestKeyFileIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), vault.FileName)
	load(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("got mode %v, %v; want 0600", info.Mode(), err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := vault.Load(path, nil); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: got error %v, want a refusal that says what to do", mode, err)
		}
	}
}

func TestBadKeyFilesAreRefusedWithoutShowingThem(t *testing.T) {
	good := "0a0b0c0d " + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
	for name, text := range map[string]string{
		"empty": "", "only a remark": "# nothing\n", "a short key": "0a0b0c0d c2hvcnQ=\n", "no id": "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\n",
		"a key twice": good + "\n" + good + "\n",
	} {
		path := filepath.Join(t.TempDir(), vault.FileName)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := vault.Load(path, nil)
		if err == nil {
			t.Errorf("%s: it loads", name)
		} else if strings.Contains(err.Error(), "QUFB") || strings.Contains(err.Error(), "c2hv") {
			t.Errorf("%s: the error %v shows the file's content", name, err)
		}
	}
}

func TestAfterRotationTheNewKeySealsAndTheOldOneOpensUntilItIsDropped(t *testing.T) {
	path := filepath.Join(t.TempDir(), vault.FileName)
	v := load(t, path)
	old, err := v.Seal("x", []byte("old"))
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Rotate(); err != nil {
		t.Fatal(err)
	}
	fresh, err := v.Seal("x", []byte("fresh"))
	if err != nil {
		t.Fatal(err)
	}
	if v.Current(old) || !v.Current(fresh) {
		t.Errorf("current: old %v, fresh %v; want false, true", v.Current(old), v.Current(fresh))
	}
	v = load(t, path)
	for want, sealed := range map[string][]byte{"old": old, "fresh": fresh} {
		if plain, err := v.Unseal("x", sealed); err != nil || string(plain) != want {
			t.Errorf("got %q, %v; want %q", plain, err, want)
		}
	}
	if err := v.DropOld(); err != nil {
		t.Fatal(err)
	}
	for _, v := range []*vault.Vault{v, load(t, path)} {
		if _, err := v.Unseal("x", old); !errors.Is(err, vault.ErrKeyMissing) {
			t.Errorf("after the drop: got error %v, want %v", err, vault.ErrKeyMissing)
		}
		if plain, err := v.Unseal("x", fresh); err != nil || string(plain) != "fresh" {
			t.Errorf("got %q, %v", plain, err)
		}
	}
}

func TestALostKeyFileIsMadeAnewAndOldSecretsSaySo(t *testing.T) {
	path := filepath.Join(t.TempDir(), vault.FileName)
	sealed, err := load(t, path).Seal("x", []byte("old"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, path).Unseal("x", sealed); !errors.Is(err, vault.ErrKeyMissing) {
		t.Errorf("got error %v, want %v", err, vault.ErrKeyMissing)
	}
}

func TestKeysDoNotShowInLogs(t *testing.T) {
	path := filepath.Join(t.TempDir(), vault.FileName)
	v := load(t, path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text))
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("started", "vault", v)
	if shown := out.String(); strings.Contains(shown, fields[len(fields)-1]) {
		t.Errorf("the log shows the key: %s", shown)
	}
	if shown := fmt.Sprint(v.LogValue()); !strings.Contains(shown, path) {
		t.Errorf("got %s, want the path", shown)
	}
}
