package exchange

import (
	"context"
	"errors"

	"porchlight/plate"
	"porchlight/plate/hotlist"
	"porchlight/purpose"
	"porchlight/roster"
)

// openHotlists opens the lists of wanted plates, before the cameras' reads come.
func (x *Exchange) openHotlists(ctx context.Context) (err error) {
	key, err := x.secret32(formsKeyFile)
	if err != nil {
		return err
	}
	x.Hotlists, err = hotlist.New(ctx, hotlist.Options{
		DB: x.DB, FormKey: key, Gate: x.Gate, Agencies: x.Gate.Agencies, People: x.Identity, Purposes: purpose.Classes,
		Sharing: letting{x}, Push: x.push, Now: x.Now, Logger: x.Logger,
	})
	return err
}

// letting tells hits what the owners of reads share.
type letting struct{ x *Exchange }

func (l letting) Lets(ctx context.Context, owner, agency string) (bool, error) {
	home, err := l.x.Roster.Agency(ctx, owner)
	if err != nil {
		return false, err
	}
	a, err := l.x.Roster.Agency(ctx, agency)
	if errors.Is(err, roster.ErrNotFound) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	barred, err := l.x.Sharing.Restricted(ctx, agency, home.State)
	if err != nil || barred {
		return false, err
	}
	p, err := l.x.Sharing.May(ctx, owner, plate.Asker{Agency: a.ORI, Name: a.Name, Kind: string(a.Kind), Status: string(a.Status), State: a.State})
	return p.Allowed, err
}
