package report

import (
	"fmt"
	"math/rand/v2"
	"time"

	"porchlight/audit"
	"porchlight/searchlog"
)

// sample is a result as an audit of a middling county might give, all of it
// made up: names, plates and numbers come from a seeded generator.
func sample() *audit.Result {
	rnd := rand.New(rand.NewPCG(1, 2))
	first := time.Date(2025, 7, 14, 5, 12, 3, 0, time.UTC)
	r := &audit.Result{
		Made: time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC), State: "IL", Zone: "America/Chicago",
		First: first, Last: time.Date(2026, 2, 9, 22, 41, 0, 0, time.UTC),
		Purposes: map[string]int{}, Offenses: map[string]int{"120": 812, "13A": 640, "220": 1204, "240": 2231, "23C": 1877, "35A": 402, "09A": 61, "290": 118},
	}
	share := map[string]float64{"crime": .44, "stolen-vehicle": .13, "missing-person": .03, "warrant": .06, "bolo": .05, "traffic": .04, "civil": .01,
		"testing": .012, "immigration": .0016, "protected-activity": .0003, "personal": .0005, "vague": .19, "case-number": .06, "unreadable": .004, "unstated": .02}
	for i, n := range []int{1180, 2466, 2390, 2571, 2204, 2811, 2644, 690} {
		m := audit.Month{Month: fmt.Sprintf("%d-%02d", 2025+(6+i)/12, (6+i)%12+1), Searches: n, Told: n, Purposes: map[string]int{}}
		for _, c := range classes {
			f := share[c.class]
			if m.Month >= "2026" && c.class == "vague" {
				f /= 3
			}
			if k := int(f * float64(n)); k > 0 {
				m.Purposes[c.class] = k
				r.Purposes[c.class] += k
			}
		}
		r.Rows += n
		r.Told += n
		r.Months = append(r.Months, m)
	}
	for w := range 7 {
		for h := range 24 {
			busy := []float64{4, 3, 2, 2, 2, 3, 6, 10, 14, 18, 19, 18, 15, 17, 19, 20, 19, 16, 14, 13, 12, 11, 9, 6}[h]
			if w == 0 || w == 6 {
				busy *= .5
			}
			r.Hours[w][h] = int(busy * (8 + 3*rnd.Float64()))
		}
	}
	states := []string{"IL", "IN", "WI", "MO", "IA", "TX", "FL", "GA", "KY", "OH", "MI", "TN"}
	names := []string{"Elm County IL SO", "Northfield IL PD", "Quarry City IL PD", "Lakemont IN PD", "Fort Adler TX DPS", "Cedar Falls Task Force", "Federal Example Bureau", "Bayport FL SO"}
	r.Reach = audit.Reach{Known: r.Rows - 120, Single: 5120, Multi: r.Rows - 120 - 5120, Networks: audit.Quantiles{N: r.Rows - 120, Median: 840, P90: 4210, Most: 6709},
		Devices: audit.Quantiles{N: r.Rows - 120, Median: 17652, P90: 61400, Most: 100034}, LookBack: audit.Quantiles{N: r.Rows - 340, Median: 24, P90: 30 * 24, Most: 400 * 24}, States: map[string]int{}}
	for i, s := range states {
		r.Reach.States[s] = 11200 / (1 + i*i)
	}
	kinds := []string{"local", "local", "local", "local", "state", "local", "federal", "local"}
	for i, n := range names {
		r.Agencies = append(r.Agencies, audit.Agency{Name: n, State: []string{"IL", "IL", "IL", "IN", "TX", "", "", "FL"}[i], Kind: kinds[i], Searches: 8200 / (i + 1), Purposes: map[string]int{"crime": 3000 / (i + 1), "vague": 900 / (i + 1)}})
	}
	who := func(i int) string {
		return fmt.Sprintf("%s.%s", []string{"okafor", "lindqvist", "zapatero", "devereux"}[i%4], string(rune('a'+i/4)))
	}
	r.Searchers = audit.Spread{Known: r.Rows - 40, Number: 214, Median: 31, Most: 1640}
	for i := range 50 {
		r.Searchers.Top = append(r.Searchers.Top, audit.Searcher{Token: who(i), Agency: names[i%3], Searches: 1640 / (1 + i/2), Days: 160 - 3*i, Night: 90 / (i + 1)})
	}
	row := func(i int, words, reason string) audit.Row {
		at := first.Add(time.Duration(i*i*37) * time.Minute)
		return audit.Row{File: fmt.Sprintf("records/elm-county/network-audit-%s.csv", at.Format("2006-01")), Line: 2 + i*13, Words: words, Cells: map[string]string{
			"id": fmt.Sprintf("%08x-42eb-4f5c-9281-f5e8bf48%04x", rnd.Uint32(), i), "searcher": who(i % 50), "agency": names[i%len(names)], "networks": audit.Grouped(1 + rnd.IntN(6000)),
			"devices": audit.Grouped(100 + rnd.IntN(90000)), "time": at.Format("01/02/2006, 03:04:05 PM MST"), "from": at.AddDate(0, 0, -30).Format("01/02/2006, 03:04:05 PM MST"),
			"to": at.Format("01/02/2006, 03:04:05 PM MST"), "plate": fmt.Sprintf("%c%c%d%c", 'A'+rnd.IntN(26), 'A'+rnd.IntN(26), 1000+rnd.IntN(9000), 'A'+rnd.IntN(26)),
			"reason": reason, "case": fmt.Sprintf("26-%05d", rnd.IntN(99999)),
		}}
	}
	rows := func(n int, words string, reasons ...string) (all []audit.Row) {
		for i := range n {
			all = append(all, row(i, words, reasons[i%len(reasons)]))
		}
		return all
	}
	law := []audit.Law{{Citation: "625 ILCS 5/2-130", Plain: "In Illinois plate-reader data may not be shared for enforcing immigration law.", URL: "https://ilga.gov/legislation/ilcs/fulltext?DocName=062500050K2-130"}}
	r.Findings = []audit.Finding{
		{Rule: "banned-purpose", Title: "Reasons that name a purpose the law bans", Question: "Why was the network searched for immigration enforcement?", Law: law, Unit: "searches",
			Threshold:   "a reason that speaks of immigration enforcement with a confidence of 0.5 or more",
			Assumptions: []audit.Assumption{{Name: "Confidence", Value: "0.5", Why: "below it a word is only a hint"}},
			Sensitivity: []audit.Variation{{Change: "with a confidence of 0.9 or more", Count: 24}},
			Innocent:    []string{"The word stands for something else, such as a street or a name.", "The search was for a crime, and the word says who asked."},
			Count:       26, Of: r.Rows - 340, Rows: rows(26, "ICE", "ICE hold", "assist ERO 26-00415", "1mmigration detainer for J Okafor dob 01/02/1990")},
		{Rule: "one-plate", Title: "One searcher returns to one plate", Question: "What did one searcher want of one plate over weeks?", Unit: "searches", Instances: 40,
			Threshold: "one searcher, one plate, 5 days or more, over 14 days or more", Sensitivity: []audit.Variation{{Change: "with 4 days or more", Count: 210, Instances: 61}, {Change: "with 8 days or more", Count: 31, Instances: 4}},
			Innocent: []string{"A long investigation of one vehicle.", "A plate on a hotlist that is checked each shift."}, Count: 173, Of: r.Rows - 900,
			Cases: func() (all []audit.Case) {
				for i := range 40 {
					rs := rows(6, "", "follow up", "inv")
					for j := range rs {
						rs[j].Cells["searcher"], rs[j].Cells["plate"] = who(i), "QX4417Z"
					}
					all = append(all, audit.Case{What: fmt.Sprintf("%s searched QX4417Z on %d days from 2025-08-02 to 2025-09-14, %d times between 22:00 and 6:00.", who(i), 12-i/5, i%4), Count: 12 - i/5, Rows: rs})
				}
				return all
			}()},
		{Rule: "vague-reason", Title: "Reasons that say little", Question: "What was being investigated?", Unit: "searches", Threshold: "a reason of vague words only, a number only, or none",
			Assumptions: []audit.Assumption{{Name: "Change of style", Value: "January 2026", Why: "reasons are chosen from a list since then, so that before and after cannot be compared"}},
			Innocent:    []string{"The case number stands in its own column.", "The agency’s policy asks for no more."}, Count: 4410, Of: r.Rows, Rows: rows(700, "inv", "inv", "investigation", "susp veh", "26-01254")},
		{Rule: "export-cut", Title: "Signs that an export is not whole", Question: "Was the export cut off?", Unit: "files", Threshold: "exactly 1,048,575, 1,000,000 or 20,000 rows", Innocent: []string{"Chance."}, Count: 1,
			Rows: []audit.Row{{File: "records/elm-county/network-audit-2025-10.csv", Cells: map[string]string{}}}},
	}
	r.Clear = []string{"impossible-travel", "bursts"}
	r.Unknown = []string{"Whether searches by Federal Example Bureau were for a case: its case numbers are masked in records/elm-county/network-audit-2025-10.csv.", "How many cameras 120 searches went to: the column was not exported."}
	r.Assumptions = []audit.Assumption{{Name: "Hours and days", Value: "America/Chicago", Why: "the zone of the state’s law"}, {Name: "Night", Value: "22:00 to 6:00", Why: "outside of most shifts"}}
	for i, m := range r.Months {
		f := searchlog.File{Path: fmt.Sprintf("records/elm-county/network-audit-%s.csv", m.Month), Variant: "network-14", Columns: []string{"ID", "Name", "Org Name", "Total Networks Searched", "License Plate", "Reason", "Case #"},
			Missing: []string{"prompt"}, Unknown: []string{"Column17"}, Encoding: "utf-8", Rows: m.Searches, Duplicate: 14 * (i % 3), First: first.AddDate(0, i, 0), Last: first.AddDate(0, i+1, -1), Zone: "UTC, as written",
			Cells:   map[string]map[string]int{"reason": {"value": m.Searches - 30, "blank": 30}, "case": {"value": m.Searches / 2, "masked by agency": m.Searches / 4, "placeholder": m.Searches / 4}, "plate": {"masked by vendor": m.Searches}, "prompt": {"not exported": m.Searches}},
			Repairs: []searchlog.Repair{{Kind: "split", Rows: 3, Lines: []int{17, 403, 1204}}}, SetAside: []searchlog.SetAside{{Line: 1 + m.Searches, Reason: "not a search", Text: "Total for Okafor W, 7ABC123"}}, SetAsideRows: 1,
			Warnings: []searchlog.Warning{{Kind: "month cut", Text: "The first search is at local midnight."}}}
		if i%3 > 0 {
			f.Repeated = []searchlog.Duplicate{{Line: 12, OfFile: "records/elm-county/network-audit-2025-07.csv", OfLine: 991, By: "id"}}
		}
		r.Files = append(r.Files, f)
	}
	return r
}
