package hotlist

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Format is how a file lists entries; docs/hotlists.md describes both.
type Format string

// The formats.
const (
	CSV   Format = "csv"   // comma, semicolon or tab separated, a header line first
	Fixed Format = "fixed" // NCIC-style lines of fixed columns
)

// Defaults are what rows of a file mean that do not say so themselves.
type Defaults struct {
	Basis   string
	Expires time.Time
}

// Aside is a row that was not taken.
type Aside struct {
	Line   int    `json:"line"`   // in the file, from 1
	Reason string `json:"reason"` // one sentence, without the row's own text
}

// row is one entry of a file.
type row struct {
	line int
	Draft
	lasts bool // its end is the default's, not the file's
}

// Errors of a whole file.
var (
	errHeader = &Invalid{"file", "The first line must name the columns, and one of them must be plate. docs/hotlists.md lists the names."}
	errFormat = &Invalid{"format", "There is no such format."}
)

// read gives the rows of a file and those that cannot be read. *Invalid when the
// whole cannot.
func (f Format) read(body []byte, d Defaults) (rows []row, aside []Aside, err error) {
	text := decode(body)
	switch f {
	case CSV:
		rows, aside, err = readCSV(text)
	case Fixed:
		rows, aside = readFixed(text)
	default:
		return nil, nil, errFormat
	}
	for i := range rows {
		r := &rows[i]
		if r.Basis == "" {
			r.Basis = d.Basis
		}
		if r.Expires.IsZero() {
			r.Expires, r.lasts = d.Expires, true
		}
	}
	return rows, aside, err
}

// decode reads UTF-8, with or without its mark, and otherwise ISO 8859-1.
func decode(body []byte) string {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if utf8.Valid(body) {
		return string(body)
	}
	var b strings.Builder
	for _, c := range body {
		b.WriteRune(rune(c))
	}
	return b.String()
}

// columns of a CSV file, by what people call them: lower case, letters and digits.
var columns = map[string]string{
	"plate": "plate", "licenseplate": "plate", "licenceplate": "plate", "license": "plate", "licence": "plate", "lic": "plate",
	"platenumber": "plate", "plateno": "plate", "tag": "plate", "kenteken": "plate", "matricula": "plate", "placa": "plate",
	"region": "region", "state": "region", "platestate": "region", "lis": "region", "country": "region",
	"reason": "reason", "kind": "reason", "class": "reason", "type": "reason", "hotlisttype": "reason",
	"basis": "basis", "legalbasis": "basis", "authority": "basis", "ground": "basis",
	"case": "case", "casenumber": "case", "caseno": "case", "oca": "case", "reportnumber": "case", "incident": "case",
	"ref": "ref", "reference": "ref", "nic": "ref", "id": "ref", "recordid": "ref",
	"author": "author", "enteredby": "author", "ori": "author", "officer": "author",
	"vehicletype": "vtype", "body": "vtype", "style": "vtype", "make": "make", "vma": "make", "color": "color", "colour": "color", "vco": "color",
	"details": "details", "description": "details", "notes": "details", "remarks": "details", "mis": "details", "model": "model", "year": "year",
	"expires": "expires", "expiry": "expires", "expiration": "expires", "until": "expires", "exp": "expires", "enddate": "expires",
	"confusion": "confusion", "fuzzy": "confusion",
}

// bare is a text's letters and digits in lower case.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

func readCSV(text string) (rows []row, aside []Aside, err error) {
	first, _, _ := strings.Cut(text, "\n")
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord, r.LazyQuotes, r.TrimLeadingSpace, r.ReuseRecord = -1, true, true, true
	for _, c := range ";\t" {
		if strings.Count(first, string(c)) > strings.Count(first, string(r.Comma)) {
			r.Comma = c
		}
	}
	var names []string
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		line := 1
		if len(record) > 0 {
			line, _ = r.FieldPos(0)
		}
		if err != nil {
			var p *csv.ParseError
			if errors.As(err, &p) {
				aside = append(aside, Aside{p.Line, "The line cannot be split into columns."})
				continue
			}
			return nil, nil, err
		}
		if names == nil {
			for _, c := range record {
				names = append(names, columns[bare(c)])
			}
			if !slices.Contains(names, "plate") {
				return nil, nil, errHeader
			}
			continue
		}
		if !slices.ContainsFunc(record, func(c string) bool { return strings.TrimSpace(c) != "" }) {
			continue
		}
		v := map[string]string{}
		for i, c := range record {
			if i < len(names) && names[i] != "" && v[names[i]] == "" {
				v[names[i]] = strings.Clone(strings.TrimSpace(c))
			}
		}
		d, why := draftOf(v)
		if why != "" {
			aside = append(aside, Aside{line, why})
			continue
		}
		rows = append(rows, row{line: line, Draft: d})
	}
	if names == nil {
		return nil, nil, errHeader
	}
	return rows, aside, nil
}

