package exchange

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"
)

// Config is everything an operator can set. `porchlight init` writes it as
// porchlight.yaml into the data directory; environment variables
// (PORCHLIGHT_LISTEN, PORCHLIGHT_SMTP__HOST ...) win over the file, flags over
// both. The zero value of each optional field is its default.
type Config struct {
	Dir     string `koanf:"-" yaml:"-"`               // data directory
	Name    string `koanf:"name" yaml:"name"`         // shown to people, e.g. "Maple Grove Exchange"
	Origin  string `koanf:"origin" yaml:"origin"`     // name of the ledger for ever, e.g. exchange.maplegrove.example; default the host of base_url
	BaseURL string `koanf:"base_url" yaml:"base_url"` // where people reach it: https://..., or http://localhost:PORT to try
	Listen  string `koanf:"listen" yaml:"listen"`     // host:port to listen on; default localhost:8080
	State   string `koanf:"state" yaml:"state"`       // two-letter code of the state whose law is the exchange's own, e.g. IL
	// TimeZone is the IANA zone in which public pages write times and count months; default UTC.
	TimeZone string `koanf:"time_zone" yaml:"time_zone,omitempty"`
	// Basemap is a directory of GeoJSON layers for the maps (see web/basemap);
	// without it maps show areas on plain ground.
	Basemap string `koanf:"basemap" yaml:"basemap,omitempty"`
	// Database is the URL of the PostgreSQL database that holds the records
	// (postgres://user@host/name); default the SQLite file porchlight.db in Dir.
	// With PostgreSQL several nodes can serve the exchange: see docs/operating.md.
	Database string `koanf:"database" yaml:"database,omitempty"`
	// ReadShards are the URLs of further PostgreSQL databases that plate reads are
	// spread over, by groups of cameras; only with Database, and fixed once there
	// are reads.
	ReadShards []string `koanf:"read_shards" yaml:"read_shards,omitempty"`

	Witnesses []Witness `koanf:"witnesses" yaml:"witnesses,omitempty"`
	Quorum    int       `koanf:"quorum" yaml:"quorum,omitempty"` // cosignatures needed before anything is released

	TSA  string `koanf:"tsa" yaml:"tsa,omitempty"` // URL of an RFC 3161 time-stamping authority for court packages
	SMTP SMTP   `koanf:"smtp" yaml:"smtp,omitempty"`
	MQTT []MQTT `koanf:"mqtt" yaml:"mqtt,omitempty"` // brokers of agencies whose cameras speak through Frigate
	// PushContact is the mailto: or https: address push services may complain to.
	PushContact string `koanf:"push_contact" yaml:"push_contact,omitempty"`

	MaxUpload int64         `koanf:"max_upload" yaml:"max_upload,omitempty"` // bytes of one clip; default 8 GiB
	Retention time.Duration `koanf:"retention" yaml:"retention,omitempty"`   // of private values of acts; default 5 years
	Log       string        `koanf:"log" yaml:"log,omitempty"`               // debug, info (default), warn, error; JSON lines on standard error

	Logger  *slog.Logger     `koanf:"-" yaml:"-"` // default discards
	Now     func() time.Time `koanf:"-" yaml:"-"` // default time.Now
	Version string           `koanf:"-" yaml:"-"` // of the program
	zone    *time.Location
}

// SMTP is where mail is handed in. Without a host no mail is offered.
type SMTP struct {
	Host     string `koanf:"host" yaml:"host,omitempty"`
	Port     int    `koanf:"port" yaml:"port,omitempty"` // default 587
	User     string `koanf:"user" yaml:"user,omitempty"`
	Password string `koanf:"password" yaml:"password,omitempty"`
	From     string `koanf:"from" yaml:"from,omitempty"`
	TLS      string `koanf:"tls" yaml:"tls,omitempty"` // starttls (default), tls, or none for a relay on the same host
}

// Witness cosigns the ledger; porchlight witness prints both.
type Witness struct {
	URL  string `koanf:"url" yaml:"url"`
	VKey string `koanf:"vkey" yaml:"vkey"`
}

// withDefaults fills what was left out and refuses what cannot work.
func (c Config) withDefaults() (Config, error) {
	if c.Listen == "" {
		c.Listen = "localhost:8080"
	}
	if c.BaseURL == "" {
		c.BaseURL = "http://" + c.Listen
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Host == "" || u.Path != "" {
		return c, fmt.Errorf("base_url %q: want https://host or http://localhost:port, without a path", c.BaseURL)
	}
	if c.Origin == "" {
		c.Origin = u.Hostname()
	}
	if c.Name == "" {
		c.Name = c.Origin
	}
	if c.MaxUpload == 0 {
		c.MaxUpload = 8 << 30
	}
	if len(c.ReadShards) > 0 && c.Database == "" {
		return c, errors.New("read_shards needs database: reads are spread over PostgreSQL databases only")
	}
	if c.Quorum > len(c.Witnesses) {
		return c, fmt.Errorf("quorum %d of %d witnesses can never be reached", c.Quorum, len(c.Witnesses))
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.zone, err = time.LoadLocation(c.TimeZone); err != nil {
		return c, fmt.Errorf("time_zone %q: want an IANA name such as America/Chicago", c.TimeZone)
	}
	for _, m := range c.MQTT {
		if err := m.broker().Check(); err != nil {
			return c, err
		}
	}
	if len(c.State) != 2 {
		return c, fmt.Errorf("state %q: want the two letters of the state whose law applies, e.g. IL", c.State)
	}
	if c.Dir == "" {
		return c, errors.New("no data directory given (--dir)")
	}
	return c, nil
}
