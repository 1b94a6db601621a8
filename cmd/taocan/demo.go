package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"

	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/server"
)

type demoCmd struct {
	Addr      string `name:"addr" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on."`
	Data      string `name:"data" placeholder:"DIR" help:"Data folder to create or to go on with; without it a temporary one that is removed at the end."`
	Keep      bool   `name:"keep" help:"Keep the temporary folder."`
	LogFormat string `name:"log-format" default:"text" enum:"text,json" help:"Form of the log on stderr: text or json."`
	LogLevel  string `name:"log-level" default:"warn" enum:"debug,info,warn,error" help:"Least level that is logged."`
}

// demoAnswer is what --json prints.
type demoAnswer struct {
	URL              string `json:"url"`
	Project          string `json:"project"`
	Token            string `json:"token"`
	OtherToken       string `json:"other_token"`
	OperatorToken    string `json:"operator_token"`
	User             string `json:"user"`
	Password         string `json:"password"`
	OperatorUser     string `json:"operator_user"`
	OperatorPassword string `json:"operator_password"`
}

func (c *demoCmd) Run(a *app) (err error) {
	ctx, stop := untilSignal(a.ctx)
	defer stop()
	settings := config.Defaults()
	settings.Addr, settings.LogFormat, settings.LogLevel = c.Addr, c.LogFormat, c.LogLevel
	if settings.Data = c.Data; settings.Data == "" {
		if settings.Data, err = os.MkdirTemp("", "taocan-demo-"); err != nil {
			return err
		}
		if !c.Keep {
			defer func() { err = errors.Join(err, os.RemoveAll(settings.Data)) }()
		}
	}
	s, err := server.Open(ctx, server.Options{Settings: settings, Clock: clock.System(), Log: logger(a.errOut, settings), Serves: true})
	if err != nil {
		return openError(settings.Data, err)
	}
	answer, err := seedDemo(ctx, s, clock.System().Now())
	if err == nil {
		err = s.Start(ctx)
	}
	if err != nil {
		return errors.Join(err, s.Close())
	}
	answer.URL = s.URL()
	if a.json {
		err = a.printJSON(answer)
	} else if code, codeErr := s.Access.SignInCode(ctx, demoLogin); codeErr != nil {
		err = codeErr
	} else {
		link := answer.URL + "/login/code?code=" + code
		c.print(a, settings.Data, link, answer)
		openBrowser(a.out, link)
	}
	return errors.Join(err, untilStopped(ctx, stop, s))
}

// openBrowser shows the console to a person who sits before the machine: at a terminal of a desktop. Where that does not
// work the printed link does.
func openBrowser(out io.Writer, link string) {
	if f, ok := out.(*os.File); !ok || !isTerminal(f) {
		return
	}
	opener := "xdg-open"
	switch {
	case runtime.GOOS == "darwin":
		opener = "open"
	case os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "":
		return
	}
	cmd := exec.Command(opener, link)
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }() // collects the process; how it fared is its own matter
	}
}

// isTerminal: a character device is what a person looks at, a pipe or file is not.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// print says where to look. link opens the console, once.
func (c *demoCmd) print(a *app, dir, link string, d demoAnswer) {
	fate := "stays"
	if c.Data == "" && !c.Keep {
		fate = "removed at the end"
	}
	fmt.Fprintf(a.out, `Open the console (this link signs you in, once, within ten minutes):

  %[12]s

taocan demo answers at %[1]s, API reference at %[1]s/docs
data in %[2]s (%[3]s), ctrl-C ends it

project   %[4]s
token     %[5]s
login     %[6]s, password %[7]s
operator  token %[8]s
          login %[9]s, password %[10]s
a second account's project "other" has the token %[11]s

Try, in another terminal:

  export TOKEN=%[5]s
  curl -H "Authorization: Bearer $TOKEN" '%[1]s/v1/projects/demo/balance?category=domestic'
  curl -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' %[1]s/v1/projects/demo/debits -d '{"id":"try-1","category":"domestic","purpose":"marketing","quantity":3}'
  curl -H "Authorization: Bearer $TOKEN" %[1]s/v1/projects/demo/debits/try-1/explain
`, d.URL, dir, fate, d.Project, d.Token, d.User, d.Password, d.OperatorToken, d.OperatorUser, d.OperatorPassword, d.OtherToken, link)
}
