package edge

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"taocan/internal/clock"
)

func TestALongAnswerOutlivesTheLimitOfOthers(t *testing.T) {
	front := &Front{Log: slog.New(slog.DiscardHandler), Clock: clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), Timeout: time.Nanosecond}
	connection, leave := context.WithCancel(t.Context())
	handler := front.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // the limit of others
		ctx, cancel := Long(w, r, time.Hour)
		defer cancel()
		if err := ctx.Err(); err != nil {
			t.Errorf("it has ended: %v", err)
		}
		if RequestOf(ctx).ID == "" || RequestOf(ctx) != RequestOf(r.Context()) {
			t.Error("it has forgotten its request")
		}
		if _, limited := ctx.Deadline(); !limited {
			t.Error("it has no limit")
		}
		leave()
		<-ctx.Done() // it ends with the connection
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(connection, http.MethodGet, "/long", nil))
}
