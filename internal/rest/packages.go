package rest

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"taocan/internal/edge"
	"taocan/internal/export"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// PackageFilter is the query of package lists and their export.
type PackageFilter struct {
	Category string           `query:"category" enum:"domestic,international"`
	Purpose  []taocan.Purpose `query:"purpose,explode" enum:"verification,marketing,general" doc:"Repeatable"`
	Status   []taocan.Status  `query:"status,explode" enum:"active,frozen,exhausted,expired" doc:"Repeatable"`
	Country  string           `query:"country" doc:"ISO code"`
	Q        string           `query:"q" maxLength:"200" doc:"Beginning of the number, or part of the name"`
	Sort     string           `query:"sort" doc:"number, total, remaining, expires_at, purchased_at; - before it for descending. Default -purchased_at"`
	AsOf     instant          `query:"as_of" doc:"RFC 3339, not in the future: what existed then, with figures and status of then"`
}

func (f PackageFilter) filter() (store.PackageFilter, error) {
	asOf, err := f.AsOf.parse("query.as_of")
	return store.PackageFilter{Category: taocan.Category(f.Category), Purposes: f.Purpose, Statuses: f.Status, Country: taocan.Country(f.Country),
		Query: f.Q, Sort: f.Sort, AsOf: asOf}, err
}

type packageQuery struct {
	InProject
	PackageFilter
	Paging
}

// InPackage is the path of one package.
type InPackage struct {
	InProject
	Number string `path:"number" example:"U1B19042914D4FE7"`
}

func (a *api) packageRoutes() {
	tags := []string{"packages"}
	read := holding(taocan.ScopeRead)
	base := "/v1/projects/{project}"
	add(a, holding(taocan.ScopeRead, taocan.ScopeDebit), huma.Operation{Method: http.MethodGet, Path: base + "/balance", OperationID: "get-balance",
		Tags: tags, Summary: "What is left in a category, now or at a past instant"}, a.balance)
	add(a, read, huma.Operation{Method: http.MethodGet, Path: base + "/packages", OperationID: "list-packages", Tags: tags, Summary: "Packages"}, a.packages)
	add(a, read, huma.Operation{Method: http.MethodGet, Path: base + "/packages/{number}", OperationID: "get-package", Tags: tags, Summary: "One package"}, a.onePackage)
	add(a, read, huma.Operation{Method: http.MethodGet, Path: base + "/packages/{number}/entries", OperationID: "list-entries", Tags: tags,
		Summary: "A package's statement, newest first"}, a.entries)
	exported(a, base+"/packages", "export-packages", "The same list", "It can be imported again.", a.packagesFile)
	exported(a, base+"/packages/{number}/entries", "export-entries", "A package's statement", "", a.entriesFile)
}

func (a *api) balance(ctx context.Context, in *struct {
	InProject
	Category string  `query:"category" enum:"domestic,international" default:"domestic"`
	AsOf     instant `query:"as_of" doc:"RFC 3339, not in the future"`
}) (*out[Balance], error) {
	asOf, err := in.AsOf.parse("query.as_of")
	if err != nil {
		return nil, err
	}
	b, err := a.Packages.Balance(ctx, edge.ActorOf(ctx).Tenant, taocan.Category(in.Category), asOf)
	if err != nil {
		return nil, err
	}
	return answer(a.toBalance(b)), nil
}

func (a *api) packages(ctx context.Context, in *packageQuery) (*out[List[Package]], error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	if f.Paging, err = in.Paging.paging(); err != nil {
		return nil, err
	}
	page, err := a.Packages.List(ctx, edge.ActorOf(ctx).Tenant, f)
	if err != nil {
		return nil, err
	}
	return listed(in.Paging, page, func(p taocan.Package) Package { return a.toPackage(p, a.at(f)) }), nil
}

// at is the instant that a list of packages speaks of.
func (a *api) at(f store.PackageFilter) time.Time {
	if !f.AsOf.IsZero() {
		return f.AsOf
	}
	return a.Clock.Now()
}

func (a *api) onePackage(ctx context.Context, in *InPackage) (*out[Package], error) {
	p, err := a.Packages.Get(ctx, edge.ActorOf(ctx).Tenant, taocan.PackageNumber(in.Number))
	if err != nil {
		return nil, err
	}
	return answer(a.toPackage(p, a.Clock.Now())), nil
}

func (a *api) entries(ctx context.Context, in *struct {
	InPackage
	Paging
}) (*out[List[Entry]], error) {
	p, err := in.Paging.paging()
	if err != nil {
		return nil, err
	}
	page, err := a.Packages.Entries(ctx, edge.ActorOf(ctx).Tenant, taocan.PackageNumber(in.Number), p)
	if err != nil {
		return nil, err
	}
	return listed(in.Paging, page, a.toEntry), nil
}

