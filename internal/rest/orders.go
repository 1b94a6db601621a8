package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/edge"
	"taocan/internal/order"
	"taocan/internal/taocan"
)

// OrderRequest is a quote's body and the agreement that the buyer accepts.
type OrderRequest struct {
	QuoteRequest
	AgreementVersion string `json:"agreement_version,omitempty" doc:"The version that was read and accepted; it has to be the current one"`
}

// PaymentRequest names the voucher to use, at most one.
type PaymentRequest struct {
	Voucher *string `json:"voucher,omitempty" nullable:"true" maxLength:"128" doc:"Its id; null or absent for none"`
}

// Paid is a paid order.
type Paid struct {
	Order    Order    `json:"order"`
	Payment  Payment  `json:"payment"`
	Packages []string `json:"packages"`
}

// UsableVoucher is a voucher that could pay part of an order.
type UsableVoucher struct {
	ID         string    `json:"id"`
	Amount     Yuan      `json:"amount"`
	MinAmount  Yuan      `json:"min_amount"`
	ValidUntil time.Time `json:"valid_until"`
	Pays       Yuan      `json:"pays" doc:"Of this order"`
}

// RedeemRequest is a voucher's code.
type RedeemRequest struct {
	Code string `json:"code" maxLength:"100"`
}

// InOrder is the path of one order.
type InOrder struct {
	InProject
	ID string `path:"id" doc:"The order's id"`
}

// OrderQuery is the query of lists of orders.
type OrderQuery struct {
	State string `query:"state" enum:"pending,paid,cancelled,closed"`
	Paging
}

