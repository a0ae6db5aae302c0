package evidence

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"porchlight/blob"
	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/dbtest"
	"porchlight/policy"
)

var ctx = context.Background()

func want(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
}

func refused(t testing.TB, err error, rule string) {
	t.Helper()
	var r *gate.Refusal
	if !errors.As(err, &r) || !slices.ContainsFunc(r.Rules, func(p policy.Rule) bool { return p.ID == rule }) {
		t.Fatalf("got %v, want a refusal by %s", err, rule)
	}
}

// The walk of a clip: triage, view, note, share, view by the partner, unshare.
func TestWalk(t *testing.T) {
	w := newWorld(t)
	plain := bytes.Repeat([]byte("frame "), 50_000)
	c := w.share(plain)
	ana := w.officer(police, identity.RoleCustodian)
	ben := w.officer(sheriff, identity.RoleInvestigator)
	eve := w.officer(other, identity.RoleCustodian)

	_, err := ben.view(c.id, "")
	want(t, err, ErrNotFound)
	o, err := ana.view(c.id, "") // before triage, to decide
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.decrypt(o, w.Vault[police]); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("the custodian decrypts %d bytes, %v", len(got), err)
	}
	ana.accept(c.id)
	sealed := seal(t, []byte("a blue van"), w.Vault[police].Recipient())
	done(ana, func(by gate.Caller) (*gate.Grant, error) { return w.Note(ctx, by, c.id, sealed) })
	_, err = sign(ana, func(by gate.Caller) (*gate.Grant, error) { return w.Note(ctx, by, c.id, []byte("a blue van")) })
	want(t, err, ErrInput)
	o, err = ana.view(c.id, "")
	if err != nil || len(o.Notes) != 1 || !bytes.Equal(o.Notes[0].Sealed, sealed) {
		t.Fatalf("notes %v, %v", o, err)
	}

	cond := Conditions{Purpose: "burglary series in both towns", Expires: w.Now().Add(30 * 24 * time.Hour), NoReshare: true}
	header := w.rewrap(o.Header, police, sheriff)
	give := func(to string, h []byte, cond Conditions) error {
		_, err := sign(ana, func(by gate.Caller) (*gate.Grant, error) { return w.Share(ctx, by, c.id, to, h, nil, cond) })
		return err
	}
	want(t, give(sheriff, []byte("age-encryption.org/v1\n"), cond), ErrHeader)
	want(t, give(sheriff, seal(t, nil, w.Vault[sheriff].Recipient(), w.Vault[other].Recipient())[:400], cond), ErrHeader)
	want(t, give("IL0000000", header, cond), ErrInput)
	want(t, give(police, header, cond), ErrInput)
	refused(t, give(federal, header, cond), "base.item-share-receiver")
	forever := cond
	forever.Expires = w.Now().Add(400 * 24 * time.Hour)
	refused(t, give(sheriff, header, forever), "base.item-share-term")
	protest := cond
	protest.Purpose = "find who was at the protest march"
	refused(t, give(sheriff, header, protest), "base.item-purpose")
	if err := give(sheriff, header, cond); err != nil {
		t.Fatal(err)
	}

	_, err = ben.view(c.id, "another case")
	refused(t, err, "base.view-purpose")
	o2, err := ben.view(c.id, cond.Purpose)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.decrypt(o2, w.Vault[sheriff]); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("the partner decrypts %d bytes, %v", len(got), err)
	}
	if _, err := w.decrypt(o2, w.Vault[police]); err == nil {
		t.Fatal("the partner's header opens with the custodian's key")
	}
	if len(o2.Notes) != 0 {
		t.Fatal("the partner reads the custodian's notes")
	}
	_, err = sign(ben, func(by gate.Caller) (*gate.Grant, error) {
		return w.Share(ctx, by, c.id, other, w.rewrap(o2.Header, sheriff, other), nil, Conditions{Purpose: cond.Purpose, Expires: cond.Expires})
	})
	refused(t, err, "base.item-no-reshare")
	if _, err := eve.view(c.id, cond.Purpose); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}

	done(ana, func(by gate.Caller) (*gate.Grant, error) { return w.Unshare(ctx, by, c.id, sheriff) })
	_, err = ben.view(c.id, cond.Purpose)
	want(t, err, ErrNotFound)
	if items, err := w.Items(ctx, ben.Principal, "", ""); err != nil || len(items) != 0 {
		t.Fatalf("the partner still lists %v, %v", items, err)
	}
	if items, err := w.Items(ctx, ana.Principal, Accepted, "26-001234"); err != nil || len(items) != 1 {
		t.Fatalf("the case holds %v, %v", items, err)
	}
	history, err := w.Chain(ctx, ana.Principal, c.id)
	if err != nil {
		t.Fatal(err)
	}
	var acts []string
	for _, r := range history {
		acts = append(acts, r.Action+" "+r.Outcome)
	}
	expect := []string{
		"submission.share done", "item.view done", "item.triage done", "item.note done", "item.view done",
		"item.share denied", "item.share denied", "item.share denied", "item.share done",
		"item.view denied", "item.view done", "item.share denied", "item.unshare done",
	}
	if !slices.Equal(acts, expect) {
		t.Fatalf("history %q", acts)
	}
}

