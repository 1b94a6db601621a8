package notify

import (
	"fmt"
	"net/netip"
	"syscall"
)

// guard decides to which addresses HTTP may connect.
type guard struct {
	allowed []netip.Prefix
	only    bool // to those only
}

// notPublic are networks that are somebody's inside, this machine, or nobody.
var notPublic = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	// Of IPv6 only 2000::/3 is public; within it these are not, or lead to an IPv4 address that is not looked at.
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

var publicIPv6 = netip.MustParsePrefix("2000::/3")

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

// notAllowedError is an address that the guard lets nobody connect to.
type notAllowedError struct {
	address netip.Addr
	plain   bool
}

func (e *notAllowedError) Error() string {
	if e.plain {
		return fmt.Sprintf("the address %s is not allowed without TLS: it is in no network of the setting webhook-allow-networks", e.address)
	}
	return fmt.Sprintf("the address %s is not allowed: it is not public, and in no network of the setting webhook-allow-networks", e.address)
}

// control is asked by the dialer with the address that it is about to connect to.
func (g guard) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect to %q: not an address", address)
	}
	if !g.permits(to.Addr()) {
		return &notAllowedError{to.Addr(), g.only}
	}
	return nil
}

func (g guard) permits(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	for _, p := range g.allowed {
		if p.Contains(a) {
			return true
		}
	}
	if g.only || a.Is6() && !publicIPv6.Contains(a) {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
