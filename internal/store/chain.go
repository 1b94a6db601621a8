package store

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"taocan/internal/taocan"
)

// RowKind names a group of columns that is written once. A row that changes once more (an order is paid, a
// voucher is used) has a second kind for the columns written then, so that every link of the chain can be
// proved from the rows as they stand.
type RowKind uint8

const (
	RowOrder RowKind = iota + 1
	RowOrderSettled
	RowPayment
	RowWalletEntry
	RowVoucher
	RowVoucherUsed
	RowPackage
	RowEntry
	RowArchivedMonth
)

var rowKindNames = [...]string{RowOrder: "order", RowOrderSettled: "settled order", RowPayment: "payment",
	RowWalletEntry: "wallet entry", RowVoucher: "voucher", RowVoucherUsed: "used voucher", RowPackage: "package", RowEntry: "entry",
	RowArchivedMonth: "archived month"}

func (k RowKind) String() string {
	if int(k) < len(rowKindNames) && rowKindNames[k] != "" {
		return rowKindNames[k]
	}
	return fmt.Sprintf("row kind %d", uint8(k))
}

// RowRef is the key of a ledger row.
type RowRef struct {
	Kind          RowKind
	taocan.Tenant        // project empty where the row belongs to the account alone
	ID            string // order, voucher, package number, month
	N             int64  // wallet entry: its number; entry: its time in microseconds; archived month: the lane
	Entry         taocan.EntryKind
}

func (r RowRef) String() string {
	switch r.Kind {
	case RowWalletEntry:
		return fmt.Sprintf("wallet entry %d of account %s", r.N, r.Account)
	case RowEntry:
		return fmt.Sprintf("entry %s of package %s at %s", r.Entry, r.ID, time.UnixMicro(r.N).UTC().Format(time.RFC3339Nano))
	case RowArchivedMonth:
		return fmt.Sprintf("archived month %s of lane %d", r.ID, r.N)
	}
	return fmt.Sprintf("%s %s", r.Kind, r.ID)
}

// DigestSize is the length of a row's digest in a manifest: SHA-256, cut to 128 bits.
const DigestSize = 16

// Row is a ledger row as the chain knows it: its key and the digest of its columns.
type Row struct {
	RowRef
	Digest [DigestSize]byte
}

// canon builds the canonical bytes of a row: fields in a fixed order, each with its length or as 8 bytes.
type canon struct{ b []byte }

func (c *canon) str(s ...string) *canon {
	for _, s := range s {
		c.b = binary.AppendUvarint(c.b, uint64(len(s)))
		c.b = append(c.b, s...)
	}
	return c
}

func (c *canon) num(n ...int64) *canon {
	for _, n := range n {
		c.b = binary.BigEndian.AppendUint64(c.b, uint64(n))
	}
	return c
}

func (c *canon) time(t ...time.Time) *canon {
	for _, t := range t {
		if t.IsZero() {
			c.num(0)
		} else {
			c.num(t.UnixMicro())
		}
	}
	return c
}

func (c *canon) actor(a taocan.Actor) *canon {
	return c.str(string(a.Token), string(a.Member), string(a.Role), a.Address)
}

func (c *canon) row(ref RowRef) Row {
	c.str(string(ref.Account), string(ref.Project))
	sum := sha256.Sum256(c.b)
	r := Row{RowRef: ref}
	copy(r.Digest[:], sum[:])
	return r
}

// OrderRow is what is fixed when an order is made.
func OrderRow(o taocan.Order) Row {
	q := o.Quote
	c := new(canon).str("order", string(o.ID), o.Description, string(q.Kind), string(q.Category), string(q.Purpose), string(q.Country),
		string(q.Product), q.Name, string(q.ChargeOn), string(q.PriceList), o.AgreementVersion, o.AgreementHash).actor(o.By)
	unit := int64(-1)
	if q.HasUnitPrice {
		unit = int64(q.UnitPrice)
	}
	c.num(int64(q.Each), int64(q.Packages), unit, int64(q.Amount), int64(q.ValidityMonths)).time(o.CreatedAt, o.ClosesAt)
	return c.row(RowRef{Kind: RowOrder, Tenant: o.Tenant, ID: string(o.ID)})
}

