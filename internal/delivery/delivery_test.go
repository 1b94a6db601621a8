package delivery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/delivery"
	"taocan/internal/notify"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
	"taocan/internal/vault"
)

var (
	shop   = taocan.Tenant{Account: "alpha", Project: "shop"}
	office = taocan.Tenant{Account: "beta", Project: "office"}
	start  = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
)

// secretWord is in every secret that a test sets.
const secretWord = "hush-hush"

// env is a store with two projects, their channels, and a sender that does what a test says.
type env struct {
	*testing.T
	dir      string // of the vault
	data     *teststore.Database
	clock    *clock.Fake
	store    store.Store
	vault    *vault.Vault
	channels *delivery.Channels
	worker   *delivery.Worker
	sender   *sender
	log      *logBuffer
	n        int
}

// logBuffer keeps what several sends log at once.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// sender is a receiver that a test controls.
type sender struct {
	mu     sync.Mutex
	sent   []delivery.Message // guarded by mu
	answer func(delivery.Message) (int, error)
}

func (s *sender) Send(_ context.Context, m delivery.Message) (int, error) {
	s.mu.Lock()
	s.sent = append(s.sent, m)
	s.mu.Unlock()
	if s.answer == nil {
		return 200, nil
	}
	return s.answer(m)
}

func (s *sender) ids() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.sent {
		all = append(all, m.ID)
	}
	return all
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{T: t, dir: t.TempDir(), data: teststore.NewDatabase(t), clock: clock.NewFake(start), sender: &sender{}, log: &logBuffer{}}
	e.store = e.data.Open(teststore.Options{Clock: e.clock})
	t.Cleanup(func() { e.must(e.store.Close()) })
	e.must(e.store.Update(t.Context(), "", func(tx store.Tx) error {
		for _, x := range []taocan.Tenant{shop, office} {
			err := errors.Join(tx.InsertAccount(t.Context(), taocan.Account{ID: x.Account, Name: "a", Level: taocan.Enterprise, CreatedAt: tx.Now()}),
				tx.InsertProject(t.Context(), taocan.Project{ID: x.Project, Account: x.Account, Name: "Project", CreatedAt: tx.Now()}),
				tx.InsertMember(t.Context(), taocan.Member{ID: taocan.MemberID("owner-" + x.Account), Account: x.Account, Login: "owner-" + string(x.Account), Role: taocan.Owner, CreatedAt: tx.Now()}),
				tx.InsertMember(t.Context(), taocan.Member{ID: taocan.MemberID("viewer-" + x.Account), Account: x.Account, Login: "viewer-" + string(x.Account), Role: taocan.Viewer, CreatedAt: tx.Now()}))
			if err != nil {
				return err
			}
		}
		return nil
	}))
	e.open()
	return e
}

