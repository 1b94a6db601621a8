package order

import (
	"context"
	"errors"
	"fmt"

	"taocan/internal/catalog"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Create prices a purchase and writes it as a pending order. The price and the agreement are those of this
// moment and stay. The same key with the same content answers the order as it was first made.
func (o *Orders) Create(ctx context.Context, actor taocan.Actor, key string, content []byte, p taocan.Purchase, agreementVersion string) (ord taocan.Order, replayed bool, err error) {
	if err := checkKey(key); err != nil {
		return taocan.Order{}, false, err
	}
	err = o.store.Update(ctx, actor.Account, func(tx store.Tx) error {
		account, err := buyer(ctx, tx, actor)
		if err != nil {
			return err
		}
		var id string
		if id, replayed, err = store.Replay(ctx, tx, actor.Tenant, opOrder, key, content); err != nil {
			return err
		}
		if replayed {
			ord, err = tx.Order(ctx, actor.Tenant, taocan.OrderID(id))
			ord = asMade(ord)
			return err
		}
		if ord, err = o.prepare(ctx, tx, actor, account, p, agreementVersion); err != nil {
			return err
		}
		if err := tx.InsertOrder(ctx, ord); err != nil {
			return err
		}
		if err := tx.InsertIdempotencyKey(ctx, store.IdempotencyKey{Tenant: actor.Tenant, Operation: opOrder, Key: key,
			Content: content, Subject: string(ord.ID), CreatedAt: tx.Now()}); err != nil {
			return err
		}
		ord, err = tx.Order(ctx, actor.Tenant, ord.ID) // as every later answer reads it
		return err
	})
	if err != nil {
		return taocan.Order{}, false, fmt.Errorf("create order: %w", err)
	}
	return ord, replayed, nil
}

// asMade is the order before anything happened to it.
func asMade(ord taocan.Order) taocan.Order {
	made := ord
	made.State, made.SettledAt, made.Packages, made.Payment = taocan.OrderPending, taocan.Order{}.SettledAt, nil, nil
	return made
}

// prepare makes a pending order from what is sold, priced and agreed at the transaction's time.
func (o *Orders) prepare(ctx context.Context, tx store.Tx, actor taocan.Actor, account taocan.Account, p taocan.Purchase, agreementVersion string) (taocan.Order, error) {
	quote, err := o.catalog.QuoteAt(ctx, tx, tx.Now(), account, p)
	if err != nil {
		return taocan.Order{}, err
	}
	quote.BetterOffer = nil // advice before the order, no part of it
	agreement, err := tx.Agreement(ctx)
	if err != nil && !errors.Is(err, taocan.ErrNotFound) {
		return taocan.Order{}, err
	}
	if err != nil || agreementVersion != agreement.Version {
		return taocan.Order{}, &taocan.AgreementError{CurrentVersion: agreement.Version}
	}
	id, err := o.newID("O")
	if err != nil {
		return taocan.Order{}, err
	}
	return taocan.Order{
		Tenant: actor.Tenant, ID: taocan.OrderID(id), Description: describe(quote), Quote: quote,
		AgreementVersion: agreement.Version, AgreementHash: agreement.Hash, By: actor,
		CreatedAt: tx.Now(), ClosesAt: tx.Now().Add(o.closeAfter), State: taocan.OrderPending,
	}, nil
}

var (
	categoryNames = map[taocan.Category]string{taocan.Domestic: "国内短信", taocan.International: "国际及港澳台短信"}
	purposeNames  = map[taocan.Purpose]string{taocan.Verification: "验证通知", taocan.Marketing: "会员营销", taocan.General: "通用"}
)

// describe says what is bought, as the payment page shows it: 国内短信 · 自定义套餐 · 验证通知 · 1000条.
func describe(q taocan.Quote) string {
	category := categoryNames[q.Category]
	switch {
	case q.Kind == taocan.Fixed:
		return fmt.Sprintf("%s · 固定套餐包 · %s × %d", category, q.Name, q.Packages)
	case q.Category == taocan.International:
		country, _ := catalog.CountryName(q.Country)
		return fmt.Sprintf("%s · 自定义套餐 · %s · %d条", category, country, q.Quantity)
	}
	return fmt.Sprintf("%s · 自定义套餐 · %s · %d条", category, purposeNames[q.Purpose], q.Quantity)
}
