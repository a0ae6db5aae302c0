package search

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/policy/packs"
)

// MostKept is the longest that reads are kept here, whatever the law allows.
const MostKept = 30 * 24 * time.Hour

// Retention is how long an owner's reads are kept, and why.
type Retention struct {
	Owner  string        `json:"owner"`  // ORI
	Keep   time.Duration `json:"keep"`   // the shortest of MostKept and the two below
	Law    time.Duration `json:"law"`    // of the owner's state; 0: it sets none that we know
	Cites  string        `json:"cites"`  // where the law says so
	Chosen time.Duration `json:"chosen"` // by the owner's administrator; 0: she did not
	Entry  uint64        `json:"entry"`  // of her setting
}

// Keeper knows how long owners' reads are kept. Safe for concurrent use.
type Keeper struct {
	db       *db.DB
	gate     *gate.Gate
	agencies Agencies
	now      func() time.Time
	known    sync.Map // owner to *remembered
}

// remembered is a retention that was looked up at a time.
type remembered struct {
	keep time.Duration
	at   time.Time
}

// remember is how long a Keeper goes by what it looked up: another node may have
// recorded a setting since.
const remember = time.Minute

// NewKeeper opens the settings' table. now may be nil.
func NewKeeper(ctx context.Context, d *db.DB, g *gate.Gate, agencies Agencies, now func() time.Time) (*Keeper, error) {
	if now == nil {
		now = time.Now
	}
	err := d.Migrate(ctx, "search_retention", []string{`
CREATE TABLE search_retention (
	owner   TEXT PRIMARY KEY,
	minutes INTEGER NOT NULL,
	entry   INTEGER NOT NULL
);
`})
	return &Keeper{db: d, gate: g, agencies: agencies, now: now}, err
}

// lawOf is how long a state's law lets reads be kept, and where it says so; 0
// and "" where it does not.
func lawOf(state string) (time.Duration, string) {
	law, err := packs.For(state)
	if state == "" || err != nil || law.Retention == nil {
		return 0, ""
	}
	return time.Duration(law.Retention.Days)*24*time.Hour + time.Duration(law.Retention.Minutes)*time.Minute, law.Retention.Citation
}

// Of is how long an owner's reads are kept, and why. ErrNotFound.
func (k *Keeper) Of(ctx context.Context, owner string) (Retention, error) {
	a, ok, err := k.agencies.Standing(ctx, owner)
	if err == nil && !ok {
		err = ErrNotFound
	}
	if err != nil {
		return Retention{}, err
	}
	r := Retention{Owner: owner, Keep: MostKept}
	r.Law, r.Cites = lawOf(a.State)
	var minutes, entry int64
	err = k.db.Read().QueryRowContext(ctx, `SELECT minutes, entry FROM search_retention WHERE owner = ?`, owner).Scan(&minutes, &entry)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Retention{}, err
	}
	r.Chosen, r.Entry = time.Duration(minutes)*time.Minute, uint64(entry)
	for _, d := range []time.Duration{r.Law, r.Chosen} {
		if d > 0 {
			r.Keep = min(r.Keep, d)
		}
	}
	return r, nil
}

// Keep is Of in short and quick, for reads.Options: what was found within the
// last minute. Where it cannot be looked up, reads stay for MostKept, as what is
// dropped by mistake is gone.
func (k *Keeper) Keep(owner string) time.Duration {
	now := k.now()
	if r, ok := k.known.Load(owner); ok && now.Sub(r.(*remembered).at).Abs() < remember {
		return r.(*remembered).keep
	}
	r, err := k.Of(context.Background(), owner)
	if err != nil {
		return MostKept
	}
	k.known.Store(owner, &remembered{r.Keep, now})
	return r.Keep
}

// Set changes how long the reads of the caller's agency are kept, in whole
// minutes; 0 takes her setting back: the act setting.change, of the agency's
// administrator. Reads that are older by then go at the next purge. Errors:
// *Invalid, ErrNotFound, the gate's.
func (k *Keeper) Set(ctx context.Context, by gate.Caller, owner string, keep time.Duration) (Retention, error) {
	if keep < 0 || keep%time.Minute != 0 || keep > MostKept {
		return Retention{}, &Invalid{"keep", fmt.Sprintf("Choose whole minutes, at most %d days.", int(MostKept.Hours()/24))}
	}
	a, ok, err := k.agencies.Standing(ctx, owner)
	if err == nil && !ok {
		err = ErrNotFound
	}
	if err != nil {
		return Retention{}, err
	}
	minutes := int64(keep / time.Minute)
	_, err = k.gate.Do(ctx, gate.Act{
		Action: "setting.change", By: by, Role: identity.RoleAdmin, Objects: []string{owner},
		Public:        map[string]string{"setting": "reads-kept", "owner": owner, "minutes": strconv.FormatInt(minutes, 10)},
		Facts:         map[string]any{"owner": "agency", "own_agency": by.Who.Agency == owner},
		Jurisdictions: []string{a.State},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		_, err := tx.Exec(`INSERT INTO search_retention (owner, minutes, entry) VALUES (?, ?, ?)
			ON CONFLICT (owner) DO UPDATE SET minutes = excluded.minutes, entry = excluded.entry`, owner, minutes, int64(g.Index))
		return err
	})
	if err != nil {
		return Retention{}, err
	}
	k.known.Delete(owner)
	return k.Of(ctx, owner)
}