// exported declares a route to a file in each format: base + ".csv" and base + ".xlsx".
func exported[I any](a *api, base, id, summary, description string, handle func(context.Context, *I) (file, error)) {
	for _, f := range []struct {
		format      export.Format
		id          string
		summary     string
		description string
		media       string
		schema      huma.Schema
	}{
		{export.CSV, id, " as a CSV file", "UTF-8 with a byte order mark, for spreadsheets.", export.MediaCSV, huma.Schema{Type: huma.TypeString}},
		{export.XLSX, id + "-xlsx", " as an XLSX file", "One sheet, numbers as numbers.", export.MediaXLSX,
			huma.Schema{Type: huma.TypeString, Format: "binary"}},
	} {
		add(a, holding(taocan.ScopeRead), huma.Operation{Method: http.MethodGet, Path: base + "." + string(f.format), OperationID: f.id,
			Tags: []string{"packages"}, Summary: summary + f.summary,
			Description: strings.TrimSpace(f.description + " At most 100,000 lines. Texts that a spreadsheet would take for a formula begin with '. " + description),
			Responses: map[string]*huma.Response{"200": {Description: "OK",
				Content: map[string]*huma.MediaType{f.media: {Schema: &f.schema}}}}},
			func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
				opened, err := handle(ctx, in)
				if err != nil {
					return nil, err
				}
				return &huma.StreamResponse{Body: func(ctx huma.Context) {
					_, w := humago.Unwrap(ctx)
					opened.Serve(w, f.format)
				}}, nil
			})
	}
}

// file is an export about to be written.
type file interface {
	Serve(w http.ResponseWriter, f export.Format)
}

// Columns and names as other consoles export them: package packages imports by these.
var (
	packageColumns = []string{"套餐包编号", "套餐包名称", "短信用途", "短信总量(条)", "短信剩余量(条)", "到期时间", "状态"}
	entryColumns   = []string{"时间", "类型", "变动(条)", "变动后剩余(条)", "预留变动(条)", "变动后预留(条)", "扣减笔数", "关联编号"}
	purposeNames   = map[taocan.Purpose]string{taocan.Verification: "验证通知", taocan.Marketing: "会员营销", taocan.General: "通用"}
	statusNames    = map[taocan.Status]string{taocan.Active: "有效", taocan.Exhausted: "额度用尽", taocan.Expired: "已过期", taocan.Frozen: "已冻结"}
	entryNames     = map[taocan.EntryKind]string{taocan.EntryIssue: "发放", taocan.EntryImport: "导入", taocan.EntryGrant: "赠送",
		taocan.EntryAdjust: "调整", taocan.EntryRelease: "释放", taocan.EntryCommit: "确认", taocan.EntryReserve: "预留",
		taocan.EntryDebit: "扣减", taocan.EntryExpire: "过期",
		taocan.EntryExtend: "延期", taocan.EntryFreeze: "冻结", taocan.EntryUnfreeze: "解冻",
		taocan.EntryTransferIn: "转入", taocan.EntryTransferOut: "转出"}
)

func (a *api) packagesFile(ctx context.Context, in *struct {
	InProject
	PackageFilter
}) (file, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	tenant := edge.ActorOf(ctx).Tenant
	return export.Open(export.Table[taocan.Package]{Name: "packages", Columns: packageColumns, Row: func(p taocan.Package) []export.Cell {
		return []export.Cell{export.Text(p.Number), export.Text(p.Name), export.Text(purposeNames[p.Purpose]), export.Number(p.Total),
			export.Number(p.Remaining), export.Text(p.ExpiresOn(a.Zone)), export.Text(statusNames[p.Status(a.at(f))])}
	}}, func(p store.Paging) (store.Page[taocan.Package], error) {
		f.Paging = p
		return a.Packages.List(ctx, tenant, f)
	})
}

func (a *api) entriesFile(ctx context.Context, in *InPackage) (file, error) {
	tenant, n := edge.ActorOf(ctx).Tenant, taocan.PackageNumber(in.Number)
	return export.Open(export.Table[taocan.Entry]{Name: "entries", Columns: entryColumns, Row: func(e taocan.Entry) []export.Cell {
		return []export.Cell{export.Instant(a.local(e.At)), export.Text(entryNames[e.Kind]),
			export.Number(e.Remaining), export.Number(e.RemainingAfter), export.Number(e.Reserved), export.Number(e.ReservedAfter),
			export.Number(e.Debits), export.Text(e.Reference)}
	}}, func(p store.Paging) (store.Page[taocan.Entry], error) {
		return a.Packages.Entries(ctx, tenant, n, p)
	})
}
