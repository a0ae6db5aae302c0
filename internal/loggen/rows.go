package loggen

import (
	"bytes"
	"fmt"
	"time"

	"porchlight/searchlog"
)

var (
	types      = cells("lookup", "lookup", "lookup", "lookup", "lookup", "lookup", "convoy", "visual", "multi geo", "freeform")
	filters    = cells("", "", "", "", "", "", "color: white", "make: Ford; body: truck", "roof rack", "plate state: IL")
	offenses   = cells("Theft", "Motor Vehicle Theft", "Assault", "Burglary", "Missing Person", "Fraud", "Other", "Hit and Run", "Robbery")
	prompts    = cells("white pickup with a ladder", "red sedan missing hubcap", "van with roof rack")
	moderation = cells("", "", "", "", "", "", "allow", "allow", "allow", "warn")
	backs      = []time.Duration{24 * time.Hour, 24 * time.Hour, 3 * 24 * time.Hour, 7 * 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 30 * 24 * time.Hour, 12 * time.Hour, 90 * 24 * time.Hour, 365 * 24 * time.Hour}
)

func cells(s ...string) (out [][]byte) {
	for _, c := range s {
		out = append(out, []byte(c))
	}
	return out
}

var since2026 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// search makes the next search: its cells as written into raw, what they mean
// into row. A planted one says what it has to say.
func (g *Log) search(at time.Time, p *planted) {
	r, s, mem := g.r, &g.row.Search, g.mem[:0]
	g.row.Kind, g.row.Quirk, g.row.Of, g.row.Plant = Search, "", 0, ""
	g.raw = [searchlog.NumFields][]byte{}
	grown := func(b []byte) []byte { // what was appended to mem since
		out := b[len(mem):len(b):len(b)]
		mem = b
		return out
	}
	if p != nil {
		at, g.row.Plant = p.at, p.plant
	}
	who := g.world.on(r, at)
	if p != nil && p.who != nil {
		who = p.who
	}
	s.Time = at.Truncate(time.Millisecond)
	if g.layout.time == american {
		s.Time = at.Truncate(time.Second)
	}
	at = s.Time
	g.raw[searchlog.ID] = grown(appendUUID(mem, r))
	g.raw[searchlog.Agency] = who.agency.name
	g.raw[searchlog.Searcher] = who.name
	nobody := g.layout.time == isoZ // portals tell nobody
	switch {
	case nobody:
		g.raw[searchlog.Searcher] = byVendor[0].raw
	case g.layout.time == zoneless:
		g.raw[searchlog.Searcher] = who.id
	}

	x := r.Uint64() // of which a few bits decide each of the next
	bits := func(n uint) int { v := int(x & (1<<n - 1)); x >>= n; return v }
	s.Networks = 1
	if bits(1) == 0 {
		s.Networks = max(1, who.agency.nets-bits(5))
	}
	kind := types[bits(7)%len(types)]
	back := backs[bits(7)%len(backs)]
	if p != nil && p.networks > 0 {
		s.Networks, back = p.networks, p.back
	}
	s.Devices = s.Networks*14 + bits(4)
	g.raw[searchlog.Networks] = grown(appendInt(mem, s.Networks, 1))
	g.raw[searchlog.Devices] = grown(appendInt(mem, s.Devices, 1))
	s.To = at.Truncate(time.Second).Add(time.Duration(bits(8)-64) * time.Second)
	s.From = s.To.Add(-back)

	var plate []byte
	if bits(2) == 0 {
		plate = g.world.hot[bits(10)]
	} else {
		plate = grown(appendPlate(mem, r))
	}
	if p != nil && p.plate != nil {
		plate = p.plate
	}
	if string(kind) == "visual" || string(kind) == "freeform" {
		if p == nil {
			plate = nil
		}
	}
	g.raw[searchlog.Plate] = plate

	x = r.Uint64()
	table := g.world.reasons[0]
	if !at.Before(since2026) {
		table = g.world.reasons[1]
	}
	reason := table[bits(14)%len(table)]
	if p != nil && p.reason != nil {
		reason = text{p.reason, p.reason, searchlog.Value}
	}
	if bits(4) == 0 && reason.state == searchlog.Value && p == nil {
		// About one reason in twelve is typed once only, most for its case number.
		b := append(append(mem, reason.raw...), ' ')
		reason.raw = grown(appendCase(b, r, who.agency.style, at.Year()))
		reason.cell = reason.raw
	}
	g.raw[searchlog.Reason] = reason.raw
	cased := bits(3) > 2
	if p != nil {
		cased = p.cased || cased && !p.noCase
	}
	if cased {
		g.raw[searchlog.Case] = grown(appendCase(mem, r, who.agency.style, at.Year()))
	}
	g.raw[searchlog.Offense] = offenses[bits(5)%len(offenses)]
	g.raw[searchlog.Filters] = filters[bits(5)%len(filters)]
	g.raw[searchlog.Type] = kind
	if string(kind) == "freeform" {
		g.raw[searchlog.Prompt] = pick(r, prompts)
	}
	g.raw[searchlog.Moderation] = moderation[bits(6)%len(moderation)]
	g.raw[searchlog.Time] = grown(g.appendTime(mem, s.Time))
	if g.told[searchlog.From] {
		b := g.appendTime(mem, s.From)
		n := len(b)
		b = append(b, g.to...)
		m := len(b)
		b = g.appendTime(b, s.To)
		start := len(mem)
		g.frame = grown(b)
		g.raw[searchlog.From], g.raw[searchlog.To] = g.frame[:n-start:n-start], g.frame[m-start:]
	}

	// What a reader should make of it, before quirks.
	for f, told := range g.told {
		switch {
		case !told:
			s.State[f], s.Cell[f] = searchlog.NotExported, nil
		case len(g.raw[f]) == 0:
			s.State[f], s.Cell[f] = searchlog.Blank, nil
		default:
			s.State[f], s.Cell[f] = searchlog.Value, g.raw[f]
		}
	}
	if g.told[searchlog.Reason] {
		s.State[searchlog.Reason], s.Cell[searchlog.Reason] = reason.state, reason.cell
	}
	if g.told[searchlog.Searcher] && nobody {
		s.State[searchlog.Searcher], s.Cell[searchlog.Searcher] = searchlog.MaskedByVendor, nil
	}
	if !g.told[searchlog.Networks] {
		s.Networks = -1
	}
	if !g.told[searchlog.Devices] {
		s.Devices = -1
	}
	if !g.told[searchlog.From] {
		s.From, s.To = time.Time{}, time.Time{}
	}
	if p == nil {
		g.oddCells()
	}
}

