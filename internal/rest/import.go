package rest

import (
	"bytes"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/edge"
	"taocan/internal/export"
	"taocan/internal/packages"
	"taocan/internal/taocan"
)

// ImportReport says what an import did, or with dry_run would do.
type ImportReport struct {
	DryRun    bool     `json:"dry_run"`
	Imported  int      `json:"imported" doc:"Packages that are new"`
	Unchanged int      `json:"unchanged" doc:"Rows that had been imported before with the same figures"`
	Bad       []BadRow `json:"bad" doc:"By line. Without partial, one of them and nothing is imported"`
}

// BadRow is a row that cannot become a package.
type BadRow struct {
	Line   int    `json:"line" doc:"The header is line 1"`
	Reason string `json:"reason"`
}

func (a *api) importRoutes() {
	add(a, operators, huma.Operation{Method: http.MethodPost, Path: "/v1/operator/projects/{project}/packages/import", OperationID: "import-packages",
		Tags: []string{"operator"}, Summary: "Import packages from another system's export",
		Description: "The body is CSV, UTF-8, or the first sheet of an XLSX workbook, recognised by its content, with the columns 套餐包编号, 套餐包名称, " +
			"短信用途, 短信总量(条), 短信剩余量(条) and 到期时间, in any order; at most 100,000 rows. A repeated import changes nothing. " +
			"The answer is 200 also where bad rows refused the file: look at imported and bad.",
		RequestBody: &huma.RequestBody{Content: map[string]*huma.MediaType{
			export.MediaXLSX: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}, a.importPackages)
}

func (a *api) importPackages(ctx context.Context, in *struct {
	Project    string  `path:"project"`
	SnapshotAt instant `query:"snapshot_at" required:"true" doc:"RFC 3339, not in the future: the instant that the figures are of"`
	Partial    bool    `query:"partial" doc:"Import the good rows although there are bad ones"`
	DryRun     bool    `query:"dry_run" doc:"Report only"`
	RawBody    []byte  `contentType:"text/csv"`
}) (*out[ImportReport], error) {
	snapshot, err := in.SnapshotAt.parse("query.snapshot_at")
	if err != nil {
		return nil, err
	}
	project, err := a.Access.Project(ctx, taocan.ProjectID(in.Project))
	if err != nil {
		return nil, err
	}
	report, err := a.Packages.Import(ctx, edge.ActorOf(ctx), taocan.Tenant{Account: project.Account, Project: project.ID}, bytes.NewReader(in.RawBody),
		packages.ImportOptions{SnapshotAt: snapshot, Partial: in.Partial, DryRun: in.DryRun})
	if err != nil {
		return nil, err
	}
	return answer(ImportReport{DryRun: in.DryRun, Imported: report.Imported, Unchanged: report.Unchanged,
		Bad: converted(report.Bad, func(b packages.BadRow) BadRow { return BadRow(b) })}), nil
}
