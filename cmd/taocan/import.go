package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"
)

type importCmd struct {
	Packages importPackagesCmd `cmd:"" help:"Import packages from another console's CSV or XLSX export."`
}

type importPackagesCmd struct {
	target     `embed:""`
	Project    string  `name:"project" required:"" placeholder:"P" help:"Project that gets the packages."`
	SnapshotAt instant `name:"snapshot-at" required:"" placeholder:"TIME" help:"When the export was made, with its offset: 2021-04-01T00:00:00+08:00."`
	Partial    bool    `name:"partial" help:"Import the good rows although there are bad ones."`
	DryRun     bool    `name:"dry-run" help:"Only say what would be imported."`
	File       string  `arg:"" help:"CSV file, UTF-8, or XLSX workbook, whose first sheet is read."`
}

// instant is a time with its offset, as a flag.
type instant struct{ time.Time }

func (i *instant) UnmarshalText(b []byte) (err error) {
	if i.Time, err = time.Parse(time.RFC3339, string(b)); err != nil {
		return fmt.Errorf("%.40q is not a time with its offset, like 2021-04-01T00:00:00+08:00", b)
	}
	return nil
}

// MarshalJSON writes the time as the API reads it.
func (i instant) MarshalJSON() ([]byte, error) { return json.Marshal(i.Format(time.RFC3339Nano)) }

type importReport struct {
	Imported  int `json:"imported"`
	Unchanged int `json:"unchanged"`
	Bad       []struct {
		Line   int    `json:"line"`
		Reason string `json:"reason"`
	} `json:"bad"`
}

func (c *importPackagesCmd) Run(a *app) error {
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	var report importReport
	err = c.ask(a, func(api *client) (json.RawMessage, error) {
		answer, err := api.do(a.ctx, request{method: http.MethodPost, path: "/v1/operator/projects/" + url.PathEscape(c.Project) + "/packages/import",
			query: url.Values{"snapshot_at": {c.SnapshotAt.Format(time.RFC3339Nano)}, "partial": {strconv.FormatBool(c.Partial)}, "dry_run": {strconv.FormatBool(c.DryRun)}},
			body:  file})
		return answer, errors.Join(err, decode(answer, &report))
	}, func(json.RawMessage) error {
		would := ""
		if c.DryRun {
			would = "would be "
		}
		fmt.Fprintf(a.out, "%d packages %simported, %d unchanged, %d bad rows\n", report.Imported, would, report.Unchanged, len(report.Bad))
		return nil
	})
	if err != nil {
		return err
	}
	for _, bad := range report.Bad {
		fmt.Fprintf(a.errOut, "line %d: %s\n", bad.Line, bad.Reason)
	}
	if len(report.Bad) > 0 && !c.Partial {
		return errors.New("nothing of the file is imported")
	}
	return nil
}

// decode reads an answer; nothing was answered where the call failed.
func decode(answer json.RawMessage, into any) error {
	if answer == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
