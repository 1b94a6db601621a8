package edge

import (
	"context"
	"log/slog"
)

// LogHandler writes lines as next does, and adds the request's id to every line that is logged for one and lacks it.
// Whoever logs passes the request's context and need not think of the id.
func LogHandler(next slog.Handler) slog.Handler { return logHandler{next} }

type logHandler struct{ slog.Handler }

const requestIDKey = "request_id"

func (h logHandler) Handle(ctx context.Context, line slog.Record) error {
	id := RequestOf(ctx).ID
	line.Attrs(func(a slog.Attr) bool {
		if a.Key == requestIDKey {
			id = "" // it has one
		}
		return id != ""
	})
	if id != "" {
		line = line.Clone()
		line.AddAttrs(slog.String(requestIDKey, id))
	}
	return h.Handler.Handle(ctx, line)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler { return logHandler{h.Handler.WithGroup(name)} }
