package node

import (
	"net"
	"net/netip"
	"os"
	"strings"
)

// names are the configured ones and those of this computer on its own network.
func names(configured []string) []string {
	all := configured
	if host, err := os.Hostname(); err == nil && host != "" {
		host, _, _ = strings.Cut(strings.ToLower(host), ".")
		all = append([]string{host, host + ".local", host + ".lan", host + ".home.arpa"}, all...)
	}
	return all
}

// base is the address that a phone can reach, as far as this computer can tell.
func (c Config) base() string {
	if c.URL != "" {
		return c.URL
	}
	scheme := "http://"
	if c.TLS.Cert != "" {
		scheme = "https://"
	}
	host, port, _ := net.SplitHostPort(c.Listen) // withDefaults checked it
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		host = outward()
	}
	return scheme + net.JoinHostPort(host, port)
}

// outward is this computer's address in its own network, localhost if it has none.
func outward() string {
	addresses, _ := net.InterfaceAddrs()
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && p.Addr().IsPrivate() {
			return p.Addr().String()
		}
	}
	return "localhost"
}

// Shared reports whether other computers can reach the house.
func (c Config) Shared() bool {
	host, _, _ := net.SplitHostPort(c.Listen)
	a, err := netip.ParseAddr(host)
	return host != "localhost" && (err != nil || !a.IsLoopback())
}
