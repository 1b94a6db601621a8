package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"taocan/internal/archive"
	"taocan/internal/edge"
	"taocan/internal/taocan"
)

func (a *api) archiveRoutes() {
	about := "A ZIP of CSV files, all of one instant; README.txt in it says what is what. No password or secret is in it. " +
		"At most two are written at a time, each for at most ten minutes. A file without its end has been broken off."
	op := func(path, id, tag, summary string) huma.Operation {
		return huma.Operation{Method: http.MethodGet, Path: path, OperationID: id, Tags: []string{tag}, Summary: summary, Description: about,
			Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
				archive.MediaType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}}
	}
	add(a, holding(taocan.ScopeManage), op("/v1/projects/{project}/export.zip", "export-project", "statements", "Everything of the project, as files"), a.projectArchive)
	add(a, operators, op("/v1/operator/accounts/{account}/export.zip", "export-account", "operator", "Everything of the account, as files"), a.accountArchive)
}

func (a *api) projectArchive(ctx context.Context, _ *InProject) (*huma.StreamResponse, error) {
	return a.archived(edge.ActorOf(ctx).Tenant), nil
}

func (a *api) accountArchive(_ context.Context, in *struct {
	Account string `path:"account"`
}) (*huma.StreamResponse, error) {
	return a.archived(taocan.Tenant{Account: taocan.AccountID(in.Account)}), nil
}

// archived answers with an archive, or with why there is none.
func (a *api) archived(of taocan.Tenant) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		ctx, cancel := edge.Long(w, r, archive.Limit)
		defer cancel()
		if err := a.Archive.Serve(ctx, edge.ActorOf(ctx), of, w); err != nil {
			a.fail(ctx, err).Write(w)
		}
	}}
}
