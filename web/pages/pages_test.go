package pages

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"porchlight/web/i18n"
)

var out = flag.String("out", "", "write the sample pages here, for web/app/test/shots.mjs")

const plan = template.HTML(`<svg class="bm" viewBox="0 0 800 420" role="img" aria-label="Map"><rect class="bm-land" width="800" height="420"/><path class="bm-area" d="M200 90h260v180H200z"/></svg>`)

// samples are the public pages with something on each, and with nothing.
func samples() map[string]View {
	central, err := time.LoadLocation("America/Chicago")
	if err != nil {
		panic(err)
	}
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, central) }
	police := AgencyRef{"IL0160000", "Maple Falls Police Department", "municipal"}
	sheriff := AgencyRef{"IL0160001", "Prairie County Sheriff", "county"}
	card := func(id, incident, state, text string, a AgencyRef, day int) RequestCard {
		return RequestCard{ID: id, Agency: a, Incident: incident, Narrative: text, State: state, From: at(day, 21, 0), To: at(day, 21, 40),
			Expires: at(day+10, 12, 0), Published: at(day+1, 9, 30), SquareMiles: 0.1234}
	}
	open := []RequestCard{
		card("01kaq2m5e8f3n7v0w9x4y6z1ab", "vehicle-break-in", "open", "Three parked cars were broken into on Maple Street between the library and the park. We look for a person in a light jacket and a dark hatchback that drove off toward Mill Road.", police, 17),
		card("01kaq2m5e8f3n7v0w9x4y6z1ac", "missing-person", "open", "Agnes, 81, left her home on Elm Street without a coat.", sheriff, 20),
	}
	past := append(open[:1:1], card("01kaq2m5e8f3n7v0w9x4y6z1ad", "hit-and-run", "resolved", "A cyclist was hit at Oak and Second.", police, 3),
		card("01kaq2m5e8f3n7v0w9x4y6z1ae", "package-theft", "expired", "Parcels were taken from porches on Birch Lane.", police, 1))
	area := Rule{ID: "base.request-area", Effect: "forbid", Citation: "Porchlight promise 5: size and time limits",
		Source: "https://help.publicsafety.ring.com/hc/en-us/articles/1500012585181-Request-for-Assistance-Policy",
		Plain:  map[string]string{"en": "A request covers between 0.025 and 0.5 square mile: about one block to about forty.", "nl": "Een verzoek beslaat 0,025 tot 0,5 vierkante mijl: ongeveer één tot veertig huizenblokken."},
		Cedar:  "@id(\"base.request-area\")\nforbid (principal, action == Action::\"request.post\", resource)\nwhen { context.area_m2 < 64750 || context.area_m2 > 1294994 };"}
	local := Rule{ID: "base.request-local", Effect: "forbid", Citation: "Porchlight promise 5: only verified local agencies ask",
		Plain: map[string]string{"en": "Federal agencies and private companies cannot ask neighbors for footage."},
		Cedar: "@id(\"base.request-local\")\nforbid (principal, action in Action::\"request\", resource)\nwhen { principal.kind == Kind::\"federal\" };"}
	post := Rule{ID: "base.request-post", Effect: "permit", Citation: "Porchlight promise 5",
		Plain: map[string]string{"en": "A verified local agency can ask neighbors for footage."}, Cedar: "permit (principal, action == Action::\"request.post\", resource);"}
	hash := strings.Repeat("9f86d081884c7d65", 4)
	receipt := "porchlight-receipt/v1\nentry eyJ2IjoxfQ==\n\nc2sp.org/tlog-proof@v1\nindex 17\naGFzaA==\n\nmaple-falls.example/porchlight\n23\ncm9vdA==\n\n— maple-falls.example/porchlight AAAA\n"
	line := func(i uint64, action, actor string, a *AgencyRef, permit bool, outcome string) EntryLine {
		return EntryLine{Index: i, Action: action, Actor: actor, Agency: a, Hour: at(21, 14, 0), Permit: permit, Outcome: outcome}
	}
	older := uint64(12)
	var months []Month
	for i := range 12 {
		months = append(months, Month{Start: time.Date(2025, time.Month(12+i), 1, 0, 0, 0, 0, time.UTC), Requests: i * 3 % 7, Refusals: i % 3, Views: i * 17 % 40, Exports: i % 2, Shares: i % 4})
	}
	return map[string]View{
		"home":           Home{Open: open, Agencies: 2, Requests: 41, Refusals: 6, Entries: 1283},
		"home-empty":     Home{},
		"requests":       Requests{Open: open, Map: plan},
		"requests-empty": Requests{},
		"request": Request{RequestCard: open[0], Contact: "Det. R. Alvarez, 555-0142", Map: plan, Limits: []Rule{area, local},
			Posted: 1201, Approved: 1204},
		"request-over": Request{RequestCard: past[1], Contact: "555-0142", Closed: at(9, 8, 15), Limits: []Rule{area}, Posted: 900, Approved: 904, Ended: 1100},
		"agencies": Agencies{[]AgencyRow{{police, "active", "IL", 1, 37}, {sheriff, "active", "IL", 1, 4},
			{AgencyRef{"DCFBIWA00", "Federal Bureau of Investigation", "federal"}, "suspended", "DC", 0, 0}}},
		"agencies-empty": Agencies{},
		"agency": Agency{AgencyRef: police, Status: "active", State: "IL", Since: at(2, 10, 0), Map: plan, Months: months, Requests: past,
			Vault: &Vault{"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", at(2, 10, 5), 14}},
		"agency-suspended": Agency{AgencyRef: AgencyRef{"DCFBIWA00", "Federal Bureau of Investigation", "federal"}, Status: "suspended", State: "DC", Since: at(2, 10, 0),
			Suspension: &Suspension{"Posted a request outside its case.", at(4, 9, 0), 77}},
		"agency-plates": Agency{AgencyRef: police, Status: "active", State: "IL", Since: at(2, 10, 0), Plates: &Plates{
			Cameras: 12, CamEntry: 31, KeptDays: 14, Purged: 120345, Held: 7, Searches: 214, Networks: 6, Widest: 31, WidestCameras: 412, LookBackDays: 14,
			Approved: 3, Abroad: 9, Exported: 88, Refused: 5,
			Purposes: []Count{{What: "stolen-vehicle", N: 120}, {What: "crime", N: 61}, {What: "missing-person", N: 4}},
			Offenses: []Count{{What: "240", Name: "Motor Vehicle Theft", N: 120}, {What: "220", Name: "Burglary/Breaking & Entering", N: 61}},
			Behalf:   []Count{{What: "county", N: 2}}, RefusedBy: []Ruled{{post.ID, post.Plain, 4}, {"us-il.gone", nil, 1}},
			Answers: []Answered{{"Elm County Sheriff", "", 40, 2}, {"Harlow <Police>", "b.example/log", 1, 9}}, Denials: []Ruled{{local.ID, local.Plain, 11}},
			Lists:   []Alerts{{"Stolen here", "stolen", 500, 41, 30, 6, 2, 1, "23 %"}, {"", "custom", 3, 0, 0, 0, 0, 0, ""}},
			SeesUs:  []string{"Elm County Sheriff", "Campus Police of the University at Maple Falls", "b.example/log"},
			WeSee:   []string{"Agency 1", "Agency 2", "Agency 3", "Agency 4", "Agency 5", "Agency 6", "Agency 7", "Agency 8", "Agency 9", "Agency 10", "Agency 11", "Agency 12", "Agency 13"},
			Setting: &SharingChange{Entry: 44, At: at(5, 9, 0), Audience: "distance", Km: 50},
			Changes: []SharingChange{{Entry: 44, At: at(5, 9, 0), Audience: "distance", Km: 50, Removed: []string{"Harlow Police"}}, {Entry: 40, At: at(4, 9, 0), Audience: "agencies", Names: []string{"Harlow Police"}, Added: []string{"Harlow Police"}, Voided: true}},
			Bars:    []Bar{{"WA", at(3, 9, 0), time.Time{}, 39}, {"CA", at(2, 9, 0), at(3, 9, 0), 37}},
		}},
		"ledger": Ledger{Origin: "maple-falls.example/porchlight", Size: 24, Checkpoint: "maple-falls.example/porchlight\n24\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— maple-falls.example/porchlight Az3grlgtzPICa5OS8npVmf1Myq\n",
			Witnesses: []string{"gazette.example/witness"}, Older: &older, Entries: []EntryLine{
				line(23, "item.view", "custodian", &police, true, "done"), line(22, "submission.share", "resident", nil, true, "done"),
				line(21, "request.post", "requester", &police, false, ""), line(20, "act.void", "system", nil, true, "done"), line(19, "item.export", "custodian", &sheriff, true, "void")}},
		"ledger-empty": Ledger{Origin: "maple-falls.example/porchlight"},
		"entry": Entry{EntryLine: line(17, "request.post", "requester", &police, true, "done"), ActID: "01kaq2m5e8f3n7v0w9x4y6z1ab",
			Public: []Field{{"request", "01kaq2m5e8f3n7v0w9x4y6z1ab"}, {"incident", "vehicle-break-in"}}, Committed: []string{"at", "case", "person"},
			Rules: []Rule{post}, Packs: []Pack{{Name: "base", Hash: hash}, {Name: "us-il", Hash: hash}},
			Text: "{\n  \"v\": 1,\n  \"act\": {\n    \"id\": \"01kaq2m5e8f3n7v0w9x4y6z1ab\"\n  }\n}", Receipt: receipt},
		"entry-refused": Entry{EntryLine: line(21, "request.post", "requester", &police, false, ""), Rules: []Rule{area, local}, Packs: []Pack{{Name: "base", Hash: hash}}, Text: "{}", Receipt: receipt},
		"rules":         Rules{[]Pack{{"base", hash, []Rule{post, local, area}}, {"us-il", hash, []Rule{{ID: "us-il.x", Effect: "forbid", Plain: map[string]string{"en": "Footage is not shared for immigration enforcement."}, Citation: "5 ILCS 805/15", Cedar: "forbid (principal, action, resource);"}}}}},
		"api": API{Problem: []APIField{{Name: "type", Type: "string", Required: true, Doc: "What kind."}}, Problems: []string{"refused", "not-found"}, Groups: []APIGroup{{"items", []APIOperation{
			{ID: "triageItem", Method: "POST", Path: "/api/v1/items/{item}/triage", Summary: "Accept a clip.", Who: "session", Act: true,
				Parameters: []APIField{{Name: "item", Type: "string", In: "path", Required: true}},
				Body:       []APIField{{Type: "object", Required: true, Fields: []APIField{{Name: "to", Type: "string", Enum: []string{"a", "b"}}}}}}}}}},
		"how":             How{},
		"pets":            Pets{[]Pet{{ID: "01kaq2m5e8f3n7v0w9x4y6z1ab", Animal: "dog", Colours: []string{"brown", "white"}, Words: "Biscuit, <b>shy</b>.", Photos: []string{"/pets/x/photos/0.jpg"}, Seen: at(21, 14, 0), Ends: at(22, 14, 0), Entry: 17}}},
		"pets-none":       Pets{},
		"pet":             Pet{ID: "01kaq2m5e8f3n7v0w9x4y6z1ab", Animal: "cat", Words: "Grey.", Photos: []string{"/pets/x/photos/0.jpg"}, Seen: at(21, 14, 0), Ends: at(22, 14, 0), Homes: 3, Entry: 17},
		"correction":      Correction{Form: "token", Agencies: []AgencyRef{police}},
		"correction-bad":  Correction{Form: "token", Agencies: []AgencyRef{police}, Problem: "Tell what happened in 10 to 4000 characters.", Agency: police.ORI, Plate: "ABC 123", What: "<script>alert(1)</script>"},
		"ticket":          Ticket{Agency: police.Name, New: true, Link: "https://maple-falls.example/correction/secret", What: "I was stopped for no reason.", Opened: at(21, 14, 0), OpenEntry: 17},
		"ticket-answered": Ticket{Agency: police.Name, Plate: "ABC 123", When: "Tuesday", Where: "Elm St", Contact: "555-0101", What: "I was stopped.", Opened: at(21, 14, 0), OpenEntry: 17, Answered: at(21, 15, 0), AnswerEntry: 21, Outcome: "corrected", Words: "The camera misread your plate."},
		"accessibility":   Accessibility{Contact: "access@maple-falls.example"},
		"problem-404":     Problem{Status: 404, Kind: "not-found"},
		"problem-500":     Problem{Status: 500, Kind: "internal", Detail: "<script>alert(1)</script>"},
		"problem-refused": Problem{Status: 403, Kind: "refused", Rules: []Rule{area}, Receipt: receipt},
		"problem-kind":    Problem{Kind: "passkey"},
	}
}

