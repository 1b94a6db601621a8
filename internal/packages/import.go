package packages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// ImportOptions of an import.
type ImportOptions struct {
	SnapshotAt time.Time // the instant that the figures of the file are of; the packages exist from then on
	Format     string    // FormatCSV, FormatXLSX, or empty: what the content is
	Partial    bool      // import the good rows although there are bad ones
	DryRun     bool      // report only
}

// The formats of an import.
const (
	FormatCSV  = "csv"
	FormatXLSX = "xlsx"
)

// ImportReport says what an import did, or with DryRun would do.
type ImportReport struct {
	Imported  int      // packages that are new
	Unchanged int      // rows that had been imported before, with the same figures
	Bad       []BadRow // by line
}

// BadRow is a row that cannot become a package. The header is line 1.
type BadRow struct {
	Line   int
	Reason string
}

// Import makes packages of another console's export. One bad row refuses the file, unless Partial.
func (p *Packages) Import(ctx context.Context, actor taocan.Actor, t taocan.Tenant, file io.Reader, o ImportOptions) (ImportReport, error) {
	if err := actor.OperatorOnly(); err != nil {
		return ImportReport{}, fmt.Errorf("import packages: %w", err)
	}
	if o.Format != "" && o.Format != FormatCSV && o.Format != FormatXLSX {
		return ImportReport{}, taocan.Invalid("query.format", "can only be csv or xlsx", o.Format)
	}
	if o.SnapshotAt.IsZero() {
		return ImportReport{}, taocan.Invalid("query.snapshot_at", "is missing", nil)
	}
	o.SnapshotAt = o.SnapshotAt.UTC().Truncate(time.Microsecond)
	if o.SnapshotAt.After(p.clock.Now()) {
		return ImportReport{}, taocan.Invalid("query.snapshot_at", "lies in the future", o.SnapshotAt.Format(time.RFC3339))
	}
	parsed, err := parse(file, o.Format, o.SnapshotAt, p.zone)
	if err != nil {
		return ImportReport{}, err
	}

	var report ImportReport
	if o.DryRun {
		err = p.store.View(ctx, func(r store.Reader) (err error) {
			report, _, err = sift(ctx, r, t, parsed, o.Partial)
			return err
		})
	} else {
		err = p.store.Update(ctx, t.Account, func(tx store.Tx) error {
			var fresh []taocan.Package
			var err error
			if report, fresh, err = sift(ctx, tx, t, parsed, o.Partial); err != nil || len(fresh) == 0 {
				return err
			}
			for _, x := range fresh {
				if err := tx.InsertPackage(ctx, x, taocan.EntryImport, ""); err != nil {
					return fmt.Errorf("package %s: %w", x.Number, err)
				}
			}
			return store.Audit(ctx, tx, actor, "package.import", string(t.Project), nil, map[string]any{
				"imported": report.Imported, "unchanged": report.Unchanged, "bad": len(report.Bad), "snapshot_at": o.SnapshotAt})
		})
	}
	if err != nil {
		return ImportReport{}, fmt.Errorf("import packages into project %s: %w", t.Project, err)
	}
	return report, nil
}

// sift compares what the file says with what the store knows. It returns the packages to be inserted: none
// where a bad row refuses the file.
func sift(ctx context.Context, r store.Reader, t taocan.Tenant, parsed parsedFile, partial bool) (ImportReport, []taocan.Package, error) {
	if err := projectOf(ctx, r, t); err != nil {
		return ImportReport{}, nil, err
	}
	report := ImportReport{Bad: slices.Clone(parsed.bad)}
	var fresh []taocan.Package
	for _, row := range parsed.rows {
		row.Tenant = t
		known, err := r.PackageAnywhere(ctx, row.Number)
		switch {
		case errors.Is(err, taocan.ErrNotFound):
			fresh = append(fresh, row.Package)
			continue
		case err != nil:
			return ImportReport{}, nil, err
		case known.Tenant != t:
			// Whose it is must not be learned from an import.
			report.Bad = append(report.Bad, BadRow{row.line, "the number is already taken"})
			continue
		}
		opening, err := r.OpeningEntry(ctx, t, row.Number)
		if err != nil {
			return ImportReport{}, nil, err
		}
		if reason := differs(row.Package, known, opening); reason != "" {
			report.Bad = append(report.Bad, BadRow{row.line, reason})
			continue
		}
		report.Unchanged++
	}
	slices.SortFunc(report.Bad, func(a, b BadRow) int { return a.Line - b.Line })
	if len(report.Bad) > 0 && (!partial || parsed.unreadable) {
		return ImportReport{Bad: report.Bad}, nil, nil
	}
	report.Imported = len(fresh)
	return report, fresh, nil
}

// differs compares a row with the opening of the package that has its number. What was used since is no difference.
func differs(row, known taocan.Package, opening taocan.Entry) string {
	switch {
	case opening.Kind != taocan.EntryImport:
		return "the number is that of a package which was not imported"
	case row.Total != known.Total:
		return fmt.Sprintf("was imported before with a total of %d, not %d", known.Total, row.Total)
	case row.Remaining != opening.RemainingAfter:
		return fmt.Sprintf("was imported before with %d remaining, not %d", opening.RemainingAfter, row.Remaining)
	case !row.ExpiresAt.Equal(cmp.Or(known.FirstExpiresAt, known.ExpiresAt)): // what was extended since is no difference
		return "was imported before with another expiry date"
	case row.Name != known.Name:
		return "was imported before with another name"
	}
	return ""
}

// projectOf makes sure that the tenant exists as a whole, before anything is written for it.
func projectOf(ctx context.Context, r store.Reader, t taocan.Tenant) error {
	project, err := r.Project(ctx, t.Project)
	if errors.Is(err, taocan.ErrNotFound) || err == nil && project.Account != t.Account { // another's is told as one that is not there
		return &taocan.NotFoundError{Detail: fmt.Sprintf("there is no project %.40s in the account", t.Project)}
	}
	if err != nil {
		return fmt.Errorf("project %.40q: %w", t.Project, err)
	}
	return nil
}

// count reads a whole number of messages: decimal digits only, at most taocan.MaxSegments.
func count(s string) (taocan.Segments, bool) {
	if s == "" || len(s) > 10 {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	v, err := strconv.ParseInt(s, 10, 64)
	return taocan.Segments(v), err == nil && v <= int64(taocan.MaxSegments)
}
