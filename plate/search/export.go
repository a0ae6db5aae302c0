package search

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"encoding/csv"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/plate"
)

// Formats of an exported file.
const (
	CSV  = "csv"
	HTML = "html"
)

// Export is a search's answers as a file. Each row names the search and the entry
// of the answer it stands in, and has a mark of its own; see Trace.
type Export struct {
	ID      string // the act's
	Entry   uint64 // of search.export
	At      time.Time
	Search  Search
	Format  string
	Receipt string // of search.export
	Rows    []ExportRow
	Purged  int // reads of the answers that have gone since
}

// ExportRow is one read in a file.
type ExportRow struct {
	plate.Read
	CameraName string
	Companions string // of a convoy: the plate this one travelled with; ""
	Answer     uint64 // entry of search.answer
	Mark       string
}

// Export makes a file of the caller's own search: the act search.export. A repeat
// gives the file again, with the same marks. Errors: ErrNotFound, *Invalid, the
// gate's.
func (s *Service) Export(ctx context.Context, by gate.Caller, id, format string) (Export, error) {
	if format != CSV && format != HTML {
		return Export{}, &Invalid{"format", "A file is csv or html."}
	}
	r, err := s.own(ctx, by.Who, id)
	if err != nil {
		return Export{}, err
	}
	result, err := s.result(ctx, by.Who, r)
	if err != nil {
		return Export{}, err
	}
	x := Export{ID: by.ActID, Search: r, Format: format}
	names := map[string]string{}
	for _, a := range result.Answers {
		if x.Purged += a.Purged; !a.Permit {
			continue
		}
		cameras, err := s.Cameras.Cameras(ctx, a.Owner)
		if err != nil {
			return Export{}, err
		}
		for _, c := range cameras {
			names[c.ID] = c.Name
		}
		with := ""
		if r.Ask.Query.Kind == plate.Convoy {
			with = r.Ask.Query.Plate.String()
		}
		for _, read := range everyRead(a) {
			x.Rows = append(x.Rows, ExportRow{Read: read, CameraName: names[read.Camera], Companions: with, Answer: a.Entry})
		}
	}
	var entry, at int64
	err = s.DB.Read().QueryRowContext(ctx, `SELECT entry, at FROM search_export WHERE id = ? AND search = ? AND person = ? AND format = ?`,
		x.ID, r.ID, by.Who.PersonID, format).Scan(&entry, &at)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = s.Gate.Do(ctx, gate.Act{
			Action: "search.export", By: by, Role: identity.RoleInvestigator, Objects: []string{r.ID, x.ID},
			Public: map[string]string{"search": index(r.Entry), "format": format, "rows": fmt.Sprint(len(x.Rows))},
			Facts:  map[string]any{"own": true},
		}, func(tx *sql.Tx, g *gate.Grant) error {
			entry, at = int64(g.Index), g.At.UnixMicro()
			_, err := tx.Exec(`INSERT INTO search_export (id, entry, at, search, person, format) VALUES (?, ?, ?, ?, ?, ?)`,
				x.ID, entry, at, r.ID, by.Who.PersonID, format)
			return err
		})
	}
	if err != nil {
		return Export{}, err
	}
	x.Entry, x.At = uint64(entry), time.UnixMicro(at).UTC()
	receipt, err := s.Gate.Receipt(ctx, x.Entry, gate.PrivateAt)
	if err != nil {
		return Export{}, err
	}
	x.Receipt = receiptText(receipt)
	for i := range x.Rows {
		x.Rows[i].Mark = s.mark(x.Entry, x.ID, x.Rows[i].ID)
	}
	return x, nil
}

// mark is a row's: the entry of its export, and a MAC over export and read.
func (s *Service) mark(entry uint64, export string, read plate.ID) string {
	m := hmac.New(sha256.New, s.Key[:])
	fmt.Fprintf(m, "porchlight.row.v1\n%s\n%d", export, read)
	return fmt.Sprintf("%d-%s", entry, strings.ToLower(base32.StdEncoding.EncodeToString(m.Sum(nil)[:10])))
}

// Traced is where a row of a leaked file comes from. Who saved it is in the
// private part of the entry Export.
type Traced struct {
	Export uint64    // entry of search.export
	Search uint64    // entry of search.run
	Agency string    // ORI, whose investigator saved the file
	At     time.Time // to the hour
	Read   plate.ID
	Seen   time.Time // of the read
}

