// Package exchange joins the parts of one exchange: it creates the data
// directory, opens everything over it in the right order, and runs the jobs
// that need no person. Commands, the demo and the tests all start here.
package exchange

import (
	"context"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"porchlight/blob"
	"porchlight/canvass"
	"porchlight/db"
	"porchlight/evidence"
	"porchlight/feed"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/push"
	"porchlight/ledger"
	"porchlight/pets"
	"porchlight/plate/hotlist"
	"porchlight/plate/image"
	"porchlight/plate/intake"
	"porchlight/plate/peer"
	"porchlight/plate/reads"
	"porchlight/plate/search"
	"porchlight/plate/sharing"
	"porchlight/policy"
	"porchlight/purpose"
	"porchlight/register"
	"porchlight/roster"
	"porchlight/share"
	"porchlight/web"
	"porchlight/web/basemap"
	"porchlight/web/i18n"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/sumdb/note"
)

// What lies where in the data directory.
const (
	ConfigFile       = "porchlight.yaml"
	JurisdictionFile = "jurisdiction.geojson"
	keyFile          = "ledger.key" // note signer key: the exchange's name in the world
	feedKeyFile      = "feed.key"
	pushKeyFile      = "push.key"   // VAPID
	noticeKeyFile    = "notice.key" // of the links in mails
	rowsKeyFile      = "rows.key"   // marks the rows of files saved from plate searches
	formsKeyFile     = "forms.key"  // of the forms that anybody may send
	lookupKeyFile    = "lookup.key" // signs lookups between exchanges
	databaseFile     = "porchlight.db"
	lockFile         = "lock"
	descriptorFile   = "exchange.json" // how the exchange introduces itself; porchlight verify finds it there
	ledgerDir        = "ledger"
	blobDir          = "blobs"
	readsDir         = "reads" // of plates, one file a day
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
	Canvass  *canvass.Service
	Feed     *canvass.Builder
	Notices  *canvass.Notices
	Evidence *evidence.Service
	Intake   *share.Intake
	Share    *share.Service
	Keeper   *search.Keeper
	Searches *search.Service
	Reads    *reads.Store
	Cameras  *intake.Service
	Images   *image.Service
	Hotlists *hotlist.Service
	Sharing  *sharing.Service
	Peers    *peer.Service
	Register *register.Service
	Pets     *pets.Service
	PetFeed  *feed.Builder

	push         *push.Sender
	descriptor   ledger.Descriptor
	jurisdiction []byte // GeoJSON
	feedSigner   note.Signer
	feedKey      string // verifier key of the feed
	area         geo.Polygon
	// settingsEntry is that of the act setting.change that recorded the settings in force.
	settingsEntry uint64

	site    *web.Server
	metrics *prometheus.Registry
	changed chan struct{} // open requests changed: the feed is to be rebuilt
	pets    chan struct{} // open posts of lost animals changed
	lock    *os.File
	node    *node // among several, with PostgreSQL; else nil
	opened  atomic.Bool
}

// ErrRunning is returned when another program has the data directory open.
var ErrRunning = errors.New("another porchlight is using this data directory")

// Open opens the exchange in c.Dir and closes what a crash left open.
func Open(ctx context.Context, c Config) (*Exchange, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(c.Dir, keyFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no exchange: create one with porchlight init", c.Dir)
	}
	x := &Exchange{Config: c, metrics: prometheus.NewRegistry(), changed: make(chan struct{}, 1), pets: make(chan struct{}, 1)}
	for _, step := range []func(context.Context) error{
		x.openStores, x.openGate, x.openDomains, x.openPlates, x.openNeighbors, x.recordChanges, x.openFeed, x.openSite,
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, x.Close())
		}
	}
	x.opened.Store(true)
	return x, nil
}