// OrderSettledRow is what is fixed when an order ends.
func OrderSettledRow(t taocan.Tenant, id taocan.OrderID, state taocan.OrderState, at time.Time) Row {
	return new(canon).str("order settled", string(id), string(state)).time(at).row(RowRef{Kind: RowOrderSettled, Tenant: t, ID: string(id)})
}

// PaymentRow covers a payment.
func PaymentRow(p taocan.Payment) Row {
	return new(canon).str("payment", string(p.Order), string(p.VoucherID)).actor(p.By).
		num(int64(p.Split.Voucher), int64(p.Split.Gift), int64(p.Split.Cash), int64(p.Split.Credit)).time(p.PaidAt).
		row(RowRef{Kind: RowPayment, Tenant: p.Tenant, ID: string(p.Order)})
}

// WalletEntryRow covers a wallet entry.
func WalletEntryRow(e taocan.WalletEntry) Row {
	return new(canon).str("wallet entry", string(e.Kind), string(e.Project), string(e.Order), e.Reference).actor(e.By).
		num(e.N, int64(e.Cash), int64(e.Gift), int64(e.CreditLimit), int64(e.CreditUsed),
			int64(e.After.Cash), int64(e.After.Gift), int64(e.After.CreditLimit), int64(e.After.CreditUsed)).time(e.At).
		row(RowRef{Kind: RowWalletEntry, Tenant: taocan.Tenant{Account: e.Account}, N: e.N})
}

// VoucherRow is what is fixed when a voucher comes to an account.
func VoucherRow(v taocan.Voucher) Row {
	c := new(canon).str("voucher", string(v.ID), v.CodeHint)
	for _, x := range v.Scope.Categories {
		c.str(string(x))
	}
	c.str("")
	for _, x := range v.Scope.Purposes {
		c.str(string(x))
	}
	c.str("")
	for _, x := range v.Scope.Products {
		c.str(string(x))
	}
	c.num(int64(v.Amount), int64(v.MinAmount)).time(v.ValidFrom, v.ValidUntil, v.IssuedAt, v.AssignedAt)
	return c.row(RowRef{Kind: RowVoucher, Tenant: taocan.Tenant{Account: v.Account}, ID: string(v.ID)})
}

// VoucherUsedRow is what is fixed when a voucher pays.
func VoucherUsedRow(v taocan.Voucher) Row {
	return new(canon).str("voucher used", string(v.ID), string(v.UsedBy), string(v.UsedIn)).time(v.UsedAt).
		row(RowRef{Kind: RowVoucherUsed, Tenant: taocan.Tenant{Account: v.Account}, ID: string(v.ID)})
}

// PackageRow is what is fixed when a package comes to be; its figures, a later expiry and whether it is frozen are proved by
// its entries.
func PackageRow(p taocan.Package) Row {
	expiry := p.ExpiresAt
	if !p.FirstExpiresAt.IsZero() {
		expiry = p.FirstExpiresAt
	}
	return new(canon).str("package", string(p.Number), p.Name, string(p.Category), string(p.Purpose), string(p.Country), string(p.ChargeOn), string(p.Order)).
		num(int64(p.Total), int64(p.Paid.Voucher), int64(p.Paid.Gift), int64(p.Paid.Cash), int64(p.Paid.Credit)).
		time(p.PurchasedAt, p.ExistsFrom, expiry).row(RowRef{Kind: RowPackage, Tenant: p.Tenant, ID: string(p.Number)})
}

// EntryRow covers a package entry.
func EntryRow(e taocan.Entry) Row {
	c := new(canon).str("entry", string(e.Package), e.Reference).
		num(int64(e.Kind), int64(e.Remaining), int64(e.Reserved), int64(e.Used), int64(e.RemainingAfter), int64(e.ReservedAfter), int64(e.Debits), e.Commit).
		time(e.At)
	if !e.ExpiresAt.IsZero() { // an extension's; other rows are as they were before there were extensions
		c.time(e.ExpiresAt)
	}
	return c.row(RowRef{Kind: RowEntry, Tenant: e.Tenant, ID: string(e.Package), N: e.At.UnixMicro(), Entry: e.Kind})
}

