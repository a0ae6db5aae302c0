package evidence

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
	"time"
)

//go:embed summary.html
var summaryText string

var summaryPage = template.Must(template.New("summary").Parse(summaryText))

// summary is the one page for people: no scripts, nothing fetched, prints well.
func (in PackageInput) summary(terms Terms, events []Event) ([]byte, error) {
	type row struct{ Entry, At, Who, What, Details, Outcome string }
	page := struct {
		In    PackageInput
		Terms Terms
		Rows  []row
		By    string
		Agent string
	}{In: in, Terms: terms, By: in.name(in.By), Agent: in.name(in.Item.Agency)}
	for _, e := range events {
		who := in.Say("keep.role." + e.Role)
		if e.Person != "" {
			who = in.name(e.Person) + ", " + who
		}
		if e.Agency != "" {
			who += ", " + in.name(e.Agency)
		}
		var details []string
		for _, m := range []map[string]string{e.Public, e.Private} {
			for _, k := range slices.Sorted(maps.Keys(m)) {
				details = append(details, k+": "+m[k])
			}
		}
		page.Rows = append(page.Rows, row{
			Entry: fmt.Sprint(e.Entry), At: e.clock(), Who: who,
			What: in.Say("keep.act." + e.Action), Details: strings.Join(details, "; "), Outcome: in.Say("keep.outcome." + e.Outcome),
		})
	}
	var b bytes.Buffer
	if err := summaryPage.Execute(&b, page); err != nil {
		return nil, fmt.Errorf("package summary: %w", err)
	}
	return b.Bytes(), nil
}

// T gives the template its words.
func (in PackageInput) T(key string, pairs ...any) string {
	return in.Say("keep.summary."+key, pairs...)
}

// clock is the event's time for people, in UTC.
func (e Event) clock() string {
	t, err := time.Parse(time.RFC3339Nano, e.At)
	if err != nil {
		return e.At
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}
