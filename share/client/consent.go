package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"porchlight/web/i18n"
)

// ConsentVersion is that of the text's template; the app's consent.ts has the same.
const ConsentVersion = "2026-11"

// Disclosure is how a resident wants to be known to the agency.
type Disclosure string

const (
	ThroughPorchlight Disclosure = "through-porchlight" // not at all; messages go both ways
	ByEmail           Disclosure = "email"
	ByAddress         Disclosure = "address"
)

// consentIdentity is the message that tells what each disclosure means.
var consentIdentity = map[Disclosure]string{
	ThroughPorchlight: "answer.consent-porchlight", ByEmail: "answer.consent-email", ByAddress: "answer.consent-address",
}

// ConsentText is what a resident agrees to, one sentence a line, as the app
// words it: who will hold so many clips, for how long, who learns what.
func ConsentText(lang i18n.Lang, agency string, d Disclosure, clips int) []string {
	return []string{
		lang.Plural("answer.consent-hold", clips, "agency", agency),
		lang.T("answer.consent-keep", "agency", agency),
		lang.T("answer.consent-see", "agency", agency),
		lang.T("answer.consent-back", "agency", agency),
		lang.T(consentIdentity[d], "agency", agency),
	}
}

// Agree writes into a what she agreed to, for as many clips as it holds now, and
// how she wants to be known. What is sent later is exactly this.
func (a *Answer) Agree(lang i18n.Lang, who Identity) error {
	if _, ok := consentIdentity[who.Disclosure]; !ok {
		return fmt.Errorf("there is no way %q to be known to an agency", who.Disclosure)
	}
	if _, ok := i18n.Parse(string(lang)); !ok {
		return fmt.Errorf("there is no consent in the language %q", lang)
	}
	if len(a.Clips) == 0 {
		return fmt.Errorf("an answer needs a clip")
	}
	if who.Disclosure != ByEmail {
		who.Email = ""
	}
	if who.Disclosure != ByAddress {
		who.Address = ""
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // as JSON.stringify
	err := enc.Encode(struct {
		Version  string     `json:"version"`
		Language i18n.Lang  `json:"language"`
		Text     string     `json:"text"`
		Identity Disclosure `json:"identity"`
		Agency   string     `json:"agency"`
		Request  string     `json:"request"`
	}{ConsentVersion, lang, strings.Join(ConsentText(lang, a.Asked.AgencyName, who.Disclosure, len(a.Clips)), "\n"),
		who.Disclosure, a.Asked.Content.Agency, a.Asked.Content.ID})
	if err != nil {
		return err
	}
	a.Consent, a.Identity = strings.TrimSuffix(b.String(), "\n"), who
	return nil
}
