package archive_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"taocan/internal/archive"
	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

var (
	zone   = time.FixedZone("CST", 8*60*60)
	web    = taocan.Tenant{Account: "acme", Project: "web"}
	shop   = taocan.Tenant{Account: "acme", Project: "shop"}
	theirs = taocan.Tenant{Account: "rival", Project: "theirs"}
	acme   = taocan.Tenant{Account: "acme"}
	staff  = taocan.System()
)

// env is a store with two accounts that own one of everything.
type env struct {
	*testing.T
	ctx      context.Context
	clock    *clock.Fake
	store    store.Store
	packages *packages.Packages
	engine   *debit.Engine
	*archive.Archive
	drawn int
}

func open(t *testing.T) *env {
	t.Helper()
	e := &env{T: t, ctx: context.WithoutCancel(t.Context()), clock: clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, zone))}
	e.store = teststore.Open(t, teststore.Options{Clock: e.clock})
	e.packages = packages.New(e.store, e.clock, zone, &digits{})
	e.engine = debit.New(debit.Config{Store: e.store, Clock: e.clock})
	e.engine.Start(e.ctx)
	e.Archive = archive.New(e.store, zone)
	t.Cleanup(func() { e.must(e.engine.Stop(e.ctx)) })
	e.settle("acme", web, shop)
	e.settle("rival", theirs)
	return e
}

// digits are random enough for numbers of packages.
type digits struct{ n uint32 }

func (d *digits) Read(b []byte) (int, error) {
	for i := range b {
		d.n = d.n*1664525 + 1013904223
		b[i] = byte(d.n >> 24)
	}
	return len(b), nil
}

func (e *env) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

// secret is a known one, of 32 bytes that all can be searched for.
func secret(of string) []byte {
	return []byte((of + "-must-never-leave-the-database-----")[:32])
}

