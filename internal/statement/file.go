package statement

import (
	"time"

	"taocan/internal/export"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// fileColumns of a statement as a file: one line per figure or order, so that it can be filtered and added up. The words
// are the same whoever asks, in whatever language, so that the bytes are.
var fileColumns = []string{"部分", "项目", "短信类别", "短信用途", "国家/地区", "事项", "条数",
	"金额(元)", "代金券(元)", "赠送(元)", "现金(元)", "信用(元)", "可开票(元)", "订单编号", "时间"}

// FileLine is one line of a statement's file. Money is nil where the line is about messages alone.
type FileLine struct {
	Part     string
	Project  taocan.ProjectID
	Category taocan.Category
	Purpose  taocan.Purpose
	Country  taocan.Country
	Item     string
	Messages *taocan.Segments
	Money    *fileMoney
	Order    taocan.OrderID
	At       time.Time // in the platform's zone
}

type fileMoney struct {
	taocan.Split
	invoiceable *taocan.Fen
}

// The words of the file.
var (
	categoryWords = map[taocan.Category]string{taocan.Domestic: "国内短信", taocan.International: "国际及港澳台短信"}
	purposeWords  = map[taocan.Purpose]string{taocan.Verification: "验证通知", taocan.Marketing: "会员营销", taocan.General: "通用"}
	walletWords   = map[taocan.WalletEntryKind]string{taocan.WalletTopUp: "充值", taocan.WalletGift: "赠送", taocan.WalletPayment: "订单支付",
		taocan.WalletOverflow: "超量计费", taocan.WalletAdjust: "调整", taocan.WalletCreditLimit: "信用额度变更"}
)

// File is the statement about to be written. It holds nothing of when it was made.
func (s *Statements) File(st Statement) (*export.File[FileLine], error) {
	all := s.fileLines(st)
	name := "statement-" + st.Name
	if !st.Over {
		name += "-so-far"
	}
	return export.Open(export.Table[FileLine]{Name: name, Columns: fileColumns, Row: FileLine.cells},
		func(store.Paging) (store.Page[FileLine], error) { return store.Page[FileLine]{Items: all}, nil })
}

func (l FileLine) cells() []export.Cell {
	none := export.Text("")
	messages, total, voucher, gift, cash, credit, base, at := none, none, none, none, none, none, none, none
	if l.Messages != nil {
		messages = export.Number(*l.Messages)
	}
	if m := l.Money; m != nil {
		total, voucher, gift = export.Money(m.Total()), export.Money(m.Voucher), export.Money(m.Gift)
		cash, credit = export.Money(m.Cash), export.Money(m.Credit)
		if m.invoiceable != nil {
			base = export.Money(*m.invoiceable)
		}
	}
	if !l.At.IsZero() {
		at = export.Instant(l.At)
	}
	return []export.Cell{export.Text(l.Part), export.Text(l.Project), export.Text(categoryWords[l.Category]), export.Text(purposeWords[l.Purpose]),
		export.Text(l.Country), export.Text(l.Item), messages, total, voucher, gift, cash, credit, base, export.Text(l.Order), at}
}

func (s *Statements) fileLines(st Statement) []FileLine {
	state := "已结"
	if !st.Over {
		state = "未结（截至目前）"
	}
	all := []FileLine{{Part: "账期", Project: st.Project, Item: string(st.Account) + " " + st.Name + " " + state + " " + s.zone.String()}}
	for _, l := range st.Lines {
		all = append(all, messageLines("短信", l)...)
	}
	all = append(all, messageLines("短信合计", Line{Project: st.Project, Messages: st.Sum})...)
	if st.Wallet != nil {
		all = append(all, walletLines(*st.Wallet)...)
	}
	for _, o := range st.Purchases.Listed {
		all = append(all, s.orderLine(o))
	}
	for _, p := range st.Projects {
		all = append(all, p.lines("项目开票基数", p.Project)...)
	}
	return append(all, st.Purchases.lines("开票基数", st.Project)...)
}

// messageLines leaves out what did not happen, but for both ends.
func messageLines(part string, l Line) []FileLine {
	var all []FileLine
	for i, x := range []struct {
		item     string
		quantity taocan.Segments
	}{
		{"期初", l.Opening}, {"期初其中预留", l.OpeningReserved}, {"购买", l.Bought}, {"赠送", l.Granted}, {"导入", l.Imported},
		{"转入", l.TransferredIn}, {"转出", -l.TransferredOut}, {"调整", l.Adjusted}, {"使用", -l.Used}, {"过期", -l.Expired}, {"展期恢复", l.Restored},
		{"期末", l.Closing}, {"期末其中预留", l.ClosingReserved}, {"期末其中冻结", l.ClosingFrozen}, {"本期预留", l.Reserved}, {"本期释放", l.Returned},
	} {
		if x.quantity != 0 || i == 0 || x.item == "期末" {
			all = append(all, FileLine{Part: part, Project: l.Project, Category: l.Category, Purpose: l.Purpose, Country: l.Country,
				Item: x.item, Messages: &x.quantity})
		}
	}
	return all
}

// walletLines show used credit as a negative amount: it is owed.
func walletLines(w Wallet) []FileLine {
	line := func(item string, cash, gift, creditUsed taocan.Fen) FileLine {
		return FileLine{Part: "账户", Item: item, Money: &fileMoney{Split: taocan.Split{Cash: cash, Gift: gift, Credit: -creditUsed}}}
	}
	all := []FileLine{line("期初", w.Opening.Cash, w.Opening.Gift, w.Opening.CreditUsed)}
	for _, c := range w.Changes {
		all = append(all, line(walletWords[c.Kind], c.Cash, c.Gift, c.CreditUsed))
	}
	return append(all, line("期末", w.Closing.Cash, w.Closing.Gift, w.Closing.CreditUsed))
}

func (s *Statements) orderLine(o taocan.Order) FileLine {
	base := invoiceable(o.Payment.Split)
	return FileLine{Part: "订单", Project: o.Project, Category: o.Quote.Category, Purpose: o.Quote.Purpose, Country: o.Quote.Country, Item: o.Description,
		Messages: &o.Quote.Quantity, Money: &fileMoney{o.Payment.Split, &base}, Order: o.ID, At: o.Payment.PaidAt.In(s.zone)}
}

// lines of a project leave out overflow, which the account pays for all together.
func (p Purchases) lines(part string, project taocan.ProjectID) []FileLine {
	orders, overflow, sum := invoiceable(p.Paid), invoiceable(p.Overflow), p.Invoiceable()
	all := []FileLine{{Part: part, Project: project, Item: "订单", Messages: &p.Messages, Money: &fileMoney{p.Paid, &orders}}}
	if project != "" {
		return all
	}
	return append(all,
		FileLine{Part: part, Item: "超量计费", Money: &fileMoney{p.Overflow, &overflow}},
		FileLine{Part: part, Item: "合计", Money: &fileMoney{plus(p.Paid, p.Overflow), &sum}})
}
