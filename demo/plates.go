package demo

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	client "porchlight/internal/actor"
	"porchlight/plate"
	"porchlight/plate/intake"
	"porchlight/roster"
	"porchlight/web"

	"filippo.io/age"
	"golang.org/x/sync/errgroup"
)

// eye is the camera that stands at a Spot.
type eye struct {
	Spot  `json:"-"`
	ID    string             `json:"id"`
	Key   ed25519.PrivateKey `json:"key"`
	vault age.Recipient      // its pictures are sealed to; nil: it sends none
}

// eyesFile keeps the cameras' keys, in the order of Town.Spots.
const eyesFile = "demo-cameras.json"

// sighting is what the camera tells of a passing, with its picture if asked.
func (e eye) sighting(p passing, pictured bool, r *rand.Rand) (intake.Sighting, error) {
	text, err := plate.ParseText(p.plate)
	if err != nil {
		return intake.Sighting{}, err
	}
	s := intake.Sighting{Read: plate.Read{Text: text, Confidence: 900 + r.IntN(95), Seen: p.at, Heading: p.heading, Vehicle: p.Vehicle}}
	if i := 4 + r.IntN(5); r.IntN(60) == 0 { // a figure is taken for a letter
		if wrong, ok := map[byte]string{'0': "O", '1': "I", '2': "Z", '5': "S", '8': "B"}[text[i]]; ok {
			misread(&s, text[:i]+plate.Text(wrong)+text[i+1:])
		}
	}
	if pictured && e.vault != nil {
		picture, err := p.picture(e.Spot).JPEG()
		if err != nil {
			return s, err
		}
		s.Sealed, err = client.Seal(picture, e.vault)
		return s, err
	}
	return s, nil
}

// misread puts a wrong reading before the right one.
func misread(s *intake.Sighting, as plate.Text) {
	s.Others = []plate.Guess{{Text: s.Text, Confidence: 410}}
	s.Text, s.Confidence = as, 560
}

// send sends sightings in as few batches as the exchange takes.
func (e eye) send(ctx context.Context, url string, all []intake.Sighting) error {
	c := &client.Camera{Client: client.New(url), ID: e.ID, Key: e.Key}
	for some := range slices.Chunk(all, 500) {
		// The time numbers the batches, also after a restart.
		now := time.Now()
		got, err := c.Send(ctx, intake.Batch{Camera: e.ID, Sequence: uint64(now.UnixMicro()), Sent: now, Reads: some})
		if err != nil {
			return fmt.Errorf("camera %s: %w", e.Name, err)
		}
		if len(got.Faults) > 0 {
			return fmt.Errorf("camera %s: %s", e.Name, got.Faults[0].Reason)
		}
	}
	return nil
}

// plates plays the plate network: cameras, a stolen car and a misread one,
// searches that are answered and refused, and who may search whose reads.
func (s *Story) plates(ctx context.Context) error {
	driver := client.New(s.URL)
	form, err := correctionForm(ctx, driver)
	if err != nil {
		return err
	}
	if err := s.plateVaults(ctx); err != nil {
		return err
	}
	if err := s.cameras(ctx); err != nil {
		return err
	}
	if err := s.traffic(ctx); err != nil {
		return err
	}
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return s.settings(inner) })
	g.Go(func() error { return s.hits(inner) })
	if err := g.Wait(); err != nil {
		return err
	}
	if err := s.correct(ctx, driver, form); err != nil {
		return err
	}
	g, inner = errgroup.WithContext(ctx)
	g.Go(func() error { return s.detective(inner) })
	g.Go(func() error { return s.deputy(inner) })
	g.Go(func() error { return s.neighbor(inner) })
	if err := g.Wait(); err != nil {
		return err
	}
	// Fewer may search from now on.
	_, err = s.Cast.Find("admin-police").Act(ctx, "/sharing",
		web.SharingSetting{Audience: "agencies", Agencies: []string{s.Town.Agencies[1].ORI}}, nil)
	return err
}