// settle makes an account whose names all carry its id, and plants secrets.
func (e *env) settle(id taocan.AccountID, projects ...taocan.Tenant) {
	e.Helper()
	e.must(e.store.Update(e.ctx, id, func(tx store.Tx) error {
		s := string(id)
		errs := []error{
			tx.InsertAccount(e.ctx, taocan.Account{ID: id, Name: "=HYPERLINK(" + s + ")", Level: taocan.Enterprise, CreatedAt: tx.Now()}),
			tx.InsertMember(e.ctx, taocan.Member{ID: taocan.MemberID("mem_" + s), Account: id, Login: s + "-owner", Role: taocan.Owner, PasswordHash: string(secret("pw")), CreatedAt: tx.Now()}),
			tx.InsertMember(e.ctx, taocan.Member{ID: taocan.MemberID("mem_" + s + "_finance"), Account: id, Login: s + "-finance", Role: taocan.Finance,
				PasswordHash: string(secret("pw")), CreatedAt: tx.Now()}),
			tx.InsertVoucher(e.ctx, taocan.Voucher{ID: taocan.VoucherID("V-" + s), Account: id, CodeHint: "WXYZ", Amount: 100, ValidFrom: tx.Now(), ValidUntil: tx.Now().AddDate(1, 0, 0),
				IssuedAt: tx.Now(), AssignedAt: tx.Now()}, secret("voucher-"+s)),
		}
		_, err := tx.AppendWallet(e.ctx, taocan.WalletEntry{Account: id, Kind: taocan.WalletTopUp, At: tx.Now(), Cash: 100_000, Reference: "bank-" + s, By: staff})
		return errors.Join(append(errs, err)...)
	}))
	for _, t := range projects {
		p := string(t.Project)
		e.must(e.store.Update(e.ctx, id, func(tx store.Tx) error {
			return errors.Join(
				tx.InsertProject(e.ctx, taocan.Project{ID: t.Project, Account: id, Name: "+" + p, CreatedAt: tx.Now()}),
				tx.InsertToken(e.ctx, taocan.Token{ID: taocan.TokenID("tok_" + p), Hash: secret("token-" + p), Tenant: t, Name: p, Scopes: []taocan.Scope{taocan.ScopeRead}, CreatedAt: tx.Now()}),
				tx.InsertChannel(e.ctx, taocan.Channel{Tenant: t, ID: taocan.ChannelID("ch_" + p), Kind: taocan.Webhook, Name: p, Address: "https://" + p + ".example/hook",
					Sealed: secret("channel-" + p), Language: "zh", Enabled: true, CreatedAt: tx.Now(), UpdatedAt: tx.Now()}),
				tx.ReplaceAlertRules(e.ctx, t, []taocan.AlertRule{{Tenant: t, Kind: taocan.AlertRemaining, Unit: taocan.InMessages, Category: taocan.Domestic, Purpose: taocan.Marketing,
					Threshold: 10, Enabled: true, UpdatedAt: tx.Now()}}),
				tx.ReplaceUsageLimits(e.ctx, t, []taocan.UsageLimit{{Tenant: t, Category: taocan.Domestic, Period: taocan.PerDay, Cap: 1_000_000, UpdatedAt: tx.Now()}}),
				tx.ReplaceTopUps(e.ctx, t, []taocan.TopUp{{Tenant: t, Category: taocan.Domestic, Purpose: taocan.Marketing, Level: 5, Quantity: 1000, MonthCap: 10_000, Cooldown: time.Hour,
					AgreementVersion: "1", By: taocan.Actor{Tenant: t, Token: taocan.TokenID("tok_" + p)}, UpdatedAt: tx.Now()}}),
			)
		}))
		_, _, err := e.packages.Grant(e.ctx, staff, t, e.key(), []byte("content"), packages.GrantRequest{Category: taocan.Domestic, Purpose: taocan.Verification,
			Quantity: 1_000_000, ValidityMonths: 12, Reason: "@" + p})
		e.must(err)
		e.take(t, taocan.KindDebit, taocan.DebitID("=1+debit-"+p), 3)
		e.take(t, taocan.KindReservation, taocan.DebitID("kept-"+p), 5)
		e.take(t, taocan.KindReservation, taocan.DebitID("open-"+p), 7)
		e.clock.Advance(time.Second)
		e.do(store.Op{Tenant: t, Kind: store.OpCommit, ID: taocan.DebitID("kept-" + p), Quantity: 2})
	}
	e.must(e.store.Update(e.ctx, id, func(tx store.Tx) error { return e.buy(tx, projects[0]) }))
}

// buy leaves a paid order.
func (e *env) buy(tx store.Tx, t taocan.Tenant) error {
	o := taocan.Order{Tenant: t, ID: taocan.OrderID("O-" + t.Project), Description: "-1+" + string(t.Project), AgreementVersion: "1", AgreementHash: "hash",
		By: taocan.Actor{Tenant: t, Token: "tok"}, CreatedAt: tx.Now(), ClosesAt: tx.Now().Add(time.Hour), State: taocan.OrderPending,
		Quote: taocan.Quote{Purchase: taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: 100}, Name: "100", Each: 100, Packages: 1,
			Quantity: 100, UnitPrice: 440, HasUnitPrice: true, Amount: 440, ValidityMonths: 24, ChargeOn: taocan.ChargeOnSubmit, PriceList: "list"}}
	if err := tx.InsertOrder(e.ctx, o); err != nil {
		return err
	}
	if err := tx.SettleOrder(e.ctx, t, o.ID, taocan.OrderPaid, tx.Now()); err != nil {
		return err
	}
	p := taocan.Payment{Tenant: t, Order: o.ID, Split: taocan.Split{Cash: 440}, PaidAt: tx.Now(), By: o.By}
	if err := tx.InsertPayment(e.ctx, p); err != nil {
		return err
	}
	_, err := tx.AppendWallet(e.ctx, taocan.WalletEntry{Account: t.Account, Kind: taocan.WalletPayment, At: tx.Now(), Cash: -440, Project: t.Project, Order: o.ID, By: o.By})
	return err
}

