package loggen

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"

	"porchlight/searchlog"
)

// sink takes rows.
type sink interface {
	put(cells [][]byte) int // the lines that the row takes
	odd(Quirk, layout)      // how the next row is written otherwise
	close() error
}

// open makes the sink that Options ask for.
func (g *Log) open(w io.Writer) (sink, error) {
	var after []io.Closer
	if g.o.Format == ZipCSV || g.o.Format == ZipXLSX {
		z := zip.NewWriter(w)
		name := "log.csv"
		if g.o.Format == ZipXLSX {
			name = "log.xlsx"
		}
		m, err := z.Create(name)
		if err != nil {
			return nil, err
		}
		w, after = m, append(after, z)
	}
	if g.o.Format == XLSX || g.o.Format == ZipXLSX {
		return newSheet(w, g, after)
	}
	s := &csvSink{w: w, delimiter: ',', end: "\n", quoteAll: g.layout.quoteAll, after: after,
		noLast: g.quirk[NoEndOfLine], buf: make([]byte, 0, flushAt+1<<12)}
	if g.o.Format == TSV {
		s.delimiter = '\t'
	}
	if g.quirk[Semicolons] {
		s.delimiter = ';'
	}
	if g.quirk[CRLF] {
		s.end = "\r\n"
	}
	if g.quirk[BOM] {
		s.buf = append(s.buf, "\ufeff"...)
	}
	switch g.o.Encoding {
	case "utf-16le":
		s.encode = utf16LE
	case "windows-1252":
		s.encode = windows1252
	}
	s.quoted['"'], s.quoted['\n'], s.quoted['\r'], s.quoted[s.delimiter] = true, true, true, true
	return s, nil
}

const flushAt = 1 << 18

// csvSink writes delimited text.
type csvSink struct {
	w         io.Writer
	buf       []byte
	delimiter byte
	end       string
	quoteAll  bool
	quoted    [256]bool // bytes that a cell is quoted for
	noLast    bool      // no end of line after the last row
	encode    func([]byte) []byte
	bare      int // column that is written without quotes whatever it says, -1 for none
	unclosed  int // column whose quote is not closed
	odds      bool
	err       error
	after     []io.Closer
}

func (s *csvSink) odd(q Quirk, l layout) {
	s.bare, s.unclosed, s.odds = -1, -1, false
	switch q {
	case UnquotedTime:
		s.bare, s.odds = l.at(searchlog.Time), true
	case UnclosedQuote:
		s.unclosed, s.odds = l.at(searchlog.Reason), true
	}
}

func (s *csvSink) put(cells [][]byte) int {
	b, lines := s.buf, 1
	for i, c := range cells {
		if i > 0 {
			b = append(b, s.delimiter)
		}
		quote := s.quoteAll
		if !quote {
			for _, x := range c {
				if s.quoted[x] {
					quote = true
					break
				}
			}
		}
		if s.odds && i == s.bare {
			quote = false
		}
		if s.odds && i == s.unclosed {
			b = append(b, '"')
			quote = false
		}
		if !quote {
			b = append(b, c...)
			continue
		}
		b = append(b, '"')
		for {
			q := bytes.IndexByte(c, '"')
			if q < 0 {
				break
			}
			b = append(append(b, c[:q+1]...), '"')
			lines += bytes.Count(c[:q], []byte{'\n'})
			c = c[q+1:]
		}
		lines += bytes.Count(c, []byte{'\n'})
		b = append(append(b, c...), '"')
	}
	s.odds = false
	b = append(b, s.end...)
	s.buf = b
	if len(b) >= flushAt {
		s.flush()
	}
	return lines
}

// flush writes out what has gathered, but the last end of line.
func (s *csvSink) flush() {
	b := bytes.TrimSuffix(s.buf, []byte(s.end))
	if s.err == nil {
		out := b
		if s.encode != nil {
			out = s.encode(b)
		}
		_, s.err = s.w.Write(out)
	}
	s.buf = s.buf[:copy(s.buf, s.buf[len(b):])]
}

func (s *csvSink) close() error {
	s.flush()
	if !s.noLast && s.err == nil {
		out := s.buf
		if s.encode != nil {
			out = s.encode(out)
		}
		_, s.err = s.w.Write(out)
	}
	return closeAll(s.err, s.after)
}

func closeAll(err error, all []io.Closer) error {
	for _, c := range all {
		if e := c.Close(); err == nil {
			err = e
		}
	}
	return err
}