// oddCells applies the quirks that change what single cells say.
func (g *Log) oddCells() {
	change := func(q Quirk, f searchlog.Field, t text) {
		if g.told[f] {
			g.row.Quirk, g.raw[f], g.row.Cell[f], g.row.State[f] = q, t.raw, t.cell, t.state
		}
	}
	if g.befalls(Masks) {
		change(Masks, searchlog.Searcher, pick(g.odd, byAgency))
	}
	if g.befalls(Masks) {
		change(Masks, searchlog.Plate, pick(g.odd, [][]text{byVendor, byAgency}[g.odd.IntN(2)]))
	}
	if g.befalls(Masks) {
		change(Masks, searchlog.Reason, pick(g.odd, [][]text{byVendor, byAgency, inPart, placeholders}[g.odd.IntN(4)]))
	}
	if g.befalls(Masks) {
		change(Masks, searchlog.Case, pick(g.odd, [][]text{byAgency, placeholders}[g.odd.IntN(2)]))
	}
	switch {
	case g.befalls(Wildcards):
		change(Wildcards, searchlog.Plate, says(pick(g.odd, []string{"0QZ*", "*QZ1?", "0Q?B12*", "*0Q*"})))
	case g.befalls(Multiline):
		change(Multiline, searchlog.Reason, says(pick(g.odd, []string{"stolen veh\nsecond line", "so-called \"loaner\", gone", "a, b, and c", "theft\r\nfollow up"})))
	case g.befalls(Accents):
		change(Accents, searchlog.Reason, says(pick(g.odd, []string{"señal perdida", "café burglary", "persona desaparecida, año 2024"})))
	}
}

// emit lays the search out in columns, with the quirks that befall whole rows,
// writes it and tells the truth of it.
func (g *Log) emit() {
	s := &g.row.Search
	if g.layout.events && g.odd.IntN(4) == 0 {
		g.noSearch(Junk, [][]byte{g.raw[searchlog.Time], g.raw[searchlog.Searcher], []byte("Login"), []byte("User"), []byte("Result: ok"), appendUUID(nil, g.odd)})
	}
	g.cells = g.cells[:0]
	for _, c := range g.layout.columns {
		g.cells = append(g.cells, g.cell(c.part))
	}
	if len(g.quirk) > 0 && g.quirk[BlankLabel] {
		g.cells = append(g.cells, nil)
	}
	if len(g.quirk) > 0 && g.quirk[ExcelDates] {
		g.cells[g.layout.at(searchlog.Time)] = fmt.Appendf(nil, "%.10f", excelDays(s.Time))
	}
	switch {
	case g.befalls(ShiftedRight):
		g.row.Quirk = ShiftedRight
		g.cells = append(g.cells, nil)
		copy(g.cells[1:], g.cells)
		g.cells[0] = nil
	case g.befalls(ShiftedLeft) && s.State[searchlog.Filters] == searchlog.Blank:
		g.row.Quirk = ShiftedLeft
		i := g.layout.at(searchlog.Filters)
		g.cells = append(g.cells[:i], g.cells[i+1:]...)
	case g.befalls(Verdict):
		g.row.Quirk = Verdict
		g.cells[g.layout.at(searchlog.Time)] = []byte("allow")
		s.Time, s.State[searchlog.Time], s.Cell[searchlog.Time] = time.Time{}, searchlog.Blank, nil
		if s.State[searchlog.Moderation] == searchlog.Blank { // where it belongs
			s.State[searchlog.Moderation], s.Cell[searchlog.Moderation] = searchlog.Value, []byte("allow")
		}
	case g.befalls(UnclosedQuote) && s.State[searchlog.Reason] == searchlog.Value && !bytes.ContainsAny(g.raw[searchlog.Reason], ",;\t\n\""):
		g.row.Quirk = UnclosedQuote
	case g.quirk[UnquotedTime]:
		g.row.Quirk = UnquotedTime
	}
	g.out.odd(g.row.Quirk, g.layout)
	s.Line = g.put(g.cells)
	if g.row.Quirk != ShiftedLeft && g.row.Quirk != ShiftedRight && g.row.Quirk != Verdict && g.row.Quirk != UnclosedQuote {
		g.keep(s.Line)
	}
	g.tell(&g.row)
}