// openStores opens what knows nothing of the domain.
func (x *Exchange) openStores(ctx context.Context) (err error) {
	database := x.Database
	if database == "" {
		database = x.path(databaseFile)
	}
	several := db.IsPostgreSQL(database)
	if x.lock, err = takeLock(x.path(lockFile), several); err != nil {
		return err
	}
	if x.DB, err = db.Open(ctx, database); err != nil {
		return err
	}
	if err := x.DB.Migrate(ctx, "exchange", migrations); err != nil {
		return err
	}
	if x.Blobs, err = blob.OpenDir(x.path(blobDir)); err != nil {
		return err
	}
	skey, err := os.ReadFile(x.path(keyFile))
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(string(skey))
	if err != nil {
		return fmt.Errorf("%s: %w", keyFile, err)
	}
	vkey, err := ledger.VerifierKey(string(skey))
	if err != nil {
		return fmt.Errorf("%s: %w", keyFile, err)
	}
	o := ledger.Options{
		Dir: x.path(ledgerDir), Signer: signer, LogKey: vkey,
		Quorum: x.Quorum, Logger: x.Logger,
	}
	for _, w := range x.Witnesses {
		o.Witnesses = append(o.Witnesses, ledger.WitnessConfig(w))
	}
	if several {
		x.node, err = join(ctx, &node{db: x.DB, write: o, now: x.Now, logger: x.Logger, heard: x.heard})
		if err != nil {
			return err
		}
		x.Log = x.node.Log
	} else if x.Log, err = ledger.Open(ctx, o); err != nil {
		return err
	}
	x.descriptor = ledger.Descriptor{
		Name: x.Name, Origin: x.Origin, LogKey: vkey, Quorum: x.Quorum,
		Ledger: x.BaseURL + "/log", Jurisdiction: "us-" + strings.ToLower(x.State),
	}
	for _, w := range x.Witnesses {
		name, _, _ := strings.Cut(w.VKey, "+")
		x.descriptor.Witnesses = append(x.descriptor.Witnesses, ledger.DescriptorWitness{Name: name, Key: w.VKey})
	}
	introduction, err := json.MarshalIndent(x.descriptor, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(x.path(descriptorFile), append(introduction, '\n'), 0o644); err != nil {
		return err
	}
	if x.Policy, err = policy.Load(policy.Packs()); err != nil {
		return err
	}
	x.Identity, err = identity.New(ctx, x.DB, identity.Config{Name: x.Name, BaseURL: x.BaseURL, Now: x.Now})
	return err
}

// openGate opens the one door and closes what a crash left open behind it.
func (x *Exchange) openGate(ctx context.Context) error {
	acts := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "porchlight_act_record_seconds", Help: "From decision to published entry, by action and decision.",
		Buckets: []float64{.05, .1, .15, .2, .3, .5, 1, 2, 5, 10},
	}, []string{"action", "decision"})
	x.metrics.MustRegister(acts)
	directory, err := roster.OpenDirectory(ctx, x.DB)
	if err != nil {
		return err
	}
	log := gate.Log(x.Log)
	if x.node != nil {
		log = x.node
	}
	x.Gate, err = gate.New(ctx, gate.Options{
		DB: x.DB, Log: log, Policy: x.Policy, Signatures: x.Identity, Agencies: directory,
		Now: x.Now, Retention: x.Retention, Logger: x.Logger,
		Observe: func(action string, permit bool, took time.Duration) {
			decision := "deny"
			if permit {
				decision = "permit"
			}
			acts.WithLabelValues(action, decision).Observe(took.Seconds())
		},
	})
	if err != nil {
		return err
	}
	if x.node == nil { // else an open act may be in another node's hands: Settle closes it
		forgotten, voided, err := x.Gate.Recover(ctx)
		if err != nil {
			return fmt.Errorf("closing unfinished acts: %w", err)
		}
		if forgotten+voided > 0 {
			x.Logger.Warn("closed acts that were cut short", "never_recorded", forgotten, "voided", voided)
		}
	}
	x.Roster = roster.New(directory, x.Gate, x.Identity)
	return nil
}

