// Package exchange joins the parts of one exchange: it creates the data
// directory, opens everything over it in the right order, and runs the jobs
// that need no person. Commands, the demo and the tests all start here.
package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"porchlight/blob"
	"porchlight/db"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/ledger"
	"porchlight/policy"
	"porchlight/roster"
	"porchlight/web"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"
)

// What lies where in the data directory.
const (
	ConfigFile       = "porchlight.yaml"
	JurisdictionFile = "jurisdiction.geojson"
	keyFile          = "ledger.key" // note signer key: the exchange's name in the world
	feedKeyFile      = "feed.key"
	pushKeyFile      = "push.key" // VAPID
	databaseFile     = "porchlight.db"
	lockFile         = "lock"
	ledgerDir        = "ledger"
	blobDir          = "blobs"
)

// Exchange is one running exchange.
type Exchange struct {
	Config
	DB       *db.DB
	Blobs    blob.Store
	Log      *ledger.Log
	Policy   *policy.Engine
	Identity *identity.Service
	Gate     *gate.Gate
	Roster   *roster.Service

	site *web.Server
	lock *os.File
}

// ErrRunning is returned when another program has the data directory open.
var ErrRunning = errors.New("another porchlight is using this data directory")

// Open opens the exchange in c.Dir and closes what a crash left open.
func Open(ctx context.Context, c Config) (x *Exchange, err error) {
	c, err = c.withDefaults()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(c.Dir, keyFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no exchange: create one with porchlight init", c.Dir)
	}
	x = &Exchange{Config: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, x.Close())
			x = nil
		}
	}()
	if x.lock, err = takeLock(filepath.Join(c.Dir, lockFile)); err != nil {
		return x, err
	}
	if x.DB, err = db.Open(ctx, filepath.Join(c.Dir, databaseFile)); err != nil {
		return x, err
	}
	if x.Blobs, err = blob.OpenDir(filepath.Join(c.Dir, blobDir)); err != nil {
		return x, err
	}
	skey, err := os.ReadFile(filepath.Join(c.Dir, keyFile))
	if err != nil {
		return x, err
	}
	if x.Log, err = ledger.Open(ctx, ledger.Options{
		Dir: filepath.Join(c.Dir, ledgerDir), Key: string(skey),
		Witnesses: c.Witnesses, Quorum: c.Quorum, Logger: c.Logger,
	}); err != nil {
		return x, err
	}
	if x.Policy, err = policy.Load(policy.Packs()); err != nil {
		return x, err
	}
	if x.Identity, err = identity.New(ctx, x.DB, identity.Config{Name: c.Name, BaseURL: c.BaseURL, Now: c.Now}); err != nil {
		return x, err
	}
	metrics := prometheus.NewRegistry()
	acts := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "porchlight_act_record_seconds", Help: "From decision to published entry, by action and decision.",
		Buckets: []float64{.05, .1, .15, .2, .3, .5, 1, 2, 5, 10},
	}, []string{"action", "decision"})
	metrics.MustRegister(acts)
	directory, err := roster.OpenDirectory(ctx, x.DB)
	if err != nil {
		return x, err
	}
	if x.Gate, err = gate.New(ctx, gate.Options{
		DB: x.DB, Log: x.Log, Policy: x.Policy, Signatures: x.Identity, Agencies: directory,
		Now: c.Now, Retention: c.Retention, Logger: c.Logger,
		Observe: func(action string, permit bool, took time.Duration) {
			decision := "deny"
			if permit {
				decision = "permit"
			}
			acts.WithLabelValues(action, decision).Observe(took.Seconds())
		},
	}); err != nil {
		return x, err
	}
	forgotten, voided, err := x.Gate.Recover(ctx)
	if err != nil {
		return x, fmt.Errorf("closing unfinished acts: %w", err)
	}
	if forgotten+voided > 0 {
		c.Logger.Warn("closed acts that were cut short", "never recorded", forgotten, "voided", voided)
	}
	x.Roster = roster.New(directory, x.Gate, x.Identity)
	if err := x.recordChanges(ctx); err != nil {
		return x, err
	}
	x.site, err = web.New(web.Options{
		BaseURL: c.BaseURL, Identity: x.Identity, Gate: x.Gate, Log: x.Log, Policy: x.Policy,
		Metrics: metrics, Logger: c.Logger, Ready: func() error { return nil },
	})
	return x, err
}

