package main

import (
	"fmt"

	"taocan/internal/clock"
	"taocan/internal/monthfile"
	"taocan/internal/server"
	"taocan/internal/store"
)

type verifyCmd struct {
	folder     `embed:""`
	ExpectHead string `name:"expect-head" placeholder:"HEAD" help:"Head that an earlier verify printed: all that it covered must still be there."`
	Archive    string `name:"archive" placeholder:"DIR" help:"Folder of archived months (taocan archive debits): prove their debits from the files, too."`
}

// verifyAnswer is the JSON form of a report.
type verifyAnswer struct {
	OK       bool            `json:"ok"`
	Findings []verifyFinding `json:"findings"`
	Checked  verifyChecked   `json:"checked"`
	Head     string          `json:"head"`
}

type verifyFinding struct {
	Subject string `json:"subject"`
	Detail  string `json:"detail"`
}

type verifyChecked struct {
	Commits  int64 `json:"commits"`
	Debits   int64 `json:"debits"`
	Entries  int64 `json:"entries"`
	Packages int64 `json:"packages"`
	Orders   int64 `json:"orders"`
	Wallets  int64 `json:"wallets"`
	Archived int64 `json:"archived,omitempty"` // debits among them whose files were not read
}

func checkedOf(r store.Report) verifyChecked {
	return verifyChecked{r.Commits, r.Debits, r.Entries, r.Packages, r.Orders, r.Wallets, r.Archived}
}

// Run reads beside a running server.
func (c *verifyCmd) Run(a *app) error {
	settings, err := c.settings()
	if err != nil {
		return err
	}
	st, err := server.OpenReader(a.ctx, settings, clock.System())
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }() // read only: nothing to lose
	o := store.VerifyOptions{ExpectHead: c.ExpectHead, IdempotencyWindow: st.Window()}
	if c.Archive != "" {
		files := monthfile.NewDir(c.Archive)
		defer files.Close()
		o.Archive = files
	}
	report, err := store.Verify(a.ctx, st, o)
	if err != nil {
		return err
	}
	if err := c.print(a, report); err != nil {
		return err
	}
	if n := len(report.Findings); n > 0 {
		return fmt.Errorf("%s does not prove: %d found", settings.Database(), n)
	}
	return nil
}

func (c *verifyCmd) print(a *app, r store.Report) error {
	if a.json {
		answer := verifyAnswer{OK: len(r.Findings) == 0, Findings: []verifyFinding{}, Head: r.Head,
			Checked: checkedOf(r)}
		for _, f := range r.Findings {
			answer.Findings = append(answer.Findings, verifyFinding{f.Subject, f.Detail})
		}
		return a.printJSON(answer)
	}
	for _, f := range r.Findings {
		fmt.Fprintln(a.out, f)
	}
	fmt.Fprintf(a.out, "checked %d commits, %d debits, %d entries, %d packages, %d orders, %d wallets\n",
		r.Commits, r.Debits, r.Entries, r.Packages, r.Orders, r.Wallets)
	if r.Archived > 0 {
		fmt.Fprintf(a.out, "%d of these debits are archived: their entries and sums were proved, --archive DIR proves the debits themselves\n", r.Archived)
	}
	fmt.Fprintf(a.out, "head %s\n", r.Head)
	if len(r.Findings) == 0 {
		fmt.Fprintln(a.out, "ok: every balance equals its entries, every payment its order, and the history is unaltered")
	}
	return nil
}
