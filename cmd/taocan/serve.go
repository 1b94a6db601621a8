package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/server"
)

type serveCmd struct {
	config.Settings `embed:""`
	Config          string `name:"config" env:"TAOCAN_CONFIG" placeholder:"FILE" help:"File of settings, lines of name = value. Each setting may also be given as TAOCAN_NAME."`
}

func (c *serveCmd) Run(a *app, line *kong.Context) error {
	settings, err := c.settings(line)
	if err != nil {
		return usageError{err}
	}
	ctx, stop := untilSignal(a.ctx)
	defer stop()
	s, err := server.Open(ctx, server.Options{Settings: settings, Clock: clock.System(), Version: version, Log: logger(a.errOut, settings), Serves: true})
	if err != nil {
		return openError(settings.Data, err)
	}
	if err := s.Start(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	if a.json {
		err = a.printJSON(map[string]string{"url": s.URL(), "data": settings.Data, "database": settings.Database(), "operator_password_file": s.PasswordFile()})
	} else {
		fmt.Fprintf(a.out, "taocan serves %s from %s\n", s.URL(), settings.Database())
		sayPassword(a, s)
	}
	return errors.Join(err, tellService("READY=1"), untilStopped(ctx, stop, s))
}

// settings merges flags, environment and file.
func (c *serveCmd) settings(line *kong.Context) (config.Settings, error) {
	return mergeSettings(c.Settings, flagsOf(line), c.Config)
}

// flagsOf names the flags that a command line gave.
func flagsOf(line *kong.Context) map[string]bool {
	given := map[string]bool{}
	for _, p := range line.Path {
		if p.Flag != nil {
			given[p.Flag.Name] = true
		}
	}
	return given
}

func mergeSettings(s config.Settings, fromFlag map[string]bool, path string) (config.Settings, error) {
	s, _, err := explainSettings(s, fromFlag, path)
	return s, err
}

// explainSettings says where each setting came from; nil where the file cannot be opened.
func explainSettings(s config.Settings, fromFlag map[string]bool, path string) (config.Settings, []config.Effective, error) {
	var file io.Reader
	if path != "" {
		f, err := os.Open(path)
		if err != nil {
			return config.Settings{}, nil, err
		}
		defer f.Close()
		file = f
	}
	return config.Explain(s, fromFlag, file, os.LookupEnv)
}

// folder says which installation a command is about. It takes the server's settings, since an import into another
// zone than the server's would make other expiry dates.
type folder struct {
	Data        string `name:"data" placeholder:"DIR" help:"Data folder (default ./taocan-data, or TAOCAN_DATA)."`
	DatabaseURL string `name:"database-url" placeholder:"URL" help:"The server's PostgreSQL (or TAOCAN_DATABASE_URL, which other users of the machine do not see)."`
	Config      string `name:"config" env:"TAOCAN_CONFIG" placeholder:"FILE" help:"The server's file of settings."`
}

func (f *folder) settings() (config.Settings, error) {
	s, fromFlag := config.Defaults(), map[string]bool{}
	if f.Data != "" {
		s.Data, fromFlag["data"] = f.Data, true
	}
	if f.DatabaseURL != "" {
		s.DatabaseURL, fromFlag["database-url"] = f.DatabaseURL, true
	}
	s, err := mergeSettings(s, fromFlag, f.Config)
	if err != nil {
		return s, usageError{err}
	}
	return s, nil
}

// untilSignal is ended by ctrl-C or SIGTERM.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// untilStopped waits for a signal or a failure, then stops the server. A second signal ends the process at once.
func untilStopped(ctx context.Context, release context.CancelFunc, s *server.Server) error {
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-s.Failed():
	}
	release()
	_ = tellService("STOPPING=1") // whoever does not hear it sees the process end
	return errors.Join(failed, s.Stop(context.WithoutCancel(ctx)))
}

func logger(w io.Writer, s config.Settings) *slog.Logger {
	o := &slog.HandlerOptions{}
	var level slog.Level
	if level.UnmarshalText([]byte(s.LogLevel)) == nil { // checked by config
		o.Level = level
	}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// openError says what to do where another process uses the folder.
func openError(dir string, err error) error {
	if errors.Is(err, server.ErrHeld) {
		return fmt.Errorf("a server holds the data folder %s: stop it first, or give another with --data", dir)
	}
	return err
}

type migrateCmd struct{ folder }

// Run opens the server without starting it: the schema, what is shipped, and the first operator.
func (c *migrateCmd) Run(a *app) error {
	settings, err := c.settings()
	if err != nil {
		return err
	}
	s, err := server.Open(a.ctx, server.Options{Settings: settings, Clock: clock.System()})
	if err != nil {
		return openError(settings.Data, err)
	}
	if err := s.Close(); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]string{"data": settings.Data, "database": settings.Database(), "operator_password_file": s.PasswordFile()})
	}
	fmt.Fprintf(a.out, "the database in %s has the schema of this version\n", settings.Database())
	sayPassword(a, s)
	return nil
}

// sayPassword tells where the first operator's password is, as long as its file is there.
func sayPassword(a *app, s *server.Server) {
	if file := s.PasswordFile(); file != "" {
		fmt.Fprintf(a.out, "the password of the login %q is in %s; delete the file once you have it\n", server.FirstOperator, file)
	}
}