// Trace says which file a row's mark was made for, and for which read, also when
// the read is long gone. Only auditors may; ErrNotFound for everybody else, and
// for a mark that this exchange did not make.
func (s *Service) Trace(ctx context.Context, who identity.Principal, mark string) (Traced, error) {
	if !who.Has(identity.RoleAuditor) {
		return Traced{}, ErrNotFound
	}
	mark = strings.ToLower(strings.TrimSpace(mark))
	number, _, _ := strings.Cut(mark, "-")
	entry, err := strconv.ParseUint(number, 10, 63)
	if err != nil {
		return Traced{}, ErrNotFound
	}
	var id, search string
	var at int64
	err = s.DB.Read().QueryRowContext(ctx, `SELECT id, search, at FROM search_export WHERE entry = ?`, int64(entry)).Scan(&id, &search, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return Traced{}, ErrNotFound
	}
	if err != nil {
		return Traced{}, err
	}
	r, err := s.run(ctx, search)
	if err != nil {
		return Traced{}, err
	}
	answers, err := s.answers(ctx, index(r.Entry))
	if err != nil {
		return Traced{}, err
	}
	for _, a := range answers {
		if a.found == nil {
			continue
		}
		for _, read := range a.found.all() {
			if hmac.Equal([]byte(s.mark(entry, id, read)), []byte(mark)) {
				return Traced{entry, r.Entry, r.Agency, time.UnixMicro(at).UTC().Truncate(time.Hour), read, read.Time()}, nil
			}
		}
	}
	return Traced{}, ErrNotFound
}

// columns of a file, in order.
var columns = []string{"plate", "region", "seen_utc", "owner", "camera", "camera_name", "longitude", "latitude", "heading", "type", "make", "color",
	"confidence", "with", "search", "answer", "mark"}

func (x Export) cells(r ExportRow) []string {
	lon, lat := r.Place.Degrees()
	degrees := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	known := func(n int) string {
		if n < 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	return []string{string(r.Text), r.Region, r.Seen.Format("2006-01-02T15:04:05.000Z"), r.Owner, r.Camera, r.CameraName, degrees(lon), degrees(lat),
		known(r.Heading), r.Vehicle.Type, r.Vehicle.Make, r.Vehicle.Color, known(r.Confidence), r.Companions,
		index(x.Search.Entry), index(r.Answer), r.Mark}
}

// Write writes the file. say gives the words of an HTML page by key, and is not
// needed for CSV.
func (x Export) Write(w io.Writer, say func(key string, pairs ...any) string) error {
	if x.Format == HTML {
		return page.Execute(w, map[string]any{"X": x, "Say": say, "Columns": columns, "Lines": x.lines()})
	}
	return x.writeCSV(w)
}

// writeCSV writes RFC 4180 with a preface of lines that begin with #: what the
// file is, and the receipt of its export.
func (x Export) writeCSV(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Porchlight search %d, saved %s as entry %d. Each row's mark leads back to this file.\r\n", x.Search.Entry, x.At.Format(time.RFC3339), x.Entry)
	if x.Purged > 0 {
		fmt.Fprintf(&b, "# %d reads of these answers had reached their retention.\r\n", x.Purged)
	}
	for line := range strings.Lines(x.Receipt) {
		b.WriteString("# " + strings.TrimRight(line, "\n") + "\r\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	c := csv.NewWriter(w)
	c.UseCRLF = true
	if err := c.Write(columns); err != nil {
		return err
	}
	for _, line := range x.lines() {
		for i, cell := range line {
			if _, err := strconv.ParseFloat(cell, 64); err != nil { // a negative longitude is no formula
				line[i] = noFormula(cell)
			}
		}
		if err := c.Write(line); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func (x Export) lines() [][]string {
	lines := make([][]string, len(x.Rows))
	for i, r := range x.Rows {
		lines[i] = x.cells(r)
	}
	return lines
}

// noFormula is the cell with an apostrophe before what a spreadsheet computes.
func noFormula(cell string) string {
	begin := []rune(strings.TrimLeft(cell, " \t\r\n\u00a0\ufeff\u200b"))
	if len(begin) > 0 && slices.Contains([]rune("=+-@＝＋－＠"), begin[0]) || strings.HasPrefix(cell, "\t") || strings.HasPrefix(cell, "\r") {
		return "'" + cell
	}
	return cell
}

// page prints on paper and needs nothing from anywhere.
var page = template.Must(template.New("export").Parse(`<!doctype html>
<html lang="{{call .Say "plates.search.lang"}}">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{call .Say "plates.search.file.title" "n" .X.Search.Entry}}</title>
<style>
body { font: 11pt/1.4 system-ui, sans-serif; margin: 2em; color: #111; background: #fff }
table { border-collapse: collapse; width: 100%; font-size: 8pt }
th, td { border-bottom: 1px solid #bbb; padding: .25em .5em; text-align: left; vertical-align: top; overflow-wrap: anywhere }
thead { display: table-header-group }
tr { break-inside: avoid }
pre { font-size: 7pt; white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid #bbb; padding: 1em }
</style>
<h1>{{call .Say "plates.search.file.title" "n" .X.Search.Entry}}</h1>
<p>{{call .Say "plates.search.file.saved" "at" (.X.At.Format "2006-01-02 15:04 UTC") "n" .X.Entry}}</p>
{{with .X.Purged}}<p>{{call $.Say "plates.search.file.purged" "n" .}}</p>{{end}}
<table>
<thead><tr>{{range .Columns}}<th>{{.}}</th>{{end}}</tr></thead>
<tbody>
{{range .Lines}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>
{{end}}</tbody>
</table>
<h2>{{call .Say "plates.search.file.receipt"}}</h2>
<pre>{{.X.Receipt}}</pre>
</html>
`))
