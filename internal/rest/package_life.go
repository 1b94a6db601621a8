package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/edge"
	"taocan/internal/packages"
	"taocan/internal/taocan"
)

// ExtendRequest is a later expiry.
type ExtendRequest struct {
	ExpiresOn string `json:"expires_on,omitempty" example:"2027-04-29" doc:"The new last date on which it works; or months"`
	Months    int    `json:"months,omitempty" minimum:"1" maximum:"120" doc:"Added to the present last date"`
	Reason    string `json:"reason"`
}

// ReasonRequest says why.
type ReasonRequest struct {
	Reason string `json:"reason"`
}

// TransferRequest moves messages to another project of the account.
type TransferRequest struct {
	Project  string `json:"project" doc:"Who gets them: another project of the same account"`
	Quantity int64  `json:"quantity,omitempty" minimum:"1" doc:"Default: all that remains"`
	Reason   string `json:"reason,omitempty" doc:"Operators need one"`
}

// Transfer is what one did: the package that lost, and the one that was made of it.
type Transfer struct {
	Quantity int64           `json:"quantity"`
	From     OperatorPackage `json:"from"`
	To       OperatorPackage `json:"to" doc:"A new package with a number of its own. Name, expiry and place in the order of use are those of the first one"`
}

func (a *api) packageLifeRoutes() {
	op := func(path, id, summary string) huma.Operation {
		return huma.Operation{Method: http.MethodPost, Path: path, OperationID: id, Summary: summary}
	}
	tagged := func(tag string, o huma.Operation) huma.Operation { o.Tags = []string{tag}; return o }
	const staff = "/v1/operator/packages/{number}"
	add(a, operators, tagged("operator", op(staff+"/extend", "extend-package", "Let a package work longer")), a.extendPackage)
	add(a, operators, tagged("operator", op(staff+"/freeze", "freeze-package", "Stop a package: it pays nothing until it is unfrozen")), a.freezePackage)
	add(a, operators, tagged("operator", op(staff+"/unfreeze", "unfreeze-package", "Let a frozen package pay again")), a.unfreezePackage)
	add(a, operators, tagged("operator", op(staff+"/transfer", "transfer-any-package", "Move messages of a package to another project of its account")), a.transferAny)
	add(a, holding(taocan.ScopeManage), tagged("packages", op("/v1/projects/{project}/packages/{number}/transfer", "transfer-package",
		"Move messages of a package to another project of the account")), a.transferOwn)
}

func (a *api) extendPackage(ctx context.Context, in *struct {
	InNumber
	Idempotent
	Body ExtendRequest
}) (*keyed[OperatorPackage], error) {
	c, err := content(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	return a.changed(a.Packages.Extend(ctx, edge.ActorOf(ctx), taocan.PackageNumber(in.Number), in.Key, c,
		packages.ExtendRequest{ExpiresOn: in.Body.ExpiresOn, Months: in.Body.Months, Reason: in.Body.Reason}))
}

type reasoned struct {
	InNumber
	Idempotent
	Body ReasonRequest
}

func (a *api) freezePackage(ctx context.Context, in *reasoned) (*keyed[OperatorPackage], error) {
	c, err := content(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	return a.changed(a.Packages.Freeze(ctx, edge.ActorOf(ctx), taocan.PackageNumber(in.Number), in.Key, c, in.Body.Reason))
}

func (a *api) unfreezePackage(ctx context.Context, in *reasoned) (*keyed[OperatorPackage], error) {
	c, err := content(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	return a.changed(a.Packages.Unfreeze(ctx, edge.ActorOf(ctx), taocan.PackageNumber(in.Number), in.Key, c, in.Body.Reason))
}

// changed answers with the package as an operator's change left it.
func (a *api) changed(p taocan.Package, replayed bool, err error) (*keyed[OperatorPackage], error) {
	if err != nil {
		return nil, err
	}
	return keyedAnswer(http.StatusOK, a.toOperatorPackage(p), replayed), nil
}

func (a *api) transferAny(ctx context.Context, in *struct {
	InNumber
	Idempotent
	Body TransferRequest
}) (*keyed[Transfer], error) {
	found, err := a.Packages.Find(ctx, taocan.PackageNumber(in.Number))
	if err != nil {
		return nil, err
	}
	return a.transfer(ctx, found.Tenant, found.Number, in.Key, in.Body)
}

func (a *api) transferOwn(ctx context.Context, in *struct {
	InPackage
	Idempotent
	Body TransferRequest
}) (*keyed[Transfer], error) {
	return a.transfer(ctx, edge.ActorOf(ctx).Tenant, taocan.PackageNumber(in.Number), in.Key, in.Body)
}

func (a *api) transfer(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber, key string, b TransferRequest) (*keyed[Transfer], error) {
	c, err := content(ctx, b)
	if err != nil {
		return nil, err
	}
	x, replayed, err := a.Packages.Transfer(ctx, edge.ActorOf(ctx), t, n, key, c,
		packages.TransferRequest{To: taocan.ProjectID(b.Project), Quantity: taocan.Segments(b.Quantity), Reason: b.Reason})
	if err != nil {
		return nil, err
	}
	return keyedAnswer(http.StatusOK, Transfer{int64(x.Quantity), a.toOperatorPackage(x.From), a.toOperatorPackage(x.To)}, replayed), nil
}
