package client_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"porchlight/canvass"
	"porchlight/share/client"
	"porchlight/web/i18n"
)

var update = flag.Bool("update", false, "write testdata")

// agreed is one consent as the app makes it too (web/app/src/pages/answer/consent.test.ts).
type agreed struct {
	Lang       i18n.Lang         `json:"lang"`
	Agency     string            `json:"agency"`
	ORI        string            `json:"ori"`
	Request    string            `json:"request"`
	Disclosure client.Disclosure `json:"disclosure"`
	Clips      int               `json:"clips"`
	Consent    string            `json:"consent"`
}

func TestConsent(t *testing.T) {
	const file = "../../testdata/consent.json"
	var made []agreed
	for i, lang := range i18n.Languages {
		for j, d := range []client.Disclosure{client.ThroughPorchlight, client.ByEmail, client.ByAddress} {
			c := agreed{Lang: lang, Agency: "Millbrook Police & \"Fire\" <É>", ORI: "IL0160000", Request: "01jd7v0q3x8m2c4n6p8r0t2v4x", Disclosure: d, Clips: 1 + (i+j)%3}
			a := client.NewAnswer(client.Asked{Content: canvass.Content{ID: c.Request, Agency: c.ORI}, AgencyName: c.Agency})
			for range c.Clips {
				a.Add("film.mp4", "film.mp4", 1, client.Edits{})
			}
			must(t, a.Agree(lang, client.Identity{Disclosure: d, Email: "ann@resident.example", Address: "1 Maple Street"}))
			if strings.Contains(a.Consent, "ann@") || strings.Contains(a.Consent, "Maple") {
				t.Errorf("the consent tells more than the choice: %s", a.Consent)
			}
			if (a.Identity.Email != "") != (d == client.ByEmail) || (a.Identity.Address != "") != (d == client.ByAddress) {
				t.Errorf("%s sends %+v", d, a.Identity)
			}
			c.Consent = a.Consent
			made = append(made, c)
			a.Add("more.mp4", "more.mp4", 1, client.Edits{})
			if a.Consent != "" {
				t.Error("she agreed to fewer clips than are sent")
			}
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	must(t, enc.Encode(made))
	if *update {
		must(t, os.WriteFile(file, b.Bytes(), 0o644))
	}
	kept, err := os.ReadFile(file)
	must(t, err)
	if !bytes.Equal(kept, b.Bytes()) {
		t.Errorf("%s is not what this makes; go test -update, and the app's tests, if the words changed", file)
	}

	a := client.NewAnswer(client.Asked{})
	for _, c := range []struct {
		clips int
		lang  i18n.Lang
		who   client.Disclosure
	}{{0, "en", client.ByEmail}, {1, "xx", client.ByEmail}, {1, "en", "secretly"}} {
		a.Clips = nil
		for range c.clips {
			a.Add("film.mp4", "film.mp4", 1, client.Edits{})
		}
		if a.Agree(c.lang, client.Identity{Disclosure: c.who}) == nil {
			t.Errorf("%+v was agreed to", c)
		}
	}
}