// openDomains opens requests, evidence and sharing.
func (x *Exchange) openDomains(ctx context.Context) error {
	area, err := os.ReadFile(x.path(JurisdictionFile))
	if err != nil {
		return fmt.Errorf("jurisdiction: %w", err)
	}
	if x.area, err = geo.ParsePolygon(area); err != nil {
		return fmt.Errorf("%s: %w", JurisdictionFile, err)
	}
	x.jurisdiction = area
	agencies := asking{x.Roster}
	feedKey, err := x.secret(feedKeyFile, func() (string, error) {
		skey, _, err := feed.NewKey(x.Origin)
		return skey, err
	})
	if err != nil {
		return err
	}
	if x.feedSigner, err = note.NewSigner(feedKey); err != nil {
		return fmt.Errorf("%s: %w", feedKeyFile, err)
	}
	if x.feedKey, err = ledger.VerifierKey(feedKey); err != nil {
		return fmt.Errorf("%s: %w", feedKeyFile, err)
	}
	if err := x.openPush(); err != nil {
		return err
	}
	if x.Notices, err = x.openNotices(ctx, geo.CellsNear(x.area, canvass.NearMetres)); err != nil {
		return err
	}
	x.Canvass, err = canvass.New(ctx, canvass.Options{
		DB: x.DB, Gate: x.Gate, Agencies: agencies, Purposes: purpose.Classes, Notices: x.Notices,
		Changed: x.requestsChanged,
		Now:     x.Now, Logger: x.Logger,
	})
	if err != nil {
		return err
	}
	x.Evidence, err = evidence.New(ctx, evidence.Options{
		DB: x.DB, Blobs: x.Blobs, Gate: x.Gate, Agencies: x.Roster,
		Packaging: x.packaging(), Now: x.Now, Logger: x.Logger,
	})
	if err != nil {
		return err
	}
	if err := x.DB.Migrate(ctx, "share", share.Migrations); err != nil {
		return err
	}
	x.Intake = share.NewIntake(x.DB, x.Blobs, share.Limits{Clip: x.MaxUpload}, x.Now)
	if x.node != nil {
		x.Intake.Elsewhere = func(ctx context.Context, id string) {
			if err := x.node.notify(ctx, uploadChannel, id); err != nil {
				x.Logger.Warn("other nodes could not be asked to let go of an upload", "err", err)
			}
		}
	}
	x.Share = share.New(share.Options{
		Intake: x.Intake, Gate: x.Gate, Requests: x.Canvass, Agencies: agencies, Items: x.Evidence, Logger: x.Logger,
	})
	return nil
}

// requestsChanged has every node rebuild the feeds.
func (x *Exchange) requestsChanged() {
	if x.node == nil {
		x.rebuildFeed()
	} else if err := x.node.notify(context.Background(), feedChannel, ""); err != nil {
		x.Logger.Warn("other nodes hear of changed requests at the feed's next turn", "err", err)
		x.rebuildFeed()
	}
}

func (x *Exchange) rebuildFeed() {
	for _, due := range []chan struct{}{x.changed, x.pets} {
		select {
		case due <- struct{}{}:
		default: // a rebuild is due already
		}
	}
}

// heard takes what other nodes, and this one, tell all; see node.
func (x *Exchange) heard(channel, message string) {
	if !x.opened.Load() {
		return
	}
	switch channel {
	case feedChannel, "":
		x.rebuildFeed()
	case uploadChannel:
		x.Intake.Cut(message)
	}
}

