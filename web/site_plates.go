package web

import (
	"context"
	"fmt"
	"slices"
	"time"

	"porchlight/oversight"
	"porchlight/plate/sharing"
	"porchlight/purpose"
	"porchlight/web/pages"
)

// platesOf is what an agency's public page says of it in the plate network; nil
// when the ledger says nothing of it there. The figures are counted from the
// ledger alone; whom a setting lets in depends on the jurisdictions and the law
// packs as they are now.
func (t *site) platesOf(ctx context.Context, ori string) (*pages.Plates, error) {
	p, ok := t.figures.Plates(ori)
	views, err := t.sharingViews(ctx)
	if err != nil {
		return nil, err
	}
	name := map[string]string{}
	for _, v := range views {
		name[v.Owner] = v.Name
	}
	called := func(list []string) (out []string) {
		for _, x := range list {
			if n := name[x]; n != "" {
				x = n
			}
			out = append(out, x)
		}
		return out
	}
	v := &pages.Plates{
		Cameras: p.Cameras, CamEntry: p.CamEntry, Purged: p.Purged, Held: p.Held,
		Searches: p.Searches.Run, Widest: p.Searches.Widest, WidestCameras: p.Searches.Cameras, LookBackDays: (p.Searches.LookBack + 23) / 24,
		Approved: p.Searches.Approved, Abroad: p.Searches.Abroad, Exported: p.Searches.Exported, Refused: p.Searches.Refused,
		Purposes: counts(p.Searches.Purposes), Offenses: counts(p.Searches.Offenses), Behalf: counts(p.Searches.Behalf),
		RefusedBy: t.ruled(p.Searches.RefusedBy), Denials: t.ruled(p.Denials),
	}
	for i := range v.Offenses {
		if o, ok := purpose.OffenseOf(v.Offenses[i].What); ok {
			v.Offenses[i].Name = o.Name
		}
	}
	if p.Searches.Run > 0 {
		v.Networks = (p.Searches.Networks + p.Searches.Run/2) / p.Searches.Run
	}
	if v.KeptDays = p.KeptMins / (24 * 60); v.KeptDays == 0 {
		v.KeptMins = p.KeptMins
	}
	for _, a := range p.Answers {
		v.Answers = append(v.Answers, pages.Answered{Name: called([]string{a.Asker})[0], Exchange: a.Exchange, Permitted: a.Permitted, Refused: a.Refused})
	}
	for _, l := range p.Lists {
		a := pages.Alerts{Name: l.Name, Kind: l.Kind, Entries: l.Entries, Raised: l.Raised, Confirmed: l.Confirmed, Misread: l.Misread, Stale: l.Stale, Mistook: l.WrongVehicle}
		if wrong := l.Wrong(); wrong >= 0 {
			a.Wrong = fmt.Sprintf("%d %%", (wrong+5)/10)
		}
		v.Lists = append(v.Lists, a)
	}
	for _, c := range p.Sharing {
		v.Changes = append(v.Changes, pages.SharingChange{Entry: c.Entry, At: hour(c.Hour), Audience: c.Audience, Km: c.Km, Voided: c.Voided,
			Names: called(slices.Concat(c.Agencies, c.Peers)), Added: called(c.Added), Removed: called(c.Removed)})
	}
	for _, b := range p.Bars {
		v.Bars = append(v.Bars, pages.Bar{State: b.State, Since: hour(b.Hour), Ended: hour(b.Ended), Entry: b.Entry})
	}
	for _, w := range views {
		if w.Owner == ori {
			v.SeesUs = slices.Concat(called(w.Reaches), w.Setting.Peers)
			v.Setting = &pages.SharingChange{Entry: w.Entry, At: hour(w.Hour), Audience: w.Setting.Audience, Km: w.Setting.Km, Unproved: w.Unproved}
			if w.Unproved {
				v.Setting.Audience, v.SeesUs = string(sharing.Nobody), nil
			}
		} else if slices.Contains(w.Reaches, ori) {
			v.WeSee = append(v.WeSee, w.Name)
		}
	}
	if !ok && len(v.WeSee) == 0 {
		return nil, nil
	}
	return v, nil
}

// hour is that of an entry; zero when there is none.
func hour(text string) time.Time {
	at, _ := time.Parse(time.RFC3339, text)
	return at
}

func counts(list []oversight.Tally) (out []pages.Count) {
	for _, c := range list {
		out = append(out, pages.Count{What: c.What, N: c.N})
	}
	return out
}

// ruled names rules with the sentence that the public knows them by.
func (t *site) ruled(list []oversight.Tally) (out []pages.Ruled) {
	for _, c := range list {
		r := pages.Ruled{ID: c.What, N: c.N}
		if rule, ok := t.Policy.Rule(c.What); ok {
			r.Plain = rule.Plain
		}
		out = append(out, r)
	}
	return out
}
