package exchange

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/policy"
	"porchlight/web/app"
)

var migrations = []string{`
CREATE TABLE exchange_recorded ( -- what the ledger last said of the exchange itself
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
);
`, `
ALTER TABLE exchange_recorded ADD COLUMN entry INTEGER; -- in the ledger; unknown (then it is recorded anew) for what an earlier version recorded
`, `
CREATE TABLE ledger_queue ( -- entries on their way to the ledger, when several nodes serve the exchange; see node
	act   TEXT PRIMARY KEY,
	entry BLOB NOT NULL,
	since INTEGER NOT NULL, -- entries the ledger had published when it was queued
	at    INTEGER NOT NULL, -- microseconds since 1970
	idx   INTEGER           -- in the ledger, once it is there
);
CREATE INDEX ledger_queue_open ON ledger_queue (at) WHERE idx IS NULL;
CREATE INDEX ledger_queue_idx ON ledger_queue (idx);
`, `
CREATE TABLE feed_receipts ( -- as the feed shows them on every node, see node.receipt
	entry   INTEGER PRIMARY KEY,
	receipt TEXT NOT NULL
);
`}

// recordChanges records the exchange itself, once, and the law packs, the app
// and the settings whenever they are not those last recorded: nobody changes
// them silently.
func (x *Exchange) recordChanges(ctx context.Context) error {
	// One node after the other, or two that start together would record it twice.
	hold, err := x.DB.TryLock(ctx, "recording changes")
	for ; errors.Is(err, db.ErrHeld) && pause(ctx, 100*time.Millisecond); hold, err = x.DB.TryLock(ctx, "recording changes") {
	}
	if err != nil {
		return err
	}
	defer hold.Release()
	if _, err := x.recordIfNew(ctx, "exchange", x.Origin, func() (gate.Act, error) {
		return gate.Act{Action: "exchange.create", Public: map[string]string{"name": x.Name, "origin": x.Origin}, Facts: map[string]any{}}, nil
	}); err != nil {
		return fmt.Errorf("recording the exchange's creation: %w", err)
	}
	packs := map[string]string{}
	for _, p := range x.Policy.Packs() {
		packs[p.Name] = p.Hash
	}
	if _, err := x.recordIfNew(ctx, "packs", encodeMap(packs), func() (gate.Act, error) {
		report := policy.TestCases(policy.Packs())
		return gate.Act{Action: "pack.change", Public: packs, Facts: map[string]any{"tests_pass": len(report.Failures) == 0}}, nil
	}); err != nil {
		return fmt.Errorf("recording the law packs: %w", err)
	}
	if app.Built() {
		digest, err := app.Digest()
		if err != nil {
			return fmt.Errorf("hashing the app: %w", err)
		}
		sum := hex.EncodeToString(digest[:])
		if _, err := x.recordIfNew(ctx, "app", sum, func() (gate.Act, error) {
			return gate.Act{Action: "app.publish", Public: map[string]string{"sha256": sum}, Facts: map[string]any{}}, nil
		}); err != nil {
			return fmt.Errorf("recording the app: %w", err)
		}
	}
	settings := x.publicSettings()
	x.settingsEntry, err = x.recordIfNew(ctx, "settings", encodeMap(settings), func() (gate.Act, error) {
		return gate.Act{Action: "setting.change", Public: settings, Facts: map[string]any{"owner": "exchange", "own_agency": false}}, nil
	})
	if err != nil {
		return fmt.Errorf("recording the settings: %w", err)
	}
	return nil
}

// publicSettings are those that change what people may rely on.
func (x *Exchange) publicSettings() map[string]string {
	var witnesses []string
	for _, w := range x.Witnesses {
		name, _, _ := strings.Cut(w.VKey, "+")
		witnesses = append(witnesses, name)
	}
	return map[string]string{
		"base_url": x.BaseURL, "feed_key": x.feedKey, "quorum": fmt.Sprint(x.Quorum), "witnesses": strings.Join(witnesses, " "),
		"max_upload": fmt.Sprint(x.MaxUpload), "private_retention": x.Retention.String(), "tsa": x.TSA,
		"jurisdiction_sha256": fmt.Sprintf("%x", sha256.Sum256(x.jurisdiction)),
	}
}

// recordIfNew passes act through the gate, as the operator, unless value was
// the last recorded under name, and returns the entry that records it.
func (x *Exchange) recordIfNew(ctx context.Context, name, value string, act func() (gate.Act, error)) (uint64, error) {
	var entry int64
	err := x.DB.Read().QueryRowContext(ctx, `SELECT entry FROM exchange_recorded
		WHERE name = ? AND value = ? AND entry IS NOT NULL`, name, value).Scan(&entry)
	if err == nil || !errors.Is(err, sql.ErrNoRows) {
		return uint64(entry), err
	}
	a, err := act()
	if err != nil {
		return 0, err
	}
	a.By = gate.Caller{Who: identity.Operator(), ActID: gate.NewActID()}
	a.Role = identity.RoleOperator
	grant, err := x.Gate.Do(ctx, a, func(tx *sql.Tx, g *gate.Grant) error {
		_, err := tx.Exec(`INSERT INTO exchange_recorded (name, value, entry) VALUES (?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value, entry = excluded.entry`, name, value, int64(g.Index))
		return err
	})
	if err != nil {
		return 0, err
	}
	return grant.Index, nil
}

func encodeMap(m map[string]string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		enc.Encode([2]string{k, m[k]})
	}
	return b.String()
}