// Commit is one link of a lane's chain: all that one transaction wrote to the lane's ledger.
type Commit struct {
	Lane         taocan.Lane
	Seq          int64 // 1, 2, 3 … within the lane
	At           time.Time
	Debits       []byte // PackDebits, nil where there are none
	DebitsDigest []byte // SHA-256 of Debits; stays when Debits are archived
	Manifest     []byte // PackManifest of the rows
	Prev         []byte // hash of the link before; 32 zero bytes for the first
	Hash         []byte
}

// NewCommit makes the link after head.
func NewCommit(head Head, at time.Time, debits []byte, rows []Row) Commit {
	c := Commit{Lane: head.Lane, Seq: head.Seq + 1, At: at, Debits: debits, Manifest: PackManifest(rows), Prev: head.Hash}
	digest := sha256.Sum256(debits)
	c.DebitsDigest = digest[:]
	c.Hash = c.Link()
	return c
}

// Link is the hash that c must carry.
func (c Commit) Link() []byte {
	manifest := sha256.Sum256(c.Manifest)
	h := sha256.New()
	h.Write(c.Prev)
	var fixed [17]byte
	fixed[0] = byte(c.Lane)
	binary.BigEndian.PutUint64(fixed[1:], uint64(c.Seq))
	binary.BigEndian.PutUint64(fixed[9:], uint64(c.At.UnixMicro()))
	h.Write(fixed[:])
	h.Write(c.DebitsDigest)
	h.Write(manifest[:])
	return h.Sum(nil)
}

// Head is the last link of a lane.
type Head struct {
	Lane   taocan.Lane
	Seq    int64
	At     time.Time
	Hash   []byte
	Posted int64 // up to this commit, what debits did to packages is posted (Posting)
}

// Head that the lane has after c, when it has been posted up to a commit.
func (c Commit) Head(posted int64) Head { return Head{c.Lane, c.Seq, c.At, c.Hash, posted} }

// NextAt is the time of the lane's next commit: now, but later than its last.
func (h Head) NextAt(now time.Time) time.Time {
	now = now.UTC().Truncate(time.Microsecond)
	if now.After(h.At) {
		return now
	}
	return h.At.Add(time.Microsecond)
}

const manifestVersion = 1

// PackManifest encodes the rows of a commit. Strings that repeat (accounts, projects, numbers) are written once.
func PackManifest(rows []Row) []byte {
	if len(rows) == 0 {
		return nil
	}
	w := newPacker(manifestVersion)
	for _, r := range rows {
		w.byte(byte(r.Kind), byte(r.Entry))
		w.word(string(r.Account))
		w.word(string(r.Project))
		w.word(r.ID)
		w.varint(r.N)
		w.raw(r.Digest[:])
	}
	return w.finish()
}

// UnpackManifest is the inverse of PackManifest.
func UnpackManifest(b []byte) ([]Row, error) {
	if len(b) == 0 {
		return nil, nil
	}
	r, err := newUnpacker(b, manifestVersion)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	var rows []Row
	for r.more() {
		var x Row
		x.Kind, x.Entry = RowKind(r.byte()), taocan.EntryKind(r.byte())
		x.Account, x.Project, x.ID = taocan.AccountID(r.word()), taocan.ProjectID(r.word()), r.word()
		x.N = r.varint()
		copy(x.Digest[:], r.raw(DigestSize))
		rows = append(rows, x)
	}
	if r.err != nil {
		return nil, fmt.Errorf("manifest: %w", r.err)
	}
	return rows, nil
}

// Finding is one thing that Verify found wrong.
type Finding struct {
	Subject string // what it is about: "package U1A…", "commit 17 of lane 3"
	Detail  string
}

func (f Finding) String() string { return strings.TrimSpace(f.Subject + ": " + f.Detail) }

// CommitID is a commit's key: rising with time over all lanes.
func CommitID(lane taocan.Lane, at time.Time) int64 { return at.UnixMicro()*taocan.Lanes + int64(lane) }

// CommitOf is the inverse of CommitID.
func CommitOf(id int64) (taocan.Lane, time.Time) {
	return taocan.Lane(id % taocan.Lanes), time.UnixMicro(id / taocan.Lanes).UTC()
}
