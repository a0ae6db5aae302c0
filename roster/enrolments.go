package roster

import (
	"context"
	"strconv"
	"strings"
)

// enrolments lists the entries in which a person's passkeys were enrolled, in
// order, separated by spaces.
func (d *Directory) enrolments(ctx context.Context, person string) (string, error) {
	rows, err := d.db.Read().QueryContext(ctx, `SELECT entry FROM roster_devices WHERE person = ? ORDER BY entry`, person)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var entries []string
	for rows.Next() {
		var entry int64
		if err := rows.Scan(&entry); err != nil {
			return "", err
		}
		entries = append(entries, strconv.FormatInt(entry, 10))
	}
	return strings.Join(entries, " "), rows.Err()
}
