package exchange

import (
	"context"
	"time"

	"porchlight/identity"
	"porchlight/plate/image"
	"porchlight/plate/search"
)

// openSearches opens asking, answering and letting go of reads.
func (x *Exchange) openSearches(ctx context.Context) error {
	key, err := x.secret32(rowsKeyFile)
	if err != nil {
		return err
	}
	x.Searches, err = search.New(ctx, search.Options{
		DB: x.DB, Key: key, Gate: x.Gate, Policy: x.Policy, Agencies: standing{x.Roster}, Sharing: x.Sharing, Cameras: x.Cameras,
		Reads: x.Reads, Days: x.Reads, Pictures: x.Images, Keeper: x.Keeper, Peers: lookups{x.Peers}, Keeping: x.Retention, Now: x.Now, Logger: x.Logger,
	})
	return err
}

// leading knows what led somebody to a picture.
type leading struct{ x *Exchange }

func (l leading) Led(ctx context.Context, who identity.Principal, lead image.Lead, w image.Wanted) (bool, error) {
	switch {
	case lead.Hit != "":
		return l.x.Hotlists.Led(ctx, who, lead.Hit, w.Read, w.Picture)
	case lead.Search == "":
		return false, nil
	}
	read, err := l.x.Searches.Led(ctx, who, lead.Search, w.Read)
	return read != nil && read.Image == w.Picture, err
}

// neededPictures are those whose reads are held for a case, or are of hits.
func (x *Exchange) neededPictures(ctx context.Context, owner string, from, to time.Time) ([]string, error) {
	held, err := x.Searches.HeldPictures(ctx, owner, from, to)
	if err != nil {
		return nil, err
	}
	hits, err := x.Hotlists.Pictures(ctx, owner, from, to)
	return append(held, hits...), err
}
