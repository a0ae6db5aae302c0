package roster

import (
	"context"
	"strings"

	"porchlight/db"
)

// enrolments lists the entries in which a person's passkeys were enrolled, in
// order, separated by spaces.
func (d *Directory) enrolments(ctx context.Context, person string) (string, error) {
	entries, err := db.All(db.One[string])(d.db.Read().QueryContext(ctx, `SELECT entry FROM roster_devices WHERE person = ? ORDER BY entry`, person))
	return strings.Join(entries, " "), err
}