func utf16LE(b []byte) (out []byte) {
	for _, u := range utf16.Encode([]rune(string(b))) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

// windows1252 knows the letters that a log here may have.
func windows1252(b []byte) (out []byte) {
	for _, r := range string(b) {
		switch {
		case r < 0x80 || r >= 0xa0 && r < 0x100:
			out = append(out, byte(r))
		case r == '—':
			out = append(out, 0x97)
		default:
			out = append(out, '?')
		}
	}
	return out
}

// sheet writes an Office Open XML workbook (ECMA-376) of one sheet.
type sheet struct {
	zip   *zip.Writer
	w     io.Writer // the sheet's part
	buf   bytes.Buffer
	row   int
	dates bool // day numbers are to look like dates

	shared map[string]int
	texts  []string
	err    error
	after  []io.Closer
}

const ns = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`

func newSheet(w io.Writer, g *Log, after []io.Closer) (*sheet, error) {
	s := &sheet{zip: zip.NewWriter(w), dates: g.quirk[ExcelDates], after: after}
	if g.quirk[Shared] {
		s.shared = map[string]int{}
	}
	const rel = `http://schemas.openxmlformats.org/officeDocument/2006/relationships`
	for _, p := range []struct{ name, body string }{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` +
			`<Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>` +
			`<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>` +
			`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
			`<Relationship Id="rId1" Type="` + rel + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
			`<Relationship Id="rId1" Type="` + rel + `/worksheet" Target="worksheets/sheet1.xml"/>` +
			`<Relationship Id="rId2" Type="` + rel + `/styles" Target="styles.xml"/>` +
			`<Relationship Id="rId3" Type="` + rel + `/sharedStrings" Target="sharedStrings.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook ` + ns + ` xmlns:r="` + rel + `"><sheets><sheet name="Audit" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		// Cell format 1 is a date and time of the day (number format 22).
		{"xl/styles.xml", `<styleSheet ` + ns + `><fonts count="1"><font/></fonts><fills count="1"><fill/></fills><borders count="1"><border/></borders>` +
			`<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf/><xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>`},
	} {
		if err := s.part(p.name, p.body); err != nil {
			return nil, err
		}
	}
	var err error
	if s.w, err = s.zip.Create("xl/worksheets/sheet1.xml"); err != nil {
		return nil, err
	}
	s.buf.WriteString(xml.Header + `<worksheet ` + ns + `><sheetData>`)
	return s, nil
}

func (s *sheet) part(name, body string) error {
	w, err := s.zip.Create(name)
	if err == nil {
		_, err = io.WriteString(w, xml.Header+body)
	}
	return err
}

func (s *sheet) odd(Quirk, layout) {}

func (s *sheet) put(cells [][]byte) int {
	s.row++
	fmt.Fprintf(&s.buf, `<row r="%d">`, s.row)
	for i, c := range cells {
		if len(c) == 0 {
			continue
		}
		ref := string(rune('A'+i)) + strconv.Itoa(s.row)
		_, err := strconv.ParseFloat(string(c), 64)
		switch {
		case err == nil && s.dates && bytes.IndexByte(c, '.') == 5:
			fmt.Fprintf(&s.buf, `<c r="%s" s="1"><v>%s</v></c>`, ref, c)
		case err == nil && len(c) < 12 && c[0] != '0' && c[0] != '+':
			fmt.Fprintf(&s.buf, `<c r="%s"><v>%s</v></c>`, ref, c)
		case s.shared != nil:
			n, ok := s.shared[string(c)]
			if !ok {
				n = len(s.texts)
				s.shared[string(c)] = n
				s.texts = append(s.texts, string(c))
			}
			fmt.Fprintf(&s.buf, `<c r="%s" t="s"><v>%d</v></c>`, ref, n)
		default:
			fmt.Fprintf(&s.buf, `<c r="%s" t="inlineStr"><is><t xml:space="preserve">`, ref)
			xml.EscapeText(&s.buf, c)
			s.buf.WriteString(`</t></is></c>`)
		}
	}
	s.buf.WriteString(`</row>`)
	if s.buf.Len() > flushAt && s.err == nil {
		_, s.err = s.buf.WriteTo(s.w)
	}
	return 1
}

func (s *sheet) close() error {
	s.buf.WriteString(`</sheetData></worksheet>`)
	if s.err == nil {
		_, s.err = s.buf.WriteTo(s.w)
	}
	if s.err == nil {
		var b bytes.Buffer
		fmt.Fprintf(&b, `<sst %s uniqueCount="%d">`, ns, len(s.texts))
		for _, t := range s.texts {
			b.WriteString(`<si><t xml:space="preserve">`)
			xml.EscapeText(&b, []byte(t))
			b.WriteString(`</t></si>`)
		}
		b.WriteString(`</sst>`)
		s.err = s.part("xl/sharedStrings.xml", b.String())
	}
	return closeAll(s.err, append([]io.Closer{s.zip}, s.after...))
}