// open makes the parts anew, as a start of the process does.
func (e *env) open() {
	e.Helper()
	var err error
	e.vault, err = vault.Load(filepath.Join(e.dir, vault.FileName), nil)
	e.must(err)
	e.channels = delivery.New(delivery.Config{Store: e.store, Clock: e.clock, Vault: e.vault, RobotHosts: []string{"robots.example.com:8443"}, PlainHTTP: true,
		Permits: notify.New(notify.Config{Networks: []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24")}}).Permits})
	e.worker = e.newWorker()
}

func (e *env) newWorker() *delivery.Worker {
	log := slog.New(slog.NewTextHandler(e.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return delivery.NewWorker(delivery.WorkerConfig{Store: e.store, Clock: e.clock, Vault: e.vault, Sender: e.sender, Log: log})
}

func (e *env) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

// by is a token of the project that may manage.
func by(t taocan.Tenant) taocan.Actor {
	return taocan.Actor{Tenant: t, Token: "token-1", Scopes: []taocan.Scope{taocan.ScopeRead, taocan.ScopeManage}}
}

func hook(name string) delivery.Request {
	return delivery.Request{Kind: taocan.Webhook, Name: name, Address: "https://example.com/" + name + "?token=" + secretWord, Language: "en", Enabled: true}
}

func (e *env) create(t taocan.Tenant, req delivery.Request) taocan.ChannelID {
	e.Helper()
	c, _, err := e.channels.Create(e.Context(), by(t), req)
	e.must(err)
	return c.ID
}

// tell puts a notice into the outbox.
func (e *env) tell(t taocan.Tenant, to ...taocan.ChannelID) taocan.NoticeID {
	e.Helper()
	e.n++
	n := taocan.Notice{Tenant: t, ID: taocan.NoticeID(fmt.Sprintf("n%03d", e.n)), At: e.clock.Now(), Event: taocan.NoticeLow, Rule: "domestic-marketing", Channels: to}
	e.must(e.store.Update(e.Context(), "", func(tx store.Tx) error { return tx.InsertNotice(e.Context(), n) }))
	return n.ID
}

// work steps until nothing is left for now.
func (e *env) work() {
	e.Helper()
	for {
		n, err := e.worker.Step(e.Context())
		e.must(err)
		if n == 0 {
			return
		}
	}
}

func (e *env) deliveries(t taocan.Tenant) []store.DeliveryRow {
	e.Helper()
	page, err := e.channels.Deliveries(e.Context(), t, store.DeliveryFilter{Paging: store.Paging{Limit: 100}})
	e.must(err)
	return page.Items
}

func TestANoticeGoesToEveryEnabledChannelOrToThoseThatItNames(t *testing.T) {
	e := newEnv(t)
	a, b := e.create(shop, hook("a")), e.create(shop, hook("b"))
	off := hook("off")
	off.Enabled = false
	disabled := e.create(shop, off)
	e.create(office, hook("theirs"))
	all := e.tell(shop)
	one := e.tell(shop, b, disabled, "gone")
	nobody := e.tell(shop, disabled)
	e.work()
	got := e.sender.ids()
	slices.Sort(got)
	want := []string{fmt.Sprintf("msg_%s_%s", all, a), fmt.Sprintf("msg_%s_%s", all, b), fmt.Sprintf("msg_%s_%s", one, b)}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
	page, err := e.channels.Notices(t.Context(), shop, store.NoticeFilter{Paging: store.Paging{Limit: 10}})
	e.must(err)
	for _, n := range page.Items {
		if n.ID == nobody && (!n.Spread || n.Deliveries != 0) {
			t.Errorf("a notice with nobody to tell: %+v, want that its row says so", n)
		}
	}
	for _, d := range e.deliveries(shop) {
		if d.State != taocan.DeliveryDelivered || d.Status != 200 || d.Attempts != 1 {
			t.Errorf("got %+v, want delivered at once", d)
		}
	}
}

func TestAFailingReceiverIsTriedWithGrowingPausesUntilItIsGivenUp(t *testing.T) {
	e := newEnv(t)
	e.create(shop, hook("a"))
	e.sender.answer = func(delivery.Message) (int, error) { return 503, errors.New("the receiver answered 503") }
	e.tell(shop)
	var pauses []time.Duration
	for {
		e.work()
		d := e.deliveries(shop)[0]
		if d.State != taocan.DeliveryPending {
			break
		}
		if d.Status != 503 || d.Error != "the receiver answered 503" || d.Attempts != len(pauses)+1 {
			t.Fatalf("got %+v after %d tries", d, len(pauses)+1)
		}
		pause := d.NextAt.Sub(e.clock.Now())
		pauses = append(pauses, pause)
		e.clock.Advance(pause - time.Second)
		if n, err := e.worker.Step(t.Context()); n != 0 || err != nil {
			t.Fatalf("before its time %d were tried, %v", n, err)
		}
		e.clock.Advance(time.Second)
	}
	want := []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour}
	if len(pauses) < 15 || !slices.Equal(pauses[:8], want) || pauses[8] != 6*time.Hour || pauses[9] != 6*time.Hour {
		t.Errorf("got pauses %v", pauses)
	}
	d := e.deliveries(shop)[0]
	if d.State != taocan.DeliveryFailed || e.clock.Now().Sub(d.CreatedAt) != 48*time.Hour {
		t.Errorf("got %+v given up after %s, want after 48h", d, e.clock.Now().Sub(d.CreatedAt))
	}
	first := e.sender.ids()[0]
	for _, id := range e.sender.ids() {
		if id != first {
			t.Errorf("a try went under id %s, the first under %s", id, first)
		}
	}
}

func TestAReceiverThatWasDownForHoursGetsItInTheEnd(t *testing.T) {
	e := newEnv(t)
	e.create(shop, hook("a"))
	e.sender.answer = func(delivery.Message) (int, error) {
		if e.clock.Now().Sub(start) < 5*time.Hour {
			return 0, errors.New("connection refused")
		}
		return 204, nil
	}
	e.tell(shop)
	for range 12 {
		e.work()
		e.clock.Advance(time.Hour)
	}
	if d := e.deliveries(shop)[0]; d.State != taocan.DeliveryDelivered || d.Status != 204 || d.Error != "" {
		t.Errorf("got %+v, want delivered", d)
	}
}

func TestAWebhookThatSaysGoneIsDisabled(t *testing.T) {
	e := newEnv(t)
	id := e.create(shop, hook("a"))
	e.sender.answer = func(delivery.Message) (int, error) { return 410, errors.New("the receiver answered 410") }
	e.tell(shop)
	e.tell(shop)
	e.work()
	c, err := e.channels.Channel(t.Context(), shop, id)
	if err != nil || c.Enabled {
		t.Errorf("got enabled %v, %v; want a disabled channel", c.Enabled, err)
	}
	for _, d := range e.deliveries(shop) {
		if d.State != taocan.DeliveryFailed {
			t.Errorf("got %+v, want given up", d)
		}
	}
}

func TestWhatIsPendingFailsWhenItsChannelGoes(t *testing.T) {
	e := newEnv(t)
	removed, disabled := e.create(shop, hook("a")), e.create(shop, hook("b"))
	e.sender.answer = func(delivery.Message) (int, error) { return 500, errors.New("down") }
	e.tell(shop)
	e.work()
	e.must(e.channels.Delete(t.Context(), by(shop), removed))
	req := hook("b")
	req.Enabled = false
	_, err := e.channels.Update(t.Context(), by(shop), disabled, req)
	e.must(err)
	e.clock.Advance(time.Hour)
	e.work()
	for _, d := range e.deliveries(shop) {
		want := map[taocan.ChannelID]string{removed: "channel removed", disabled: "channel disabled"}[d.Channel]
		if d.State != taocan.DeliveryFailed || d.Error != want {
			t.Errorf("got %+v, want failed: %s", d, want)
		}
	}
	if n := len(e.sender.ids()); n != 2 {
		t.Errorf("sent %d, want no try after the channels were gone", n)
	}
}

func TestACrashAfterSendingSendsAgainUnderTheSameID(t *testing.T) {
	e := newEnv(t)
	e.create(shop, hook("a"))
	e.tell(shop)
	ctx, crash := context.WithCancel(t.Context())
	e.sender.answer = func(delivery.Message) (int, error) {
		crash() // it has arrived, but nobody learns of it
		return 0, errors.New("the process ended")
	}
	for range 2 { // spread, then send
		_, _ = e.worker.Step(ctx)
	}
	if len(e.sender.ids()) != 1 {
		t.Fatalf("sent %v, want one", e.sender.ids())
	}
	e.sender.answer = nil
	e.open()
	e.work()
	if n := len(e.sender.ids()); n != 1 {
		t.Errorf("sent %d times while the lease held, want 1", n)
	}
	e.clock.Advance(time.Minute)
	e.work()
	if ids := e.sender.ids(); len(ids) != 2 || ids[0] != ids[1] {
		t.Errorf("sent under %v, want twice under one id", ids)
	}
	if d := e.deliveries(shop)[0]; d.State != taocan.DeliveryDelivered {
		t.Errorf("got %+v, want delivered", d)
	}
}

func TestWorkersThatShareAStoreNeverSendTheSameAtOnce(t *testing.T) {
	e := newEnv(t)
	for i := range 4 {
		e.create(shop, hook(fmt.Sprint("a", i)))
		e.create(office, hook(fmt.Sprint("b", i)))
	}
	for range 10 {
		e.tell(shop)
		e.tell(office)
	}
	workers := []*delivery.Worker{e.worker, e.newWorker(), e.newWorker()}
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(func() {
			for range 60 {
				if _, err := w.Step(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	count := map[string]int{}
	for _, id := range e.sender.ids() {
		count[id]++
	}
	if len(count) != 80 {
		t.Errorf("sent %d, want 80", len(count))
	}
	for id, n := range count {
		if n != 1 {
			t.Errorf("%s was sent %d times", id, n)
		}
	}
}

func TestOneSlowReceiverDoesNotHoldUpOthers(t *testing.T) {
	e := newEnv(t)
	slow, quick := e.create(shop, hook("slow")), e.create(shop, hook("quick"))
	their := e.create(office, hook("theirs"))
	for range 6 {
		e.tell(shop, slow)
	}
	e.tell(shop, quick)
	e.tell(office, their)
	done := make(chan struct{})
	var mu sync.Mutex
	waiting, most := 0, 0
	reached := make(chan taocan.ChannelID, 20)
	e.sender.answer = func(m delivery.Message) (int, error) {
		if m.Channel.ID != slow {
			reached <- m.Channel.ID
			return 200, nil
		}
		mu.Lock()
		waiting++
		most = max(most, waiting)
		mu.Unlock()
		<-done
		mu.Lock()
		waiting--
		mu.Unlock()
		return 200, nil
	}
	e.worker.Start(t.Context())
	got := map[taocan.ChannelID]bool{<-reached: true, <-reached: true} // while the slow one hangs
	close(done)
	e.must(e.worker.Stop(t.Context()))
	if !got[quick] || !got[their] || most > 2 {
		t.Errorf("reached %v with at most %d sends to the slow one; want both others, and 2", got, most)
	}
}

func TestAWorkerThatWasNotStartedStopsAtOnce(t *testing.T) {
	if err := delivery.NewWorker(delivery.WorkerConfig{}).Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSecretsAreShownOnceAndNeverAgain(t *testing.T) {
	e := newEnv(t)
	c, secret, err := e.channels.Create(t.Context(), by(shop), hook("a"))
	e.must(err)
	if !strings.HasPrefix(secret, "whsec_") || !c.Signed || c.Address != "https://example.com/a?…" {
		t.Errorf("got secret %q, signed %v, address %s", secret, c.Signed, c.Address)
	}
	key := "SEC" + secretWord
	ding, none, err := e.channels.Create(t.Context(), by(shop), delivery.Request{Kind: taocan.DingTalk, Name: "d",
		Address: "https://oapi.dingtalk.com/robot/send?access_token=" + secretWord + "9f3a", Key: &key, Language: "zh", Enabled: true})
	e.must(err)
	if none != "" || ding.Address != "oapi.dingtalk.com …9f3a" {
		t.Errorf("got secret %q, address %q", none, ding.Address)
	}
	e.tell(shop)
	e.sender.answer = func(m delivery.Message) (int, error) {
		if !strings.Contains(m.To.Address, secretWord) || m.To.Key == "" {
			t.Errorf("the sender got %q, without what it needs", m.To.Address)
		}
		slog.New(slog.NewTextHandler(e.log, nil)).Error("a careless line", "message", m, "to", m.To)
		fmt.Fprintf(e.log, "%v %+v %#v", m, m, m.To)
		return 500, errors.New("down")
	}
	e.work()
	_, fresh, err := e.channels.RotateSecret(t.Context(), by(shop), c.ID)
	e.must(err)
	req := hook("a")
	req.Language = "none"
	_, refusal := e.channels.Update(t.Context(), by(shop), c.ID, req)

	var shown strings.Builder
	shown.WriteString(e.log.String())
	fmt.Fprint(&shown, refusal)
	list, err := e.channels.List(t.Context(), shop)
	e.must(err)
	e.must(e.store.View(t.Context(), func(r store.Reader) error {
		audit, err := r.AuditEntries(t.Context(), store.AuditFilter{Paging: store.Paging{Limit: 100}})
		for _, x := range []any{audit.Items, list} {
			b, err := json.Marshal(x)
			e.must(err)
			shown.Write(b)
		}
		return err
	}))
	for _, d := range e.deliveries(shop) {
		fmt.Fprintf(&shown, "%+v", d)
	}
	for _, word := range []string{secretWord, secret, fresh} {
		if strings.Contains(shown.String(), word) {
			t.Errorf("%q is shown in logs, lists, deliveries, refusals or the audit log", word)
		}
	}
	contents := e.data.Contents()
	if !bytes.Contains(contents, []byte("Project")) {
		t.Error("the database's contents were not read")
	}
	if bytes.Contains(contents, []byte(secretWord)) {
		t.Error("a secret stands readable in the database")
	}
}

func TestARotatedSecretSignsWithTheOldOneForADay(t *testing.T) {
	e := newEnv(t)
	c, old, err := e.channels.Create(t.Context(), by(shop), hook("a"))
	e.must(err)
	_, fresh, err := e.channels.RotateSecret(t.Context(), by(shop), c.ID)
	e.must(err)
	keys := func() []string {
		e.tell(shop)
		e.work()
		m := e.sender.sent[len(e.sender.sent)-1]
		return m.To.Keys(m.At)
	}
	if got := keys(); !slices.Equal(got, []string{fresh, old}) {
		t.Errorf("got %d keys, want the new and the old one", len(got))
	}
	e.clock.Advance(24 * time.Hour)
	if got := keys(); !slices.Equal(got, []string{fresh}) {
		t.Errorf("a day later got %d keys, want the new one", len(got))
	}
}

func TestALostMasterKeyIsSaidAndHealedByAnAddressGivenAnew(t *testing.T) {
	e := newEnv(t)
	id := e.create(shop, hook("a"))
	e.must(os.Remove(filepath.Join(e.dir, vault.FileName)))
	e.open()
	if c, err := e.channels.Channel(t.Context(), shop, id); err != nil || !c.KeyMissing {
		t.Errorf("got %+v, %v; want that the key is missing", c, err)
	}
	e.tell(shop)
	e.work()
	if d := e.deliveries(shop)[0]; d.State != taocan.DeliveryPending || !strings.Contains(d.Error, "key missing") || len(e.sender.ids()) != 0 {
		t.Errorf("got %+v, want a delivery that waits and says why", d)
	}
	req := hook("a")
	req.Address = ""
	if _, err := e.channels.Update(t.Context(), by(shop), id, req); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("without an address: got %v, want a refusal", err)
	}
	if c, err := e.channels.Update(t.Context(), by(shop), id, hook("a")); err != nil || c.KeyMissing {
		t.Errorf("with an address: got %+v, %v", c, err)
	}
	e.clock.Advance(time.Hour)
	e.work()
	if d := e.deliveries(shop)[0]; d.State != taocan.DeliveryDelivered {
		t.Errorf("got %+v, want delivered", d)
	}
}

func TestRotationOfTheMasterKeyReseals(t *testing.T) {
	e := newEnv(t)
	id := e.create(shop, hook("a"))
	e.create(office, hook("b"))
	done, err := e.channels.RotateKey(t.Context(), taocan.System(), false)
	if err != nil || done != (delivery.Rotation{Resealed: 2, Keys: 2}) {
		t.Fatalf("got %+v, %v", done, err)
	}
	done, err = e.channels.RotateKey(t.Context(), taocan.System(), true)
	if err != nil || done != (delivery.Rotation{Resealed: 2, Keys: 1}) {
		t.Fatalf("got %+v, %v", done, err)
	}
	e.open() // the file alone must do
	if c, err := e.channels.Channel(t.Context(), shop, id); err != nil || c.KeyMissing {
		t.Errorf("got %+v, %v; want secrets that open", c, err)
	}
	if _, err := e.channels.RotateKey(t.Context(), by(shop), false); !errors.Is(err, taocan.ErrForbidden) {
		t.Errorf("a project's token: got %v, want a refusal", err)
	}
}

// A channel that was sealed with a key which a rotation had dropped before it was written would be lost from its start.
func TestChannelsMadeDuringARotationOfTheMasterKeyOpenAfterIt(t *testing.T) {
	e := newEnv(t)
	var all sync.WaitGroup
	all.Go(func() {
		for range 10 {
			if _, err := e.channels.RotateKey(t.Context(), taocan.System(), true); err != nil {
				t.Error(err)
			}
		}
	})
	for i := range delivery.MaxChannels {
		e.create(shop, hook(fmt.Sprint(i)))
	}
	all.Wait()
	e.open()
	list, err := e.channels.List(t.Context(), shop)
	e.must(err)
	for _, c := range list {
		if c.KeyMissing {
			t.Errorf("channel %s cannot be opened", c.Name)
		}
	}
}

func TestWhoMayManageChannels(t *testing.T) {
	e := newEnv(t)
	id := e.create(shop, hook("a"))
	member := func(m taocan.MemberID, t taocan.Tenant) taocan.Actor {
		a := by(t)
		a.Member = m
		return a
	}
	reader := by(shop)
	reader.Scopes = []taocan.Scope{taocan.ScopeRead}
	for name, tt := range map[string]struct {
		actor taocan.Actor
		kind  error
	}{
		"an owner":                     {member("owner-alpha", shop), nil},
		"a viewer":                     {member("viewer-alpha", shop), taocan.ErrForbidden},
		"an owner of another account":  {member("owner-beta", shop), taocan.ErrForbidden},
		"a token that may only read":   {reader, taocan.ErrForbidden},
		"a token of another project":   {by(office), taocan.ErrNotFound},
		"a token of no such project":   {by(taocan.Tenant{Account: "alpha", Project: "office"}), taocan.ErrNotFound},
		"a token with mixed up tenant": {by(taocan.Tenant{Account: "beta", Project: "shop"}), taocan.ErrNotFound},
	} {
		_, err1 := e.channels.Update(t.Context(), tt.actor, id, hook("a"))
		_, err2 := e.channels.Test(t.Context(), tt.actor, id)
		_, _, err3 := e.channels.RotateSecret(t.Context(), tt.actor, id)
		for i, err := range []error{err1, err2, err3} {
			if !errors.Is(err, tt.kind) {
				t.Errorf("%s, call %d: got %v, want %v", name, i, err, tt.kind)
			}
		}
		if tt.kind != nil {
			if err := e.channels.Delete(t.Context(), tt.actor, id); !errors.Is(err, tt.kind) {
				t.Errorf("%s deletes: got %v, want %v", name, err, tt.kind)
			}
		}
	}
}

func TestTestsThatAreNotSpreadYetCountAsWaiting(t *testing.T) {
	e := newEnv(t)
	a := e.create(shop, hook("a"))
	for i := range 20 {
		if _, err := e.channels.Test(t.Context(), by(shop), a); err != nil {
			t.Fatalf("test %d: %v", i, err)
		}
	}
	if _, err := e.channels.Test(t.Context(), by(shop), a); !errors.Is(err, taocan.ErrRateLimited) {
		t.Errorf("one more before any is spread: got %v, want %v", err, taocan.ErrRateLimited)
	}
	e.work()
	if _, err := e.channels.Test(t.Context(), by(shop), a); err != nil {
		t.Errorf("once they have arrived: %v", err)
	}
}

func TestRequestsAreCheckedAndRefusalsShowNoSecret(t *testing.T) {
	e := newEnv(t)
	key := secretWord
	long := strings.Repeat(secretWord, 20)
	for name, change := range map[string]func(*delivery.Request){
		"an unknown kind":              func(r *delivery.Request) { r.Kind = "pager" },
		"no name":                      func(r *delivery.Request) { r.Name = "" },
		"a name of two lines":          func(r *delivery.Request) { r.Name = "a\nb" },
		"a name that steers terminals": func(r *delivery.Request) { r.Name = "\x1b[31m" },
		"a name of spaces":             func(r *delivery.Request) { r.Name = "  " },
		"a webhook without a host":     func(r *delivery.Request) { r.Address = "https://:443/" + secretWord },
		"an e-mail address with a line separator": func(r *delivery.Request) {
			r.Kind, r.Address = taocan.Email, "a@example.com\u2028"
		},
		"no address":                     func(r *delivery.Request) { r.Address = "" },
		"a webhook of another scheme":    func(r *delivery.Request) { r.Address = "file:///" + secretWord },
		"a webhook with a password":      func(r *delivery.Request) { r.Address = "https://me:" + secretWord + "@example.com/" },
		"a webhook with a chosen secret": func(r *delivery.Request) { r.Key = &key },
		"a robot at a host of somebody":  func(r *delivery.Request) { r.Kind = taocan.DingTalk },
		"a robot at a host that looks alike": func(r *delivery.Request) {
			r.Kind, r.Address = taocan.WeCom, "https://qyapi.weixin.qq.com.example.com/"
		},
		"a robot's key that is too long":    func(r *delivery.Request) { r.Kind, r.Address, r.Key = taocan.Feishu, "https://open.feishu.cn/x", &long },
		"an e-mail address with a name":     func(r *delivery.Request) { r.Kind, r.Address = taocan.Email, "Duty <duty@example.com>" },
		"two e-mail addresses":              func(r *delivery.Request) { r.Kind, r.Address = taocan.Email, "a@example.com,b@example.com" },
		"an e-mail address with a new line": func(r *delivery.Request) { r.Kind, r.Address = taocan.Email, "a@example.com\r\nBcc: b@example.com" },
	} {
		req := hook("a")
		change(&req)
		_, _, err := e.channels.Create(t.Context(), by(shop), req)
		if !errors.Is(err, taocan.ErrInvalid) || strings.Contains(fmt.Sprintf("%+v", err), secretWord) {
			t.Errorf("%s: got %v, want a refusal without what was given", name, err)
		}
	}
	for kind, address := range map[taocan.ChannelKind]string{taocan.WeCom: "https://robots.example.com:8443/wecom/1", taocan.Feishu: "https://open.larksuite.com/open-apis/bot/v2/hook/1",
		taocan.Email: "duty+sms@example.com"} {
		e.create(shop, delivery.Request{Kind: kind, Name: "ok", Address: address, Language: "zh", Enabled: true})
	}
	for i := range delivery.MaxChannels - 3 {
		e.create(shop, hook(fmt.Sprint("more-", i)))
	}
	if _, _, err := e.channels.Create(t.Context(), by(shop), hook("one too many")); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("channel %d: got %v, want a refusal", delivery.MaxChannels+1, err)
	}
}

// A receiver inside was accepted, and only its messages failed, two days long.
func TestAnAddressInsideIsRefusedWhenItIsSaved(t *testing.T) {
	e := newEnv(t)
	at := func(address string) error {
		r := hook("a")
		r.Address = address
		_, _, err := e.channels.Create(t.Context(), by(shop), r)
		return err
	}
	for _, address := range []string{"https://10.0.0.1/x", "https://127.0.0.1:9/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://[fe80::1%25eth0]/", "https://169.254.169.254/",
		"https://localhost/", "https://LOCALHOST.:8443/", "https://api.localhost/", "http://8.8.8.8/", "http://192.168.8.1/"} {
		if err := at(address); !errors.Is(err, taocan.ErrInvalid) || !strings.Contains(err.Error(), "webhook-allow-networks") {
			t.Errorf("%s: got %v, want a refusal that names the setting", address, err)
		}
	}
	for _, address := range []string{"https://8.8.8.8/x", "https://192.168.7.20/x", "http://192.168.7.20:8080/x", "http://hooks.corp.example/", "https://localhost.example.com/"} {
		e.must(at(address))
	}
	id := e.create(shop, hook("b"))
	inside := hook("b")
	inside.Address = "https://10.0.0.1/x"
	if _, err := e.channels.Update(t.Context(), by(shop), id, inside); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("changed to an address inside: got %v, want a refusal", err)
	}
	e.channels = delivery.New(delivery.Config{Store: e.store, Clock: e.clock, Vault: e.vault})
	if err := at("http://example.com/"); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("without TLS where no network is allowed: got %v, want a refusal", err)
	}
}

func TestTestsTravelLikeNotices(t *testing.T) {
	e := newEnv(t)
	a, b := e.create(shop, hook("a")), e.create(shop, hook("b"))
	_, err := e.channels.Test(t.Context(), by(shop), a)
	e.must(err)
	e.must(e.store.Update(t.Context(), shop.Account, func(tx store.Tx) error {
		return tx.ReplaceAlertRules(t.Context(), shop, []taocan.AlertRule{{Tenant: shop, Kind: taocan.AlertRemaining, Unit: taocan.InMessages, Category: taocan.Domestic,
			Purpose: taocan.Marketing, Threshold: 1, Enabled: true, Channels: []taocan.ChannelID{b}, UpdatedAt: start}})
	}))
	_, err = e.channels.TestRule(t.Context(), by(shop), "domestic-marketing")
	e.must(err)
	if _, err := e.channels.TestRule(t.Context(), by(shop), "domestic-general"); !errors.Is(err, taocan.ErrNotFound) {
		t.Errorf("a rule that is not there: got %v", err)
	}
	e.work()
	for _, d := range e.deliveries(shop) {
		if d.Event != taocan.NoticeTest || d.State != taocan.DeliveryDelivered || (d.Channel == b) != (d.Rule == "domestic-marketing") {
			t.Errorf("got %+v", d)
		}
	}
	e.sender.answer = func(delivery.Message) (int, error) { return 500, errors.New("down") }
	for i := range 100 {
		if _, err = e.channels.Test(t.Context(), by(shop), a); err != nil {
			if i < 20 {
				t.Errorf("test %d: %v", i, err)
			}
			break
		}
		e.work()
	}
	if !errors.Is(err, taocan.ErrRateLimited) {
		t.Errorf("with many tests waiting: got %v, want %v", err, taocan.ErrRateLimited)
	}
}

func TestOldNoticesAreForgotten(t *testing.T) {
	e := newEnv(t)
	e.create(shop, hook("a"))
	e.tell(shop)
	e.work()
	e.clock.Advance(181 * 24 * time.Hour)
	e.tell(shop)
	e.work()
	if got := e.deliveries(shop); len(got) != 1 || got[0].Notice != "n002" {
		t.Errorf("got %+v, want the new one only", got)
	}
}