func (e *env) key() string {
	e.drawn++
	return fmt.Sprintf("key-%d", e.drawn)
}

func (e *env) do(ops ...store.Op) {
	e.Helper()
	got, err := e.engine.Do(e.ctx, ops)
	e.must(err)
	for _, o := range got {
		e.must(o.Err)
	}
}

func (e *env) take(t taocan.Tenant, kind taocan.DebitKind, id taocan.DebitID, quantity taocan.Segments) {
	e.Helper()
	e.do(taking(t, kind, id, quantity))
}

func taking(t taocan.Tenant, kind taocan.DebitKind, id taocan.DebitID, quantity taocan.Segments) store.Op {
	r := taocan.DebitRequest{ID: id, Kind: kind, Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: quantity, Reference: string(id)}
	if kind == taocan.KindReservation {
		r.TTL, r.OnDeadline = taocan.MaxTTL, taocan.ReleaseOnDeadline
	}
	return store.Op{Tenant: t, Kind: store.OpTake, ID: id, Request: r}
}

// unzipped is an archive's files by name.
func (e *env) unzipped(actor taocan.Actor, of taocan.Tenant) map[string]string {
	e.Helper()
	var b bytes.Buffer
	e.must(e.Write(e.ctx, actor, of, &b))
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	e.must(err)
	files := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		e.must(err)
		text, err := io.ReadAll(in)
		e.must(err)
		e.must(in.Close())
		files[f.Name] = string(text)
	}
	return files
}

// lines of a file without its head.
func (e *env) lines(text string) [][]string {
	e.Helper()
	all, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll()
	e.must(err)
	return all[1:]
}

func (e *env) counts(files map[string]string) map[string]int {
	e.Helper()
	got := map[string]int{}
	for name, text := range files {
		if strings.HasSuffix(name, ".csv") {
			got[name] = len(e.lines(text))
		}
	}
	return got
}

func TestAnAccountsArchiveHoldsEveryRowOfItAndNobodyElses(t *testing.T) {
	e := open(t)
	files := e.unzipped(staff, acme)
	got := e.counts(files)
	for name, want := range map[string]int{"account.csv": 1, "projects.csv": 2, "members.csv": 2, "tokens.csv": 2, "packages.csv": 2, "debits.csv": 6, "archived_debits.csv": 0, "orders.csv": 1, "payments.csv": 1,
		"wallet_entries.csv": 2, "vouchers.csv": 1, "alert_rules.csv": 2, "usage_limits.csv": 2, "overflows.csv": 0, "pool_shares.csv": 0, "top_ups.csv": 2,
		"top_up_orders.csv": 0, "channels.csv": 2, "entries.csv": e.entries(web) + e.entries(shop)} {
		if n, there := got[name]; n != want || !there {
			t.Errorf("%s has %d lines, there: %v; want %d", name, n, there, want)
		}
	}
	if len(got) != 19 || len(files) != 20 {
		t.Errorf("files %v, want 19 lists and README.txt", got)
	}
	for name, text := range files {
		for _, word := range []string{"rival", "theirs"} {
			if strings.Contains(text, word) {
				t.Errorf("%s of acme names %s", name, word)
			}
		}
	}
}

// entries counts those of a project, as the ledger's proof reads them.
func (e *env) entries(t taocan.Tenant) (n int) {
	e.Helper()
	e.must(e.store.View(e.ctx, func(r store.Reader) error {
		list, err := r.Packages(e.ctx, t, store.PackageFilter{Paging: store.Paging{Limit: 100}})
		if err != nil {
			return err
		}
		for _, p := range list.Items {
			if err := r.EachEntry(e.ctx, t, p.Number, func(taocan.Entry) error { n++; return nil }); err != nil {
				return err
			}
		}
		return nil
	}))
	if n < 4 {
		e.Fatalf("project %s has %d entries, want a grant, a debit, two reservations and a commit", t.Project, n)
	}
	return n
}

