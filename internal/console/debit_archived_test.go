package console_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"taocan/internal/monthfile"
	"taocan/internal/packages"
	"taocan/internal/taocan"
)

// A list, a package and the lines of its statement say what became of debits that are archived.
func TestArchivedDebitsAreNotLeftOutWithoutAWord(t *testing.T) {
	e := newEnv(t)
	grant := func(p taocan.Purpose) taocan.Package {
		t.Helper()
		granted, _, err := e.packages.Grant(t.Context(), taocan.System(), demoTenant, string(p), []byte(p),
			packages.GrantRequest{Category: taocan.Domestic, Purpose: p, Quantity: 500, ValidityMonths: 12, Reason: "test"})
		e.must(err)
		return granted
	}
	granted := grant(taocan.Verification)
	grant(taocan.Marketing)
	e.do(take("early", taocan.Verification, 1))
	e.do(take("two", taocan.Verification, 1), take("three", taocan.Verification, 1))
	e.clock.Advance(100 * 24 * time.Hour)
	e.do(take("late", taocan.Marketing, 1))
	e.must(monthfile.Archive(t.Context(), e.store, monthfile.Options{Dir: filepath.Join(t.TempDir(), "months"), Before: "2021-05", Now: e.clock.Now(), Window: 30 * 24 * time.Hour}))

	const said = "2021-05-01 08:00:00 之前的扣减记录已归档"
	b := e.signIn(taocan.Viewer)
	list := b.get("/debits")
	list.wantPage(t, http.StatusOK, "late", said)
	list.lacks(t, "early")
	b.get("/debits?until=2021-04-30").wantPage(t, http.StatusOK, "更早的扣减已归档", said)
	from := b.get("/debits?from=2021-06-01")
	from.wantPage(t, http.StatusOK, "late")
	from.lacks(t, "归档")
	b.english().get("/debits").wantPage(t, http.StatusOK, "are archived and not listed here")
	b = e.signIn(taocan.Viewer)

	shown := b.get("/package/" + string(granted.Number))
	shown.wantPage(t, http.StatusOK, "early", "更早的扣减已归档") // the statement stays; what it opens into does not
	opened := 0
	for _, to := range shown.links() {
		if strings.Contains(to, "commit=") || strings.HasPrefix(to, "/debits/early") {
			opened++
			b.get(to).wantPage(t, http.StatusGone, "已归档")
		}
	}
	if opened != 2 {
		t.Errorf("%d lines of the statement lead to debits, want 2: %v", opened, shown.links())
	}
}
