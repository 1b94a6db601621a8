package order

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestAnUnpaidOrderClosesAfterADaySweptOrNot(t *testing.T) {
	s := open(t)
	s.fund(0, 100_00, 0)
	v := s.voucher(VoucherIssue{Amount: 1_00})
	ord := s.order(thousand)

	s.clock.Set(ord.ClosesAt.Add(-time.Microsecond))
	last, err := s.Order(s.ctx, web, ord.ID)
	must(t, err)
	if last.State != taocan.OrderPending {
		t.Errorf("a microsecond before its close it is %s", last.State)
	}
	if n, err := s.CloseUnpaid(s.ctx); n != 0 || err != nil {
		t.Errorf("closed %d too early, %v", n, err)
	}

	s.clock.Set(ord.ClosesAt)
	unswept, err := s.Order(s.ctx, web, ord.ID)
	must(t, err)
	want := ord
	want.State, want.SettledAt = taocan.OrderClosed, ord.ClosesAt
	if diff := cmp.Diff(want, unswept); diff != "" {
		t.Errorf("at its close (-want +got):\n%s", diff)
	}
	refused := func() {
		t.Helper()
		before := s.state("p")
		_, _, err := s.pay("p", ord.ID, v.ID)
		wantState(t, err, taocan.OrderClosed)
		_, err = s.Cancel(s.ctx, token, ord.ID)
		wantState(t, err, taocan.OrderClosed)
		usable, err := s.UsableVouchers(s.ctx, web, ord.ID)
		if err != nil || len(usable) != 0 {
			t.Errorf("vouchers for a closed order: %v, %v", usable, err)
		}
		s.wantUnchanged(before, "p")
	}
	refused()

	s.clock.Advance(time.Hour)
	if n, err := s.CloseUnpaid(s.ctx); n != 1 || err != nil {
		t.Errorf("closed %d, %v", n, err)
	}
	swept, err := s.Order(s.ctx, web, ord.ID)
	must(t, err)
	if diff := cmp.Diff(unswept, swept); diff != "" {
		t.Errorf("swept (-unswept +swept):\n%s", diff)
	}
	refused()
	if n, err := s.CloseUnpaid(s.ctx); n != 0 || err != nil {
		t.Errorf("closed %d again, %v", n, err)
	}
}

func TestTheSweeperTakesMoreThanOneBatchAndLeavesTheOthers(t *testing.T) {
	s := open(t)
	s.fund(0, 44_00, 0)
	paid, cancelled := s.order(thousand), s.order(thousand)
	_, _, err := s.pay("p", paid.ID, "")
	must(t, err)
	_, err = s.Cancel(s.ctx, token, cancelled.ID)
	must(t, err)
	for range closeBatch + 5 {
		s.order(thousand)
	}
	s.clock.Advance(25 * time.Hour)
	young := s.order(thousand)
	if n, err := s.CloseUnpaid(s.ctx); n != closeBatch+5 || err != nil {
		t.Errorf("closed %d, %v", n, err)
	}
	for _, x := range []struct {
		state taocan.OrderState
		want  int
	}{{taocan.OrderPaid, 1}, {taocan.OrderCancelled, 1}, {taocan.OrderPending, 1}, {taocan.OrderClosed, closeBatch + 5}} {
		page, err := s.Orders.Orders(s.ctx, web, x.state, store.Paging{Limit: 200})
		if err != nil || len(page.Items) != x.want {
			t.Errorf("%d are %s, want %d, %v", len(page.Items), x.state, x.want, err)
		}
	}
	if ord, err := s.Order(s.ctx, web, young.ID); err != nil || ord.State != taocan.OrderPending {
		t.Errorf("the young one is %s, %v", ord.State, err)
	}
}

func TestACancelledOrderStaysCancelled(t *testing.T) {
	s := open(t)
	s.fund(0, 100_00, 0)
	ord := s.order(thousand)
	s.clock.Advance(time.Minute)
	cancelled, err := s.Cancel(s.ctx, token, ord.ID)
	must(t, err)
	if cancelled.State != taocan.OrderCancelled || !cancelled.SettledAt.Equal(s.clock.Now()) {
		t.Errorf("got %s at %s", cancelled.State, cancelled.SettledAt)
	}
	s.clock.Advance(48 * time.Hour)
	before := s.state("p")
	again, err := s.Cancel(s.ctx, token, ord.ID)
	must(t, err)
	if diff := cmp.Diff(cancelled, again); diff != "" {
		t.Errorf("again (-first +again):\n%s", diff)
	}
	_, _, err = s.pay("p", ord.ID, "")
	wantState(t, err, taocan.OrderCancelled)
	s.wantUnchanged(before, "p")
}

func TestAPaidOrderCannotBeCancelled(t *testing.T) {
	s := open(t)
	s.fund(0, 100_00, 0)
	ord := s.order(thousand)
	_, _, err := s.pay("p", ord.ID, "")
	must(t, err)
	before := s.state("p")
	_, err = s.Cancel(s.ctx, token, ord.ID)
	wantState(t, err, taocan.OrderPaid)
	s.wantUnchanged(before, "p")
}

func TestAViewerCannotCancel(t *testing.T) {
	s := open(t)
	ord := s.order(thousand)
	_, err := s.Cancel(s.ctx, s.member("m3", taocan.Viewer), ord.ID)
	wantErr(t, err, taocan.ErrForbidden)
}

func TestAnothersOrderIsNotFound(t *testing.T) {
	s := open(t)
	s.fund(0, 100_00, 0)
	ord := s.order(thousand)
	for _, tenant := range []taocan.Tenant{theirs, {Account: "acme", Project: "shop"}, {Account: "other", Project: "web"}} {
		actor := token
		actor.Tenant = tenant
		_, err := s.Order(s.ctx, tenant, ord.ID)
		wantErr(t, err, taocan.ErrNotFound)
		_, _, err = s.Pay(s.ctx, actor, "p", content("x"), ord.ID, "")
		wantErr(t, err, taocan.ErrNotFound)
		_, err = s.Cancel(s.ctx, actor, ord.ID)
		wantErr(t, err, taocan.ErrNotFound)
		_, err = s.UsableVouchers(s.ctx, tenant, ord.ID)
		wantErr(t, err, taocan.ErrNotFound)
	}
	if got, err := s.Order(s.ctx, web, ord.ID); err != nil || got.State != taocan.OrderPending {
		t.Errorf("it is %s, %v", got.State, err)
	}
}
