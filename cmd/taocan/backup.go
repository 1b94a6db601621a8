package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/server"
	"taocan/internal/store"
	"taocan/internal/store/sqlite"
)

type backupCmd struct {
	folder `embed:""`
	Force  bool   `name:"force" help:"Replace FILE if it is there, once the new backup is complete."`
	Verify bool   `name:"verify" help:"Prove the backup as taocan verify would, before it takes its name."`
	File   string `arg:"" help:"File to make. It appears when it is complete."`
}

// backupAnswer is what --json prints.
type backupAnswer struct {
	File       string     `json:"file"`
	At         time.Time  `json:"at"`
	LastCommit *time.Time `json:"last_commit"`
	Epoch      string     `json:"epoch"`
	Schema     int64      `json:"schema"`
	Head       string     `json:"head"`
	Bytes      int64      `json:"bytes"`
	Seconds    seconds    `json:"seconds"`
	Verified   bool       `json:"verified"`
}

// seconds is a duration as JSON: 1.250.
type seconds time.Duration

func (s seconds) MarshalJSON() ([]byte, error) { return []byte(s.String()), nil }

func (s seconds) String() string {
	ms := time.Duration(s).Milliseconds()
	return fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
}

// Run reads beside a running server.
func (c *backupCmd) Run(a *app) error {
	settings, err := c.fileSettings()
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(a.ctx)
	defer stop()
	o := sqlite.BackupOptions{Dir: settings.Data, File: c.File, Force: c.Force, Clock: clock.System()}
	if c.Verify {
		o.Prove = proof(settings)
	}
	r, err := sqlite.Backup(ctx, o)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there already: give another name, or --force", c.File)
	case err != nil && !server.HasDatabase(settings):
		return fmt.Errorf("there is no database in %s", settings.Data)
	case err != nil:
		return err
	}
	if a.json {
		return a.printJSON(backupAnswer{c.File, r.At, orNone(r.LastCommit), r.Epoch, r.Schema, r.Head, r.Bytes, seconds(r.Took), c.Verify})
	}
	fmt.Fprintf(a.out, "backed up %s to %s: %d bytes in %s seconds\n", settings.Data, c.File, r.Bytes, seconds(r.Took))
	fmt.Fprintf(a.out, "it holds everything answered before %s; schema %d, epoch %s\n", r.At.Format(time.RFC3339), r.Schema, r.Epoch)
	fmt.Fprintf(a.out, "head %s\n", r.Head)
	if c.Verify {
		fmt.Fprintln(a.out, "ok: the backup proves")
	}
	fmt.Fprintln(a.out, "the database alone is in it: keep the other files of the data folder apart, above all the master key")
	return nil
}

type restoreCmd struct {
	folder     `embed:""`
	SkipVerify bool   `name:"skip-verify" help:"Do not prove the database first. Run taocan verify afterwards."`
	File       string `arg:"" help:"A backup."`
}

// restoreAnswer is what --json prints.
type restoreAnswer struct {
	Data         string     `json:"data"`
	BackupAt     *time.Time `json:"backup_at"`
	LastCommit   *time.Time `json:"last_commit"`
	RestoredFrom string     `json:"restored_from"`
	Epoch        string     `json:"epoch"`
	FileSchema   int64      `json:"file_schema"`
	Schema       int64      `json:"schema"`
	Head         string     `json:"head"`
	Bytes        int64      `json:"bytes"`
	Seconds      seconds    `json:"seconds"`
	Verified     bool       `json:"verified"`
}

// Run writes a data folder that has no database and no server.
func (c *restoreCmd) Run(a *app) error {
	settings, err := c.fileSettings()
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(a.ctx)
	defer stop()
	o := sqlite.RestoreOptions{Dir: settings.Data, File: c.File, Clock: clock.System()}
	if !c.SkipVerify {
		o.Prove = proof(settings)
	}
	r, err := sqlite.Restore(ctx, o)
	switch {
	case errors.Is(err, sqlite.ErrHeld):
		return fmt.Errorf("a server holds the data folder %s: stop it, and restore into an empty folder", settings.Data)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s holds a database already: restore into an empty folder, or move taocan.db, taocan.db-wal and taocan.db-shm away first", settings.Data)
	case err != nil:
		return err
	}
	if a.json {
		return a.printJSON(restoreAnswer{settings.Data, orNone(r.From.BackupAt), orNone(r.LastCommit), r.From.Epoch, r.Epoch, r.Schema, sqlite.NewestSchema(),
			r.From.Head, r.Bytes, seconds(r.Took), !c.SkipVerify})
	}
	fmt.Fprintf(a.out, "restored %s to %s: %d bytes in %s seconds\n", c.File, settings.Data, r.Bytes, seconds(r.Took))
	fmt.Fprintf(a.out, "head %s\n", r.From.Head)
	fmt.Fprintf(a.out, "the epoch was %s and is now %s\n", r.From.Epoch, r.Epoch)
	since := "its last commit"
	switch {
	case !r.From.BackupAt.IsZero():
		since = r.From.BackupAt.Format(time.RFC3339)
	case !r.LastCommit.IsZero():
		since += ", " + r.LastCommit.Format(time.RFC3339)
	}
	fmt.Fprintf(a.out, "forgotten is what was answered after %s: debits, orders, top-ups, and tokens or logins made or ended since. "+
		"Senders must send the ids of that time again.\n", since)
	if c.SkipVerify {
		fmt.Fprintln(a.out, "nothing was proved: run taocan verify")
	}
	return nil
}

// proof is the whole of taocan verify.
func proof(settings config.Settings) func(context.Context, *sqlite.Store) error {
	return func(ctx context.Context, st *sqlite.Store) error {
		report, err := store.Verify(ctx, st, store.VerifyOptions{IdempotencyWindow: st.Window()})
		if err != nil {
			return err
		}
		if n := len(report.Findings); n > 0 {
			return fmt.Errorf("it does not prove: %d found, first %s", n, report.Findings[0])
		}
		return nil
	}
}

// fileSettings are those of a command that copies the database's file. PostgreSQL has its own tools for that, which know more.
func (f *folder) fileSettings() (config.Settings, error) {
	settings, err := f.settings()
	if err == nil && settings.DatabaseURL != "" {
		err = usage("the database is in PostgreSQL (%s): back it up by pg_dump or continuous archiving, and restore it by pg_restore or to a point in time; "+
			"docs/operating.md, section 13, has the steps", settings.Database())
	}
	return settings, err
}

func orNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
