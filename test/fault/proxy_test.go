package fault

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// direction of what passes through a proxy.
type direction int

const (
	toServer direction = iota
	toClient
)

// trouble is what a proxy does once, after it has let so many more bytes pass in a direction, on all connections together.
type trouble struct {
	way   direction
	after int
	what  func(c *passage) // is called by the goroutine that carries the bytes, which goes on when it returns
}

// proxy is between workers and PostgreSQL. Safe for concurrent use.
type proxy struct {
	listener net.Listener
	target   string
	gate     sync.RWMutex // held while everything stalls

	mu      sync.Mutex
	passing map[*passage]bool
	planned *trouble      // happens once
	met     chan struct{} // closed when it has
	delay   time.Duration // of every piece, each way
	closed  bool
}

// passage is one connection.
type passage struct {
	p              *proxy
	client, server net.Conn
	mute           bool // guarded by p.mu
}

// newProxy is a proxy before the server of a database, and the URL that leads through it.
func newProxy(t *testing.T, database string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{target: u.Host, passing: map[*passage]bool{}}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	go p.accept()
	t.Cleanup(p.close)
	u.Host = p.listener.Addr().String()
	return p, u.String()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		c := &passage{p: p, client: client, server: server}
		p.mu.Lock()
		p.passing[c] = true
		closed := p.closed
		p.mu.Unlock()
		if closed {
			c.cut()
			return
		}
		go c.carry(toServer)
		go c.carry(toClient)
	}
}

func (c *passage) carry(way direction) {
	from, to := c.client, c.server
	if way == toClient {
		from, to = to, from
	}
	defer c.cut()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !c.pass(way, to, buffer[:n]) || err != nil {
			return
		}
	}
}

// pass lets bytes pass, up to where trouble was planned.
func (c *passage) pass(way direction, to io.Writer, b []byte) bool {
	p := c.p
	p.mu.Lock()
	delay, mute := p.delay, c.mute
	var now *trouble
	first := len(b)
	if x := p.planned; x != nil && x.way == way {
		if x.after < len(b) {
			now, first, p.planned = x, x.after, nil
		} else {
			x.after -= len(b)
		}
	}
	p.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay)
	}
	p.gate.RLock()
	p.gate.RUnlock() //nolint:staticcheck // it is only waited for
	if mute {
		return true
	}
	if _, err := to.Write(b[:first]); err != nil {
		return false
	}
	if now != nil {
		now.what(c)
		close(p.met)
		p.mu.Lock()
		mute = c.mute
		p.mu.Unlock()
	}
	if mute {
		return true
	}
	_, err := to.Write(b[first:])
	return err == nil
}

// cut ends the connection on both sides.
func (c *passage) cut() {
	_ = c.client.Close()
	_ = c.server.Close()
	c.p.mu.Lock()
	delete(c.p.passing, c)
	c.p.mu.Unlock()
}

// reset ends it as a firewall does that has forgotten it: with RST.
func (c *passage) reset() {
	for _, side := range []net.Conn{c.client, c.server} {
		_ = side.(*net.TCPConn).SetLinger(0)
	}
	c.cut()
}

// silence lets nothing pass any more. Both sides believe that the connection stands.
func (c *passage) silence() {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.mute = true
}

// plan plans trouble and returns what is closed once it has happened.
func (p *proxy) plan(x trouble) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.planned, p.met = &x, make(chan struct{})
	return p.met
}

// cancel forgets what was planned.
func (p *proxy) cancel() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.planned = nil
}

// slow delays everything from now on.
func (p *proxy) slow(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// stall lets nothing pass on any connection until it is told to go on; then everything arrives.
func (p *proxy) stall() (goOn func()) {
	p.gate.Lock()
	return p.gate.Unlock
}

// each does something to every connection.
func (p *proxy) each(do func(*passage)) {
	p.mu.Lock()
	var all []*passage
	for c := range p.passing {
		all = append(all, c)
	}
	p.mu.Unlock()
	for _, c := range all {
		do(c)
	}
}

func (p *proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.each((*passage).cut)
}