// A view is one session's, for a while, and of one item.
func TestViewEnds(t *testing.T) {
	w := newWorld(t)
	c := w.share([]byte("clip"))
	ana := w.officer(police, identity.RoleCustodian)
	o, err := ana.view(c.id, "")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = w.Payload(ctx, "another session", o.Grant.ActID)
	want(t, err, ErrClosed)
	_, _, err = w.Payload(ctx, "session", gate.NewActID())
	want(t, err, ErrClosed)
	if _, _, err := w.payload(ctx, nil, c.id); err == nil {
		t.Fatal("payload without a grant")
	}
	if _, _, err := w.payload(ctx, o.Grant, "another item"); err == nil {
		t.Fatal("payload of another item")
	}
	if _, _, err := w.keys(ctx, o.Grant, "another item", police); err == nil {
		t.Fatal("header of another item")
	}
	w.Sleep(31 * time.Minute)
	_, _, err = w.Payload(ctx, "session", o.Grant.ActID)
	want(t, err, ErrClosed)
	// The old act cannot be repeated into a new view.
	_, err = w.View(ctx, gate.Caller{Who: ana.Principal, ActID: o.Grant.ActID}, "session", c.id, "")
	want(t, err, ErrClosed)
}

// What no longer may exist is in no file and decrypts nowhere.
func TestDestroy(t *testing.T) {
	for name, end := range map[string]func(w *world, ana *person, c clip){
		"declined": func(w *world, ana *person, c clip) {
			done(ana, func(by gate.Caller) (*gate.Grant, error) {
				return w.Triage(ctx, by, c.id, Triage{Reason: "shows another street"})
			})
		},
		"withdrawn while pending": func(w *world, _ *person, c clip) { w.withdraw(c.id) },
		"withdrawn and released": func(w *world, ana *person, c clip) {
			ana.accept(c.id)
			w.withdraw(c.id)
			if s := w.state(c.id); s != WithdrawalRequested {
				t.Fatalf("state %s", s)
			}
			done(ana, func(by gate.Caller) (*gate.Grant, error) { return w.Destroy(ctx, by, c.id, CauseWithdrawn) })
		},
		"never triaged": func(w *world, _ *person, c clip) {
			w.Sleep(Untriaged - time.Minute)
			if n, err := w.Sweep(ctx); n != 0 || err != nil {
				t.Fatalf("swept %d early, %v", n, err)
			}
			w.Sleep(2 * time.Minute)
			if n, err := w.Sweep(ctx); n != 1 || err != nil {
				t.Fatalf("swept %d, %v", n, err)
			}
		},
		"retention over": func(w *world, ana *person, c clip) {
			ana.accept(c.id)
			w.Sleep(3*365*24*time.Hour + time.Minute)
			if n, err := w.Sweep(ctx); n != 1 || err != nil {
				t.Fatalf("swept %d, %v", n, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.share([]byte("clip"))
			ana := w.officer(police, identity.RoleCustodian)
			o, err := ana.view(c.id, "")
			if err != nil {
				t.Fatal(err)
			}
			if sqlite() && !w.onDisk(c.header) {
				t.Fatal("the header should be in the store's files")
			}
			end(w, ana, c)
			if s := w.state(c.id); s != Destroyed {
				t.Fatalf("state %s", s)
			}
			if w.onDisk(c.header) {
				t.Error("the header is still in the store's files")
			}
			_, _, err = w.Blobs.Open(ctx, "blob-"+c.id)
			want(t, err, blob.ErrNotFound)
			if _, err := w.decrypt(o, w.Vault[police]); err == nil {
				t.Error("an open view still decrypts")
			}
			_, err = ana.view(c.id, "")
			if err == nil {
				t.Error("a destroyed item can be viewed")
			}
			history, err := w.Gate.History(ctx, c.id)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(history, func(r gate.Record) bool {
				return r.Entry.Act.Action == "item.destroy" && r.Outcome == "done"
			}) {
				t.Error("the owner sees no destruction")
			}
			if n, err := w.Sweep(ctx); n != 0 || err != nil {
				t.Errorf("swept %d again, %v", n, err)
			}
		})
	}
}

// onDisk reports whether a distinctive part of the header is in a file of the
// store. Of PostgreSQL's files package db promises less, see db.Scrub.
func (w *world) onDisk(header []byte) bool {
	w.T.Helper()
	if !sqlite() {
		return false
	}
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(w.source + suffix)
		if err != nil && !os.IsNotExist(err) {
			w.T.Fatal(err)
		}
		if bytes.Contains(b, header[len(header)-40:]) {
			return true
		}
	}
	return false
}

func sqlite() bool { return dbtest.Engine() == db.SQLite }

