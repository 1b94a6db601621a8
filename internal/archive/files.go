package archive

import (
	"strconv"
	"strings"

	"taocan/internal/export"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// file is one CSV file of an archive.
type file struct {
	name        string
	accountOnly bool   // it holds what belongs to the account
	zh, en      string // what is in it
	columns     []string
	rows        func(*source, line) error
}

func (f file) belongs(of taocan.Tenant) bool { return of.Project == "" || !f.accountOnly }

// named splits the names of columns.
func named(columns string) []string { return strings.Fields(columns) }

// files are the archive's, in its order.
var files = []file{
	{"account.csv", true, "账户", "The account", named("id name level suspended created_at"), accountRows},
	{"projects.csv", false, "项目", "Projects", named("account id name created_at"), projectRows},
	{"members.csv", true, "成员，不含密码", "Members, without passwords", named("id login role suspended created_at"), memberRows},
	{"tokens.csv", true, "API 令牌，不含密钥；不含登录会话", "API tokens, without their secrets; sign-ins are left out",
		named("project id name scopes created_at expires_at revoked_at"), tokenRows},
	{"packages.csv", false, "套餐包；total + adjusted = remaining + reserved + used", "Packages; total + adjusted = remaining + reserved + used",
		named("project number name category purpose country charge_on total adjusted remaining reserved used purchased_at exists_from expires_at first_expires_at " +
			"frozen order paid_voucher paid_gift paid_cash paid_credit"), packageRows},
	{"entries.csv", false, "套餐包流水，每个包从旧到新；lane 与 commit 指明写入它的提交", "The ledger of packages, each from the oldest entry on; lane and commit name the commit that wrote it",
		named("project package at kind remaining reserved used remaining_after reserved_after debits reference expires_at lane commit"), entryRows},
	{"debits.csv", false, "扣减与预留，从新到旧，各为最后状态；allocations 为最初扣减或预留的“包编号:条数”，settled 为预留结算后实际使用的条数；overflow 为钱包支付的条数",
		"Debits and reservations, the newest first, each in its last state; allocations are number:messages, as first taken or set aside; settled is how many of a reservation became used; overflow is what the wallet paid for",
		named("project id kind category purpose country quantity reference state at allocations overflow overflow_price deadline on_deadline settled settled_at " +
			"by_deadline decision_version segment_version"), debitRows},
	{"archived_debits.csv", false, "已归档的月份（UTC）：其扣减（若有）不在 debits.csv 中，可向平台运营方查询",
		"Months (UTC) whose debits, if there were any, are archived and so not in debits.csv: ask the operator of the platform for them", named("month archived_at"), archivedRows},
	{"orders.csv", false, "订单，state 为记录的状态", "Orders; state is the one recorded",
		named("project id description kind category purpose country product count packages each quantity unit_price amount validity_months charge_on price_list " +
			"agreement_version agreement_hash by created_at closes_at state settled_at numbers"), orderRows},
	{"payments.csv", false, "订单的付款", "Payments of orders", named("project order voucher gift cash credit voucher_id paid_at by"), paymentRows},
	{"wallet_entries.csv", true, "钱包流水，从旧到新", "The ledger of the wallet, from the oldest entry on",
		named("n at kind cash gift credit_limit credit_used cash_after gift_after credit_limit_after credit_used_after project order reference by"), walletRows},
	{"vouchers.csv", true, "代金券，code_hint 为券码末四位", "Vouchers; code_hint is the end of the code",
		named("id code_hint amount min_amount categories purposes products valid_from valid_until issued_at assigned_at used_by used_in used_at"), voucherRows},
	{"alert_rules.csv", false, "预警规则", "Alert rules",
		named("project id kind unit category purpose country threshold enabled channels updated_at"), alertRows},
	{"usage_limits.csv", false, "用量上限", "Usage limits", named("project category purpose country period warning cap updated_at"), limitRows},
	{"overflows.csv", false, "超出套餐包后由钱包支付的设置", "What goes on from the wallet when packages have run out", named("project category cap updated_at"), overflowRows},
	{"pool_shares.csv", false, "可为本项目支付的其他项目", "Whose packages also pay for a project", named("user owner created_at"), poolRows},
	{"top_ups.csv", false, "自动续购设置", "Automatic top-ups",
		named("project id category purpose country level quantity month_cap cooldown_seconds enabled agreement_version by updated_at"), topUpRows},
	{"top_up_orders.csv", false, "自动续购记录", "What automatic top-ups have bought or tried to buy",
		named("project top_up n state order month amount quantity at reason"), topUpOrderRows},
	{"channels.csv", false, "通知渠道，不含密钥", "Channels of notices, without their secrets",
		named("project id kind name address language enabled created_at updated_at"), channelRows},
}

func accountRows(s *source, put line) error {
	a, err := s.r.Account(s.ctx, s.of.Account)
	if err != nil {
		return err
	}
	return put(export.Text(a.ID), export.Text(a.Name), export.Text(a.Level), yes(a.Suspended), s.at(a.CreatedAt))
}

func projectRows(s *source, put line) error {
	return s.projects(func(p taocan.Project) error {
		return put(export.Text(p.Account), export.Text(p.ID), export.Text(p.Name), s.at(p.CreatedAt))
	})
}

func memberRows(s *source, put line) error {
	list, err := s.r.Members(s.ctx, s.of.Account)
	return all(list, err, func(m taocan.Member) error {
		return put(export.Text(m.ID), export.Text(m.Login), export.Text(m.Role), yes(m.Suspended), s.at(m.CreatedAt))
	})
}

func tokenRows(s *source, put line) error {
	return s.tenants(func(t taocan.Tenant) error {
		return each(func(p store.Paging) (store.Page[taocan.Token], error) { return s.r.APITokens(s.ctx, t, p) }, func(k taocan.Token) error {
			return put(export.Text(k.Project), export.Text(k.ID), export.Text(k.Name), joined(k.Scopes), s.at(k.CreatedAt), s.at(k.ExpiresAt), s.at(k.RevokedAt))
		})
	})
}

func packageRows(s *source, put line) error {
	return s.packages(func(p taocan.Package) error {
		return put(export.Text(p.Project), export.Text(p.Number), export.Text(p.Name), export.Text(p.Category), export.Text(p.Purpose), export.Text(p.Country),
			export.Text(p.ChargeOn), export.Number(p.Total), export.Number(p.Adjusted), export.Number(p.Remaining), export.Number(p.Reserved), export.Number(p.Used),
			s.at(p.PurchasedAt), s.at(p.ExistsFrom), s.at(p.ExpiresAt), s.at(p.FirstExpiresAt), yes(p.Frozen), export.Text(p.Order),
			export.Money(p.Paid.Voucher), export.Money(p.Paid.Gift), export.Money(p.Paid.Cash), export.Money(p.Paid.Credit))
	})
}

func entryRows(s *source, put line) error {
	return s.packages(func(p taocan.Package) error {
		return s.r.EachEntry(s.ctx, p.Tenant, p.Number, func(e taocan.Entry) error {
			return put(export.Text(e.Project), export.Text(e.Package), s.at(e.At), export.Text(e.Kind.String()), export.Number(e.Remaining), export.Number(e.Reserved),
				export.Number(e.Used), export.Number(e.RemainingAfter), export.Number(e.ReservedAfter), export.Number(e.Debits), export.Text(e.Reference),
				s.at(e.ExpiresAt), export.Number(int(e.Lane)), export.Number(e.Commit))
		})
	})
}

func debitRows(s *source, put line) error {
	return s.tenants(func(t taocan.Tenant) error {
		return each(func(p store.Paging) (store.Page[taocan.Debit], error) {
			return s.r.Debits(s.ctx, t, store.DebitFilter{Paging: p})
		},
			func(d taocan.Debit) error { return put(s.debit(d)...) })
	})
}

// archivedRows are of the account's lane: what is archived is not told apart by customers.
func archivedRows(s *source, put line) error {
	list, err := s.r.ArchivedMonths(s.ctx)
	return all(list, err, func(m store.ArchivedMonth) error {
		if m.Lane != taocan.LaneOf(s.of.Account) {
			return nil
		}
		return put(export.Text(m.Month), s.at(m.ArchivedAt))
	})
}

func (s *source) debit(d taocan.Debit) []export.Cell {
	kind, price, settled := "debit", export.Text(""), export.Text("")
	if d.Kind == taocan.KindReservation {
		kind = "reservation"
		if d.State != taocan.Reserved {
			settled = export.Number(d.Settled)
		}
	}
	if d.Overflow != 0 {
		price = export.Text(d.OverflowPrice.String())
	}
	took := make([]string, len(d.Allocations))
	for i, a := range d.Allocations {
		took[i] = string(a.Package) + ":" + strconv.FormatInt(int64(a.Quantity), 10)
	}
	return []export.Cell{export.Text(d.Project), export.Text(d.ID), export.Text(kind), export.Text(d.Category), export.Text(d.Purpose), export.Text(d.Country),
		export.Number(d.Quantity), export.Text(d.Reference), export.Text(d.State), s.at(d.At), joined(took), export.Number(d.Overflow), price,
		s.at(d.Deadline), export.Text(d.OnDeadline), settled, s.at(d.SettledAt), yes(d.ByDeadline),
		export.Number(int(d.DecisionVersion)), export.Number(int(d.SegmentVersion))}
}

func orderRows(s *source, put line) error {
	return s.orders(func(o taocan.Order) error {
		q, unit := o.Quote, export.Text("")
		if q.HasUnitPrice {
			unit = export.Text(q.UnitPrice.String())
		}
		return put(export.Text(o.Project), export.Text(o.ID), export.Text(o.Description), export.Text(q.Kind), export.Text(q.Category), export.Text(q.Purpose),
			export.Text(q.Country), export.Text(q.Product), export.Number(q.Count), export.Number(q.Packages), export.Number(q.Each), export.Number(q.Quantity), unit,
			export.Money(q.Amount), export.Number(q.ValidityMonths), export.Text(q.ChargeOn), export.Text(q.PriceList), export.Text(o.AgreementVersion),
			export.Text(o.AgreementHash), export.Text(o.By.Name()), s.at(o.CreatedAt), s.at(o.ClosesAt), export.Text(o.State), s.at(o.SettledAt), joined(o.Packages))
	})
}

func paymentRows(s *source, put line) error {
	return s.orders(func(o taocan.Order) error {
		p := o.Payment
		if p == nil {
			return nil
		}
		return put(export.Text(p.Project), export.Text(p.Order), export.Money(p.Split.Voucher), export.Money(p.Split.Gift), export.Money(p.Split.Cash),
			export.Money(p.Split.Credit), export.Text(p.VoucherID), s.at(p.PaidAt), export.Text(p.By.Name()))
	})
}

func walletRows(s *source, put line) error {
	return s.r.EachWalletEntry(s.ctx, s.of.Account, func(e taocan.WalletEntry) error {
		return put(export.Number(e.N), s.at(e.At), export.Text(e.Kind), export.Money(e.Cash), export.Money(e.Gift), export.Money(e.CreditLimit), export.Money(e.CreditUsed),
			export.Money(e.After.Cash), export.Money(e.After.Gift), export.Money(e.After.CreditLimit), export.Money(e.After.CreditUsed),
			export.Text(e.Project), export.Text(e.Order), export.Text(e.Reference), export.Text(e.By.Name()))
	})
}

func voucherRows(s *source, put line) error {
	return each(func(p store.Paging) (store.Page[taocan.Voucher], error) { return s.r.Vouchers(s.ctx, s.of.Account, p) }, func(v taocan.Voucher) error {
		return put(export.Text(v.ID), export.Text(v.CodeHint), export.Money(v.Amount), export.Money(v.MinAmount), joined(v.Scope.Categories), joined(v.Scope.Purposes),
			joined(v.Scope.Products), s.at(v.ValidFrom), s.at(v.ValidUntil), s.at(v.IssuedAt), s.at(v.AssignedAt), export.Text(v.UsedBy), export.Text(v.UsedIn), s.at(v.UsedAt))
	})
}

func alertRows(s *source, put line) error {
	return s.tenants(func(t taocan.Tenant) error {
		list, err := s.r.AlertRules(s.ctx, t)
		return all(list, err, func(a taocan.AlertRule) error {
			return put(export.Text(t.Project), export.Text(a.ID()), export.Text(a.Kind), export.Text(a.Unit), export.Text(a.Category), export.Text(a.Purpose),
				export.Text(a.Country), export.Number(a.Threshold), yes(a.Enabled), joined(a.Channels), s.at(a.UpdatedAt))
		})
	})
}

func limitRows(s *source, put line) error {
	return s.tenants(func(t taocan.Tenant) error {
		list, err := s.r.UsageLimits(s.ctx, t)
		return all(list, err, func(l taocan.UsageLimit) error {
			return put(export.Text(t.Project), export.Text(l.Category), export.Text(l.Purpose), export.Text(l.Country), export.Text(l.Period), export.Number(l.Warning),
				export.Number(l.Cap), s.at(l.UpdatedAt))
		})
	})
}

func overflowRows(s *source, put line) error {
	return s.tenants(func(t taocan.Tenant) error {
		list, err := s.r.Overflows(s.ctx, t)
		return all(list, err, func(o taocan.Overflow) error {
			return put(export.Text(t.Project), export.Text(o.Category), export.Money(o.Cap), s.at(o.UpdatedAt))
		})
	})
}

func poolRows(s *source, put line) error {
	list, err := s.r.PoolShares(s.ctx, s.of.Account)
	return all(list, err, func(p taocan.PoolShare) error {
		if s.of.Project != "" && p.User != s.of.Project {
			return nil
		}
		return put(export.Text(p.User), export.Text(p.Owner), s.at(p.CreatedAt))
	})
}

func topUpRows(s *source, put line) error {
	return s.tenants(func(t taocan.Tenant) error {
		list, err := s.r.TopUps(s.ctx, t)
		return all(list, err, func(x taocan.TopUp) error {
			return put(export.Text(t.Project), export.Text(x.ID()), export.Text(x.Category), export.Text(x.Purpose), export.Text(x.Country), export.Number(x.Level),
				export.Number(x.Quantity), export.Money(x.MonthCap), export.Number(int(x.Cooldown.Seconds())), yes(x.Enabled), export.Text(x.AgreementVersion),
				export.Text(x.By.Name()), s.at(x.UpdatedAt))
		})
	})
}

func topUpOrderRows(s *source, put line) error {
	return s.tenants(func(t taocan.Tenant) error {
		return each(func(p store.Paging) (store.Page[taocan.TopUpOrder], error) { return s.r.TopUpOrders(s.ctx, t, p) }, func(o taocan.TopUpOrder) error {
			return put(export.Text(t.Project), export.Text(o.TopUp), export.Number(o.N), export.Text(o.State), export.Text(o.Order), export.Text(o.Month),
				export.Money(o.Amount), export.Number(o.Quantity), s.at(o.At), export.Text(o.Reason))
		})
	})
}

func channelRows(s *source, put line) error {
	return s.tenants(func(t taocan.Tenant) error {
		list, err := s.r.Channels(s.ctx, t)
		return all(list, err, func(c taocan.Channel) error {
			return put(export.Text(t.Project), export.Text(c.ID), export.Text(c.Kind), export.Text(c.Name), export.Text(c.Address), export.Text(c.Language), yes(c.Enabled),
				s.at(c.CreatedAt), s.at(c.UpdatedAt))
		})
	})
}
