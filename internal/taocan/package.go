package taocan

import (
	"fmt"
	"io"
	"time"
)

// Package is a bought (granted, imported) quantity of messages with an expiry.
type Package struct {
	Tenant
	Number   PackageNumber
	Name     string
	Category Category
	Purpose  Purpose
	Country  Country // international only
	ChargeOn ChargeOn

	// Total never changes. Total + Adjusted = Remaining + Reserved + Used.
	Total, Adjusted, Remaining, Reserved, Used Segments

	PurchasedAt time.Time
	ExistsFrom  time.Time // the opening entry's time: as-of answers know the package from here on
	ExpiresAt   time.Time // first instant that it no longer works
	// FirstExpiresAt is the expiry that it came with; zero while it has not been extended.
	FirstExpiresAt time.Time
	Frozen         bool    // the operator has stopped it: it pays nothing, what returns to it stays in it
	Order          OrderID // empty when imported or granted
	Paid           Split   // this package's part of the payment
}

// Status at an instant. Exhausted wins over expired: an exhausted package stays exhausted. Expired wins over frozen: what
// has expired does not come back by being unfrozen.
func (p Package) Status(now time.Time) Status {
	switch {
	case p.Remaining == 0 && p.Reserved == 0:
		return Exhausted
	case !now.Before(p.ExpiresAt):
		return Expired
	case p.Frozen:
		return Frozen
	}
	return Active
}

// ExpiresOn is the last date on which the package works, in the platform's zone.
func (p Package) ExpiresOn(zone *time.Location) string {
	return p.ExpiresAt.In(zone).Add(-time.Microsecond).Format(time.DateOnly)
}

// Expiry is the first instant that a package bought at purchased no longer works: the purchase date plus
// months, clamped to the month's last day, to the end of that date in the platform's zone.
func Expiry(purchased time.Time, months int, zone *time.Location) time.Time {
	p := purchased.In(zone)
	year, month := p.Year(), int(p.Month())-1+months
	year, month = year+month/12, month%12+1
	lastDay := time.Date(year, time.Month(month)+1, 0, 12, 0, 0, 0, zone).Day()
	return EndOfDate(year, time.Month(month), min(p.Day(), lastDay), zone)
}

// MaxTime is before every expiry, start and end that somebody chooses: later ones could leave the years of four
// digits once they are shown in a zone or months are added, and then no answer could be written.
var MaxTime = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// EndOfDate is the first instant after the date in the zone, UTC.
func EndOfDate(year int, month time.Month, day int, zone *time.Location) time.Time {
	return time.Date(year, month, day+1, 0, 0, 0, 0, zone).UTC()
}

// PackageNumber is U, 1 domestic / 0 international, A verification / B marketing / G general,
// yyMMddHH of the purchase in the platform's zone, and 5 upper-case hex digits: U1B19042914D4FE7.
type PackageNumber string

const numberLength = 16

var purposeLetter = map[Purpose]byte{Verification: 'A', Marketing: 'B', General: 'G'}

// NewPackageNumber draws a number; the 5 random digits come from random. Uniqueness is the store's matter:
// on a collision draw again.
func NewPackageNumber(c Category, p Purpose, purchased time.Time, zone *time.Location, random io.Reader) (PackageNumber, error) {
	var b [3]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("draw package number: %w", err)
	}
	digits := fmt.Sprintf("%02X%02X%02X", b[0], b[1], b[2])[1:]
	return numberOf(c, p, purchased, zone, digits), nil
}

func numberOf(c Category, p Purpose, purchased time.Time, zone *time.Location, digits string) PackageNumber {
	where := byte('1')
	if c == International {
		where = '0'
	}
	return PackageNumber(fmt.Sprintf("U%c%c%s%s", where, purposeLetter[p], purchased.In(zone).Format("06010215"), digits))
}

// MovedTo is the number with its purchase hour replaced and its five digits kept.
func (n PackageNumber) MovedTo(purchased time.Time, zone *time.Location) (PackageNumber, error) {
	f, err := n.Parse(zone)
	if err != nil {
		return "", err
	}
	return numberOf(f.Category, f.Purpose, purchased, zone, string(n[numberLength-5:])), nil
}

// NumberFacts is what a package number says.
type NumberFacts struct {
	Category  Category
	Purpose   Purpose
	Purchased time.Time // the hour, UTC
}