func (a *api) orderRoutes() {
	tags := []string{"orders"}
	read, buy := holding(taocan.ScopeRead), holding(taocan.ScopeBuy)
	base := "/v1/projects/{project}"
	add(a, buy, huma.Operation{Method: http.MethodPost, Path: base + "/orders", OperationID: "create-order", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Order a purchase", Description: "The price is kept until closes_at. Nothing is issued before payment. A replay is answered 200."}, a.createOrder)
	add(a, read, huma.Operation{Method: http.MethodGet, Path: base + "/orders", OperationID: "list-orders", Tags: tags, Summary: "Orders, newest first"}, a.orders)
	add(a, read, huma.Operation{Method: http.MethodGet, Path: base + "/orders/{id}", OperationID: "get-order", Tags: tags, Summary: "One order"}, a.order)
	add(a, buy, huma.Operation{Method: http.MethodPost, Path: base + "/orders/{id}/cancel", OperationID: "cancel-order", Tags: tags, Summary: "Cancel a pending order"}, a.cancelOrder)
	add(a, read, huma.Operation{Method: http.MethodGet, Path: base + "/orders/{id}/vouchers", OperationID: "list-usable-vouchers", Tags: tags,
		Summary: "Vouchers that could pay this order, best first"}, a.usableVouchers)
	add(a, buy, huma.Operation{Method: http.MethodPost, Path: base + "/orders/{id}/payment", OperationID: "pay-order", Tags: tags,
		Summary: "Pay an order and issue its packages", Description: "Takes the voucher, then gift, cash and credit. All or nothing."}, a.payOrder)
	add(a, read, huma.Operation{Method: http.MethodGet, Path: base + "/wallet", OperationID: "get-wallet", Tags: tags, Summary: "What the account can pay with"}, a.wallet)
	add(a, read, huma.Operation{Method: http.MethodGet, Path: base + "/wallet/entries", OperationID: "list-wallet-entries", Tags: tags,
		Summary: "The wallet's statement, newest first"}, a.walletEntries)
	add(a, read, huma.Operation{Method: http.MethodGet, Path: base + "/vouchers", OperationID: "list-vouchers", Tags: tags, Summary: "The account's vouchers, soonest end first"}, a.vouchers)
	add(a, buy, huma.Operation{Method: http.MethodPost, Path: base + "/vouchers/redeem", OperationID: "redeem-voucher", Tags: tags,
		Summary: "Take the voucher of a code"}, a.redeem)
}

func (a *api) createOrder(ctx context.Context, in *struct {
	InProject
	Idempotent
	Body OrderRequest
}) (*keyed[Order], error) {
	c, err := content(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	o, replayed, err := a.Orders.Create(ctx, edge.ActorOf(ctx), in.Key, c, in.Body.purchase(), in.Body.AgreementVersion)
	if err != nil {
		return nil, err
	}
	return keyedAnswer(http.StatusCreated, a.toOrder(o), replayed), nil
}

func (a *api) orders(ctx context.Context, in *struct {
	InProject
	OrderQuery
}) (*out[List[Order]], error) {
	p, err := in.Paging.paging()
	if err != nil {
		return nil, err
	}
	page, err := a.Orders.Orders(ctx, edge.ActorOf(ctx).Tenant, taocan.OrderState(in.State), p)
	if err != nil {
		return nil, err
	}
	return listed(in.Paging, page, a.toOrder), nil
}

func (a *api) order(ctx context.Context, in *InOrder) (*out[Order], error) {
	o, err := a.Orders.Order(ctx, edge.ActorOf(ctx).Tenant, taocan.OrderID(in.ID))
	if err != nil {
		return nil, err
	}
	return answer(a.toOrder(o)), nil
}

func (a *api) cancelOrder(ctx context.Context, in *InOrder) (*out[Order], error) {
	o, err := a.Orders.Cancel(ctx, edge.ActorOf(ctx), taocan.OrderID(in.ID))
	if err != nil {
		return nil, err
	}
	return answer(a.toOrder(o)), nil
}

func (a *api) usableVouchers(ctx context.Context, in *InOrder) (*out[Items[UsableVoucher]], error) {
	list, err := a.Orders.UsableVouchers(ctx, edge.ActorOf(ctx).Tenant, taocan.OrderID(in.ID))
	if err != nil {
		return nil, err
	}
	return answer(Items[UsableVoucher]{converted(list, func(v order.UsableVoucher) UsableVoucher {
		return UsableVoucher{string(v.ID), Yuan(v.Amount), Yuan(v.MinAmount), a.local(v.ValidUntil), Yuan(v.Pays)}
	})}), nil
}

func (a *api) payOrder(ctx context.Context, in *struct {
	InOrder
	Idempotent
	Body *PaymentRequest
}) (*keyed[Paid], error) {
	var voucher taocan.VoucherID
	if in.Body != nil && in.Body.Voucher != nil {
		if voucher = taocan.VoucherID(*in.Body.Voucher); voucher == "" {
			return nil, taocan.Invalid("body.voucher", "must be a voucher's id, or null for none", "")
		}
	}
	// No body and no voucher are the same call.
	c, err := content(ctx, voucher)
	if err != nil {
		return nil, err
	}
	o, replayed, err := a.Orders.Pay(ctx, edge.ActorOf(ctx), in.Key, c, taocan.OrderID(in.ID), voucher)
	if err != nil {
		return nil, err
	}
	shown := a.toOrder(o)
	return keyedAnswer(http.StatusOK, Paid{Order: shown, Payment: *shown.Payment, Packages: shown.Packages}, replayed), nil
}

func (a *api) wallet(ctx context.Context, _ *InProject) (*out[Wallet], error) {
	w, err := a.Orders.Wallet(ctx, edge.ActorOf(ctx).Account)
	if err != nil {
		return nil, err
	}
	return answer(toWallet(w)), nil
}

func (a *api) walletEntries(ctx context.Context, in *struct {
	InProject
	Paging
}) (*out[List[WalletEntry]], error) {
	p, err := in.Paging.paging()
	if err != nil {
		return nil, err
	}
	actor := edge.ActorOf(ctx)
	page, err := a.Orders.WalletEntries(ctx, actor.Account, p)
	if err != nil {
		return nil, err
	}
	return listed(in.Paging, page, func(e taocan.WalletEntry) WalletEntry {
		if e.Project != actor.Project {
			e.Order = "" // the money is the account's, the order is another project's
		}
		return a.toWalletEntry(e)
	}), nil
}

func (a *api) vouchers(ctx context.Context, in *struct {
	InProject
	Paging
}) (*out[List[Voucher]], error) {
	p, err := in.Paging.paging()
	if err != nil {
		return nil, err
	}
	actor := edge.ActorOf(ctx)
	page, err := a.Orders.Vouchers(ctx, actor.Account, p)
	if err != nil {
		return nil, err
	}
	return listed(in.Paging, page, func(v taocan.Voucher) Voucher {
		shown := a.toVoucher(v)
		if v.UsedIn != actor.Project {
			shown.UsedBy = nil
		}
		return shown
	}), nil
}

func (a *api) redeem(ctx context.Context, in *struct {
	InProject
	Body RedeemRequest
}) (*out[Voucher], error) {
	v, err := a.Orders.Redeem(ctx, edge.ActorOf(ctx), in.Body.Code)
	if err != nil {
		return nil, err
	}
	return answer(a.toVoucher(v)), nil
}
