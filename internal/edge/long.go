package edge

import (
	"context"
	"net/http"
	"time"
)

// Long is the context of an answer that may take longer than Front lets others: it ends with the connection, or at limit.
// What is written must reach the caller within it, too.
func Long(w http.ResponseWriter, r *http.Request, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx := r.Context()
	if info := RequestOf(ctx); info.connection != nil {
		ctx = context.WithValue(info.connection, requestKey{}, info)
	}
	_ = http.NewResponseController(w).SetWriteDeadline(machine.Now().Add(limit)) // recorders of tests have none
	return context.WithTimeout(ctx, limit)
}