func TestAProjectsArchiveHoldsTheProjectOnly(t *testing.T) {
	e := open(t)
	files := e.unzipped(taocan.Actor{Tenant: web, Token: "tok_web", Scopes: []taocan.Scope{taocan.ScopeManage}}, web)
	for _, name := range []string{"account.csv", "members.csv", "tokens.csv", "wallet_entries.csv", "vouchers.csv"} {
		if _, there := files[name]; there {
			t.Errorf("%s is in it", name)
		}
	}
	if got := e.counts(files); got["debits.csv"] != 3 || got["packages.csv"] != 1 || got["projects.csv"] != 1 || got["entries.csv"] != e.entries(web) {
		t.Errorf("lines %v", got)
	}
	for name, text := range files {
		for _, word := range []string{"shop", "rival", "theirs", "acme-owner", "bank-"} {
			if strings.Contains(text, word) {
				t.Errorf("%s of web names %s", name, word)
			}
		}
	}
}

func TestNoSecretIsInAnArchive(t *testing.T) {
	e := open(t)
	var all strings.Builder
	for _, text := range e.unzipped(staff, acme) {
		all.WriteString(text)
	}
	text := strings.ToLower(all.String())
	for _, of := range []string{"pw", "token-web", "token-shop", "channel-web", "channel-shop", "voucher-acme"} {
		s := secret(of)
		for _, form := range []string{string(s), hex.EncodeToString(s), base64.StdEncoding.EncodeToString(s), base64.RawURLEncoding.EncodeToString(s), fmt.Sprintf("%d", s)} {
			if strings.Contains(text, strings.ToLower(form)) {
				t.Errorf("the secret of %s is in it as %s", of, form)
			}
		}
	}
	if strings.Contains(text, "must-never-leave") {
		t.Error("part of a secret is in it")
	}
}

func TestNoCellIsAFormula(t *testing.T) {
	e := open(t)
	for name, text := range e.unzipped(staff, acme) {
		if name == "README.txt" {
			continue
		}
		for _, line := range e.lines(text) {
			for _, cell := range line {
				if cell != "" && strings.ContainsAny(cell[:1], "=+@\t\r\n") || strings.HasPrefix(cell, "-") && strings.Trim(cell, "-.0123456789") != "" {
					t.Errorf("%s holds %q", name, cell)
				}
			}
		}
	}
	if files := e.unzipped(staff, acme); !strings.Contains(files["debits.csv"], "'=1+debit-web") || !strings.Contains(files["account.csv"], "'=HYPERLINK(acme)") {
		t.Error("what was neutralised is not in it")
	}
}

func TestDebitsStandInTheirLastState(t *testing.T) {
	e := open(t)
	got := map[string]string{}
	for _, line := range e.lines(e.unzipped(staff, web)["debits.csv"]) {
		got[line[1]] = line[2] + " " + line[8] + " took " + line[10][strings.Index(line[10], ":"):] + " settled " + line[15]
	}
	for id, want := range map[string]string{"'=1+debit-web": "debit committed took :3 settled ", "kept-web": "reservation committed took :5 settled 2",
		"open-web": "reservation reserved took :7 settled "} {
		if got[id] != want {
			t.Errorf("%s: %q, want %q", id, got[id], want)
		}
	}
}

