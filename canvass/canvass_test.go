package canvass

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/gatetest"
)

func TestLimitsAtTheirEdges(t *testing.T) {
	w := newWorld(t)
	now := w.Now()
	for name, c := range map[string]struct {
		change func(*Draft)
		rule   string // "" passes
	}{
		"plain":                {func(*Draft) {}, ""},
		"smallest area":        {func(d *Draft) { d.Area = square(t, 64750) }, ""},
		"too small":            {func(d *Draft) { d.Area = square(t, 64749) }, "base.request-area"},
		"largest area":         {func(d *Draft) { d.Area = square(t, 1294994) }, ""},
		"too large":            {func(d *Draft) { d.Area = square(t, 1294995) }, "base.request-area"},
		"15 minutes":           {func(d *Draft) { d.From = d.To.Add(-15 * time.Minute) }, ""},
		"14 minutes":           {func(d *Draft) { d.From = d.To.Add(-14 * time.Minute) }, "base.request-window"},
		"12 hours":             {func(d *Draft) { d.From = d.To.Add(-12 * time.Hour) }, ""},
		"12 hours and 1 s":     {func(d *Draft) { d.From = d.To.Add(-12*time.Hour - time.Second) }, "base.request-window"},
		"backwards":            {func(d *Draft) { d.From, d.To = d.To, d.From }, "base.request-window"},
		"window just ended":    {func(d *Draft) { d.From, d.To = now.Add(-time.Hour), now }, ""},
		"window in future":     {func(d *Draft) { d.From, d.To = now.Add(-time.Hour), now.Add(time.Second) }, "base.request-past"},
		"14 days":              {func(d *Draft) { d.Expires = now.Add(336 * time.Hour) }, ""},
		"14 days and 1 s":      {func(d *Draft) { d.Expires = now.Add(336*time.Hour + time.Second) }, "base.request-expiry"},
		"expired":              {func(d *Draft) { d.Expires = now }, "base.request-expiry"},
		"no case":              {func(d *Draft) { d.Case = " - " }, "base.request-case"},
		"no contact":           {func(d *Draft) { d.Contact = "" }, "base.request-case"},
		"outside":              {func(d *Draft) { d.Area = gatetest.Box(t, -89.705, 39.75, -89.70, 39.754) }, "base.request-jurisdiction"},
		"to the border":        {func(d *Draft) { d.Area = gatetest.Box(t, -89.70, 39.75, -89.695, 39.754) }, ""},
		"over by a centimetre": {func(d *Draft) { d.Area = gatetest.Box(t, -89.7000001, 39.75, -89.695, 39.754) }, "base.request-jurisdiction"},
		"protest":              {func(d *Draft) { d.Narrative = "Looking for footage of the protest on Main St." }, "base.request-protest"},
		"immigration":          {func(d *Draft) { d.Narrative = "Immigration status check on this block." }, "base.request-immigration"},
	} {
		t.Run(name, func(t *testing.T) {
			d := w.draft()
			c.change(&d)
			r, err := w.post("rita", d)
			if c.rule == "" {
				if err != nil || r.State != Pending || r.Agency != city {
					t.Fatalf("%+v, %v", r, err)
				}
				return
			}
			if ids := gatetest.RefusedBy(err); !slices.Contains(ids, c.rule) {
				t.Fatalf("refused by %v (%v), want %s", ids, err, c.rule)
			}
		})
	}
	for who, rule := range map[string]string{"fred": "base.request-local", "gina": "base."} {
		if _, err := w.post(who, w.draft()); !strings.HasPrefix(strings.Join(gatetest.RefusedBy(err), " "), rule) {
			t.Errorf("%s: %v", who, err)
		}
	}
	if _, err := w.post("carl", w.draft()); !slices.Contains(gatetest.RefusedBy(err), "base.default-deny") {
		t.Errorf("a custodian posts: %v", err)
	}
}

func TestRefusalIsRecorded(t *testing.T) {
	w := newWorld(t)
	d := w.draft()
	d.Area = square(t, 5000)
	_, err := w.post("rita", d)
	r := (*gate.Refusal)(nil)
	if !errors.As(err, &r) {
		t.Fatal(err)
	}
	rec, err := w.Gate.At(t.Context(), r.Index)
	must(t, err)
	if rec.Outcome != "denied" || rec.Entry.Act.Action != "request.post" || rec.Entry.Act.Agency != city {
		t.Errorf("%+v", rec)
	}
	entry := string(rec.Entry.Bytes())
	for _, secret := range []string{d.Case, "Maple", "Reyes", "-89.65", "rita"} {
		if strings.Contains(entry, secret) {
			t.Errorf("the public entry says %q: %s", secret, entry)
		}
	}
	if rec.Private("case") != d.Case || rec.Private("narrative") != d.Narrative {
		t.Error("the private values are not kept")
	}
	if mine, err := w.Mine(t.Context(), w.Who["carl"]); err != nil || len(mine) != 0 {
		t.Errorf("%v, %v", mine, err)
	}
}