// draftOf reads the columns of one row; why says what it cannot read.
func draftOf(v map[string]string) (d Draft, why string) {
	d = Draft{Plate: v["plate"], Region: regionOf(v["region"]), Basis: v["basis"], Case: v["case"], Ref: v["ref"], Author: v["author"]}
	d.Vehicle.Type, d.Vehicle.Make, d.Vehicle.Color = v["vtype"], v["make"], v["color"]
	d.Details = squeeze(strings.Join([]string{v["year"], v["model"], v["details"]}, " "))
	var ok bool
	if d.Reason, ok = reasonOf(v["reason"]); !ok {
		return d, "The reason is none of those known."
	}
	if d.Expires, ok = dateOf(v["expires"]); !ok {
		return d, "The date on which it ends cannot be read; write it as 2026-12-31."
	}
	switch bare(v["confusion"]) {
	case "", "0", "no", "none", "exact":
	case "1", "one", "yes":
		if !strings.HasSuffix(d.Plate, "~") {
			d.Plate += "~"
		}
	default:
		return d, "The confusion column says neither exact nor one."
	}
	return d, ""
}

// reasons, as files write them, without blanks and marks. Unknown ones are not guessed.
var reasons = map[string]Kind{
	"stolenvehicle": StolenVehicle, "stolenveh": StolenVehicle, "stolen": StolenVehicle, "sv": StolenVehicle, "felonyvehicle": StolenVehicle,
	"stolenplate": StolenPlate, "stolenlicenseplate": StolenPlate, "lostplate": StolenPlate, "sp": StolenPlate, "plate": StolenPlate,
	"wantedperson": WantedPerson, "wanted": WantedPerson, "warrant": WantedPerson, "wp": WantedPerson,
	"missingperson": MissingPerson, "missing": MissingPerson, "endangered": MissingPerson, "endangeredmissing": MissingPerson,
	"amberalert": MissingPerson, "silveralert": MissingPerson, "mp": MissingPerson,
	"bolo": Bolo, "atl": Bolo, "belookout": Bolo, "attempttolocate": Bolo, "beonthelookout": Bolo,
	"custom": Custom, "other": Custom,
}

func reasonOf(s string) (Kind, bool) {
	if s == "" {
		return "", true // that of the list
	}
	k, ok := reasons[bare(s)]
	return k, ok
}

// dateOf reads a date, as the end of that day in UTC, or a time; "" is none.
func dateOf(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, true
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, true
	}
	for _, layout := range []string{"2006-01-02", "20060102", "1/2/2006", "2006-01-02 15:04:05"} { // month first: the files are American
		if t, err := time.Parse(layout, s); err == nil {
			if !strings.Contains(layout, "15") {
				t = t.Add(24 * time.Hour)
			}
			return t, true
		}
	}
	return time.Time{}, false
}

const usStates = " AL AK AZ AR CA CO CT DC DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ NM NV NY OH OK OR PA RI SC SD TN TX UT VA VT WA WI WV WY "

// regionOf turns an American state's letters into its region; what it does not
// know as a region means any.
func regionOf(s string) string {
	s = strings.ToUpper(strings.TrimSpace(s))
	switch {
	case len(s) == 2 && strings.Contains(usStates, " "+s+" "):
		return "US-" + s
	case strings.Contains(s, "-") && regionForm.MatchString(s), s == "US", s == "NL":
		return s
	}
	return ""
}

// field is where a field of the fixed format stands: columns from 1, both ends
// included.
type field struct {
	name     string
	from, to int
}

// fixedFields is our own layout, of the fields that public descriptions of the
// NCIC vehicle and licence plate files name. FIL and EXP are ours.
var fixedFields = []field{
	{"FIL", 1, 3},     // which file the record is from, see fixedFiles
	{"ORI", 4, 12},    // agency that entered it
	{"LIC", 13, 22},   // plate
	{"LIS", 23, 24},   // its state
	{"LIY", 25, 28},   // the year to which it is valid
	{"LIT", 29, 30},   // type of plate
	{"VYR", 31, 34},   // year of the vehicle
	{"VMA", 35, 38},   // make
	{"VMO", 39, 41},   // model
	{"VST", 42, 43},   // style
	{"VCO", 44, 50},   // color, or two with a stroke
	{"DOT", 51, 58},   // date of theft or entry, YYYYMMDD
	{"OCA", 59, 78},   // the entering agency's case number
	{"NIC", 79, 88},   // the record's number
	{"EXP", 89, 96},   // until when it is wanted, YYYYMMDD
	{"MIS", 97, 9999}, // remarks
}