func TestHold(t *testing.T) {
	w := newWorld(t)
	c := w.share([]byte("clip"))
	ana := w.officer(police, identity.RoleCustodian)
	ana.accept(c.id)
	hold := func(h HoldTerms) (*gate.Grant, error) {
		return sign(ana, func(by gate.Caller) (*gate.Grant, error) { return w.Hold(ctx, by, c.id, h) })
	}
	_, err := hold(HoldTerms{Reason: "trial"})
	want(t, err, ErrInput)
	g, err := hold(HoldTerms{Reason: "trial", Order: "Order 26-CF-99"})
	if err != nil {
		t.Fatal(err)
	}
	w.withdraw(c.id)
	destroy := func() error {
		_, err := sign(ana, func(by gate.Caller) (*gate.Grant, error) { return w.Destroy(ctx, by, c.id, CauseWithdrawn) })
		return err
	}
	refused(t, destroy(), "base.hold")
	w.Sleep(4 * 365 * 24 * time.Hour)
	if n, err := w.Sweep(ctx); n != 0 || err != nil {
		t.Fatalf("swept %d under a hold, %v", n, err)
	}
	_, err = sign(ana, func(by gate.Caller) (*gate.Grant, error) { return w.Release(ctx, by, c.id, g.ActID) })
	if err != nil {
		t.Fatal(err)
	}
	if s := w.state(c.id); s != Destroyed { // its retention ended meanwhile
		t.Fatalf("after the release: %s", s)
	}
}

// A withdrawal after acceptance is answered: here with the lawful ground.
func TestRefuseWithdrawal(t *testing.T) {
	w := newWorld(t)
	c := w.share([]byte("clip"))
	ana := w.officer(police, identity.RoleCustodian)
	ana.accept(c.id)
	w.withdraw(c.id)
	terms := HoldTerms{Reason: "needed at trial", Order: "725 ILCS 5/116-4", Until: w.Now().Add(24 * time.Hour), Refuses: true}
	done(ana, func(by gate.Caller) (*gate.Grant, error) { return w.Hold(ctx, by, c.id, terms) })
	it, err := w.ByID(ctx, c.id)
	if err != nil || it.State != Accepted || it.Ground != terms.Order {
		t.Fatalf("%+v, %v", it, err)
	}
	_, _, holds, err := w.Item(ctx, ana.Principal, c.id)
	if err != nil || len(holds) != 1 || !holds[0].Stands(w.Now()) {
		t.Fatalf("holds %v, %v", holds, err)
	}
	w.Sleep(25 * time.Hour)
	if holds[0].Stands(w.Now()) {
		t.Fatal("the hold should have ended on its date")
	}
}

// A share ends on its date without anybody's act.
func TestShareExpires(t *testing.T) {
	w := newWorld(t)
	c := w.share([]byte("clip"))
	ana, ben := w.officer(police, identity.RoleCustodian), w.officer(sheriff, identity.RoleInvestigator)
	ana.accept(c.id)
	header := w.rewrap(c.header, police, sheriff)
	cond := Conditions{Purpose: "burglary", Expires: w.Now().Add(24 * time.Hour)}
	done(ana, func(by gate.Caller) (*gate.Grant, error) { return w.Share(ctx, by, c.id, sheriff, header, nil, cond) })
	o, err := ben.view(c.id, "burglary")
	if err != nil {
		t.Fatal(err)
	}
	w.Sleep(25 * time.Hour)
	_, err = ben.view(c.id, "burglary")
	want(t, err, ErrNotFound)
	_, _, err = w.keys(ctx, o.Grant, c.id, sheriff)
	want(t, err, ErrNotFound)
	if _, err := w.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if w.onDisk(header) {
		t.Error("the partner's header is still in the store's files")
	}
	if sqlite() && !w.onDisk(c.header) {
		t.Error("the custodian's header is gone")
	}
}

// Roles and agencies: what others may not know reads as not found, what their
// role forbids is refused on record.
func TestWhoMay(t *testing.T) {
	w := newWorld(t)
	c := w.share([]byte("clip"))
	for name, p := range map[string]*person{
		"another agency": w.officer(other, identity.RoleCustodian),
		"federal":        w.officer(federal, identity.RoleCustodian),
		"operator":       w.officer("", identity.RoleOperator),
		"auditor":        w.officer("", identity.RoleAuditor),
		"moderator":      w.officer("", identity.RoleModerator),
	} {
		if _, err := p.view(c.id, ""); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, _, err := w.Item(ctx, p.Principal, c.id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	admin := w.officer(police, identity.RoleAdmin)
	_, err := admin.view(c.id, "")
	refused(t, err, "base.evidence-hands")
	_, err = w.Items(ctx, admin.Principal, "", "")
	want(t, err, gate.ErrRole)
	cop := w.officer(police, identity.RoleInvestigator)
	_, err = sign(cop, func(by gate.Caller) (*gate.Grant, error) {
		return w.Triage(ctx, by, c.id, Triage{Accept: true, Case: "1", Category: "felony"})
	})
	refused(t, err, "base.default-deny")
	ana := w.officer(police, identity.RoleCustodian)
	for _, bad := range []Triage{{Accept: true, Category: "felony"}, {Accept: true, Case: "1", Category: "forever"}, {}} {
		_, err := sign(ana, func(by gate.Caller) (*gate.Grant, error) { return w.Triage(ctx, by, c.id, bad) })
		want(t, err, ErrInput)
	}
}
