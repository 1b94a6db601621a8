package rest

import (
	"bytes"
	"context"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/edge"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// PackageFilter is the query of package lists and their export.
type PackageFilter struct {
	Category string           `query:"category" enum:"domestic,international"`
	Purpose  []taocan.Purpose `query:"purpose,explode" enum:"verification,marketing,general" doc:"Repeatable"`
	Status   []taocan.Status  `query:"status,explode" enum:"active,exhausted,expired" doc:"Repeatable"`
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
	add(a, read, csvOperation(base+"/packages.csv", "export-packages", "The same list as a CSV file that can be imported again"), a.packagesCSV)
	add(a, read, csvOperation(base+"/packages/{number}/entries.csv", "export-entries", "A package's statement as a CSV file"), a.entriesCSV)
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

const csvType = "text/csv; charset=utf-8"

func csvOperation(path, id, summary string) huma.Operation {
	return huma.Operation{Method: http.MethodGet, Path: path, OperationID: id, Tags: []string{"packages"}, Summary: summary,
		Description: "UTF-8 with a byte order mark, for spreadsheets. At most 100,000 lines. Cells that a spreadsheet would take for a formula begin with '.",
		Responses: map[string]*huma.Response{"200": {Description: "OK",
			Content: map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}}}}}}
}

// Names as other consoles export them: package packages imports by these.
var (
	packageColumns = []string{"套餐包编号", "套餐包名称", "短信用途", "短信总量(条)", "短信剩余量(条)", "到期时间", "状态"}
	entryColumns   = []string{"时间", "类型", "变动(条)", "变动后剩余(条)", "预留变动(条)", "变动后预留(条)", "扣减笔数", "关联编号"}
	purposeNames   = map[taocan.Purpose]string{taocan.Verification: "验证通知", taocan.Marketing: "会员营销", taocan.General: "通用"}
	statusNames    = map[taocan.Status]string{taocan.Active: "有效", taocan.Exhausted: "额度用尽", taocan.Expired: "已过期"}
	entryNames     = map[taocan.EntryKind]string{taocan.EntryIssue: "发放", taocan.EntryImport: "导入", taocan.EntryGrant: "赠送",
		taocan.EntryAdjust: "调整", taocan.EntryRelease: "释放", taocan.EntryCommit: "确认", taocan.EntryReserve: "预留",
		taocan.EntryDebit: "扣减", taocan.EntryExpire: "过期"}
)

// csvPage is how many lines are asked for at a time, so that an export holds little at once.
const csvPage = 1000

func (a *api) packagesCSV(ctx context.Context, in *struct {
	InProject
	PackageFilter
}) (*huma.StreamResponse, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	tenant := edge.ActorOf(ctx).Tenant
	return exportCSV("packages.csv", packageColumns, func(p store.Paging) (store.Page[taocan.Package], error) {
		f.Paging = p
		return a.Packages.List(ctx, tenant, f)
	}, func(p taocan.Package) []string {
		return []string{string(p.Number), p.Name, purposeNames[p.Purpose], number(p.Total), number(p.Remaining), p.ExpiresOn(a.Zone), statusNames[p.Status(a.at(f))]}
	})
}

func (a *api) entriesCSV(ctx context.Context, in *InPackage) (*huma.StreamResponse, error) {
	tenant, n := edge.ActorOf(ctx).Tenant, taocan.PackageNumber(in.Number)
	return exportCSV("entries.csv", entryColumns, func(p store.Paging) (store.Page[taocan.Entry], error) {
		return a.Packages.Entries(ctx, tenant, n, p)
	}, func(e taocan.Entry) []string {
		return []string{a.local(e.At).Format("2006-01-02 15:04:05.000000"), entryNames[e.Kind], number(e.Remaining), number(e.RemainingAfter),
			number(e.Reserved), number(e.ReservedAfter), strconv.Itoa(e.Debits), e.Reference}
	})
}

func number(q taocan.Segments) string { return strconv.FormatInt(int64(q), 10) }

// exportCSV writes a list page by page. The first page is read before anything is answered, so that a refusal is
// still a problem; when a later one fails the connection breaks off, so that half a file is not taken for a whole.
func exportCSV[T any](name string, columns []string, page func(store.Paging) (store.Page[T], error), line func(T) []string) (*huma.StreamResponse, error) {
	next := store.Paging{Limit: csvPage}
	got, err := page(next)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", csvType)
		ctx.SetHeader("Content-Disposition", `attachment; filename="`+name+`"`)
		ctx.SetStatus(http.StatusOK)
		var buf bytes.Buffer
		buf.WriteString("\ufeff")
		w := csv.NewWriter(&buf)
		_ = w.Write(columns) // into memory
		for lines := 0; ; {
			for _, x := range got.Items {
				_ = w.Write(neutral(line(x)))
			}
			w.Flush()
			if _, err := ctx.BodyWriter().Write(buf.Bytes()); err != nil {
				return // the caller has gone
			}
			buf.Reset()
			if lines += len(got.Items); got.Next == "" || lines >= store.CountLimit {
				return
			}
			next.Cursor = got.Next
			if got, err = page(next); err != nil {
				panic(http.ErrAbortHandler)
			}
		}
	}}, nil
}

// neutral keeps spreadsheets from running what a cell holds. Figures are left as they are.
func neutral(cells []string) []string {
	for i, c := range cells {
		if c == "" || !strings.ContainsAny(c[:1], "=+-@\t\r") {
			continue
		}
		if _, err := strconv.ParseInt(c, 10, 64); err != nil || c[0] == '+' {
			cells[i] = "'" + c
		}
	}
	return cells
}
