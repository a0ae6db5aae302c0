package exchange

import (
	"context"

	"porchlight/purpose"
	"porchlight/register"
)

// openNeighbors opens what neighbors do without an account: the voluntary camera
// register.
func (x *Exchange) openNeighbors(ctx context.Context) error {
	key, err := x.secret32(formsKeyFile)
	if err != nil {
		return err
	}
	x.Register, err = register.New(ctx, register.Options{
		DB: x.DB, Gate: x.Gate, Agencies: asking{x.Roster}, Purposes: purpose.Classes, FormKey: key, Now: x.Now, Logger: x.Logger,
	})
	return err
}