func TestInvalidDraftsAreNotRecorded(t *testing.T) {
	w := newWorld(t)
	size, err := w.Gate.Log.Size(t.Context())
	must(t, err)
	for field, change := range map[string]func(*Draft){
		"case":      func(d *Draft) { d.Case = strings.Repeat("1", 41) },
		"narrative": func(d *Draft) { d.Narrative = strings.Repeat("n", 2001) },
		"contact":   func(d *Draft) { d.Contact = "a\x00b" },
		"incident":  func(d *Draft) { d.Incident = "loitering" },
		"area":      func(d *Draft) { d.Area = geo.Polygon{} },
		"from":      func(d *Draft) { d.From = time.Time{} },
		"time_zone": func(d *Draft) { d.TimeZone = "Mars/Base" },
	} {
		d := w.draft()
		change(&d)
		_, err := w.post("rita", d)
		v := Invalid(nil)
		if !errors.As(err, &v) || len(v) != 1 || v[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if after, _ := w.Gate.Log.Size(t.Context()); after != size {
		t.Error("something was recorded")
	}
}

func TestTwoPostsACase(t *testing.T) {
	w := newWorld(t)
	for i, number := range []string{"24-777", " 24 777 ", "24.777"} {
		d := w.draft()
		d.Case = number
		r, err := w.post("rita", d)
		if i < 2 {
			must(t, err)
			if i == 0 { // a rejected post does not count
				_, err = w.moderate("mona", r.ID, false, "Please say what happened.")
				must(t, err)
				r, err = w.post("rita", d)
				must(t, err)
				_, err = w.closeIt("raul", r.ID) // a closed one does
				must(t, err)
			}
		} else if !slices.Contains(gatetest.RefusedBy(err), "base.request-twice") {
			t.Errorf("third post: %v", err)
		}
	}
}

// Many officers post for one case at once: policy saw each alone, two may pass.
func TestPostsRace(t *testing.T) {
	w := newWorld(t)
	d := w.draft()
	var wg sync.WaitGroup
	var mu sync.Mutex
	passed := 0
	// Sign first, so that the acts meet in the gate.
	for i := range 6 {
		id := fmt.Sprint("officer", i) // each with a passkey, whose counter goes up one by one
		w.Enrol(id, city, identity.RoleRequester)
		by := gate.Caller{Who: w.Who[id], ActID: gate.NewActID()}
		_, err := w.Post(t.Context(), by, d)
		ask := (*gate.SignatureRequired)(nil)
		if !errors.As(err, &ask) {
			t.Fatal(err)
		}
		by.Assertion = w.Sign(id, ask)
		wg.Go(func() {
			_, err := w.Post(context.Background(), by, d)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				passed++
			case errors.Is(err, ErrChanged):
				if _, again := w.Post(context.Background(), by, d); !errors.Is(again, gate.ErrVoided) {
					t.Errorf("a lost race should be void: %v", again)
				}
			case gatetest.RefusedBy(err) == nil:
				t.Errorf("unexpected: %v", err)
			}
		})
	}
	wg.Wait()
	rs, err := w.Mine(t.Context(), w.Who["carl"])
	must(t, err)
	if len(rs) != passed || passed < 1 || passed > 2 {
		t.Errorf("%d posts for one case, %d said to have passed", len(rs), passed)
	}
}

func TestModeration(t *testing.T) {
	w := newWorld(t)
	changes := 0
	w.Changed = func() { changes++ }
	r, err := w.post("rita", w.draft())
	must(t, err)
	if r.Published() {
		t.Error("published before moderation")
	}
	if _, err := w.moderate("rita as moderator", r.ID, true, ""); !slices.Contains(gatetest.RefusedBy(err), "base.request-second-person") {
		t.Errorf("approving her own request: %v", err)
	}
	if _, err := w.moderate("raul", r.ID, true, ""); !slices.Contains(gatetest.RefusedBy(err), "base.default-deny") {
		t.Errorf("a requester moderates: %v", err)
	}
	if _, err := w.moderate("mona", r.ID, false, "  "); !errors.Is(err, ErrReason) {
		t.Errorf("rejecting without a reason: %v", err)
	}
	if _, err := w.moderate("mona", "01arz3ndektsv4rrffq69g5fav", true, ""); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	w.setStatus(city, "suspended")
	if _, err := w.moderate("mona", r.ID, true, ""); !slices.Contains(gatetest.RefusedBy(err), "base.request-asker-active") {
		t.Errorf("publishing for a suspended agency: %v", err)
	}
	w.setStatus(city, "active")
	if q, err := w.Queue(t.Context(), w.Who["mona"]); err != nil || len(q) != 1 || changes != 0 {
		t.Errorf("queue %v, %v; %d changes", q, err, changes)
	}
	r, err = w.moderate("mona", r.ID, true, "")
	must(t, err)
	if r.State != Open || r.DecidedBy != "mona" || !r.Published() || changes != 1 {
		t.Errorf("%+v", r)
	}
	rec, err := w.Gate.At(t.Context(), r.DecisionEntry)
	must(t, err)
	if rec.Entry.Act.Public["content"] != r.Content().Hash() || rec.Entry.Act.Public["request"] != r.ID {
		t.Errorf("%v", rec.Entry.Act.Public)
	}
	if _, err := w.moderate("mona", r.ID, false, "second thoughts"); gatetest.RefusedBy(err) == nil {
		t.Errorf("moderated twice: %v", err)
	}
	history, err := w.Gate.History(t.Context(), r.ID)
	must(t, err)
	if len(history) != 6 { // post, refusals of three and of a second decision, approve
		t.Errorf("%d acts on the request", len(history))
	}
}

func TestEndsStayListed(t *testing.T) {
	w := newWorld(t)
	a, b := w.publish(w.draft()), w.publish(w.draft())
	pending, err := w.post("rita", w.draft())
	must(t, err)
	rejected, err := w.post("rita", w.draft())
	must(t, err)
	_, err = w.moderate("mona", rejected.ID, false, "Not a crime.")
	must(t, err)

	if _, err := w.closeIt("gina", a.ID); gatetest.RefusedBy(err) == nil {
		t.Errorf("another agency closes: %v", err)
	}
	a, err = w.closeIt("raul", a.ID)
	must(t, err)
	if a.State != Resolved || a.Closed.IsZero() {
		t.Errorf("%+v", a)
	}
	if _, err := w.closeIt("raul", a.ID); gatetest.RefusedBy(err) == nil {
		t.Errorf("closed twice: %v", err)
	}
	if n, err := w.Expire(t.Context()); n != 0 || err != nil {
		t.Errorf("too early: %d, %v", n, err)
	}
	w.Sleep(72*time.Hour - time.Second)
	if open, err := w.Open(t.Context()); err != nil || len(open) != 1 || open[0].ID != b.ID {
		t.Errorf("%v, %v", open, err)
	}
	w.Sleep(time.Second)
	if open, err := w.Open(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("past its expiry, not yet expired by the clock: %v, %v", open, err)
	}
	if n, err := w.Expire(t.Context()); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := w.Expire(t.Context()); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	b, err = w.Request(t.Context(), b.ID)
	must(t, err)
	pending, err = w.Request(t.Context(), pending.ID)
	must(t, err)
	if b.State != Expired || pending.State != Expired || pending.Published() {
		t.Errorf("%s, %s", b.State, pending.State)
	}
	rec, err := w.Gate.At(t.Context(), b.CloseEntry)
	must(t, err)
	if rec.Entry.Act.Actor != "system" || rec.Entry.Act.Public["outcome"] != "expired" {
		t.Errorf("%+v", rec.Entry.Act)
	}
	list, err := w.Published(t.Context(), city)
	must(t, err)
	if len(list) != 2 {
		t.Errorf("the public page lists %d, want the resolved and the expired one", len(list))
	}
}

func TestWhoSeesWhat(t *testing.T) {
	w := newWorld(t)
	r, err := w.post("rita", w.draft())
	must(t, err)
	nobody := identity.Resident()
	for who, want := range map[string]bool{"carl": true, "mona": true, "fred": false, "gina": false, "resident": false} {
		p := w.Who[who]
		if who == "resident" {
			p = nobody
		}
		_, inside, err := w.View(t.Context(), p, r.ID)
		if inside != want || want != (err == nil) || !want && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s, pending: %v, %v", who, inside, err)
		}
		mine, err := w.Mine(t.Context(), p)
		if err != nil || (len(mine) == 1) != (who == "carl") {
			t.Errorf("%s: %d of her own, %v", who, len(mine), err)
		}
		if _, err := w.Queue(t.Context(), p); (err == nil) != (who == "mona") {
			t.Errorf("%s, queue: %v", who, err)
		}
	}
	_, err = w.moderate("mona", r.ID, true, "")
	must(t, err)
	if _, inside, err := w.View(t.Context(), nobody, r.ID); inside || err != nil {
		t.Errorf("published: %v, %v", inside, err)
	}
}
