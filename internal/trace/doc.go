// Package trace sends traces of requests and group commits to an OpenTelemetry collector, by OTLP over HTTP.
//
// It is optional: without an endpoint New returns nil, whose methods add nothing to a request's way. A span names the
// route's pattern, the request's id and the status; never a query, a header, a body or whoever asks. A caller's traceparent
// is continued.
//
// Spans wait in memory, at most 2048 of them, and are sent every five seconds; when the collector is away they are dropped
// and nothing else waits. A crash loses those that wait.
package trace
