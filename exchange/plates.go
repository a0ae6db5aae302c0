package exchange

import (
	"context"

	"porchlight/geo"
	"porchlight/plate/sharing"
)

// openPlates opens the rooms of the plate network, lowest first.
func (x *Exchange) openPlates(ctx context.Context) (err error) {
	x.Sharing, err = sharing.New(ctx, sharing.Options{
		Gate: x.Gate, Log: x.Log, People: x.Identity, Site: x.Identity.RPID(),
		Jurisdiction: func(ctx context.Context, ori string) (geo.Polygon, error) {
			a, err := x.Roster.Agency(ctx, ori)
			return a.Jurisdiction, err
		},
	})
	return err
}