// Parse reads a package number; the hour is in the platform's zone.
func (n PackageNumber) Parse(zone *time.Location) (NumberFacts, error) {
	bad := Invalid("number", "is not a package number", string(n))
	if len(n) != numberLength || n[0] != 'U' {
		return NumberFacts{}, bad
	}
	var f NumberFacts
	switch n[1] {
	case '1':
		f.Category = Domestic
	case '0':
		f.Category = International
	default:
		return NumberFacts{}, bad
	}
	for p, letter := range purposeLetter {
		if n[2] == letter {
			f.Purpose = p
		}
	}
	if f.Purpose == "" {
		return NumberFacts{}, bad
	}
	at, err := time.ParseInLocation("06010215", string(n[3:11]), zone)
	if err != nil {
		return NumberFacts{}, bad
	}
	f.Purchased = at.UTC()
	for _, c := range []byte(n[11:]) {
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'F') {
			return NumberFacts{}, bad
		}
	}
	return f, nil
}

// CustomName is the name of a custom package, as the console shows it.
func CustomName(c Category, p Purpose, country Country, countryName string) string {
	if c == International {
		return fmt.Sprintf("国际短信包(%s%s)", countryName, country)
	}
	switch p {
	case Verification:
		return "国内短信包(验证通知)"
	case Marketing:
		return "国内短信包(营销推广)"
	}
	return "国内短信包(通用)"
}

// Balance is what is left in one category: sums over active packages only.
type Balance struct {
	Category  Category
	AsOf      time.Time
	Remaining Segments
	Reserved  Segments
	ByPurpose map[Purpose]Segments // always all three purposes
	ByCountry map[Country]Segments // international: countries with something left
}

// EntryKind says why an entry stands in a package's statement. Its value is its place among the entries of
// one commit: what returns comes before what is taken, so no figure in between is negative.
type EntryKind uint8

const (
	EntryIssue EntryKind = iota + 1
	EntryImport
	EntryGrant
	EntryAdjust  // by the operator, either sign
	EntryRelease // reserved → remaining
	EntryCommit  // reserved → used
	EntryReserve // remaining → reserved
	EntryDebit   // remaining → used
	EntryExpire  // a marker: what was forfeited at ExpiresAt; moves nothing
	EntryExtend  // a later ExpiresAt; moves nothing
	EntryFreeze  // moves nothing
	EntryUnfreeze
	EntryTransferIn  // opens the package that a transfer made
	EntryTransferOut // what a transfer took; falls under adjusted, like what an operator takes
)

// Opens reports whether a package's statement begins with an entry of this kind, and only that entry is of such a kind.
func (k EntryKind) Opens() bool {
	return k == EntryIssue || k == EntryImport || k == EntryGrant || k == EntryTransferIn
}

// Adjusts reports whether entries of this kind change what a package holds in all.
func (k EntryKind) Adjusts() bool { return k == EntryAdjust || k == EntryTransferOut }

var entryKindNames = [...]string{EntryIssue: "issue", EntryImport: "import", EntryGrant: "grant", EntryAdjust: "adjust",
	EntryRelease: "release", EntryCommit: "commit", EntryReserve: "reserve", EntryDebit: "debit", EntryExpire: "expire",
	EntryExtend: "extend", EntryFreeze: "freeze", EntryUnfreeze: "unfreeze", EntryTransferIn: "transfer_in", EntryTransferOut: "transfer_out"}

func (k EntryKind) String() string {
	if int(k) < len(entryKindNames) && entryKindNames[k] != "" {
		return entryKindNames[k]
	}
	return fmt.Sprintf("entry kind %d", uint8(k))
}

// Entry is one immutable line of a package's statement: all that one commit did to the package in one way.
// Its changes and the figures after it obey the package's invariant.
type Entry struct {
	Tenant
	Package PackageNumber
	Kind    EntryKind
	At      time.Time // the commit's time; an import's is its snapshot time
	// Changes to the three figures. What opens a package, adjusts it or is transferred changes Remaining (an import also
	// Used: what was gone before) against total + adjusted; the others move between the figures.
	Remaining, Reserved, Used Segments
	// Figures after this entry.
	RemainingAfter, ReservedAfter Segments
	Debits                        int       // how many debits the entry sums up; 0 for other entries
	Reference                     string    // only where Debits ≤ 1: the debit's id, an order, the operator's reason, a transfer's other package
	ExpiresAt                     time.Time // extend: from then on the package's; zero in others
	Lane                          Lane
	Commit                        int64 // sequence of the commit in its lane
}
