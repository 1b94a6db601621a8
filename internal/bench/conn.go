package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// conn is one connection that asks and waits. Requests are written and answers read by hand: a full HTTP client would cost
// as much processor time as the server.
type conn struct {
	net.Conn
	r      *bufio.Reader
	host   string
	debits int // per request
	out    []byte
	body   []byte
}

const (
	itemBefore  = `{"id":"`
	itemAfter   = `","category":"domestic","purpose":"marketing","quantity":1}`
	batchBefore = `{"debits":[`
	batchAfter  = `]}`
)

// grantedItem is what a batch's answer says once per debit that it granted.
var grantedItem = []byte(`"status":201`)

func newConn(c net.Conn, host string, debits int) *conn {
	return &conn{Conn: c, r: bufio.NewReaderSize(c, 64<<10), host: host, debits: debits}
}

// debit sends one request with fresh ids and says how many were granted.
func (c *conn) debit(p *Project, ids *ids) (granted int, err error) {
	path, length := "/debits", len(itemBefore)+idBytes+len(itemAfter)
	if c.debits > 1 {
		path, length = "/debits/batch", c.debits*(length+1)-1+len(batchBefore)+len(batchAfter)
	}
	b := c.out[:0]
	b = append(append(append(b, "POST /v1/projects/"...), p.Project...), path...)
	b = append(append(b, " HTTP/1.1\r\nHost: "...), c.host...)
	b = append(append(b, "\r\nAuthorization: Bearer "...), p.Token...)
	b = append(b, "\r\nContent-Type: application/json\r\nContent-Length: "...)
	b = append(strconv.AppendInt(b, int64(length), 10), "\r\n\r\n"...)
	if c.debits > 1 {
		b = append(b, batchBefore...)
	}
	for i := range c.debits {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, itemBefore...), ids.next()...), itemAfter...)
	}
	if c.debits > 1 {
		b = append(b, batchAfter...)
	}
	c.out = b
	if _, err := c.Write(b); err != nil {
		return 0, err
	}
	status, err := c.answer()
	switch {
	case err != nil:
		return 0, fmt.Errorf("read the answer: %w", err)
	case c.debits == 1 && status == http.StatusCreated:
		return 1, nil
	case c.debits > 1 && status == http.StatusOK:
		if granted = bytes.Count(c.body, grantedItem); granted < c.debits {
			err = fmt.Errorf("%d of %d debits of a batch were refused: %.300s", c.debits-granted, c.debits, c.body)
		}
		return granted, err
	}
	return 0, fmt.Errorf("status %d: %.300s", status, c.body)
}

// answer reads one into body. It knows what net/http sends: a length, or chunks.
func (c *conn) answer() (status int, err error) {
	line, err := c.line()
	if err != nil {
		return 0, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return 0, fmt.Errorf("a status line that says %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, err
	}
	length := 0
	for {
		if line, err = c.line(); err != nil {
			return 0, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			length = -1
		}
	}
	c.body = c.body[:0]
	if length >= 0 {
		return status, c.read(length)
	}
	for {
		if line, err = c.line(); err != nil {
			return 0, err
		}
		size, err := strconv.ParseInt(string(line), 16, 32)
		if err == nil {
			err = c.read(int(size))
		}
		if err == nil {
			_, err = c.line() // which ends the chunk
		}
		if err != nil || size == 0 {
			return status, err
		}
	}
}

// line is one without its end.
func (c *conn) line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}

// read appends the next n bytes to body.
func (c *conn) read(n int) error {
	at := len(c.body)
	if cap(c.body) < at+n {
		c.body = append(make([]byte, 0, 2*(at+n)), c.body...)
	}
	c.body = c.body[:at+n]
	_, err := io.ReadFull(c.r, c.body[at:])
	return err
}
