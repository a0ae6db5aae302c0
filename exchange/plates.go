package exchange

import (
	"context"
	"errors"
	"time"

	"porchlight/geo"
	"porchlight/plate"
	"porchlight/plate/image"
	"porchlight/plate/intake"
	"porchlight/plate/reads"
	"porchlight/plate/search"
	"porchlight/plate/sharing"
	"porchlight/roster"

	"github.com/prometheus/client_golang/prometheus"
)

// openPlates opens the rooms of the plate network, lowest first.
func (x *Exchange) openPlates(ctx context.Context) (err error) {
	x.Sharing, err = sharing.New(ctx, sharing.Options{
		Gate: x.Gate, Log: x.Log, People: x.Identity, Site: x.Identity.RPID(),
		Jurisdiction: func(ctx context.Context, ori string) (geo.Polygon, error) {
			a, err := x.Roster.Agency(ctx, ori)
			return a.Jurisdiction, err
		},
		Peers: x.peerOrigins,
	})
	if err != nil {
		return err
	}
	if err := x.openPeers(ctx); err != nil {
		return err
	}
	if x.Keeper, err = search.NewKeeper(ctx, x.DB, x.Gate, standing{x.Roster}, x.Now); err != nil {
		return err
	}
	where := reads.Options{Dir: x.path(readsDir), Keep: x.Keeper.Keep, Now: x.Now}
	if x.node != nil {
		where.Dir, where.Postgres, where.Shards = "", x.Database, x.ReadShards
	}
	x.Reads, err = reads.Open(ctx, where)
	if err != nil {
		return err
	}
	if err := x.openImages(ctx); err != nil {
		return err
	}
	if err := x.openHotlists(ctx); err != nil {
		return err
	}
	if err := x.openCameras(ctx); err != nil {
		return err
	}
	return x.openSearches(ctx)
}

// openImages opens the pictures of reads.
func (x *Exchange) openImages(ctx context.Context) (err error) {
	x.Images, err = image.New(ctx, image.Options{
		DB: x.DB, Blobs: x.Blobs, Gate: x.Gate, Agencies: x.Roster, Vaults: x.Roster,
		ReadsKept: x.Keeper.Keep, Leads: leading{x}, Needed: x.neededPictures, Now: x.Now, Logger: x.Logger,
	})
	return err
}

// openCameras opens the way in for reads.
func (x *Exchange) openCameras(ctx context.Context) (err error) {
	taken := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "porchlight_plate_reads_total", Help: "Reads that cameras sent, by dialect and what became of them; also bodies that were unsigned or came too fast.",
	}, []string{"dialect", "what"})
	x.metrics.MustRegister(taken)
	x.Cameras, err = intake.New(ctx, intake.Options{
		DB: x.DB, Gate: x.Gate, Agencies: x.Gate.Agencies, Reads: appending{x.Reads}, Images: picturing{x.Images}, Hits: x.Hotlists, Keep: x.Keeper.Keep,
		Observe: func(d plate.Dialect, what string, n int) { taken.WithLabelValues(string(d), what).Add(float64(n)) },
		Now:     x.Now, Logger: x.Logger,
	})
	return err
}

// appending shows the store of reads as intake sees it.
type appending struct{ *reads.Store }

func (a appending) Append(ctx context.Context, list []plate.Read) ([]plate.ID, []bool, error) {
	ids, fresh, err := a.Store.Append(ctx, list)
	var refused reads.Refused
	if errors.As(err, &refused) {
		err = intake.Refused(refused)
	}
	return ids, fresh, err
}

// picturing shows the keeper of pictures as intake sees it.
type picturing struct{ *image.Service }

func (p picturing) Keep(ctx context.Context, owner string, seen time.Time, mediaType string, picture []byte) (string, error) {
	id, err := p.Service.Keep(ctx, owner, seen, mediaType, picture)
	return id, never(err)
}

func (p picturing) KeepSealed(ctx context.Context, owner string, seen time.Time, age []byte) (string, error) {
	id, err := p.Service.KeepSealed(ctx, owner, seen, age)
	return id, never(err)
}

// never says of a picture that is refused for good that it is.
func never(err error) error {
	var refused *image.Refused
	if errors.As(err, &refused) {
		return errors.Join(intake.ErrPicture, err)
	}
	return err
}

// standing shows the roster as search sees agencies.
type standing struct{ roster *roster.Service }

func (s standing) Standing(ctx context.Context, ori string) (plate.Asker, bool, error) {
	a, err := s.roster.Agency(ctx, ori)
	if errors.Is(err, roster.ErrNotFound) {
		return plate.Asker{}, false, nil
	}
	return plate.Asker{Agency: a.ORI, Name: a.Name, Kind: string(a.Kind), Status: string(a.Status), State: a.State}, err == nil, err
}
