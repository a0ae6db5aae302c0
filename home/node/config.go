package node

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"porchlight/ledger"
)

// Config is everything a household can set outside the pages. `porchlight home
// init` writes it as porchlight-home.yaml into the data directory; environment
// variables (PORCHLIGHT_HOME_LISTEN, PORCHLIGHT_HOME_EXCHANGE__URL ...) win over
// the file, flags over both. The zero value of each field is its default.
type Config struct {
	Dir    string   `koanf:"-" yaml:"-"`                           // data directory
	Name   string   `koanf:"name" yaml:"name,omitempty"`           // of the house, shown in its pages
	Listen string   `koanf:"listen" yaml:"listen,omitempty"`       // host:port; default localhost:8088, only this computer
	URL    string   `koanf:"url" yaml:"url,omitempty"`             // where phones reach it, behind a proxy: https://porchlight.example
	Hosts  []string `koanf:"hosts" yaml:"hosts,omitempty"`         // names by which it may be asked for, besides addresses
	Near   []string `koanf:"near" yaml:"near,omitempty"`           // networks that are the house too, such as a VPN's: 100.64.0.0/10
	TLS    TLS      `koanf:"tls" yaml:"tls,omitempty"`             // its own certificate; without it plain HTTP
	Zone   string   `koanf:"time_zone" yaml:"time_zone,omitempty"` // IANA zone of its days; default this computer's
	// Footage is the folder of the recordings; default footage in Dir.
	Footage string `koanf:"footage" yaml:"footage,omitempty"`
	// Basemap is a folder of GeoJSON layers for the map (see web/basemap); without it
	// cameras are placed on an empty sheet, or by coordinates.
	Basemap  string   `koanf:"basemap" yaml:"basemap,omitempty"`
	Models   string   `koanf:"models" yaml:"models,omitempty"`     // folder of the networks; see porchlight vision setup
	Exchange Exchange `koanf:"exchange" yaml:"exchange,omitempty"` // whose requests are read; none: a recorder by itself
	Log      string   `koanf:"log" yaml:"log,omitempty"`           // debug, info (default), warn, error; JSON lines on standard error

	Logger  *slog.Logger     `koanf:"-" yaml:"-"` // default discards
	Now     func() time.Time `koanf:"-" yaml:"-"` // default time.Now
	Version string           `koanf:"-" yaml:"-"` // of the program
	zone    *time.Location
	near    []netip.Prefix
}

// TLS are files in PEM.
type TLS struct {
	Cert string `koanf:"cert" yaml:"cert,omitempty"`
	Key  string `koanf:"key" yaml:"key,omitempty"`
}

// Exchange is the one whose requests this house reads. Its keys come from
// somewhere else than from itself: its page /ledger shows them, and so should the
// newspaper or the council that witnesses it.
type Exchange struct {
	URL       string   `koanf:"url" yaml:"url,omitempty"`
	LedgerKey string   `koanf:"ledger_key" yaml:"ledger_key,omitempty"`
	Origin    string   `koanf:"origin" yaml:"origin,omitempty"`       // default the name in the key
	Witnesses []string `koanf:"witnesses" yaml:"witnesses,omitempty"` // keys of witnesses whose word counts
	Quorum    int      `koanf:"quorum" yaml:"quorum,omitempty"`       // how many of them must have signed
}

func (e Exchange) verifier() ledger.Verifier {
	return ledger.Verifier{Origin: e.Origin, LogKey: e.LedgerKey, Witnesses: e.Witnesses, Quorum: e.Quorum}
}

// withDefaults fills what was left out and refuses what cannot work.
func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("no data directory given: porchlight home DIR")
	}
	if c.Listen == "" {
		c.Listen = "localhost:8088"
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return c, fmt.Errorf("listen %q: want host:port, such as localhost:8088, or 0.0.0.0:8088 for the whole house", c.Listen)
	}
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.Scheme != "http" && u.Scheme != "https" {
			return c, fmt.Errorf("url %q: want https://name without a path", c.URL)
		}
		c.URL = u.Scheme + "://" + u.Host
		if !slices.Contains(c.Hosts, u.Hostname()) {
			c.Hosts = append(slices.Clone(c.Hosts), u.Hostname())
		}
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		return c, errors.New("tls: needs both cert and key")
	}
	for _, text := range c.Near {
		p, err := netip.ParsePrefix(text)
		if err != nil || p.Bits() == 0 {
			return c, fmt.Errorf("near %q: want a network, such as 100.64.0.0/10", text)
		}
		c.near = append(c.near, p.Masked())
	}
	if c.Footage == "" {
		c.Footage = filepath.Join(c.Dir, "footage")
	}
	var err error
	if c.zone, err = time.LoadLocation(cmp.Or(c.Zone, localZone())); err != nil {
		return c, fmt.Errorf("time_zone %q: want an IANA name such as Europe/Amsterdam", c.Zone)
	}
	switch e := c.Exchange; {
	case e.URL == "" && e.LedgerKey == "":
	case e.URL == "" || e.LedgerKey == "":
		return c, errors.New("exchange: needs both url and ledger_key; its page /ledger shows the key")
	default:
		if err := e.verifier().Valid(); err != nil {
			return c, fmt.Errorf("exchange: %w", err)
		}
		c.Exchange.URL = strings.TrimRight(e.URL, "/")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

// localZone is the IANA name of this computer's zone, "" (UTC) if it has none.
func localZone() string {
	if name := os.Getenv("TZ"); name != "" {
		return strings.TrimPrefix(name, ":")
	}
	path, err := filepath.EvalSymlinks("/etc/localtime")
	if err != nil {
		return ""
	}
	_, name, _ := strings.Cut(path, "zoneinfo/")
	if _, err := time.LoadLocation(name); err != nil {
		return ""
	}
	return name
}
