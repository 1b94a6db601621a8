package delivery

import (
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"taocan/internal/taocan"
)

// robotHosts are the vendors' own.
var robotHosts = map[taocan.ChannelKind][]string{
	taocan.DingTalk: {"oapi.dingtalk.com"},
	taocan.WeCom:    {"qyapi.weixin.qq.com"},
	taocan.Feishu:   {"open.feishu.cn", "open.larksuite.com"},
}

const maxAddressBytes = 2000

// checkEmail wants one bare address. Whoever reads it must not be told of a second one by a line break or a comma.
func checkEmail(s string) string {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 254 || strings.ContainsAny(s, ",;<>") || strings.ContainsFunc(s, breaks) {
		return "must be one e-mail address, as in duty@example.com"
	}
	return ""
}

// breaks reports whether a reader may take r for the end of an address.
func breaks(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// checkURL judges where a webhook or a robot is said to be; what its name resolves to is judged at each connection, an
// address that stands in it already here.
func (c *Channels) checkURL(kind taocan.ChannelKind, s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || len(s) > maxAddressBytes || strings.ContainsAny(s, " \r\n\x00"):
		return "must be a URL, as in https://example.com/hook"
	case u.Scheme != "https" && (u.Scheme != "http" || !c.cfg.PlainHTTP):
		return "must begin with https://"
	case u.User != nil:
		return "must not hold a name or a password"
	case u.Fragment != "":
		return "must not hold a fragment"
	}
	hosts := slices.Concat(robotHosts[kind], c.cfg.RobotHosts)
	if kind != taocan.Webhook && !slices.Contains(hosts, strings.ToLower(u.Host)) {
		return "must be an address of " + strings.Join(robotHosts[kind], " or ")
	}
	if a, ok := addressIn(u.Hostname()); ok && c.cfg.Permits != nil && !c.cfg.Permits(a, u.Scheme == "https") {
		return "must lead to a public address, or into a network of the operator's setting webhook-allow-networks"
	}
	return ""
}

// addressIn is the address that a host says without a look-up: of a literal, and of the names of this machine (RFC 6761 §6.3).
func addressIn(host string) (netip.Addr, bool) {
	if name := strings.TrimSuffix(strings.ToLower(host), "."); name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), true
	}
	a, err := netip.ParseAddr(host)
	return a, err == nil
}

// shown is an address as it may be shown: of a webhook without its query, which may hold a key; of a robot, whose path or
// query is its key, the host and the last 4 characters.
func shown(kind taocan.ChannelKind, s string) string {
	u, err := url.Parse(s)
	if kind == taocan.Email || err != nil {
		return s
	}
	if kind == taocan.Webhook {
		if u.RawQuery == "" {
			return s
		}
		u.RawQuery = ""
		return u.String() + "?…"
	}
	return u.Host + " …" + s[len(s)-min(4, len(s)-len(u.Scheme)-len("://")-len(u.Host)):]
}

// HostOf is where a channel is, as far as its address that may be shown says; nothing of e-mail.
func HostOf(c taocan.Channel) (scheme, host string) {
	if c.Kind == taocan.Email {
		return "", ""
	}
	if u, err := url.Parse(c.Address); err == nil && u.Host != "" {
		return u.Scheme, u.Host
	}
	host, _, _ = strings.Cut(c.Address, " ")
	return "https", host
}
