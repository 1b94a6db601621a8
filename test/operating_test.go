package test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// manuals are the operating manual in both languages.
var manuals = []string{"docs/operating.md", "docs/operating.zh.md"}

// manual reads the commands of a manual's console blocks. A command goes on in the next line after a backslash, and up to
// its end after <<'EOF'.
func manual(text string) (steps []step) {
	inside, more, here := false, false, false
	for i, line := range strings.Split(text, "\n") {
		if !inside {
			inside = line == "```console"
			continue
		}
		switch {
		case line == "```" && !here:
			inside = false
			continue
		case more || here:
			steps[len(steps)-1].command += "\n" + line
			here = here && line != "EOF"
		case strings.HasPrefix(line, "$ "):
			steps = append(steps, step{line: i + 1, command: strings.TrimPrefix(line, "$ ")})
			here = strings.Contains(line, "<<'EOF'")
		}
		more = strings.HasSuffix(line, `\`)
	}
	return steps
}

func manualSteps(t *testing.T, name string) []step {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), name))
	if err != nil {
		t.Fatal(err)
	}
	return manual(string(b))
}

// TestTheOperatingManualIsTrue runs every command of the manual, in order, in one shell and an empty folder, against the server that
// the manual itself starts. Each must succeed.
func TestTheOperatingManualIsTrue(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "base64"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%s is missing", tool)
			}
			t.Skipf("%s is missing, so the manual cannot be followed", tool)
		}
	}
	steps := manualSteps(t, manuals[0])
	if len(steps) < 50 {
		t.Fatalf("the manual has %d commands, want all of an operator's work", len(steps))
	}
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	var script strings.Builder
	script.WriteString("trap '[ -f serve.pid ] && kill $(cat serve.pid) 2>/dev/null; wait' EXIT\n")
	for _, s := range steps {
		command := strings.ReplaceAll(s.command, tourAddr, addr)
		script.WriteString("{ " + command + "\n} >step.out 2>step.err || { echo \"" + manuals[0] + ":" + strconv.Itoa(s.line) + ": exit status $?\"; cat step.out step.err serve.log; exit 1; }\n")
		if strings.Contains(command, "=$(") { // a pipe in it hides that it failed
			name, _, _ := strings.Cut(command, "=")
			script.WriteString("[ -n \"$" + name + "\" ] || { echo \"" + manuals[0] + ":" + strconv.Itoa(s.line) + ": " + name + " is empty\"; cat step.err; exit 1; }\n")
		}
	}
	shell := exec.Command("timeout", "-k", "5", "150", "bash")
	shell.Dir, shell.Stdin = dir, strings.NewReader(script.String())
	shell.Env = append(os.Environ(), "PATH="+filepath.Dir(buildTaocan(t))+":"+os.Getenv("PATH"), "TAOCAN_ADDR="+addr)
	shell.WaitDelay = time.Second
	if out, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("following the manual: %v\n%s", err, out)
	}
}

// TestBothManualsHaveTheSameCommands holds the Chinese manual to the English one, whose commands are run.
func TestBothManualsHaveTheSameCommands(t *testing.T) {
	want, got := manualSteps(t, manuals[0]), manualSteps(t, manuals[1])
	for _, steps := range [][]step{want, got} {
		for i := range steps {
			steps[i].line = 0
		}
	}
	if !slices.Equal(want, got) {
		for i := range min(len(want), len(got)) {
			if want[i] != got[i] {
				t.Fatalf("command %d differs:\n%s\n%s", i+1, want[i].command, got[i].command)
			}
		}
		t.Fatalf("%s has %d commands, %s %d", manuals[0], len(want), manuals[1], len(got))
	}
}
