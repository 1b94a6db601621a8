package test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Backups are taken while a real server is debited with all it can take; then it is killed. Every backup restores to a store that
// proves, and holds every debit that was answered before the backup began.
func TestABackupUnderLoadHoldsWhatWasAnsweredBeforeIt(t *testing.T) {
	c := &crash{t: t, binary: buildTaocan(t), data: filepath.Join(t.TempDir(), "data"), random: rand.New(rand.NewPCG(3, 4))}
	c.start()
	c.grant()
	ctx, stop := context.WithCancel(t.Context())
	for range 32 {
		c.callers.Go(func() {
			for ctx.Err() == nil {
				c.debit()
			}
		})
	}
	type taken struct {
		file     string
		answered []string // before it began
	}
	var backups []taken
	for i := range 3 {
		c.waitFor(500 * (i + 1))
		b := taken{file: filepath.Join(t.TempDir(), "backup.db"), answered: c.answered()}
		out, err := exec.CommandContext(ctx, c.binary, "backup", "--json", "--verify", "--data", c.data, b.file).CombinedOutput()
		if err != nil {
			t.Fatalf("backup %d: %v\n%s", i, err, out)
		}
		backups = append(backups, b)
	}
	_ = c.server.Process.Kill()
	stop()
	_ = c.server.Wait()
	c.callers.Wait()

	var epochs []string
	for i, b := range backups {
		c.data = filepath.Join(t.TempDir(), "restored")
		out, err := exec.CommandContext(t.Context(), c.binary, "restore", "--json", "--data", c.data, b.file).Output()
		if err != nil {
			t.Fatalf("restore %d: %v\n%s", i, err, out)
		}
		var restored struct {
			Epoch        string `json:"epoch"`
			RestoredFrom string `json:"restored_from"`
			Verified     bool   `json:"verified"`
		}
		if err := json.Unmarshal(out, &restored); err != nil || !restored.Verified || restored.Epoch == restored.RestoredFrom || slices.Contains(epochs, restored.Epoch) {
			t.Errorf("restore %d says %s, %v; epochs before it %q", i, out, err, epochs)
		}
		epochs = append(epochs, restored.Epoch)
		if out, err := exec.CommandContext(t.Context(), c.binary, "verify", "--data", c.data).CombinedOutput(); err != nil {
			t.Errorf("verify of backup %d: %v\n%s", i, err, out)
		}
		if out, err := exec.CommandContext(t.Context(), c.binary, "restore", "--data", c.data, b.file).CombinedOutput(); err == nil || !strings.Contains(string(out), "holds a database already") {
			t.Errorf("a second restore into the same folder: %v\n%s", err, out)
		}
		c.start()
		if epoch := c.epoch(); epoch != restored.Epoch {
			t.Errorf("answers name epoch %q, restored was %q", epoch, restored.Epoch)
		}
		known, anew := c.sendAgain()
		for _, id := range b.answered {
			if !known[id] {
				t.Errorf("backup %d lacks debit %s, which was answered before it", i, id)
			}
		}
		if out, err := exec.CommandContext(t.Context(), c.binary, "restore", "--data", c.data, b.file).CombinedOutput(); err == nil || !strings.Contains(string(out), "a server holds the data folder") {
			t.Errorf("restore under a running server: %v\n%s", err, out)
		}
		c.stop()
		t.Logf("backup %d: %d debits were answered before it; sent again, %d were known and %d were taken anew", i, len(b.answered), len(known), anew)
	}
}

// A backup that cannot be written leaves nothing behind, and no earlier backup is harmed.
func TestABackupThatFindsNoRoomLeavesNothing(t *testing.T) {
	c := &crash{t: t, binary: buildTaocan(t), data: filepath.Join(t.TempDir(), "data"), random: rand.New(rand.NewPCG(5, 6))}
	c.start()
	c.stop()
	dir := t.TempDir()
	file := filepath.Join(dir, "backup.db")
	if err := os.WriteFile(file, []byte("the earlier one"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The shell's limit on a file's size stands for a full disk: a write past 64 KiB fails.
	line := fmt.Sprintf(`trap "" XFSZ; ulimit -f 64; exec %q backup --force --data %q %q`, c.binary, c.data, file)
	out, err := exec.CommandContext(t.Context(), "bash", "-c", line).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "taocan: back up to") {
		t.Errorf("got %v\n%s", err, out)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left %v, %v", entries, err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "the earlier one" {
		t.Errorf("the earlier backup is now %.40q, %v", b, err)
	}
}

// sendAgain sends every debit once more, as a sender does after a restoration: some are known, the others are taken now.
func (c *crash) sendAgain() (known map[string]bool, anew int) {
	c.t.Helper()
	known = map[string]bool{}
	for some := range slices.Chunk(c.debits, 1000) {
		var batch []map[string]any
		for _, d := range some {
			batch = append(batch, map[string]any{"id": d.id, "category": "domestic", "purpose": "verification", "quantity": 2})
		}
		status, answer := c.mine(http.MethodPost, "/debits/batch", "", map[string]any{"debits": batch})
		results, _ := answer["results"].([]any)
		if status != 200 || len(results) != len(batch) {
			c.t.Fatalf("send again: %d %v", status, answer)
		}
		for _, r := range results {
			switch r := r.(map[string]any); r["status"] {
			case 200.0:
				known[fmt.Sprint(r["id"])] = true
			case 201.0:
				anew++
			default:
				c.t.Errorf("sent again, a debit is refused: %v", r)
			}
		}
	}
	return known, anew
}

// answered are the debits that have an answer by now.
func (c *crash) answered() (ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.debits {
		if d.answer != "" {
			ids = append(ids, d.id)
		}
	}
	return ids
}

// waitFor lets the callers go on until so many debits have been answered.
func (c *crash) waitFor(n int) {
	c.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for len(c.answered()) < n {
		select {
		case <-tick.C:
		case <-deadline:
			c.t.Fatalf("%d debits were answered within a minute, %d were waited for", len(c.answered()), n)
		}
	}
}

func (c *crash) epoch() string {
	c.t.Helper()
	answer, err := http.Get(c.door.URL + "/healthz")
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.Header.Get("Taocan-Epoch")
}
