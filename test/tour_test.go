package test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write what the tour's commands answer into the READMEs")

// The tour of README.md is run line by line, as it stands but for the demo's address and folder, so that a
// server or a folder of the person who runs the test is left alone.
const (
	tourAddr = "127.0.0.1:8080"
	tourData = "--data data"
)

// wild is what differs from run to run. Two outputs agree when they agree without it; and what a reader copies
// from the README's output into a later line is replaced by what this run gave at the same place.
var wild = regexp.MustCompile(strings.Join([]string{
	`tc_[A-Za-z0-9_-]{43}`,      // token
	`code=[A-Za-z0-9_-]{43}`,    // of a sign-in link
	`\b[A-Z2-7]{26}\b`,          // password
	`\bO[0-9A-Z]{20}\b`,         // order
	`\d+\.\d+\.[0-9a-f]{64}\b`,  // head of a lane
	`\b\d+ (commits|entries)\b`, // the sweeper may have marked what the import brought in expired
	`\bU[01][ABG]\d{8}[0-9A-F]{5}\b`,
	`\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?`,
}, "|"))

// step is a command of the tour and what the README says that it answers.
type step struct {
	line    int // of the command in the README
	command string
	output  string
}

// tour reads the commands of the console blocks. A command goes on in the next line after a backslash.
func tour(readme string) (steps []step) {
	inside := false
	more := false // the command goes on
	for i, line := range strings.Split(readme, "\n") {
		switch {
		case !inside:
			inside = line == "```console"
		case line == "```":
			inside = false
		case more:
			last := &steps[len(steps)-1]
			last.command += "\n" + line
			more = strings.HasSuffix(line, `\`)
		case strings.HasPrefix(line, "$ "):
			steps = append(steps, step{line: i + 1, command: strings.TrimPrefix(line, "$ ")})
			more = strings.HasSuffix(line, `\`)
		default:
			steps[len(steps)-1].output += line + "\n"
		}
	}
	return steps
}

func TestTourOfTheREADME(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%s is missing", tool)
			}
			t.Skipf("%s is missing, so the tour cannot be walked", tool)
		}
	}
	file := filepath.Join(root(t), "README.md")
	readme, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	steps := tour(string(readme))
	if len(steps) < 10 || !strings.Contains(steps[0].command, " demo ") {
		t.Fatalf("the tour has %d steps and starts with %q; want a demo first", len(steps), steps[0].command)
	}
	w := newWalk(t)
	outputs := make([]string, len(steps))
	differs := false
	for i, s := range steps {
		if i == 0 {
			outputs[i] = w.demo(s)
		} else {
			outputs[i] = w.run(s)
		}
		w.learn(s.output, outputs[i])
		if wild.ReplaceAllString(s.output, "…") == wild.ReplaceAllString(outputs[i], "…") {
			continue
		}
		differs = true
		if !*update {
			t.Errorf("README.md:%d: %s\nanswered\n%s\nwhere the README says\n%s", s.line, s.command, outputs[i], s.output)
		}
	}
	if *update && differs {
		w.write(file, string(readme), steps, outputs)
	}
}

// TestBothREADMEsWalkTheSameTour holds the Chinese README to the English one, whose tour is run.
func TestBothREADMEsWalkTheSameTour(t *testing.T) {
	var tours [2][]step
	for i, name := range []string{"README.md", "README.zh-CN.md"} {
		b, err := os.ReadFile(filepath.Join(root(t), name))
		if err != nil {
			t.Fatal(err)
		}
		tours[i] = tour(string(b))
		for j := range tours[i] {
			tours[i][j].line = 0
		}
	}
	if !slices.Equal(tours[0], tours[1]) {
		for i := range min(len(tours[0]), len(tours[1])) {
			if tours[0][i] != tours[1][i] {
				t.Fatalf("step %d differs:\n%+v\n%+v", i+1, tours[0][i], tours[1][i])
			}
		}
		t.Fatalf("README.md has %d steps, README.zh-CN.md %d", len(tours[0]), len(tours[1]))
	}
}

// walk is a demo and a shell beside it.
type walk struct {
	t          *testing.T
	addr, data string
	known      map[string]string // what the README shows → what this run gave
	stdin      io.Writer
	stdout     *bufio.Reader
	hangUp     func() // ends the shell
}

// stepTimeout is how long a step may take where nothing has been built yet.
const stepTimeout = 3 * time.Minute

func newWalk(t *testing.T) *walk {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &walk{t: t, addr: l.Addr().String(), data: filepath.Join(t.TempDir(), "data"), known: map[string]string{}}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	shell := exec.Command("bash")
	shell.Dir = root(t)
	stdin, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	shell.Stderr = shell.Stdout
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = shell.Wait()
	})
	w.stdin, w.stdout, w.hangUp = stdin, bufio.NewReader(stdout), func() { _ = shell.Process.Kill() }
	return w
}

// mine and readers translate between the README's address, folder and values and this run's.
func (w *walk) mine(command string) string {
	command = strings.ReplaceAll(command, " demo "+tourData, " demo --addr "+w.addr+" "+tourData)
	command = strings.ReplaceAll(command, tourData, "--data "+w.data)
	return w.values(strings.ReplaceAll(command, tourAddr, w.addr))
}

// values puts this run's values into a command.
func (w *walk) values(command string) string {
	return wild.ReplaceAllStringFunc(command, func(s string) string {
		if v, ok := w.known[s]; ok {
			return v
		}
		return s
	})
}

func (w *walk) readers(output string) string {
	return strings.ReplaceAll(strings.ReplaceAll(output, w.addr, tourAddr), w.data, "data")
}

// write makes the README say what this run did: the outputs, and in commands the values taken from them.
func (w *walk) write(file, readme string, steps []step, outputs []string) {
	w.t.Helper()
	var b strings.Builder
	for i, s := range steps {
		old := "$ " + s.command + "\n" + s.output
		before, after, found := strings.Cut(readme, old)
		if !found {
			w.t.Fatalf("%s:%d: cannot find %q again", file, s.line, old)
		}
		b.WriteString(before + "$ " + w.values(s.command) + "\n" + outputs[i])
		readme = after
	}
	if err := os.WriteFile(file, []byte(b.String()+readme), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// learn notes what stands where the README shows something else.
func (w *walk) learn(want, got string) {
	wants, gots := wild.FindAllString(want, -1), wild.FindAllString(got, -1)
	if len(wants) != len(gots) {
		return
	}
	for i := range wants {
		if _, known := w.known[wants[i]]; !known {
			w.known[wants[i]] = gots[i]
		}
	}
}

// demo starts the first command, which runs on, and returns what it prints up to the last line that it suggests.
func (w *walk) demo(s step) string {
	w.t.Helper()
	cmd := exec.Command("bash", "-c", "exec "+w.mine(s.command))
	cmd.Dir = root(w.t)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ctrl-C reaches go run and what it runs
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	printed := make(chan string, 1)
	go func() {
		var b strings.Builder
		r := bufio.NewReader(out)
		for {
			line, err := r.ReadString('\n')
			b.WriteString(line)
			if err != nil || strings.Contains(line, "/explain") {
				break
			}
		}
		printed <- b.String()
		_, _ = io.Copy(io.Discard, r)
	}()
	w.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		// go run exits with 1 whenever it was interrupted; what the demo exits with is a script's matter.
		if _ = cmd.Wait(); stderr.Len() > 0 {
			w.t.Errorf("the demo complained: %s", stderr.String())
		}
	})
	select {
	case text := <-printed:
		return w.readers(text)
	case <-time.After(stepTimeout):
		w.t.Fatalf("the demo did not start\n%s", stderr.String())
		return ""
	}
}

// run types a command into the shell and returns what it prints.
func (w *walk) run(s step) string {
	w.t.Helper()
	const end = "--- end of the step, status "
	if _, err := fmt.Fprintf(w.stdin, "%s\nprintf '%%s%%d\\n' '%s' $?\n", w.mine(s.command), end); err != nil {
		w.t.Fatal(err)
	}
	impatience := time.AfterFunc(stepTimeout, w.hangUp)
	defer impatience.Stop()
	var b strings.Builder
	for {
		line, err := w.stdout.ReadString('\n')
		if err != nil {
			w.t.Fatalf("README.md:%d: %s: the shell ended: %v", s.line, s.command, err)
		}
		if before, status, found := strings.Cut(line, end); found {
			b.WriteString(before)
			if status != "0\n" {
				w.t.Errorf("README.md:%d: %s: exit status %s%s", s.line, s.command, status, b.String())
			}
			return w.readers(b.String())
		}
		b.WriteString(line)
	}
}