// fixedFiles are the files a record can be from. The plates in the other NCIC files
// of the extract (protection orders, gangs, sex offenders, supervised release,
// threat screening, protective interest, violent persons) say whom they belong
// to, not that anybody looks for them.
var fixedFiles = map[string]struct {
	reason Kind
	basis  string
}{
	"VEH": {StolenVehicle, "NCIC Vehicle File"},
	"PLA": {StolenPlate, "NCIC License Plate File"},
	"WAN": {WantedPerson, "NCIC Wanted Person File"},
	"MIS": {MissingPerson, "NCIC Missing Person File"},
	"IMM": {WantedPerson, "NCIC Immigration Violator File"},
}

func readFixed(text string) (rows []row, aside []Aside) {
	line := 0
	for text := range strings.Lines(text) {
		line++
		text = strings.TrimRight(text, "\r\n\x1a ")
		if text == "" || text[0] == '#' {
			continue
		}
		chars := []rune(text)
		if len(chars) < 13 {
			aside = append(aside, Aside{line, "The line is too short to hold a plate."})
			continue
		}
		v := map[string]string{}
		for _, f := range fixedFields {
			if f.from <= len(chars) {
				v[f.name] = squeeze(string(chars[f.from-1 : min(f.to, len(chars))]))
			}
		}
		file, ok := fixedFiles[v["FIL"]]
		if !ok {
			aside = append(aside, Aside{line, "It is from a file whose plates nobody looks for as such, or that is not known."})
			continue
		}
		expires, ok := dateOf(v["EXP"])
		if !ok {
			aside = append(aside, Aside{line, "The date on which it ends (EXP, columns 89 to 96) cannot be read."})
			continue
		}
		d := Draft{Plate: v["LIC"], Region: regionOf(v["LIS"]), Reason: file.reason, Case: v["OCA"], Ref: v["NIC"], Author: v["ORI"], Expires: expires}
		d.Basis = file.basis
		if v["NIC"] != "" {
			d.Basis += ", record " + v["NIC"]
		}
		color, _, _ := strings.Cut(v["VCO"], "/")
		d.Vehicle.Color, d.Vehicle.Make, d.Vehicle.Type = ncicColors[color], ncicMakes[v["VMA"]], ncicStyles[v["VST"]]
		if d.Vehicle.Make == "" {
			d.Vehicle.Make = v["VMA"]
		}
		d.Details = squeeze(strings.Join([]string{v["VYR"], v["VMO"], v["MIS"]}, " "))
		rows = append(rows, row{line: line, Draft: d})
	}
	return rows, aside
}

// What the codes mean in our words. Light and dark shades count as the shade.
var (
	ncicColors = map[string]string{
		"BLK": "black", "BLU": "blue", "DBL": "blue", "LBL": "blue", "TRQ": "blue", "BRO": "brown", "TAN": "brown", "BGE": "brown", "BRZ": "brown",
		"CPR": "brown", "GLD": "gold", "GRN": "green", "DGR": "green", "LGR": "green", "GRY": "gray", "MAR": "red", "RED": "red", "ONG": "orange",
		"PLE": "purple", "LAV": "purple", "SIL": "silver", "COM": "silver", "WHI": "white", "CRM": "white", "YEL": "yellow", "PNK": "other", "MUL": "other",
	}
	ncicMakes = map[string]string{
		"ACUR": "acura", "AUDI": "audi", "BMW": "bmw", "BUIC": "buick", "CADI": "cadillac", "CHEV": "chevrolet", "CHRY": "chrysler", "DODG": "dodge",
		"FORD": "ford", "GMC": "gmc", "HOND": "honda", "HYUN": "hyundai", "INFI": "infiniti", "JEEP": "jeep", "KIA": "kia", "LEXS": "lexus",
		"LINC": "lincoln", "MAZD": "mazda", "MERZ": "mercedes-benz", "MITS": "mitsubishi", "NISS": "nissan", "PONT": "pontiac", "SUBA": "subaru",
		"TESL": "tesla", "TOYT": "toyota", "VOLK": "volkswagen", "VOLV": "volvo",
	}
	ncicStyles = map[string]string{"2D": "car", "3D": "car", "4D": "car", "CV": "car", "BU": "bus", "PK": "pickup", "VN": "van", "MC": "motorcycle"}
)