// openFeed makes the feeds, whose key the ledger has by now.
func (x *Exchange) openFeed(ctx context.Context) (err error) {
	x.Feed, err = canvass.NewBuilder(ctx, canvass.FeedOptions{
		Signer: x.feedSigner, Key: x.feedKey, KeyEntry: x.settingsEntry, Receipt: x.receipt,
		Jurisdiction: []geo.Polygon{x.area}, Agencies: asking{x.Roster}, Open: x.Canvass.Open,
		Now: x.Now, Logger: x.Logger,
	})
	if err != nil {
		return err
	}
	x.PetFeed, err = pets.NewBuilder(ctx, pets.FeedOptions{
		Signer: x.feedSigner, Key: x.feedKey, KeyEntry: x.settingsEntry, Receipt: x.receipt,
		Jurisdiction: []geo.Polygon{x.area}, Open: x.Pets.Open, Now: x.Now, Logger: x.Logger,
	})
	return err
}

// receipt proves an entry to readers of a feed.
func (x *Exchange) receipt(ctx context.Context, entry uint64) (string, error) {
	if x.node != nil {
		return x.node.receipt(ctx, entry, x.Gate)
	}
	r, err := x.Gate.Receipt(ctx, entry)
	return string(r.Marshal()), err
}

// asking shows the roster as canvass and share see agencies.
type asking struct{ roster *roster.Service }

func (a asking) Agency(ctx context.Context, ori string) (canvass.Agency, error) {
	r, err := a.roster.Agency(ctx, ori)
	if err != nil {
		return canvass.Agency{}, err
	}
	out := canvass.Agency{
		ORI: r.ORI, Name: r.Name, Kind: string(r.Kind), Status: string(r.Status), State: r.State, Jurisdiction: r.Jurisdiction,
	}
	if r.Vault != nil {
		out.Vault, out.VaultEntry = r.Vault.Recipient, r.Vault.Entry
	}
	return out, nil
}

// packaging is what the exchange adds to court packages.
func (x *Exchange) packaging() evidence.Packaging {
	p := evidence.Packaging{
		Exchange: x.descriptor,
		Name: func(ctx context.Context, id string) string {
			if a, err := x.Roster.Agency(ctx, id); err == nil {
				return a.Name
			}
			if p, err := x.Identity.Person(ctx, id); err == nil {
				return p.Name
			}
			return ""
		},
		Say: func(lang, key string, pairs ...any) string { return i18n.Lang(lang).T(key, pairs...) },
	}
	if x.TSA != "" {
		p.Stamp = evidence.StampAt(&http.Client{Timeout: 20 * time.Second}, x.TSA)
	}
	return p
}

// openPush makes the sender of messages to browsers.
func (x *Exchange) openPush() error {
	text, err := x.secret(pushKeyFile, func() (string, error) {
		k, err := push.NewKeys()
		return k.Public + " " + k.Private, err
	})
	if err != nil {
		return err
	}
	public, private, _ := strings.Cut(text, " ")
	x.push = push.NewSender(push.Keys{Public: public, Private: private}, x.PushContact, false)
	return nil
}

// openNotices joins the ways to tell subscribers of a new request in their cell.
func (x *Exchange) openNotices(ctx context.Context, cells []string) (*canvass.Notices, error) {
	secret, err := x.secret32(noticeKeyFile)
	if err != nil {
		return nil, err
	}
	o := canvass.NoticeOptions{
		DB: x.DB, Secret: secret, Cells: cells, BaseURL: x.BaseURL, Push: x.push,
		Words: func(lang, key string) string { return i18n.Lang(lang).T(key) },
		Now:   x.Now, Logger: x.Logger,
	}
	if m := x.SMTP; m.Host != "" {
		o.Mail = canvass.SMTP{Host: m.Host, Port: m.Port, User: m.User, Password: m.Password, From: m.From, TLS: m.TLS}
	}
	return canvass.NewNotices(ctx, o)
}

