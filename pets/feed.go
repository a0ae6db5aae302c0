package pets

import (
	"context"
	"log/slog"
	"time"

	"porchlight/feed"
	"porchlight/geo"

	"golang.org/x/mod/sumdb/note"
)

// Feed is the kind of feed that tells homes of lost animals. A cell has two
// files: what is posted, and the photos one after another. A home fetches both
// each time, so that what it fetches tells nothing of what it looks for.
var Feed = feed.Kind{
	Header: "porchlight-pets/v1", Path: "/feed/pets/v1/", Min: 64 << 10, Max: 2 << 20,
	Attached: "photos", MaxAttached: 16 << 20,
}

const (
	// FarMetres is how far from its place an animal is looked for at least: a post
	// is in the files of all cells that hold such places.
	FarMetres = 3000
	maxInCell = 80 // posts of a cell; the oldest are left out
)

// FeedBody is what a file says.
type FeedBody struct {
	IntervalSeconds int64      `json:"interval_seconds"` // of the schedule; a file older than two of it is stale
	Posts           []FeedItem `json:"posts"`            // open ones, newest first
}

// FeedItem is one open post.
type FeedItem struct {
	Post    Content   `json:"post"`
	Entry   uint64    `json:"entry"`   // of pet.moderate, which carries Post.Hash
	Receipt string    `json:"receipt"` // of Entry
	Ends    time.Time `json:"ends"`
	At      []Range   `json:"at"` // where each photo lies in the second file
	// Relinked: sightings are sealed to its recipient and not to the post's.
	Relinked *Relinked `json:"relinked,omitempty"`
}

// Range is a stretch of bytes.
type Range struct {
	Offset int `json:"offset"`
	Length int `json:"length"`
}

// ParseFeed verifies and reads a file; feed.ErrFile.
func ParseFeed(file []byte, key note.Verifier) (feed.File[FeedBody], error) {
	return feed.Parse[FeedBody](Feed, file, key)
}

// FeedOptions joins the feed to its neighbors; see feed.Options.
type FeedOptions struct {
	Signer       note.Signer
	Key          string
	KeyEntry     uint64
	Receipt      func(ctx context.Context, entry uint64) (string, error)
	Jurisdiction []geo.Polygon
	Open         func(context.Context) ([]Post, error) // see Service.Open

	Now    func() time.Time
	Logger *slog.Logger
}

const interval = 5 * time.Minute

// NewBuilder makes the first files.
func NewBuilder(ctx context.Context, o FeedOptions) (*feed.Builder, error) {
	return feed.NewBuilder(ctx, feed.Options{
		Kind: Feed, Signer: o.Signer, Key: o.Key, KeyEntry: o.KeyEntry, Receipt: o.Receipt,
		Jurisdiction: o.Jurisdiction, NearMetres: NearMetres, Fill: o.fill,
		Interval: interval, Now: o.Now, Logger: o.Logger,
	})
}

// NearMetres is how far outside the exchange's jurisdiction its cells still
// reach, as for requests.
const NearMetres = 500

// fill gives each cell the open posts around it.
func (o FeedOptions) fill(ctx context.Context, cells []string, prove feed.Prove) (map[string]feed.Content, error) {
	bodies, photos := map[string]*FeedBody{}, map[string][]byte{}
	for _, c := range cells {
		bodies[c] = &FeedBody{IntervalSeconds: int64(interval / time.Second), Posts: []FeedItem{}}
	}
	open, err := o.Open(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range open {
		receipt, err := prove(p.Published)
		if err != nil {
			return nil, err
		}
		var relinked *Relinked
		if p.Relinked.Entry > 0 {
			relinked = &Relinked{Recipient: p.Relinked.Recipient, Entry: p.Relinked.Entry}
			if relinked.Receipt, err = prove(p.Relinked.Entry); err != nil {
				return nil, err
			}
		}
		for _, c := range geo.CellsAround(p.Place, FarMetres) {
			body := bodies[c]
			if body == nil || len(body.Posts) >= maxInCell {
				continue
			}
			item := FeedItem{Post: p.Content(), Entry: p.Published, Receipt: receipt, Ends: p.Ends, At: []Range{}, Relinked: relinked}
			for _, photo := range p.Photos {
				item.At = append(item.At, Range{len(photos[c]), len(photo.JPEG)})
				photos[c] = append(photos[c], photo.JPEG...)
			}
			body.Posts = append(body.Posts, item)
		}
	}
	out := map[string]feed.Content{}
	for c, body := range bodies {
		out[c] = feed.Content{Body: body, Attached: photos[c]}
	}
	return out, nil
}