func TestWhoMayExport(t *testing.T) {
	e := open(t)
	manage := []taocan.Scope{taocan.ScopeRead, taocan.ScopeManage}
	token := taocan.Actor{Tenant: web, Token: "tok_web", Scopes: manage}
	reader := taocan.Actor{Tenant: web, Token: "tok_web", Scopes: []taocan.Scope{taocan.ScopeRead, taocan.ScopeBuy, taocan.ScopeDebit}}
	owner := taocan.Actor{Tenant: web, Token: "tok", Member: "mem_acme", Role: taocan.Owner, Scopes: manage}
	once := owner // signed in as an owner, and is one no more
	once.Member = "mem_acme_finance"
	stranger := taocan.Actor{Tenant: theirs, Token: "tok", Member: "mem_rival", Role: taocan.Owner, Scopes: manage}
	gone := owner
	gone.Member = "mem_nobody"
	for _, tt := range []struct {
		name  string
		actor taocan.Actor
		of    taocan.Tenant
		want  error
	}{
		{"an operator, an account", staff, acme, nil},
		{"an operator, a project", staff, web, nil},
		{"an operator, no account", staff, taocan.Tenant{Account: "nobody"}, taocan.ErrNotFound},
		{"an operator, a project under another account", staff, taocan.Tenant{Account: "acme", Project: "theirs"}, taocan.ErrNotFound},
		{"an owner, its account", owner, acme, nil},
		{"an owner, another project of its account", owner, shop, nil},
		{"an owner, another account", owner, taocan.Tenant{Account: "rival"}, taocan.ErrNotFound},
		{"an owner, another account's project", owner, theirs, taocan.ErrNotFound},
		{"another account's owner", stranger, acme, taocan.ErrNotFound},
		{"no owner any more, the account", once, acme, taocan.ErrForbidden},
		{"no owner any more, the project", once, web, taocan.ErrForbidden},
		{"a member that is gone", gone, acme, taocan.ErrForbidden},
		{"a token with manage, its project", token, web, nil},
		{"a token with manage, another project", token, shop, taocan.ErrNotFound},
		{"a token with manage, its account", token, acme, taocan.ErrForbidden},
		{"a token without manage", reader, web, taocan.ErrForbidden},
		{"nobody", taocan.Actor{}, acme, taocan.ErrNotFound},
		{"nobody, no account", taocan.Actor{}, taocan.Tenant{}, taocan.ErrNotFound},
	} {
		var b bytes.Buffer
		err := e.Write(e.ctx, tt.actor, tt.of, &b)
		if !errors.Is(err, tt.want) || (b.Len() > 0) != (tt.want == nil) {
			t.Errorf("%s: error %v, %d bytes; want %v", tt.name, err, b.Len(), tt.want)
		}
	}
}

func TestTheSameDataGivesTheSameBytes(t *testing.T) {
	e := open(t)
	var first, again bytes.Buffer
	e.must(e.Write(e.ctx, staff, acme, &first))
	e.clock.Advance(48 * time.Hour) // orders close and packages near their ends: nothing was written
	e.must(e.Write(e.ctx, staff, acme, &again))
	if !bytes.Equal(first.Bytes(), again.Bytes()) {
		t.Error("the bytes differ")
	}
}

// interrupting calls do at its first byte.
type interrupting struct {
	bytes.Buffer
	do func()
}

func (w *interrupting) Write(b []byte) (int, error) {
	if do := w.do; do != nil {
		w.do = nil
		do()
	}
	return w.Buffer.Write(b)
}

func TestAWriteMeanwhileIsInNoFile(t *testing.T) {
	e := open(t)
	var quiet bytes.Buffer
	e.must(e.Write(e.ctx, staff, acme, &quiet))
	busy := &interrupting{do: func() {
		e.take(web, taocan.KindDebit, "meanwhile", 1)
		e.do(store.Op{Tenant: web, Kind: store.OpRelease, ID: "open-web"})
	}}
	e.must(e.Write(e.ctx, staff, acme, busy))
	if busy.do != nil || !bytes.Equal(quiet.Bytes(), busy.Bytes()) {
		t.Error("what was written meanwhile is in it")
	}
	if files := e.unzipped(staff, acme); !strings.Contains(files["debits.csv"], "meanwhile") {
		t.Error("afterwards it is not in it")
	}
}