// cell is what stands in a column of that part.
func (g *Log) cell(p part) []byte {
	s := &g.row.Search
	switch p {
	case frame:
		return g.frame
	case day:
		return s.Time.AppendFormat(nil, "01/02/2006")
	case clock:
		return s.Time.AppendFormat(nil, "03:04:05 PM")
	case eventType:
		return []byte("Search")
	case entityType:
		return []byte("License Plate")
	case details:
		return fmt.Appendf(nil, "License Plate: %s\nReason: %s\nCase #: %s\nTotal Networks Searched: %s",
			g.raw[searchlog.Plate], g.raw[searchlog.Reason], g.raw[searchlog.Case], g.raw[searchlog.Networks])
	case nothing:
		return nil
	}
	return g.raw[p]
}

// excelEpoch is day 0 of Excel's calendar, as it works for all days after February 1900.
var excelEpoch = time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)

func (g *Log) appendTime(b []byte, t time.Time) []byte {
	switch g.layout.time {
	case isoZ:
		return t.AppendFormat(b, "2006-01-02T15:04:05.000Z")
	case zoneless:
		return t.AppendFormat(b, "2006-01-02 15:04:05.000")
	case serial:
		return fmt.Appendf(b, "%.10f", excelDays(t))
	}
	h, mi, s := t.Clock()
	b = append(b, g.date(t)...)
	pad, half := byte('0'), "AM UTC"
	if g.unpadded {
		pad = 0
	}
	if h >= 12 {
		half = "PM UTC"
	}
	b = appendTwo(b, (h+11)%12+1, pad)
	b = append(b, ':', '0'+byte(mi/10), '0'+byte(mi%10), ':', '0'+byte(s/10), '0'+byte(s%10), ' ')
	return append(b, half...)
}

// date is the day of t and what stands before the clock; days are kept, since
// many searches have the same.
func (g *Log) date(t time.Time) []byte {
	n := t.Unix() / 86400
	kept := &g.dates[n%int64(len(g.dates))]
	if kept.day != n || kept.text == nil {
		pad := byte('0')
		if g.unpadded {
			pad = 0
		}
		y, m, d := t.Date()
		b := append(appendTwo(nil, int(m), pad), '/')
		b = append(appendTwo(b, d, pad), '/')
		kept.day, kept.text = n, append(appendInt(b, y, 4), ", "...)
	}
	return kept.text
}

// appendTwo appends one or two digits, with pad before one, if it is not 0.
func appendTwo(b []byte, n int, pad byte) []byte {
	if n >= 10 {
		return append(b, '0'+byte(n/10), '0'+byte(n%10))
	}
	if pad != 0 {
		b = append(b, pad)
	}
	return append(b, '0'+byte(n))
}

func excelDays(t time.Time) float64 {
	return float64(t.Sub(excelEpoch)) / float64(24*time.Hour)
}

// writeShares writes who shares with whom; its truth is that there is no search.
func (g *Log) writeShares() {
	g.put(g.header())
	tags := []string{"", "", "", "", "", " [Federal]", " [Inactive]", " (deactivated)"}
	list := func(n int) (b []byte) {
		for i := range n {
			if i > 0 {
				b = append(b, ", "...)
			}
			a := pick(g.r, g.world.agencies)
			b = append(append(b, a.name...), pick(g.r, tags)...)
		}
		return b
	}
	for i := range g.o.Rows {
		a := g.world.agencies[i%len(g.world.agencies)]
		g.put([][]byte{a.name, list(1 + g.r.IntN(8)), list(g.r.IntN(8))})
	}
}