// plateVaults publishes the keys for pictures and gives them to investigators.
func (s *Story) plateVaults(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for id, to := range map[string][]string{
		"custodian-police":  {"investigator-police", "requester-police"},
		"requester-sheriff": {"investigator-sheriff"},
	} {
		custodian := s.Cast.Find(id)
		g.Go(func() error {
			if _, err := custodian.PublishVault(ctx, roster.ForPlates); err != nil {
				return err
			}
			for _, id := range to {
				p := s.Cast.Find(id)
				if err := custodian.GrantVault(ctx, roster.ForPlates, p.Device, p.DeviceRecipient()); err != nil {
					return err
				}
				if err := p.OpenVault(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// cameras puts up the town's plate cameras and keeps their keys.
func (s *Story) cameras(ctx context.Context) error {
	spots := s.Town.Spots()
	s.eyes = make([]eye, len(spots))
	g, inner := errgroup.WithContext(ctx)
	for _, a := range s.Town.Agencies {
		g.Go(func() error { // one after the other: each says how many there are
			for i, spot := range spots {
				if spot.ORI != a.ORI {
					continue
				}
				at := spot.where.lonLat()
				c, err := s.Cast.of(a.ORI, "admin").AddSigningCamera(inner, spot.Name, at[0], at[1])
				if err != nil {
					return err
				}
				s.eyes[i] = eye{Spot: spot, ID: c.ID, Key: c.Key}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := s.putUp(ctx); err != nil {
		return err
	}
	if err := openEyes(ctx, client.New(s.URL), s.eyes); err != nil {
		return err
	}
	b, err := json.Marshal(s.eyes)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.Dir, eyesFile), b, 0o600)
}

// openEyes looks up what each camera seals its pictures to.
func openEyes(ctx context.Context, c *client.Client, eyes []eye) error {
	for i := range eyes {
		var a web.AgencyView
		if err := c.Get(ctx, "/agencies/"+eyes[i].ORI, &a); err != nil {
			return err
		}
		if a.Plates == nil {
			continue
		}
		to, err := age.ParseX25519Recipient(a.Plates.Recipient)
		if err != nil {
			return err
		}
		eyes[i].vault = to
	}
	return nil
}

// bakeryVan struck a trailer in the sheriff's case.
const bakeryVan = 80417

// trafficDays is how far back the town's reads go.
const trafficDays = 4

// traffic sends the past days' reads, and what the story's vehicles did.
func (s *Story) traffic(ctx context.Context) error {
	spots := s.Town.Spots()
	all := s.Town.traffic(time.Now().In(s.Evening.Location()), trafficDays)
	every := len(all)/90 + 1 // of these has its picture
	van := vehicle{plate: plateNumber(bakeryVan)}
	van.dress("van", "white")
	larkspur, home := onRoad{true, stateLine + 1500}, onRoad{true, -240}
	story := trip(spots, sought(0), larkspur, home, s.clock(14, 50))
	story = append(story, trip(spots, sought(0), home, larkspur, s.clock(17, 31))...)
	story = append(story, trip(spots, van, onRoad{false, 600}, onRoad{false, -1500}, s.clock(15, 24))...)
	by := make([][]intake.Sighting, len(spots))
	r := rand.New(rand.NewPCG(s.Town.Seed, 0x72656164))
	for i, p := range slices.Concat(all, story) {
		g, err := s.eyes[p.spot].sighting(p, i%every == 0 || i >= len(all), r)
		if err != nil {
			return err
		}
		by[p.spot] = append(by[p.spot], g)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(3)
	for i, e := range s.eyes {
		g.Go(func() error { return e.send(ctx, s.URL, by[i]) })
	}
	s.Say("  %d reads of %d cameras", len(all)+len(story), len(spots))
	return g.Wait()
}

// settings says who may search whose reads, and for how long the police keep theirs.
func (s *Story) settings(ctx context.Context) error {
	for id, set := range map[string]web.SharingSetting{
		"admin-police":   {Audience: "exchange"},
		"admin-sheriff":  {Audience: "same-state"},
		"admin-larkspur": {Audience: "distance", Km: 150},
	} {
		if _, err := s.Cast.Find(id).Act(ctx, "/sharing", set, nil); err != nil {
			return err
		}
	}
	// The oldest of the reads go at the next purge.
	_, err := s.Cast.Find("admin-police").Act(ctx, "/agencies/"+s.Town.Agencies[0].ORI+"/retention",
		map[string]int{"minutes": 3 * 24 * 60}, nil)
	return err
}

// hits puts plates on lists; two are read, one of them wrongly.
func (s *Story) hits(ctx context.Context) error {
	detective, sergeant := s.Cast.Find("investigator-police"), s.Cast.Find("requester-police")
	var lists [2]web.HotlistAct
	for i, l := range []web.NewHotlist{
		{Name: "Thefts in Maple Grove", Kind: "stolen-vehicle", Source: "own", Public: true},
		{Name: "Families are waiting", Kind: "missing-person", Source: "own", Public: true},
	} {
		if _, err := detective.Act(ctx, "/plates/lists", l, &lists[i].Body); err != nil {
			return err
		}
	}
	for i, w := range wanted {
		list, d := 0, web.WantedDraft{Plate: plateNumber(w.digits), Basis: "Theft report by the owner", Case: fmt.Sprintf("MG-2026-0439%d", 2+i),
			Vehicle: plate.Vehicle{Type: w.kind, Color: w.color}, Expires: time.Now().Add(60 * 24 * time.Hour).UTC()}
		if i == 0 {
			d.Case, d.Details = "MG-2026-04417", "Dent in the left rear door; left Elm Street towards Oak Street."
		}
		if i == len(wanted)-1 {
			list, d.Basis, d.Details = 1, "Missing person report by the family", "Driver is 81 and needs medicine."
		}
		if _, err := detective.Act(ctx, "/plates/lists/"+lists[list].Body.List.ID+"/entries", d, nil); err != nil {
			return err
		}
	}
	// The sedan comes back; another car's 8 is taken for a 3.
	now, r := time.Now().In(s.Evening.Location()), rand.New(rand.NewPCG(1, 1))
	dark := now.Hour() < 7 || now.Hour() > 16
	innocent := sought(1)
	innocent.plate = plateNumber(mistaken)
	for i, p := range []passing{{vehicle: sought(0), spot: 4, at: now, heading: 270, dark: dark}, {vehicle: innocent, spot: 0, at: now, heading: 0, dark: dark}} {
		g, err := s.eyes[p.spot].sighting(p, true, r)
		if err != nil {
			return err
		}
		if i == 1 {
			text, err := plate.ParseText(plateNumber(wanted[1].digits))
			if err != nil {
				return err
			}
			misread(&g, text)
		}
		if err := s.eyes[p.spot].send(ctx, s.URL, []intake.Sighting{g}); err != nil {
			return err
		}
	}
	for _, do := range []struct {
		who                  *Member
		digits               int
		outcome, note, acted string
	}{
		{detective, wanted[0].digits, "confirmed", "Same plate, dent in the left rear door.", "Patrol stopped it at Bluestem Drive; the owner is informed."},
		{sergeant, wanted[1].digits, "misread", "The picture shows 40983.", ""},
	} {
		h, err := alerted(ctx, do.who, plateNumber(do.digits))
		if err != nil {
			return err
		}
		seen := h.Sightings[0]
		if _, err := do.who.open(ctx, web.PictureLead{Hit: h.ID}, seen.Image, seen.Read); err != nil {
			return err
		}
		if _, err := do.who.Act(ctx, "/plates/hits/"+h.ID+"/resolve", web.HitOutcome{Outcome: do.outcome, Note: do.note}, nil); err != nil {
			return err
		}
		if do.acted == "" {
			continue
		}
		if _, err := do.who.Act(ctx, "/plates/hits/"+h.ID+"/act", web.HitNote{Note: do.acted}, nil); err != nil {
			return err
		}
	}
	return nil
}

// mistaken is the plate that a camera misread: 40983 for 40933.
const mistaken = 40983

// alerted waits until an officer is told of a plate.
func alerted(ctx context.Context, who *Member, number string) (h web.HitView, err error) {
	text, err := plate.ParseText(number)
	if err != nil {
		return h, err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var queue web.HitList
		if err := who.Get(ctx, "/plates/hits", &queue); err != nil {
			return h, err
		}
		if i := slices.IndexFunc(queue.Hits, func(h web.HitView) bool { return h.Text == string(text) }); i >= 0 {
			return h, who.Get(ctx, "/plates/hits/"+queue.Hits[i].ID, &h)
		}
		select {
		case <-ctx.Done():
			return h, ctx.Err()
		case <-tick.C:
		}
	}
}

// open looks at one picture, as JPEG.
func (m *Member) open(ctx context.Context, lead web.PictureLead, picture, read string) ([]byte, error) {
	var id plate.ID
	if err := id.UnmarshalText([]byte(read)); err != nil {
		return nil, err
	}
	got, err := m.Pictures(ctx, lead, web.PictureOf{Picture: picture, Read: id})
	if err != nil {
		return nil, err
	}
	return got[0], nil
}

var formToken = regexp.MustCompile(`name="form"[^>]*value="([^"]+)"`)

// A form is the public page for who was flagged by mistake, as opened.
type form struct {
	token  string
	opened time.Time
}

func correctionForm(ctx context.Context, c *client.Client) (f form, err error) {
	page, err := visit(ctx, c, http.MethodGet, "/correction", nil)
	if err != nil {
		return f, err
	}
	m := formToken.FindSubmatch(page)
	if m == nil {
		return f, errors.New("the page of corrections has no form")
	}
	return form{string(m[1]), time.Now()}, nil
}

// visit opens one of the exchange's pages as a browser does.
func visit(ctx context.Context, c *client.Client, method, path string, in url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, strings.NewReader(in.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, resp.Status)
	}
	return page, err
}

// ripe returns once f may be sent.
func (f form) ripe(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(formTakes - time.Since(f.opened)):
		return nil
	}
}

// formTakes is longer than a form needs to pass for one that a person filled in.
const formTakes = 5 * time.Second

// correct plays the driver whose plate was misread: she asks for correction, and
// the police answer.
func (s *Story) correct(ctx context.Context, driver *client.Client, f form) error {
	if err := f.ripe(ctx); err != nil {
		return err
	}
	police := s.Town.Agencies[0]
	if _, err := visit(ctx, driver, http.MethodPost, "/correction", url.Values{
		"form": {f.token}, "agency": {police.ORI}, "plate": {plateNumber(mistaken)}, "when": {"This morning"}, "where": {"Main Street and Jefferson Avenue"},
		"what": {"I was told at the light that my car is stolen. It is mine, and my plate ends in 83, not 33."},
	}); err != nil {
		return err
	}
	sergeant := s.Cast.Find("requester-police")
	var asked web.CorrectionList
	if err := sergeant.Get(ctx, "/plates/corrections", &asked); err != nil {
		return err
	}
	if len(asked.Corrections) != 1 {
		return fmt.Errorf("%d requests for correction arrived", len(asked.Corrections))
	}
	_, err := sergeant.Act(ctx, "/plates/corrections/"+asked.Corrections[0].ID+"/answer", map[string]string{
		"outcome": "corrected", "words": "The camera read 40933 for 40983. The alert is marked as a misread, and your plate is on no list. We are sorry.",
	}, nil)
	return err
}

// sedan asks where the dark sedan was.
func (s *Story) sedan() web.PlateAsk {
	return web.PlateAsk{Kind: "plate", Plate: plateNumber(wanted[0].digits), From: s.clock(12, 0), To: time.Now(),
		Case: "MG-2026-04417", Offense: "23F", Note: "Theft from parked cars on Elm Street; the dark sedan that left towards Oak Street"}
}

// detective searches: for the sedan, for every car around Elm Street with a
// second officer's approval, and once for what he may not.
func (s *Story) detective(ctx context.Context) error {
	detective, sergeant := s.Cast.Find("investigator-police"), s.Cast.Find("requester-police")
	own := s.Town.Agencies[0].ORI
	var found struct {
		Search  web.SearchView
		Answers []web.AnswerView
	}
	entry, err := detective.Act(ctx, "/plates/searches", s.sedan(), &found)
	if err != nil {
		return err
	}
	reads := 0
	for _, a := range found.Answers {
		reads += len(a.Reads)
		for _, r := range a.Reads {
			if a.Owner == own && r.Picture != "" {
				if _, err := detective.open(ctx, web.PictureLead{Search: fmt.Sprint(entry)}, r.Picture, fmt.Sprint(uint64(r.ID))); err != nil {
					return err
				}
				break
			}
		}
	}
	if reads == 0 {
		return errors.New("nobody has seen the sedan")
	}
	var file web.SearchFile
	if _, err := detective.Act(ctx, "/plates/searches/"+found.Search.ID+"/export", map[string]string{"format": "csv"}, &file); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.Dir, file.Name), []byte(file.Content), 0o644); err != nil {
		return err
	}
	if _, err := detective.Act(ctx, "/plates/holds", web.NewHold{Search: found.Search.ID, Owner: own, Case: "MG-2026-04417",
		Reason: "Shows when the sedan left Elm Street and by which road", Days: 180}, nil); err != nil {
		return err
	}

	around := s.around(250, incident...)
	everyone := web.PlateAsk{Kind: "area", Area: &around, From: s.clock(17, 15), To: s.clock(17, 45), Owners: []string{own},
		Case: "MG-2026-04417", Offense: "23F", Note: "Theft from parked cars on Elm Street; cars that passed while it happened, as witnesses"}
	var proposed struct{ Proposal web.ProposalView }
	if _, err := detective.Act(ctx, "/plates/proposals", everyone, &proposed); err != nil {
		return err
	}
	if _, err := sergeant.Act(ctx, "/plates/proposals/"+proposed.Proposal.ID+"/approve", struct{}{}, nil); err != nil {
		return err
	}
	if _, err := detective.Act(ctx, "/plates/searches", struct {
		web.PlateAsk
		Approval string `json:"approval"`
	}{everyone, proposed.Proposal.ID}, nil); err != nil {
		return err
	}

	errand := s.sedan()
	errand.Case, errand.Offense, errand.Note = "MG-2026-04431", "90Z", "Locate for immigration enforcement, deportation order"
	_, err = detective.Act(ctx, "/plates/searches", errand, nil)
	return s.refused(detective, "a plate search over immigration", err)
}

// deputy of the sheriff searches for the van; the town's police let the county in.
// Of one read he asks them for the picture.
func (s *Story) deputy(ctx context.Context) error {
	deputy := s.Cast.Find("investigator-sheriff")
	var found struct{ Answers []web.AnswerView }
	entry, err := deputy.Act(ctx, "/plates/searches", web.PlateAsk{Kind: "plate", Plate: plateNumber(bakeryVan), From: s.clock(12, 0), To: s.clock(20, 0),
		Case: "PC-2026-0912", Offense: "90Z", Note: "Hit and run on Walnut Street, the white delivery van that drove on"}, &found)
	if err != nil {
		return err
	}
	for _, a := range found.Answers {
		if a.Owner != s.Town.Agencies[0].ORI || !a.Permit || len(a.Reads) == 0 {
			continue
		}
		_, err := deputy.Act(ctx, "/plates/pictures/asks", web.NewPictureAsk{PictureLead: web.PictureLead{Search: fmt.Sprint(entry)},
			PictureOf: web.PictureOf{Picture: a.Reads[0].Picture, Read: a.Reads[0].ID}}, nil)
		return err
	}
	return errors.New("the town's reads did not answer the sheriff")
}

// neighbor searches from across the state line. The police let everybody in then,
// but Illinois' law wants the agency named, and so their reads do not answer.
func (s *Story) neighbor(ctx context.Context) error {
	var found struct{ Answers []web.AnswerView }
	ask := s.sedan()
	ask.Case = "LK-2026-0233"
	ask.Note = "Theft from parked cars; dark sedan that came from Illinois"
	if _, err := s.Cast.Find("investigator-larkspur").Act(ctx, "/plates/searches", ask, &found); err != nil {
		return err
	}
	for _, a := range found.Answers {
		if a.Owner == s.Town.Agencies[0].ORI && a.Permit {
			return errors.New("reads of Illinois answered another state")
		}
	}
	return nil
}