func TestAThirdArchiveAtOnceWaits(t *testing.T) {
	e := open(t)
	var rate *taocan.RateError
	third := &interrupting{do: func() {
		second := &interrupting{do: func() {
			if err := e.Write(e.ctx, staff, acme, io.Discard); !errors.As(err, &rate) || rate.RetryAfter <= 0 {
				t.Errorf("the third: %v, want RateError", err)
			}
		}}
		e.must(e.Write(e.ctx, staff, acme, second))
	}}
	e.must(e.Write(e.ctx, staff, acme, third))
	e.must(e.Write(e.ctx, staff, acme, io.Discard))
}

func TestHalfAnArchiveIsNone(t *testing.T) {
	e := open(t)
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	w := &broken{httptest.NewRecorder(), cancel}
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
			t.Errorf("recovered %v, want the connection broken off", p)
		}
	}()
	t.Errorf("Serve returned %v", e.Serve(ctx, staff, acme, w))
}

// broken is a caller who goes with the first byte.
type broken struct {
	*httptest.ResponseRecorder
	leave func()
}

func (b *broken) Write(p []byte) (int, error) {
	b.leave()
	return b.ResponseRecorder.Write(p)
}

func TestServedArchivesSayWhatTheyAre(t *testing.T) {
	e := open(t)
	for _, tt := range []struct {
		of   taocan.Tenant
		want string
	}{{acme, "taocan-acme.zip"}, {web, "taocan-web.zip"}} {
		w := httptest.NewRecorder()
		e.must(e.Serve(e.ctx, staff, tt.of, w))
		if got := w.Header().Get("Content-Disposition"); got != `attachment; filename="`+tt.want+`"` || w.Header().Get("Content-Type") != "application/zip" {
			t.Errorf("headers %v", w.Header())
		}
	}
	w := httptest.NewRecorder()
	if err := e.Serve(e.ctx, taocan.Actor{Tenant: web}, acme, w); !errors.Is(err, taocan.ErrForbidden) || w.Body.Len() > 0 || len(w.Header()) > 0 {
		t.Errorf("refused: %v, with %d bytes and headers %v", err, w.Body.Len(), w.Header())
	}
}

func TestTheReadMeNamesEveryFileInBothLanguages(t *testing.T) {
	e := open(t)
	files := e.unzipped(staff, acme)
	for name := range files {
		if name != "README.txt" && (!strings.Contains(files["README.txt"], name+"：") || !strings.Contains(files["README.txt"], name+": ")) {
			t.Errorf("it does not say what %s is", name)
		}
	}
}

// measuring counts what passes, and keeps the highest heap.
type measuring struct {
	bytes, next int
	heap        uint64
}

func (m *measuring) Write(b []byte) (int, error) {
	if m.bytes += len(b); m.bytes >= m.next {
		m.next = m.bytes + 256<<10
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		m.heap = max(m.heap, stats.HeapAlloc)
	}
	return len(b), nil
}

func TestALongArchiveHoldsLittle(t *testing.T) {
	debits := 200_000
	if testing.Short() {
		debits = 20_000
	}
	e := open(t)
	const batch = 1000
	for i := 0; i < debits; i += batch {
		ops := make([]store.Op, batch)
		for n := range ops {
			ops[n] = taking(web, taocan.KindDebit, taocan.DebitID(fmt.Sprintf("d-%07d", i+n)), 1)
		}
		e.do(ops...)
	}
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m, start := &measuring{}, time.Duration(0)
	machine := clock.System()
	start = machine.Monotonic()
	e.must(e.Write(e.ctx, staff, acme, m))
	took := machine.Monotonic() - start
	more := int64(m.heap) - int64(before.HeapAlloc)
	t.Logf("%d debits: %d bytes in %v, at most %d KiB more on the heap", debits, m.bytes, took, more>>10)
	if more > 16<<20 {
		t.Errorf("it held %d MiB", more>>20)
	}
	ids := make([]string, 0, debits)
	for _, line := range e.lines(e.unzipped(staff, acme)["debits.csv"]) {
		if strings.HasPrefix(line[1], "d-") {
			ids = append(ids, line[1])
		}
	}
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != debits {
		t.Errorf("%d debits are in it, want %d", n, debits)
	}
}
