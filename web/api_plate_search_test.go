package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"porchlight/geo"
	"porchlight/internal/actor"
	"porchlight/internal/testworld"
	"porchlight/plate"
	"porchlight/web"
)

// plateAsk is a search for one plate in a robbery.
func plateAsk(text string) web.PlateAsk {
	now := time.Now().UTC()
	return web.PlateAsk{Kind: "plate", Plate: text, From: now.Add(-24 * time.Hour), To: now.Add(time.Minute), Case: "26-004711", Offense: "120",
		Note: "armed robbery of a gas station, silver sedan"}
}

// searched is what a search answers.
type searched struct {
	Search  web.SearchView   `json:"search"`
	Answers []web.AnswerView `json:"answers"`
	Receipt string           `json:"receipt"`
}

// seen puts a read of a camera into the store.
func seen(ctx context.Context, w *testworld.World, owner, camera, text string, ago time.Duration) error {
	return photographed(ctx, w, owner, camera, text, ago, nil)
}

// photographed is seen with a picture, for an owner that has a vault for it.
func photographed(ctx context.Context, w *testworld.World, owner, camera, text string, ago time.Duration, jpeg []byte) error {
	at, err := geo.NewPoint(-89.65, 39.75)
	if err != nil {
		return err
	}
	t := time.Now().Add(-ago).UTC().Truncate(time.Millisecond)
	var image string
	if jpeg != nil {
		if image, err = w.X.Images.Keep(ctx, owner, t, "image/jpeg", jpeg); err != nil {
			return err
		}
	}
	_, _, err = w.X.Reads.Append(ctx, []plate.Read{{Owner: owner, Camera: camera, Text: plate.Text(text), Region: "US-IL", Confidence: 930, Seen: t,
		Received: t, Place: at, Heading: 90, Vehicle: plate.Vehicle{Type: "car", Make: "toyota", Color: "silver"}, Image: image}})
	return err
}

// prepareSearches makes what the rows about searches act on: a search of the
// police that found a read, a proposal of theirs, a hold.
func (w *matrixWorld) prepareSearches(ctx context.Context) error {
	if err := seen(ctx, w.World, w.Police.ORI, w.camera, "ABC123", time.Hour); err != nil {
		return err
	}
	ines := w.Police.Investigator
	var r searched
	if _, err := ines.Act(ctx, "/plates/searches", plateAsk("ABC123"), &r); err != nil {
		return err
	}
	w.searched = r.Search.ID
	wide := plateAsk("ABC123")
	wide.Kind = "convoy"
	var p struct{ Proposal web.ProposalView }
	if _, err := ines.Act(ctx, "/plates/proposals", wide, &p); err != nil {
		return err
	}
	w.proposal = p.Proposal.ID
	var h web.ReadHoldView
	_, err := ines.Act(ctx, "/plates/holds", web.NewHold{Search: w.searched, Owner: w.Police.ORI, Case: "26-004711", Reason: "the car of the robbery", Days: 30}, &h)
	w.readHold = h.ID
	return err
}

// A search over HTTP: what it would touch, its answers with their receipts, a
// repeat, a refusal with its rule, a file, a leaked row traced.
func TestSearchOverHTTP(t *testing.T) {
	t.Parallel()
	w := testworld.Start(t, nil)
	ctx := t.Context()
	camera, err := w.Police.Admin.AddCamera(ctx, actor.FileCamera("Elm St", "elm"))
	check(t, err)
	check(t, seen(ctx, w, w.Police.ORI, camera.ID, "ABC123", time.Hour))
	ines := w.Police.Investigator
	ask := plateAsk("ABC12?")

	var preview web.SearchPreview
	call(t, ines, "POST", "/plates/preview", ask, &preview)
	if len(preview.Agencies) != 1 || preview.Agencies[0].Owner != w.Police.ORI || !preview.Agencies[0].Permit || preview.Cameras != 1 || len(preview.Second) != 0 {
		t.Errorf("%+v", preview)
	}
	var got searched
	entry, err := ines.Act(ctx, "/plates/searches", ask, &got)
	check(t, err)
	if got.Search.Entry != entry || len(got.Answers) != 1 || len(got.Answers[0].Reads) != 1 || !strings.HasPrefix(got.Receipt, "porchlight-receipt/v1") {
		t.Fatalf("%d %+v", entry, got)
	}
	if r := got.Answers[0].Reads[0]; r.Plate != "ABC123" || r.CameraName != "Elm St" || r.Make != "toyota" {
		t.Errorf("%+v", r)
	}
	var again searched
	call(t, ines, "GET", "/plates/searches/"+got.Search.ID, nil, &again)
	if len(again.Answers) != 1 || len(again.Answers[0].Reads) != 1 || again.Search.Ask == nil || again.Search.Ask.Plate != "ABC12?" {
		t.Errorf("%+v", again)
	}
	var mine []web.SearchView
	call(t, ines, "GET", "/plates/searches", nil, &mine)
	var history []web.SearchView
	call(t, w.Auditor, "GET", "/plates/history", nil, &history)
	if len(mine) != 1 || len(history) != 1 || history[0].Ask != nil || history[0].Kind != "plate" {
		t.Errorf("%+v %+v", mine, history)
	}

	ask.Note = "for ICE"
	_, err = ines.Act(ctx, "/plates/searches", ask, nil)
	var p *web.Problem
	if !errors.As(err, &p) || p.Status != http.StatusForbidden || !strings.Contains(p.Detail+rulesOf(p), "base.search-behalf") || p.Receipt == "" {
		t.Errorf("%v", err)
	}

	var file web.SearchFile
	_, err = ines.Act(ctx, "/plates/searches/"+got.Search.ID+"/export", map[string]any{"format": "csv"}, &file)
	check(t, err)
	lines := strings.Split(strings.TrimSpace(file.Content), "\r\n")
	cells := strings.Split(lines[len(lines)-1], ",")
	var traced web.TracedRow
	call(t, w.Auditor, "POST", "/plates/trace", map[string]any{"mark": cells[len(cells)-1]}, &traced)
	if file.Rows != 1 || traced.Search != entry || traced.Agency != w.Police.ORI || !strings.Contains(file.Content, "# c2sp.org/tlog-proof@v1") {
		t.Errorf("%+v\n%s", traced, file.Content)
	}
	_, err = ines.Act(ctx, "/plates/searches/"+got.Search.ID+"/export", map[string]any{"format": "html", "lang": "nl"}, &file)
	check(t, err)
	if !strings.Contains(file.Content, `<html lang="nl">`) || strings.Contains(file.Content, "plates.search.") {
		t.Error(file.Content)
	}
	if lines := bufio.NewScanner(bytes.NewReader(call(t, ines, "GET", "/plates/searches/"+got.Search.ID+"/peers", nil, nil))); lines.Scan() {
		t.Errorf("no peer was asked: %s", lines.Text())
	}
}

func rulesOf(p *web.Problem) (ids string) {
	for _, r := range p.Rules {
		ids += r.ID + " "
	}
	return ids
}

// call is what a signed-in person asks that is no act; it must succeed.
func call(t *testing.T, p *actor.Person, method, path string, in, out any) []byte {
	t.Helper()
	body, err := json.Marshal(in)
	check(t, err)
	req, err := http.NewRequestWithContext(t.Context(), method, p.URL+"/api/v1"+path, bytes.NewReader(body))
	check(t, err)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := p.HTTP.Do(req)
	check(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	check(t, err)
	if res.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, text)
	}
	if out != nil {
		check(t, json.Unmarshal(text, out))
	}
	return text
}
