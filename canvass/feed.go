package canvass

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"porchlight/feed"
	"porchlight/geo"

	"golang.org/x/mod/sumdb/note"
)

// The feed of open requests; package feed says what a file is.
const (
	FeedPath    = "/feed/v1/"
	MinFeedSize = 64 << 10
	// NearMetres is how far from an area a device may still count as near it; a
	// request is in the files of all cells that hold such places.
	NearMetres = 500
)

// feedKind is the kind of feed that this package fills.
var feedKind = feed.Kind{Header: "porchlight-feed/v1", Path: FeedPath, Min: MinFeedSize, Max: 4 << 20}

// FeedBody is what a file says.
type FeedBody struct {
	IntervalSeconds int64      `json:"interval_seconds"` // of the schedule; a file older than two of it is stale
	Requests        []FeedItem `json:"requests"`         // open ones that touch the cell, newest first
}

// FeedIndex lists the cells, at FeedPath.
type FeedIndex = feed.Index

// FeedItem is one open request. Its receipt travels with it: a device that asked
// for the receipts of some requests would show which cell it has, by their
// number and size.
type FeedItem struct {
	Request    Content   `json:"request"`
	Entry      uint64    `json:"entry"`   // of request.moderate, which carries Request.Hash
	Receipt    string    `json:"receipt"` // of Entry
	Published  time.Time `json:"published"`
	AgencyName string    `json:"agency_name"`
	AgencyKind string    `json:"agency_kind"`
	Vault      string    `json:"vault"` // age recipient to encrypt clips to
	VaultEntry uint64    `json:"vault_entry"`
}

// Feed is one parsed file.
type Feed struct {
	Cell string
	Made time.Time
	FeedBody
}

// ErrFeed: the bytes are not a feed file that the key signed.
var ErrFeed = feed.ErrFile

// ParseFeed verifies and reads a file. Anything but what the feed's builder
// writes is ErrFeed, with the reason.
func ParseFeed(file []byte, key note.Verifier) (Feed, error) {
	f, err := feed.Parse[FeedBody](feedKind, file, key)
	return Feed{f.Cell, f.Made, f.Body}, err
}

// FeedOptions joins the feed to its neighbors. The first seven are needed.
type FeedOptions struct {
	Signer   note.Signer // its name is "<origin>/feed"
	Key      string      // the verifier key (vkey) of Signer, told to readers
	KeyEntry uint64      // of the act setting.change that recorded Key
	// Receipt proves an entry of the ledger: a porchlight-receipt/v1 text.
	Receipt func(ctx context.Context, entry uint64) (string, error)
	// Jurisdiction is the exchange's; its cells are those of the feed.
	Jurisdiction []geo.Polygon
	Open         func(context.Context) ([]Request, error) // see Service.Open
	Agencies     Agencies

	Interval time.Duration // of the schedule; default 5 minutes
	MaxAge   time.Duration // how long caches may keep a file; default 1 minute
	Now      func() time.Time
	Logger   *slog.Logger
}

// Builder makes the files and serves them. Safe for concurrent use.
type Builder = feed.Builder

// NewBuilder makes the first files.
func NewBuilder(ctx context.Context, o FeedOptions) (*Builder, error) {
	if o.Interval == 0 {
		o.Interval = 5 * time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return feed.NewBuilder(ctx, feed.Options{
		Kind: feedKind, Signer: o.Signer, Key: o.Key, KeyEntry: o.KeyEntry, Receipt: o.Receipt,
		Jurisdiction: o.Jurisdiction, NearMetres: NearMetres, Fill: o.fill,
		Interval: o.Interval, MaxAge: o.MaxAge, Now: o.Now, Logger: o.Logger,
	})
}

// fill gives each cell the open requests near it.
func (o FeedOptions) fill(ctx context.Context, cells []string, prove feed.Prove) (map[string]feed.Content, error) {
	bodies := map[string]*FeedBody{}
	for _, c := range cells {
		bodies[c] = &FeedBody{IntervalSeconds: int64(o.Interval / time.Second), Requests: []FeedItem{}}
	}
	open, err := o.Open(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range open {
		a, err := o.Agencies.Agency(ctx, r.Agency)
		if err != nil {
			return nil, fmt.Errorf("agency %s: %w", r.Agency, err)
		}
		if a.Status != "active" || r.State != Open || !r.Expires.After(o.Now()) {
			continue
		}
		receipt, err := prove(r.DecisionEntry)
		if err != nil {
			return nil, err
		}
		item := FeedItem{
			Request: r.Content(), Entry: r.DecisionEntry, Receipt: receipt, Published: r.Decided.Truncate(time.Second),
			AgencyName: a.Name, AgencyKind: a.Kind, Vault: a.Vault, VaultEntry: a.VaultEntry,
		}
		for _, c := range geo.CellsNear(r.Area, NearMetres) {
			if body := bodies[c]; body != nil {
				body.Requests = append(body.Requests, item)
			}
		}
	}
	out := map[string]feed.Content{}
	for c, body := range bodies {
		out[c] = feed.Content{Body: body}
	}
	return out, nil
}
