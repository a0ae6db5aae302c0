package loggen

import "porchlight/searchlog"

// layout is the columns of a variant and how its cells are written.
type layout struct {
	columns  []column
	time     timeStyle
	quoteAll bool
	sharing  bool // a list of who shares with whom, no searches
	events   bool // a log of events, of which some are searches
}

// column is a label and what stands below it: a field, or a part of one.
type column struct {
	label string
	part  part
}

type part = searchlog.Field

// Parts that are no field of their own.
const (
	frame      part = searchlog.NumFields + iota // From and To in one cell
	day                                          // the date of Time
	clock                                        // its time of day
	eventType                                    // Search, Login...
	entityType                                   // what the event was about
	details                                      // lines of "Label: value"
	nothing                                      // a column that says nothing
)

// timeStyle is how a variant writes times.
type timeStyle uint8

const (
	american timeStyle = iota // 01/25/2024, 01:27:03 PM UTC
	isoZ                      // 2026-04-26T01:27:03.123Z
	zoneless                  // 2025-06-18 00:02:04.789, in UTC
	serial                    // 45826.001444317, days since 1899-12-30
)

// Variants are the layouts that can be written, by name.
var Variants = map[string]layout{
	"network14":              {columns: network()},
	"network13":              {columns: network("Total Devices Searched")},
	"network13-nomoderation": {columns: network("Moderation")},
	"network12":              {columns: network("Moderation", "Text Prompt")},
	"network12-nodevices":    {columns: network("Moderation", "Total Devices Searched")},
	"older13": {columns: []column{
		{"name", searchlog.Searcher}, {"agency", searchlog.Agency}, {"nets", searchlog.Networks}, {"devs", searchlog.Devices},
		{"time_frame", frame}, {"plate", searchlog.Plate}, {"reason", searchlog.Reason}, {"case", searchlog.Case},
		{"filters", searchlog.Filters}, {"search_time", searchlog.Time}, {"search_type", searchlog.Type},
		{"text_prompt", searchlog.Prompt}, {"moderation", searchlog.Moderation},
	}},
	"older11": {columns: []column{
		{"Name", searchlog.Searcher}, {"Org Name", searchlog.Agency}, {"Total Networks", searchlog.Networks},
		{"Total Devices", searchlog.Devices}, {"Time Frame", frame}, {"License Plate", searchlog.Plate},
		{"Reason", searchlog.Reason}, {"Case #", searchlog.Case}, {"Filters", searchlog.Filters},
		{"Search Time", searchlog.Time}, {"Search Type", searchlog.Type},
	}},
	"federal10": {columns: network("Total Devices Searched", "Time Frame", "Text Prompt", "Moderation")},
	"short5": {columns: []column{
		{"Org Name", searchlog.Agency}, {"Total Networks", searchlog.Networks}, {"Time Frame", frame},
		{"Search Time", searchlog.Time}, {"Search Type", searchlog.Type},
	}},
	"short6": {columns: []column{
		{"Name", searchlog.Searcher}, {"Org Name", searchlog.Agency}, {"Total Networks", searchlog.Networks},
		{"Reason", searchlog.Reason}, {"Search Time", searchlog.Time}, {"Search Type", searchlog.Type},
	}},
	"pdf10": {columns: []column{
		{"ID", searchlog.ID}, {"Org_Name", searchlog.Agency}, {"Total_Networks_Searched", searchlog.Networks},
		{"Total_Devices_Searched", searchlog.Devices}, {"Time_Frame_Start", searchlog.From}, {"Time_Frame_End", searchlog.To},
		{"Reason", searchlog.Reason}, {"Search_Time", searchlog.Time}, {"Search_Type", searchlog.Type},
		{"Moderation", searchlog.Moderation},
	}},
	"dateandtime": {columns: []column{
		{"Date", day}, {"Time", clock}, {"Name", searchlog.Searcher}, {"Org Name", searchlog.Agency},
		{"License Plate", searchlog.Plate}, {"Reason", searchlog.Reason}, {"Case Number", searchlog.Case},
	}},
	"portal":                     portal(),
	"portal-reason":              portal(searchlog.Reason),
	"portal-case":                portal(searchlog.Case),
	"portal-offense":             portal(searchlog.Offense),
	"portal-reason-case":         portal(searchlog.Reason, searchlog.Case),
	"portal-case-offense":        portal(searchlog.Case, searchlog.Offense),
	"portal-reason-case-offense": portal(searchlog.Reason, searchlog.Case, searchlog.Offense),
	"portal-cameras": {time: zoneless, quoteAll: true, columns: []column{
		{"id", searchlog.ID}, {"userId", searchlog.Searcher}, {"searchDate", searchlog.Time},
		{"cameraCount", searchlog.Devices}, {"reason", searchlog.Reason},
	}},
	"eventlog": {events: true, columns: []column{
		{"Timestamp", searchlog.Time}, {"User", searchlog.Searcher}, {"Event Type", eventType},
		{"Entity Type", entityType}, {"Entity Details", details}, {"Event Id", searchlog.ID},
	}},
	"vigilant": {time: serial, columns: []column{{"Reason", searchlog.Reason}, {"DateTime", searchlog.Time}}},
	"sharing": {sharing: true, columns: []column{
		{"Organization Name", nothing}, {"Networks Shared With Me", nothing}, {"Networks I'm Sharing", nothing},
	}},
}

// network is the full network audit without the columns named.
func network(without ...string) (out []column) {
next:
	for _, c := range []column{
		{"ID", searchlog.ID}, {"Name", searchlog.Searcher}, {"Org Name", searchlog.Agency},
		{"Total Networks Searched", searchlog.Networks}, {"Total Devices Searched", searchlog.Devices},
		{"Time Frame", frame}, {"License Plate", searchlog.Plate}, {"Reason", searchlog.Reason},
		{"Case #", searchlog.Case}, {"Filters", searchlog.Filters}, {"Search Time", searchlog.Time},
		{"Search Type", searchlog.Type}, {"Text Prompt", searchlog.Prompt}, {"Moderation", searchlog.Moderation},
	} {
		for _, w := range without {
			if c.label == w {
				continue next
			}
		}
		out = append(out, c)
	}
	return out
}

// portal is a public portal's audit with these columns after the four it always has.
func portal(extra ...searchlog.Field) layout {
	l := layout{time: isoZ, quoteAll: true, columns: []column{
		{"id", searchlog.ID}, {"userId", searchlog.Searcher}, {"searchDate", searchlog.Time}, {"networkCount", searchlog.Networks},
	}}
	label := map[searchlog.Field]string{searchlog.Reason: "reason", searchlog.Case: "caseNumber", searchlog.Offense: "offenseType"}
	for _, f := range extra {
		l.columns = append(l.columns, column{label[f], f})
	}
	return l
}

// has reports whether the layout has a column for the part.
func (l layout) has(p part) bool { return l.at(p) >= 0 }

// at is the index of the part's column, -1 if there is none.
func (l layout) at(p part) int {
	for i, c := range l.columns {
		if c.part == p {
			return i
		}
	}
	return -1
}

// Own reports whether the field has a column of its own.
func (l layout) Own(f searchlog.Field) bool { return l.has(f) }

// Tells reports whether the layout tells the field, in a column of its own or not.
func (l layout) Tells(f searchlog.Field) bool {
	switch {
	case l.has(f):
		return true
	case f == searchlog.From || f == searchlog.To:
		return l.has(frame)
	case f == searchlog.Time:
		return l.has(day)
	case l.events:
		return f == searchlog.Plate || f == searchlog.Reason || f == searchlog.Case || f == searchlog.Networks
	}
	return false
}