func TestPages(t *testing.T) {
	central, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	site, err := New("Maple Falls", central)
	if err != nil {
		t.Fatal(err)
	}
	for name, view := range samples() {
		for _, lang := range i18n.Languages {
			t.Run(name+"/"+string(lang), func(t *testing.T) {
				r := httptest.NewRequest("GET", "/x?lang="+string(lang), nil)
				w := httptest.NewRecorder()
				if err := site.Render(w, r, http.StatusOK, view); err != nil {
					t.Fatal(err)
				}
				if err := wellFormed(w.Body.String()); err != nil {
					t.Fatal(err)
				}
				if got := w.Header().Get("Content-Language"); got != string(lang) {
					t.Errorf("Content-Language %q", got)
				}
				if *out != "" {
					if err := os.WriteFile(filepath.Join(*out, name+"."+string(lang)+".html"), w.Body.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

// wellFormed refuses unbalanced tags, ids used twice, and anything a strict
// content policy would block.
func wellFormed(doc string) error {
	void := regexp.MustCompile(`<(meta|link|input|br|img|hr)\b([^>]*)>`)
	d := xml.NewDecoder(strings.NewReader(void.ReplaceAllString(doc, "<$1$2/>")))
	ids, headings := map[string]bool{}, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		attr := map[string]string{}
		for _, a := range e.Attr {
			attr[a.Name.Local] = a.Value
			switch {
			case a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on"):
				return fmt.Errorf("<%s> has an inline %s", e.Name.Local, a.Name.Local)
			case a.Name.Local == "id" && ids[a.Value]:
				return fmt.Errorf("id %q stands twice", a.Value)
			case a.Name.Local == "id":
				ids[a.Value] = true
			}
		}
		switch e.Name.Local {
		case "style", "script":
			return fmt.Errorf("<%s> on a page without scripts or inline styles", e.Name.Local)
		case "h1":
			headings++
		case "a":
			if u, err := url.Parse(attr["href"]); err != nil || attr["href"] == "" || (u.Host != "" && u.Scheme != "https") {
				return fmt.Errorf("link to %q", attr["href"])
			}
		case "img":
			if _, ok := attr["alt"]; !ok {
				return errors.New("img without alt")
			}
		}
	}
	if headings != 1 {
		return fmt.Errorf("%d h1", headings)
	}
	return nil
}

func TestWellFormed(t *testing.T) {
	for _, doc := range []string{
		`<p>`, `<p></b>`, `<h1></h1><p style="x"></p>`, `<h1></h1><script src="/x"></script>`, `<h1></h1><p id="a"></p><p id="a"></p>`,
		`<h1></h1><a onclick="x" href="/"></a>`, `<h1></h1><img src="x">`, `<h1></h1><a href="http://x.example/"></a>`, `<p></p>`,
	} {
		if wellFormed("<html>"+doc+"</html>") == nil {
			t.Errorf("%s passed", doc)
		}
	}
}

// Every key a template names has a message, and every template a view.
func TestTemplatesSpeak(t *testing.T) {
	key := regexp.MustCompile(`\b(t|plural) "([^"]+)"`)
	files, err := fs.Glob(templates, "*.html")
	if err != nil {
		t.Fatal(err)
	}
	viewed := map[string]bool{"layout": true, "parts": true}
	for _, v := range samples() {
		viewed[v.template()] = true
	}
	for _, file := range files {
		if !viewed[strings.TrimSuffix(file, ".html")] {
			t.Errorf("%s belongs to no sampled view", file)
		}
		text, err := fs.ReadFile(templates, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range key.FindAllStringSubmatch(string(text), -1) {
			k := m[2]
			if m[1] == "plural" {
				k += ".other"
			}
			if !i18n.Lang("en").Has(k) {
				t.Errorf("%s: no message %s", file, k)
			}
		}
	}
}

func TestPreferences(t *testing.T) {
	tests := []struct{ form, location, cookies string }{
		{"lang=es&back=/requests?x=1", "/requests?x=1", "lang=es"},
		{"theme=dark&back=/requests%3Flang%3Dnl%26x%3D1", "/requests?x=1", "theme=dark"},
		{"theme=pink&lang=xx&back=/", "/", ""},
		{"lang=nl&back=https://evil.example/", "/", "lang=nl"},
		{"lang=nl&back=//evil.example/", "/", "lang=nl"},
		{`lang=nl&back=/\evil.example`, "/", "lang=nl"},
		{"lang=nl&back=/%255cevil", "/", "lang=nl"},
		{"lang=nl&back=javascript:x", "/", "lang=nl"},
		{"lang=nl", "/", "lang=nl"},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("POST", "/preferences", strings.NewReader(tt.form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		Preferences(w, r)
		var got []string
		for _, c := range w.Result().Cookies() {
			got = append(got, c.Name+"="+c.Value)
		}
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != tt.location || strings.Join(got, ";") != tt.cookies {
			t.Errorf("%s: %d %s %v", tt.form, w.Code, w.Header().Get("Location"), got)
		}
	}
}

func TestCookiesChoose(t *testing.T) {
	site, err := New("Maple Falls", nil)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/how", nil)
	r.Header.Set("Cookie", "lang=nl; theme=dark")
	w := httptest.NewRecorder()
	if err := site.Render(w, r, http.StatusOK, How{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<html lang="nl" data-theme="dark">`, `value="dark" aria-pressed="true"`, "Hoe het werkt"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s", want)
		}
	}
}

// What was done once is not in the plural.
func TestChartsCount(t *testing.T) {
	once := []Month{{Start: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Requests: 1, Views: 2}}
	for lang, want := range map[i18n.Lang][]string{
		"en": {"request", "refusals", "clips viewed"}, "es": {"solicitud", "rechazos", "videos vistos"}, "nl": {"verzoek", "weigeringen", "clips bekeken"},
	} {
		for i, c := range charts(lang, once)[:3] {
			if c.What != want[i] {
				t.Errorf("%s: %d %s, want %s", lang, c.Total, c.What, want[i])
			}
		}
	}
}
