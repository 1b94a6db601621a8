package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"taocan": main})
}

// TestScripts runs testdata/script. Besides testscript's own commands there are
//
//	launch NAME taocan …  runs a server; its first line of output is JSON, whose fields become variables
//	halt NAME [SIGNAL]    ends it (default TERM) and, unless killed, checks that it exits with 0
//	http METHOD PATH [TOKEN] [BODY]   asks $url; prints the status and the body
//	olden DIR             makes a database whose project "web" has debits of old months, which $token reads; $before is the first month that has to stay
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"launch": launch, "halt": halt, "http": httpCall, "olden": olden},
		Setup: func(e *testscript.Env) error {
			e.Values[servers{}] = map[string]*background{}
			example, err := os.ReadFile("../../docs/packages-example.csv")
			if err != nil {
				return err
			}
			return os.WriteFile(e.WorkDir+"/example.csv", example, 0o600)
		},
	})
}

type servers struct{} // key of the running servers

type background struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	rest   chan []byte // what it wrote after the first line
}

// launchTimeout and haltTimeout are how long a busy machine may take.
const (
	launchTimeout = time.Minute
	haltTimeout   = time.Minute
)

func launch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: launch NAME COMMAND…")
	}
	all := ts.Value(servers{}).(map[string]*background)
	program, err := exec.LookPath(args[1])
	ts.Check(err)
	b := &background{cmd: exec.Command(program, args[2:]...), rest: make(chan []byte, 1)}
	b.cmd.Dir, b.cmd.Stderr = ts.MkAbs("."), &b.stderr
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TAOCAN_CONFIG", "TAOCAN_ADDR"} {
		if v := ts.Getenv(name); v != "" {
			b.cmd.Env = append(b.cmd.Env, name+"="+v)
		}
	}
	out, err := b.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(b.cmd.Start())
	all[args[0]] = b
	ts.Defer(func() { _ = b.cmd.Process.Kill(); _ = b.cmd.Wait() })

	first := make(chan string, 1)
	go func() {
		r := bufio.NewReader(out)
		line, _ := r.ReadString('\n')
		first <- line
		rest, _ := io.ReadAll(r)
		b.rest <- rest
	}()
	select {
	case line := <-first:
		var fields map[string]string
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			_ = b.cmd.Process.Kill()
			_ = b.cmd.Wait()
			ts.Fatalf("%s printed %q (%v)\n%s", args[0], line, err, b.stderr.String())
		}
		for name, value := range fields {
			ts.Setenv(name, value)
		}
		fmt.Fprint(ts.Stdout(), line)
	case <-time.After(launchTimeout):
		ts.Fatalf("%s did not answer\n%s", args[0], b.stderr.String())
	}
}

func halt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: halt NAME [SIGNAL]")
	}
	all := ts.Value(servers{}).(map[string]*background)
	b := all[args[0]]
	if b == nil {
		ts.Fatalf("no server is called %s", args[0])
	}
	delete(all, args[0])
	signal := syscall.SIGTERM
	if len(args) > 1 {
		signal = map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}[args[1]]
	}
	ts.Check(b.cmd.Process.Signal(signal))
	ended := make(chan error, 1)
	var rest []byte
	go func() {
		rest = <-b.rest // the pipe must be read to its end before Wait
		ended <- b.cmd.Wait()
	}()
	select {
	case err := <-ended:
		if signal != syscall.SIGKILL && err != nil {
			ts.Fatalf("%s ended with %v\n%s", args[0], err, b.stderr.String())
		}
	case <-time.After(haltTimeout):
		ts.Fatalf("%s did not end\n%s", args[0], b.stderr.String())
	}
	fmt.Fprintf(ts.Stdout(), "%s", rest)
}

func httpCall(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: http METHOD PATH [TOKEN] [BODY]")
	}
	args = append(args, "", "")
	r, err := http.NewRequest(args[0], ts.Getenv("url")+args[1], strings.NewReader(args[3]))
	ts.Check(err)
	if args[2] != "" {
		r.Header.Set("Authorization", "Bearer "+args[2])
	}
	if args[3] != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	fmt.Fprintf(ts.Stdout(), "%d ", answer.StatusCode)
	_, err = io.Copy(ts.Stdout(), answer.Body)
	ts.Check(err)
	fmt.Fprintln(ts.Stdout())
}
