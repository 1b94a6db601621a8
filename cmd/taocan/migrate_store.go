package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/move"
	"taocan/internal/store/sqlstore"
	"taocan/internal/vault"
)

type migrateStoreCmd struct {
	folder     `embed:""`
	From       string `name:"from" required:"" enum:"sqlite,postgres" placeholder:"sqlite|postgres" help:"Where everything is now: in the data folder, or on PostgreSQL."`
	To         string `name:"to" required:"" enum:"sqlite,postgres" placeholder:"sqlite|postgres" help:"Where it goes. There must be nothing yet."`
	KeepSource bool   `name:"keep-source" help:"Do not mark the source as moved away: for a trial. Serve only one of the two."`
}

// migrateStoreAnswer is what --json prints.
type migrateStoreAnswer struct {
	From       string        `json:"from"`
	To         string        `json:"to"`
	Epoch      string        `json:"epoch"`
	Head       string        `json:"head"`
	Tables     int           `json:"tables"`
	Rows       int64         `json:"rows"`
	Checked    verifyChecked `json:"checked"`
	KeptSource bool          `json:"kept_source"`
	Seconds    seconds       `json:"seconds"`
}

// Run needs both databases for itself.
func (c *migrateStoreCmd) Run(a *app) error {
	settings, err := c.settings()
	if err != nil {
		return err
	}
	if c.From == c.To {
		return usage("--from %s --to %s moves nothing", c.From, c.To)
	}
	if settings.DatabaseURL == "" {
		return usage("--database-url is missing: the address of the PostgreSQL database")
	}
	ctx, stop := untilSignal(a.ctx)
	defer stop()
	o := move.Options{From: move.Kind(c.From), To: move.Kind(c.To), Dir: settings.Data, URL: settings.DatabaseURL, Name: settings.Database(),
		Clock: clock.System(), KeepSource: c.KeepSource}
	if settings.DatabaseMigrateURL != "" { // what holds a session does not go through PgBouncer
		o.URL = settings.DatabaseMigrateURL
	}
	if !a.json {
		told := int64(0)
		o.Progress = func(p move.Progress) { told = c.tell(a, p, told) }
	}
	r, err := move.Run(ctx, o)
	switch {
	case errors.Is(err, sqlstore.ErrMoved), errors.Is(err, move.ErrNotEmpty), errors.Is(err, move.ErrInUse), errors.Is(err, move.ErrNothing):
		return fmt.Errorf("nothing was moved: %w", err)
	case err != nil:
		return fmt.Errorf("the source is as it was; run this again to go on: %w", err)
	}
	if a.json {
		p := r.Proved
		return a.printJSON(migrateStoreAnswer{r.From, r.To, r.Epoch, r.Head, r.Tables, r.Rows,
			checkedOf(p), c.KeepSource, seconds(r.Took)})
	}
	c.print(a, settings, r)
	return nil
}

// tellRows are between two lines about a large table.
const tellRows = 100_000

// tell says how far it is: every stage, every table that has rows, and large ones on the way. told: how many rows of the
// table at hand were told of.
func (c *migrateStoreCmd) tell(a *app, p move.Progress, told int64) int64 {
	switch {
	case p.Table == "":
		fmt.Fprintf(a.out, "%s\n", p.Stage)
	case p.Done && p.Rows > 0:
		fmt.Fprintf(a.out, "  %s: %d rows\n", p.Table, p.Rows)
	case p.Rows >= told+tellRows:
		fmt.Fprintf(a.out, "  %s: %d rows so far\n", p.Table, p.Rows)
		return p.Rows
	case !p.Done:
		return told
	}
	return 0
}

func (c *migrateStoreCmd) print(a *app, settings config.Settings, r move.Report) {
	fmt.Fprintf(a.out, "moved %s to %s: %d rows of %d tables in %s seconds\n", r.From, r.To, r.Rows, r.Tables, seconds(r.Took))
	fmt.Fprintf(a.out, "epoch %s, as before: ids that were answered are still known\n", r.Epoch)
	fmt.Fprintf(a.out, "head %s\n", r.Head)
	fmt.Fprintln(a.out, "ok: both sides prove, and every row is the same")
	if c.KeepSource {
		fmt.Fprintln(a.out, "the source was kept: serve only one of the two, or their histories part")
	} else {
		fmt.Fprintln(a.out, "the source is marked as moved away: no server opens it")
	}
	key := settings.KeyFile
	if key == "" {
		key = filepath.Join(settings.Data, vault.FileName)
	}
	fmt.Fprintf(a.out, "secrets in the database are sealed by the key file (here %s): every process that serves it needs a copy\n", key)
}
