package killtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"filippo.io/age"

	"porchlight/exchange"
	"porchlight/gate"
	"porchlight/internal/actor"
	"porchlight/internal/testworld"
	"porchlight/share"
	"porchlight/web"
)

// TestDiskFull takes all room away under a running exchange: it refuses in
// words, loses nothing it acknowledged, and goes on once there is room.
func TestDiskFull(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("SKIPPED: this kernel or user may not mount a small disk (%v); run it as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	t.Run("on a disk of 24 MB", func(t *testing.T) { full(t, disk) })
}

func full(t *testing.T, disk string) {
	w := testworld.Start(t, func(c *exchange.Config) {
		c.Dir = filepath.Join(disk, "x")
		c.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	ctx := t.Context()
	l := &load{server: &server{url: w.URL, dir: w.Config.Dir}, Town: w.Town, promises: newPromises()}
	var police web.AgencyView
	if err := w.Operator.Get(ctx, "/agencies/"+w.Police.ORI, &police); err != nil {
		t.Fatal(err)
	}
	var err error
	if l.vault, err = age.ParseX25519Recipient(police.Vault.Recipient); err != nil {
		t.Fatal(err)
	}

	// What the operator will remove to make room.
	spare := filepath.Join(disk, "spare")
	if err := os.WriteFile(spare, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}

	// A clip larger than the disk: pieces are taken until one is refused.
	clip := make([]byte, 30<<20)
	rand.Read(clip)
	sealed, err := actor.Seal(clip, l.vault)
	if err != nil {
		t.Fatal(err)
	}
	submission, token := begin(t, ctx, l)
	head := func(more ...string) http.Header {
		h := http.Header{"Tus-Resumable": {"1.0.0"}, "Upload-Token": {token}}
		for i := 0; i < len(more); i += 2 {
			h.Set(more[i], more[i+1])
		}
		return h
	}
	created, err := l.send(ctx, "POST", "/api/v1/uploads", head("Upload-Length", strconv.Itoa(len(sealed))), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	url, acked := "/api/v1/uploads/"+path.Base(created.Get("Location")), 0
	piece := func(size int) error {
		end := min(acked+size, len(sealed))
		_, err := l.send(ctx, "PATCH", url, head("Upload-Offset", strconv.Itoa(acked), "Content-Type", "application/offset+octet-stream"), sealed[acked:end], nil)
		if err == nil {
			acked = end
		}
		return err
	}
	offset := func() int {
		t.Helper()
		h, err := l.send(ctx, "HEAD", url, head(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		at, err := strconv.Atoi(h.Get("Upload-Offset"))
		if err != nil || at < acked {
			t.Fatalf("%d bytes were acknowledged, the upload stands at %d (%v)", acked, at, err)
		}
		return at
	}
	for err == nil {
		err = piece(1 << 20)
	}
	refusedBy(t, "a piece", err, http.StatusInsufficientStorage)
	kept := offset()
	t.Logf("the disk was full after %d bytes; %d are kept", acked, kept)
	acked = kept

	// Now not one byte is left for acts either.
	filler := fill(t, filepath.Join(disk, "filler"))
	from, err := w.X.Log.Size(ctx)
	if err != nil {
		t.Fatal(err)
	}
	refusals := 0
	for n := range 40 {
		_, err := w.Police.Requester.Post(ctx, testworld.Draft("26-2"+strconv.Itoa(n)))
		if err != nil {
			refusedBy(t, "a request", err, http.StatusInsufficientStorage, http.StatusServiceUnavailable)
			if refusals++; refusals == 3 {
				break
			}
		}
	}
	if refusals == 0 {
		t.Error("40 requests were taken on a full disk")
	}
	// What can be read is still read.
	var open []web.RequestView
	if err := actor.New(w.URL).Get(ctx, "/requests", &open); err != nil || len(open) != 1 {
		t.Errorf("open requests on a full disk: %d, %v", len(open), err)
	}

	// Room again: everything goes on.
	if err := errors.Join(os.Remove(filler), os.Remove(spare)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Police.Requester.Post(ctx, testworld.Draft("26-300")); err != nil {
		t.Errorf("a request after there was room: %v", err)
	}
	offset()
	_, err = l.send(ctx, "DELETE", url, head(), nil, nil) // too large for this disk
	if err != nil {
		t.Fatal(err)
	}
	small := make([]byte, 3<<20)
	rand.Read(small)
	if sealed, err = actor.Seal(small, l.vault); err != nil {
		t.Fatal(err)
	}
	upload, err := l.upload(ctx, token, sealed)
	if err == nil {
		err = l.handOver(ctx, submission, token, upload, small, sealed)
	}
	if err != nil {
		t.Fatalf("sharing after there was room: %v", err)
	}
	if got, _, err := w.Police.Custodian.View(ctx, upload, ""); err != nil || sha256.Sum256(got) != sha256.Sum256(small) {
		t.Errorf("the clip opens to something else: %v", err)
	}
	size, err := w.X.Log.Size(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d acts refused for want of room, %d entries since", refusals, size-from)

	// The store and the ledger agree once it was started again.
	older, err := os.ReadFile(filepath.Join(w.Config.Dir, "ledger", "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.X.Close(); err != nil {
		t.Fatal(err)
	}
	if w.X, err = exchange.Open(ctx, w.Config); err != nil {
		t.Fatal(err)
	}
	f, err := look(w.Config.Dir, t.TempDir(), w.LogKey, older, l.promises)
	if err != nil {
		t.Error(err)
	}
	if f.open != 0 {
		t.Errorf("%d acts stand open", f.open)
	}
}

// refusedBy checks that err is a problem with one of these statuses.
func refusedBy(t *testing.T, what string, err error, statuses ...int) {
	t.Helper()
	var p *web.Problem
	if !errors.As(err, &p) {
		t.Fatalf("%s on a full disk: %v", what, err)
	}
	for _, s := range statuses {
		if p.Status == s && p.Type != "" && p.Detail != "" {
			return
		}
	}
	t.Errorf("%s on a full disk: %d %s %s", what, p.Status, p.Type, p.Detail)
}

// fill takes all room that is left.
func fill(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4 << 10, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return name
}

// begin opens a submission and returns its id and upload token.
func begin(t *testing.T, ctx context.Context, l *load) (submission, token string) {
	t.Helper()
	me, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	hash, owner := sha256.Sum256(secret), sha256.Sum256([]byte(me.String()))
	consent, err := json.Marshal(share.Consent{Version: "1", Language: "en", Identity: "through-porchlight", Text: "I share this clip.",
		Agency: l.Police.ORI, Request: l.Request.ID})
	if err != nil {
		t.Fatal(err)
	}
	submission = gate.NewActID()
	body, err := json.Marshal(web.SubmissionDraft{ID: submission, Request: l.Request.ID, UploadHash: hash[:], OwnerHash: owner[:],
		Recipient: me.Recipient().String(), Consent: string(consent)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.send(ctx, "POST", "/api/v1/submissions", http.Header{"Content-Type": {"application/json"}}, body, nil); err != nil {
		t.Fatal(err)
	}
	return submission, base64.RawURLEncoding.EncodeToString(secret)
}
