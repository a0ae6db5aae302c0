package killtest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/transparency-dev/tessera/api/layout"

	"porchlight/blob"
	"porchlight/db"
	"porchlight/ledger"
)

// found is what one look at the data directory counted.
type found struct {
	entries, done, denied, voided, open, effects int
	uploads                                      int // acknowledged uploads compared
	openActs                                     []string
}

// effects are the columns of the store that name the entry which let them happen.
var effects = []struct{ table, column, act string }{
	{"evidence_item", "share_entry", "submission.share"},
	{"evidence_custody", "entry", "submission.share"},
	{"canvass_request", "post_entry", "request.post"},
	{"canvass_request", "decision_entry", "request.moderate"},
	{"roster_vaults", "entry", "vault.publish"},
	{"roster_devices", "entry", "person.enrol"},
}

// look checks the data directory of an exchange that is not running, in a copy
// of its store, so that the next start finds all as the crash left it. older is
// a checkpoint somebody kept before.
func look(dir, scratch, logKey string, older []byte, p *promises) (f found, err error) {
	ctx := context.Background()
	fetch := ledger.FetchFS(os.DirFS(filepath.Join(dir, "ledger")))
	// The whole ledger, from its tiles up, and that it extends what was seen.
	if _, err := (ledger.Verifier{LogKey: logKey}).Ledger(ctx, fetch, older); err != nil {
		return f, fmt.Errorf("the ledger: %w", err)
	}
	entries, err := readEntries(ctx, fetch)
	if err != nil {
		return f, err
	}
	f.entries = len(entries)
	index, voids := map[string]uint64{}, map[uint64]bool{}
	for i, e := range entries {
		if _, twice := index[e.Act.ID]; twice {
			return f, fmt.Errorf("act %s has two entries", e.Act.ID)
		}
		index[e.Act.ID] = uint64(i)
		if e.Act.Action == "act.void" {
			of, err := strconv.ParseUint(e.Act.Public["of"], 10, 64)
			if err != nil {
				return f, err
			}
			voids[of] = true
		}
	}

	copied, err := os.MkdirTemp(scratch, "copy")
	if err != nil {
		return f, err
	}
	defer os.RemoveAll(copied)
	for _, name := range []string{"porchlight.db", "porchlight.db-wal"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if os.IsNotExist(err) {
			continue // closed in order
		}
		if err != nil {
			return f, err
		}
		if err := os.WriteFile(filepath.Join(copied, name), b, 0o600); err != nil {
			return f, err
		}
	}
	d, err := db.Open(ctx, filepath.Join(copied, "porchlight.db"))
	if err != nil {
		return f, err
	}
	defer d.Close()

	// Store to ledger: what was decided.
	acts := map[string]string{} // id to state
	rows, err := d.Read().Query(`SELECT id, state, idx, entry FROM acts WHERE state <> 'pending'`)
	if err != nil {
		return f, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, state, text string
		var at uint64
		if err := rows.Scan(&id, &state, &at, &text); err != nil {
			return f, err
		}
		acts[id] = state
		if state == "decided" {
			f.open++
			f.openActs = append(f.openActs, id)
			continue
		}
		if at >= uint64(len(entries)) || string(entries[at].Bytes()) != text {
			return f, fmt.Errorf("act %s is %s at %d, but its entry is not there", id, state, at)
		}
		e := entries[at]
		if ok := map[string]bool{
			"done": e.Decision.Permit && !voids[at], "denied": !e.Decision.Permit, "void": e.Decision.Permit && voids[at],
		}[state]; !ok {
			return f, fmt.Errorf("act %s is %s in the store; in the ledger permitted %t, voided %t", id, state, e.Decision.Permit, voids[at])
		}
		switch state {
		case "done":
			f.done++
		case "denied":
			f.denied++
		case "void":
			f.voided++
		}
	}
	if err := rows.Err(); err != nil {
		return f, err
	}
	// Ledger to store: nothing stands there of which the store knows nothing.
	for id, at := range index {
		if acts[id] == "" {
			return f, fmt.Errorf("entry %d is of an act that the store does not know", at)
		}
	}
	// What happened stands on an act that is done.
	for _, e := range effects {
		rows, err := d.Read().Query(`SELECT ` + e.column + ` FROM ` + e.table + ` WHERE ` + e.column + ` > 0`)
		if err != nil {
			return f, err
		}
		defer rows.Close()
		for rows.Next() {
			var at uint64
			if err := rows.Scan(&at); err != nil {
				return f, err
			}
			if at >= uint64(len(entries)) || entries[at].Act.Action != e.act || !entries[at].Decision.Permit || voids[at] || acts[entries[at].Act.ID] != "done" {
				return f, fmt.Errorf("%s stands on entry %d, which is no permitted %s", e.table, at, e.act)
			}
			f.effects++
		}
		if err := rows.Err(); err != nil {
			return f, err
		}
	}

	// What was acknowledged.
	p.mu.Lock()
	defer p.mu.Unlock()
	for at, r := range p.receipts {
		if at >= uint64(len(entries)) || string(entries[at].Bytes()) != string(r.Entry.Bytes()) {
			return f, fmt.Errorf("a receipt for entry %d was given, the ledger holds another", at)
		}
	}
	for id, offset := range p.offsets {
		var received int64
		if err := d.Read().QueryRow(`SELECT received FROM share_upload WHERE id = ?`, id).Scan(&received); err != nil {
			return f, fmt.Errorf("upload %s: %w", id, err)
		}
		if received < offset {
			return f, fmt.Errorf("upload %s: %d bytes were acknowledged, %d are there", id, offset, received)
		}
		f.uploads++
	}
	for id, sum := range p.shared {
		var whole, state string
		if err := d.Read().QueryRow(`SELECT ciphertext_sha256, state FROM evidence_item WHERE id = ?`, id).Scan(&whole, &state); err != nil {
			return f, fmt.Errorf("item %s: %w", id, err)
		}
		if whole != sum || p.accepted[id] && state != "accepted" {
			return f, fmt.Errorf("item %s is %s with hash %s, want %s", id, state, whole, sum)
		}
	}
	for id, want := range p.requests {
		var state string
		if err := d.Read().QueryRow(`SELECT state FROM canvass_request WHERE id = ?`, id).Scan(&state); err != nil {
			return f, fmt.Errorf("request %s: %w", id, err)
		}
		if want == "open" && state != "open" {
			return f, fmt.Errorf("request %s is %s", id, state)
		}
	}
	return f, nil
}

