package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"taocan/internal/clock"
	"taocan/internal/monthfile"
	"taocan/internal/server"
	"taocan/internal/store"
)

type archiveCmd struct {
	Debits archiveDebitsCmd `cmd:"" help:"Move the debits of old months into files. Balances, entries and all else stay, and verify still proves."`
}

type archiveDebitsCmd struct {
	folder `embed:""`
	Before string `name:"before" required:"" placeholder:"MONTH" help:"First month that stays, as 2026-07. Months are UTC's."`
	To     string `name:"to" required:"" placeholder:"DIR" help:"Folder of the files. Keep it as long as the database, and copy it elsewhere."`
	DryRun bool   `name:"dry-run" help:"Only say what would be moved."`
}

// archivedAnswer is what --json prints.
type archivedAnswer struct {
	Months  []archivedMonth `json:"months"`
	DryRun  bool            `json:"dry_run"`
	Seconds seconds         `json:"seconds"`
}

type archivedMonth struct {
	Month   string `json:"month"`
	Lane    uint8  `json:"lane"`
	Commits int64  `json:"commits"`
	Debits  int64  `json:"debits"`
	Bytes   int64  `json:"bytes"` // that they took in the database
	File    string `json:"file"`
	Resumed bool   `json:"resumed,omitempty"`
}

// Run works beside servers on PostgreSQL; SQLite has one process that writes.
func (c *archiveDebitsCmd) Run(a *app) error {
	if _, err := time.Parse(store.MonthFormat, c.Before); err != nil {
		return usage("--before %s is not a month, as 2026-07 is", c.Before)
	}
	settings, err := c.settings()
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(a.ctx)
	defer stop()
	began := clock.System()
	start := began.Monotonic()
	st, err := server.OpenUpkeep(ctx, settings, began, slog.New(slog.DiscardHandler))
	if errors.Is(err, server.ErrHeld) {
		return fmt.Errorf("a server holds the data folder %s: stop it first; only PostgreSQL lets two processes write", settings.Data)
	}
	if err != nil {
		return err
	}
	answer := archivedAnswer{Months: []archivedMonth{}, DryRun: c.DryRun}
	done := func(m monthfile.Month) {
		x := archivedMonth{m.Month, uint8(m.Lane), m.Commits, m.Debits, m.Packed, m.File, m.Resumed}
		answer.Months = append(answer.Months, x)
		if !a.json {
			c.tell(a, x)
		}
	}
	err = monthfile.Archive(ctx, st, monthfile.Options{Dir: c.To, Before: c.Before, Now: began.Now(), DryRun: c.DryRun, Done: done,
		Window: max(st.Window(), time.Duration(settings.IdempotencyDays)*24*time.Hour)})
	if err = errors.Join(err, st.Close()); err != nil {
		return err
	}
	answer.Seconds = seconds(began.Monotonic() - start)
	if a.json {
		return a.printJSON(answer)
	}
	c.sum(a, answer)
	return nil
}

func (c *archiveDebitsCmd) tell(a *app, m archivedMonth) {
	switch {
	case m.Resumed && c.DryRun:
		fmt.Fprintf(a.out, "%s lane %d: an earlier run broke off; the rest would be removed\n", m.Month, m.Lane)
	case m.Resumed:
		fmt.Fprintf(a.out, "%s lane %d: what an earlier run had left is removed\n", m.Month, m.Lane)
	default:
		fmt.Fprintf(a.out, "%s lane %d: %d debits of %d commits, %d bytes, %s\n", m.Month, m.Lane, m.Debits, m.Commits, m.Bytes, m.File)
	}
}

func (c *archiveDebitsCmd) sum(a *app, x archivedAnswer) {
	var debits, bytes int64
	for _, m := range x.Months {
		if !m.Resumed {
			debits, bytes = debits+m.Debits, bytes+m.Bytes
		}
	}
	switch {
	case len(x.Months) == 0:
		fmt.Fprintf(a.out, "nothing before %s is left to archive\n", c.Before)
	case c.DryRun:
		fmt.Fprintf(a.out, "would archive %d debits, %d bytes; nothing was changed\n", debits, bytes)
	default:
		fmt.Fprintf(a.out, "archived %d debits, %d bytes, to %s in %s seconds\n", debits, bytes, c.To, x.Seconds)
		fmt.Fprintf(a.out, "taocan verify --archive %s proves them; keep these files as long as the database, and a copy elsewhere\n", c.To)
	}
}
