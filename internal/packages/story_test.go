package packages_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"taocan/internal/packages"
	"taocan/internal/taocan"
)

func TestAPackageTellsWhereItCameFromAndWhatBecomesOfIt(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, time.Date(2021, 4, 1, 12, 0, 0, 0, zone))
	b.importCSV(t, demo, "套餐包编号,套餐包名称,短信用途,短信总量(条),短信剩余量(条),到期时间\n"+
		"U1B19042914D4FE7,国内短信包(营销推广),会员营销,100,50,2021-04-29\n"+
		"U1G1905081936229,国内短信包(通用),通用,946,0,2021-05-08\n")
	opening, err := b.Opening(ctx, demo, "U1B19042914D4FE7")
	if err != nil || opening.Kind != taocan.EntryImport || opening.Remaining != 50 || opening.Used != 50 {
		t.Errorf("opening %+v, error %v; want an import of 50 after 50 were used", opening, err)
	}
	if _, err := b.Opening(ctx, stranger, "U1B19042914D4FE7"); !errors.Is(err, taocan.ErrNotFound) {
		t.Errorf("another project's opening: %v, want ErrNotFound", err)
	}

	active, err := b.Get(ctx, demo, "U1B19042914D4FE7")
	if err != nil {
		t.Fatal(err)
	}
	fate, there, err := b.Fate(ctx, active)
	if err != nil || !there || fate.Unused != 50 || fate.Unknown || fate.Outlook != packages.OutlookUnused {
		t.Errorf("fate %+v, %v, error %v; want all 50 to expire unused", fate, there, err)
	}
	exhausted, err := b.Get(ctx, demo, "U1G1905081936229")
	if err != nil {
		t.Fatal(err)
	}
	if _, there, err := b.Fate(ctx, exhausted); there || err != nil {
		t.Errorf("fate of an exhausted package: %v, error %v; want none", there, err)
	}
	b.clock.Set(active.ExpiresAt)
	if _, there, err := b.Fate(ctx, active); there || err != nil {
		t.Errorf("fate of an expired package: %v, error %v; want none", there, err)
	}
}

// TestTheFateOfAPackageThatAForecastDoesNotName: the forecast names 100 packages; of a later one nothing is claimed.
func TestTheFateOfAPackageThatAForecastDoesNotName(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, time.Date(2021, 4, 1, 12, 0, 0, 0, zone))
	var csv strings.Builder
	csv.WriteString("套餐包编号,套餐包名称,短信用途,短信总量(条),短信剩余量(条),到期时间\n")
	for i := range 101 {
		fmt.Fprintf(&csv, "U1B21010100%05X,国内短信包(营销推广),会员营销,100,100,2021-05-01\n", i)
	}
	b.importCSV(t, demo, csv.String())
	unknown := 0
	for i := range 101 {
		x, err := b.Get(ctx, demo, taocan.PackageNumber(fmt.Sprintf("U1B21010100%05X", i)))
		if err != nil {
			t.Fatal(err)
		}
		fate, _, err := b.Fate(ctx, x)
		if err != nil || fate.Unknown == (fate.Unused > 0) {
			t.Fatalf("%s: %+v, error %v; want either a quantity or that it is unknown", x.Number, fate, err)
		}
		if fate.Unknown {
			unknown++
		}
	}
	if unknown != 1 {
		t.Errorf("%d packages of unknown fate, want one", unknown)
	}
}