// Handler is the exchange's whole site.
func (x *Exchange) Handler() http.Handler { return x.site.Handler() }

// Close closes everything that is open, in reverse.
func (x *Exchange) Close() error {
	var errs []error
	if x.Log != nil {
		errs = append(errs, x.Log.Close())
	}
	if x.DB != nil {
		errs = append(errs, x.DB.Close())
	}
	if x.lock != nil {
		errs = append(errs, x.lock.Close())
	}
	return errors.Join(errs...)
}

// takeLock makes this process the only one over the data directory. The lock
// ends with the process.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrRunning
		}
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return f, nil
}

// Made is what Init tells the operator.
type Made struct {
	Dir          string    `json:"dir"`
	Name         string    `json:"name"`
	Origin       string    `json:"origin"`
	LogKey       string    `json:"log_key"`
	OperatorLink string    `json:"operator_link"` // enrols one passkey, once
	LinkExpires  time.Time `json:"link_expires"`
}

// Init creates an exchange in c.Dir for the area, a GeoJSON polygon. It refuses
// a directory that already holds one.
func Init(ctx context.Context, c Config, area []byte) (Made, error) {
	c, err := c.withDefaults()
	if err != nil {
		return Made{}, err
	}
	if _, err := geo.ParsePolygon(area); err != nil {
		return Made{}, fmt.Errorf("jurisdiction: %w", err)
	}
	if _, err := os.Stat(filepath.Join(c.Dir, keyFile)); err == nil {
		return Made{}, fmt.Errorf("%s already holds an exchange", c.Dir)
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return Made{}, err
	}
	skey, vkey, err := ledger.GenerateKey(c.Origin)
	if err != nil {
		return Made{}, err
	}
	settings, err := yaml.Marshal(c)
	if err != nil {
		return Made{}, err
	}
	// The ledger key comes last: with it the directory is an exchange.
	for _, f := range []struct {
		name string
		data []byte
	}{{JurisdictionFile, area}, {ConfigFile, settings}, {keyFile, []byte(skey)}} {
		if err := os.WriteFile(filepath.Join(c.Dir, f.name), f.data, 0o600); err != nil {
			return Made{}, err
		}
	}
	x, err := Open(ctx, c)
	if err != nil {
		return Made{}, err
	}
	defer x.Close()
	made := Made{Dir: c.Dir, Name: c.Name, Origin: c.Origin, LogKey: vkey}
	made.OperatorLink, made.LinkExpires, err = x.create(ctx)
	return made, err
}

// create records the exchange's creation and invites its operator.
func (x *Exchange) create(ctx context.Context) (link string, expires time.Time, err error) {
	by := gate.Caller{Who: identity.Operator(), ActID: gate.NewActID()}
	if _, err := x.Gate.Do(ctx, gate.Act{
		Action: "exchange.create", By: by, Role: identity.OperatorRole,
		Public: map[string]string{"name": x.Name, "origin": x.Origin},
		Facts:  map[string]any{},
	}, nil); err != nil {
		return "", time.Time{}, fmt.Errorf("recording the exchange's creation: %w", err)
	}
	token := identity.NewToken()
	inv, err := x.Roster.InviteOperator(ctx, token)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("inviting the operator: %w", err)
	}
	return x.BaseURL + "/enrol#" + token, inv.Expires, nil
}

// recordChanges records law packs and the app when they are not those last
// recorded: nobody changes them silently.
func (x *Exchange) recordChanges(ctx context.Context) error {
	return errors.New("to come")
}

var _ = json.Marshal
var _ = slog.New