// openSite opens the pages and the API.
func (x *Exchange) openSite(context.Context) (err error) {
	o := web.Options{
		BaseURL: x.BaseURL, Version: x.Version, Descriptor: x.descriptor, Zone: x.zone, PushKey: x.push.Keys.Public,
		Identity: x.Identity, Gate: x.Gate, Log: x.Log, Policy: x.Policy, Roster: x.Roster,
		Canvass: x.Canvass, Feed: x.Feed, Notices: x.Notices, Evidence: x.Evidence, Intake: x.Intake, Share: x.Share, Cameras: x.Cameras, Images: x.Images, Hotlists: x.Hotlists,
		Searches: x.Searches, Keeper: x.Keeper, Sharing: x.Sharing, Peers: x.Peers, Register: x.Register, Pets: x.Pets, PetFeed: x.PetFeed,
		Metrics: x.metrics, Logger: x.Logger, Ready: x.ready,
	}
	layers := fs.FS(embed.FS{}) // none: plain ground
	if x.Basemap != "" {
		layers = os.DirFS(x.Basemap)
	}
	if o.Basemap, err = basemap.Load(layers); err != nil {
		return fmt.Errorf("basemap: %w", err)
	}
	x.site, err = web.New(o)
	return err
}

// ready reports whether acts can be taken: the store answers and the log has a
// checkpoint to prove with.
func (x *Exchange) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := x.DB.Read().PingContext(ctx); err != nil {
		return errors.New("the store does not answer")
	}
	if _, err := x.Log.Size(ctx); err != nil {
		return errors.New("the ledger does not answer")
	}
	return nil
}

// path is where a file of the data directory lies.
func (x *Exchange) path(name string) string { return filepath.Join(x.Dir, name) }

// secret reads a key of the exchange, making it the first time.
func (x *Exchange) secret(name string, generate func() (string, error)) (string, error) {
	b, err := os.ReadFile(x.path(name))
	if err == nil {
		return string(b), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	s, err := generate()
	if err != nil {
		return "", fmt.Errorf("making %s: %w", name, err)
	}
	made, err := os.CreateTemp(x.Dir, name+".*")
	if err != nil {
		return "", err
	}
	defer os.Remove(made.Name())
	_, err = made.WriteString(s)
	if err := errors.Join(err, made.Sync(), made.Close()); err != nil {
		return "", err
	}
	if err := os.Link(made.Name(), x.path(name)); errors.Is(err, fs.ErrExist) {
		return x.secret(name, generate) // another node was first
	} else if err != nil {
		return "", err
	}
	return s, nil
}

// secret32 keeps 32 random bytes in a file of the data directory, in hex.
func (x *Exchange) secret32(name string) (key [32]byte, err error) {
	text, err := x.secret(name, func() (string, error) {
		salt := ledger.NewSalt()
		return hex.EncodeToString(salt[:]), nil
	})
	if err != nil {
		return key, err
	}
	if n, err := hex.Decode(key[:], []byte(text)); err != nil || n != len(key) {
		return key, fmt.Errorf("%s: want 64 hex digits", name)
	}
	return key, nil
}

// Handler is the exchange's whole site.
func (x *Exchange) Handler() http.Handler { return x.site.Handler() }

// Close closes everything that is open, in reverse.
func (x *Exchange) Close() error {
	var errs []error
	if x.node != nil {
		x.node.leave()
	}
	if x.Log != nil {
		errs = append(errs, x.Log.Close())
	}
	if x.Reads != nil {
		errs = append(errs, x.Reads.Close())
	}
	if x.DB != nil {
		errs = append(errs, x.DB.Close())
	}
	if x.lock != nil {
		errs = append(errs, x.lock.Close())
	}
	return errors.Join(errs...)
}

// takeLock makes this process the only one over the data directory, or one of
// several nodes. The lock ends with the process.
func takeLock(path string, several bool) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	how := syscall.LOCK_EX
	if several {
		how = syscall.LOCK_SH
	}
	if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err != nil {
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
	token := identity.NewToken()
	inv, err := x.Roster.InviteOperator(ctx, token)
	if err != nil {
		return Made{}, fmt.Errorf("inviting the operator: %w", err)
	}
	made.OperatorLink, made.LinkExpires = x.BaseURL+"/enrol#"+token, inv.Expires
	return made, nil
}