// bytesOf checks the ciphertext of every item shared, header and payload, as it
// lies on the disk.
func bytesOf(dir string, p *promises) (n int, err error) {
	ctx := context.Background()
	d, err := db.Open(ctx, filepath.Join(dir, "porchlight.db"))
	if err != nil {
		return 0, err
	}
	defer d.Close()
	blobs, err := blob.OpenDir(filepath.Join(dir, "blobs"))
	if err != nil {
		return 0, err
	}
	for id, want := range p.shared {
		var header []byte
		if err := d.Read().QueryRow(`SELECT header FROM evidence_custody WHERE item = ?`, id).Scan(&header); err != nil {
			return n, fmt.Errorf("item %s: %w", id, err)
		}
		r, _, err := blobs.Open(ctx, id)
		if err != nil {
			return n, fmt.Errorf("item %s: %w", id, err)
		}
		sum := sha256.New()
		sum.Write(header)
		_, err = io.Copy(sum, r)
		r.Close()
		if err != nil {
			return n, err
		}
		if got := hex.EncodeToString(sum.Sum(nil)); got != want {
			return n, fmt.Errorf("item %s: its bytes hash to %s, %s was sent", id, got, want)
		}
		n++
	}
	return n, nil
}

// readEntries reads a log's entries out of its bundles (C2SP tlog-tiles).
func readEntries(ctx context.Context, fetch ledger.Fetch) ([]ledger.Entry, error) {
	raw, err := fetch(ctx, layout.CheckpointPath)
	if err != nil {
		return nil, err
	}
	var origin string
	var size uint64
	if _, err := fmt.Sscan(string(raw), &origin, &size); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var out []ledger.Entry
	for i := uint64(0); i*layout.EntryBundleWidth < size; i++ {
		width := min(size-i*layout.EntryBundleWidth, layout.EntryBundleWidth)
		b, err := fetch(ctx, layout.EntriesPath(i, uint8(width%layout.EntryBundleWidth)))
		if err != nil { // the bundle is full already
			if b, err = fetch(ctx, layout.EntriesPath(i, 0)); err != nil {
				return nil, err
			}
		}
		for range width {
			n := int(binary.BigEndian.Uint16(b))
			var e ledger.Entry
			if err := json.Unmarshal(b[2:2+n], &e); err != nil {
				return nil, fmt.Errorf("entry %d: %w", len(out), err)
			}
			out, b = append(out, e), b[2+n:]
		}
	}
	return out, nil
}
