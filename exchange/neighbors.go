package exchange

import (
	"context"

	"porchlight/geo"
	"porchlight/pets"
	"porchlight/purpose"
	"porchlight/register"
)

// openNeighbors opens what neighbors do without an account: the voluntary camera
// register, and lost pets.
func (x *Exchange) openNeighbors(ctx context.Context) error {
	key, err := x.secret32(formsKeyFile)
	if err != nil {
		return err
	}
	x.Register, err = register.New(ctx, register.Options{
		DB: x.DB, Gate: x.Gate, Agencies: asking{x.Roster}, Purposes: purpose.Classes, FormKey: key, Now: x.Now, Logger: x.Logger,
	})
	if err != nil {
		return err
	}
	x.Pets, err = pets.New(ctx, pets.Options{
		DB: x.DB, Gate: x.Gate, Cells: geo.CellsNear(x.area, pets.NearMetres), FormKey: key, Changed: x.requestsChanged, Now: x.Now, Logger: x.Logger,
	})
	return err
}
