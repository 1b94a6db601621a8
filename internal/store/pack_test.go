package store

import (
	"errors"
	"fmt"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"taocan/internal/taocan"
)

var packedAt = time.Date(2026, 3, 1, 4, 0, 0, 123_000, time.UTC)

var visible = &unicode.RangeTable{R16: []unicode.Range16{{Lo: '!', Hi: '~', Stride: 1}}}

func drawDebit(t *rapid.T) *taocan.Debit {
	text := func(name string, most int) string {
		return rapid.StringOfN(rapid.RuneFrom(nil, visible), 1, most, most).Draw(t, name)
	}
	d := &taocan.Debit{Tenant: taocan.Tenant{Account: taocan.AccountID(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "account")), Project: "p"}, State: taocan.Committed, At: packedAt}
	d.ID, d.Kind = taocan.DebitID(text("id", 128)), taocan.KindDebit
	d.Category, d.Purpose, d.Country = taocan.Domestic, rapid.SampledFrom(taocan.Purposes).Draw(t, "purpose"), ""
	d.Quantity = taocan.Segments(rapid.Int64Range(1, int64(taocan.MaxSegments)).Draw(t, "quantity"))
	d.Reference = rapid.SampledFrom([]string{"", "ref", "a/b"}).Draw(t, "reference")
	d.Allocations = []taocan.Allocation{}
	for i := range rapid.IntRange(0, 4).Draw(t, "allocations") {
		d.Allocations = append(d.Allocations, taocan.Allocation{Package: taocan.PackageNumber(fmt.Sprintf("U1A26030112%05X", i)), Quantity: taocan.Segments(i + 1)})
	}
	d.DecisionVersion, d.SegmentVersion = 1, byte(rapid.IntRange(0, 255).Draw(t, "version"))
	if rapid.Bool().Draw(t, "reservation") {
		d.Kind, d.At = taocan.KindReservation, packedAt.Add(-time.Duration(rapid.IntRange(0, 1_000_000).Draw(t, "age"))*time.Microsecond)
		d.TTL = time.Duration(rapid.IntRange(1, 2_592_000).Draw(t, "ttl")) * time.Second
		d.Deadline = d.At.Add(d.TTL)
		d.OnDeadline = rapid.SampledFrom([]taocan.OnDeadline{taocan.ReleaseOnDeadline, taocan.CommitOnDeadline}).Draw(t, "on deadline")
		d.State = rapid.SampledFrom([]taocan.DebitState{taocan.Reserved, taocan.Committed, taocan.Released}).Draw(t, "state")
		if d.State != taocan.Reserved {
			d.SettledAt, d.ByDeadline = packedAt, rapid.Bool().Draw(t, "by deadline")
			d.Settled = min(d.Quantity, 7)
		}
	}
	return d
}

func TestPackedDebitsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var written []*taocan.Debit
		byAccount := map[taocan.AccountID][]taocan.Debit{}
		for range rapid.IntRange(1, 12).Draw(t, "debits") {
			d := drawDebit(t)
			written = append(written, d)
			byAccount[d.Account] = append(byAccount[d.Account], *d)
		}
		blob := PackDebits(written, packedAt)
		for account, want := range byAccount {
			only := taocan.Tenant{Account: account, Project: "p"}
			got, err := UnpackDebits(blob, packedAt, &only)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Fatalf("%v (-want +got):\n%s", err, diff)
			}
			last := want[len(want)-1]
			found, err := FindDebit(blob, packedAt, only, last.ID)
			if diff := cmp.Diff(last, found); err != nil || diff != "" {
				t.Fatalf("the last record under %q: %v\n%s", last.ID, err, diff)
			}
		}
		if _, err := FindDebit(blob, packedAt, taocan.Tenant{Account: "a", Project: "other"}, written[0].ID); !errors.Is(err, taocan.ErrNotFound) {
			t.Fatalf("another project's: %v", err)
		}
	})
}

func TestPackedManifestReadsBack(t *testing.T) {
	rows := []Row{
		{RowRef: RowRef{Kind: RowOrder, Tenant: taocan.Tenant{Account: "a", Project: "p"}, ID: "O1"}, Digest: [DigestSize]byte{1, 2, 3}},
		{RowRef: RowRef{Kind: RowWalletEntry, Tenant: taocan.Tenant{Account: "a"}, N: 7}},
		{RowRef: RowRef{Kind: RowEntry, Tenant: taocan.Tenant{Account: "a", Project: "p"}, ID: "U1A2603011200001", N: packedAt.UnixMicro(), Entry: taocan.EntryDebit}},
	}
	got, err := UnpackManifest(PackManifest(rows))
	if diff := cmp.Diff(rows, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if blob := PackManifest(nil); blob != nil {
		t.Errorf("a manifest of nothing is %x", blob)
	}
}

// Damage is an error, never a panic and never an endless loop.
func FuzzUnpack(f *testing.F) {
	d := &taocan.Debit{Tenant: taocan.Tenant{Account: "a", Project: "p"}, At: packedAt, State: taocan.Committed, Allocations: []taocan.Allocation{{Package: "U1", Quantity: 3}},
		DebitRequest: taocan.DebitRequest{ID: "m-1", Kind: taocan.KindDebit, Category: taocan.Domestic, Purpose: taocan.Marketing, Quantity: 3}}
	f.Add(PackDebits([]*taocan.Debit{d}, packedAt))
	f.Add(PackManifest([]Row{{RowRef: RowRef{Kind: RowOrder, ID: "O1"}}}))
	f.Add([]byte{1, 255, 255, 255, 255, 255, 255, 255, 255, 127})
	f.Fuzz(func(t *testing.T, blob []byte) {
		found, err := UnpackDebits(blob, packedAt, nil)
		if err == nil && len(found) > len(blob) {
			t.Errorf("%d records in %d bytes", len(found), len(blob))
		}
		_, _ = FindDebit(blob, packedAt, d.Tenant, d.ID)
		_ = WalkDebitIDs(blob, func(taocan.Tenant, []byte, bool, bool) {})
		_, _ = UnpackManifest(blob)
	})
}
