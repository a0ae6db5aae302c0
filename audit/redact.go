package audit

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"maps"
	"net/url"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"porchlight/audit/scrub"
	"porchlight/policy/packs"
	"porchlight/searchlog"
)

// Redact answers with what of a result may be published; r stays as it is.
//
// Searchers, search ids, plates and case numbers become tokens (S-7K3M2) that
// are the same throughout this result and, as they are keyed, can be joined
// with no other: take a new random key for each report and forget it. A nil key
// is one. Of every other text only known words, codes and the names of agencies
// stay (words.txt); plates, dates, numbers and the rest become [plate], [date],
// [number], [word]. Of paths the end stays, of set-aside rows the line
// and the reason, of times the minute. Whatever is added to Result and has no
// rule here is treated as text that somebody typed.
func (r *Result) Redact(key []byte) *Result {
	if len(key) == 0 {
		key = make([]byte, 32)
		rand.Read(key) // never fails
	}
	m := &redaction{key: key, token: map[string]string{}, taken: map[string]bool{}, agency: map[string]string{}, said: map[string]string{}, cells: map[[2]string]string{}, number: map[string]string{}}
	for _, a := range r.Agencies {
		m.agencyName(a.Name)
	}
	var paths []string
	for _, f := range r.Files {
		paths = append(paths, f.Path)
	}
	m.path = fileNames(paths)
	for _, f := range r.Findings {
		for _, c := range f.Cases {
			m.learn(c)
		}
	}
	out := m.copy(reflect.ValueOf(r).Elem(), asTyped, nil).Interface().(Result)
	out.Redacted = true
	return &out
}

// redaction puts tokens for what may not be published.
type redaction struct {
	key    []byte
	token  map[string]string // kind and value to token
	taken  map[string]bool
	agency map[string]string // names seen, to what stands for them
	path   map[string]string
	said   map[string]string    // texts already scrubbed: reasons repeat
	cells  map[[2]string]string // field and cell, to what stands for it
	number map[string]string    // searcher and agency as cells have them, to the number of the searcher where a case tells it
}

func (m *redaction) typed(s string) string {
	as, ok := m.said[s]
	if !ok {
		as = scrub.Text(s, false, m.agenciesIn(s))
		m.said[s] = as
	}
	return as
}

// treatment says what becomes of a string.
type treatment func(m *redaction, s string, known map[string]string) string

var (
	asTyped    treatment = func(m *redaction, s string, _ map[string]string) string { return m.typed(s) }
	asSentence treatment = (*redaction).sentence
	asWithheld treatment = func(*redaction, string, map[string]string) string { return "" }
	asAgency   treatment = func(m *redaction, s string, _ map[string]string) string { return m.agencyName(s) }
	asPath     treatment = func(m *redaction, s string, _ map[string]string) string { return m.pathName(s) }
	asSearcher           = tokenised("S")
	asID                 = tokenised("R")
	asPlate              = tokenised("P")
	asTime     treatment = func(_ *redaction, s string, _ map[string]string) string { return toMinutes(s) }
	asCount    treatment = func(_ *redaction, s string, _ map[string]string) string { return shaped(s, countShape) }
	asOffense  treatment = func(m *redaction, s string, k map[string]string) string { return shapedOr(m, s, nibrsShape, k) }
	asState    treatment = func(m *redaction, s string, k map[string]string) string { return shapedOr(m, s, stateShape, k) }
	asMonth    treatment = func(m *redaction, s string, k map[string]string) string { return shapedOr(m, s, monthShape, k) }
	asDigest   treatment = func(m *redaction, s string, k map[string]string) string { return shapedOr(m, s, digestShape, k) }
	asZone     treatment = func(m *redaction, s string, _ map[string]string) string { return m.zone(s) }
	asLink     treatment = func(_ *redaction, s string, _ map[string]string) string { return officialLink(s) }
	asCase     treatment = (*redaction).caseNumber
)

// treatments by type and field; for a map, [key] is its keys. The rest is typed.
var treatments = map[string]treatment{
	"Result.State": asState, "Result.Zone": asZone, "Result.Unknown": asSentence, "Result.Clear": asSentence,
	"Result.Offenses[key]": asOffense, "Result.Purposes[key]": asSentence, "Month.Month": asMonth, "Month.Purposes[key]": asSentence,
	"Searcher.Token": asSearcher, "Searcher.Agency": asAgency,
	"Agency.Name": asAgency, "Agency.State": asState, "Agency.Kind": asSentence, "Agency.Purposes[key]": asSentence,
	"Reach.States[key]": asState,
	"Finding.Rule":      asSentence, "Finding.Title": asSentence, "Finding.Unit": asSentence, "Finding.Question": asSentence, "Finding.Threshold": asSentence, "Finding.Innocent": asSentence,
	"Law.Citation": asSentence, "Law.Plain": asSentence, "Law.URL": asLink,
	"Assumption.Name": asSentence, "Assumption.Value": asSentence, "Assumption.Why": asSentence, "Variation.Change": asSentence,
	"Case.What": asSentence,
	"Row.File":  asPath,
	"File.Path": asPath, "File.Variant": asSentence, "File.Zone": asZone, "File.Encoding": asSentence, "File.Delimiter": asSentence,
	"File.SHA256": asDigest, "File.Missing": asSentence, "File.Cells[key]": asSentence, "Repair.Kind": asSentence,
	"SetAside.Reason": asSentence, "SetAside.Text": asWithheld, "Duplicate.OfFile": asPath, "Duplicate.By": asSentence,
	"Warning.Kind": asSentence, "Warning.Text": asSentence,
}

// cellTreatments are the treatments of a Row's cells by field; the rest is typed.
var cellTreatments = map[string]treatment{
	searchlog.ID.String(): asID, searchlog.Searcher.String(): asSearcher, searchlog.Agency.String(): asAgency,
	searchlog.Networks.String(): asCount, searchlog.Devices.String(): asCount,
	searchlog.From.String(): asTime, searchlog.To.String(): asTime, searchlog.Time.String(): asTime,
	searchlog.Plate.String(): asPlate, searchlog.Case.String(): asCase,
}

// copy copies v, each string treated. Known are phrases of the rows around it.
func (m *redaction) copy(v reflect.Value, how treatment, known map[string]string) reflect.Value {
	switch v.Kind() {
	case reflect.String:
		out := reflect.New(v.Type()).Elem()
		out.SetString(how(m, v.String(), known))
		return out
	case reflect.Struct:
		return m.copyStruct(v, known)
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(m.copy(v.Index(i), how, known))
		}
		return out
	case reflect.Array:
		out := reflect.New(v.Type()).Elem()
		for i := range v.Len() {
			out.Index(i).Set(m.copy(v.Index(i), how, known))
		}
		return out
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(m.copy(v.Elem(), how, known))
		return out
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return v
	}
	// A map is copied by copyMap, which knows its keys' treatment; of the rest
	// (interfaces, functions) nothing is published.
	return reflect.Zero(v.Type())
}

func (m *redaction) copyStruct(v reflect.Value, known map[string]string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch x := v.Interface().(type) {
	case Row:
		return reflect.ValueOf(m.row(x))
	case Case:
		known = m.phrases(x.Rows)
	}
	if v.Type().PkgPath() == "time" { // no strings of anybody's
		return v
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		name := v.Type().Name() + "." + f.Name
		how, ok := treatments[name]
		if !ok {
			how = asTyped
		}
		if f.Type.Kind() == reflect.Map {
			out.Field(i).Set(m.copyMap(v.Field(i), name, known))
			continue
		}
		out.Field(i).Set(m.copy(v.Field(i), how, known))
	}
	return out
}

// copyMap copies a map with string keys; of others nothing is published. Counts of keys that become the same are added.
func (m *redaction) copyMap(v reflect.Value, name string, known map[string]string) reflect.Value {
	if v.IsNil() || v.Type().Key().Kind() != reflect.String {
		return reflect.Zero(v.Type())
	}
	how, ok := treatments[name+"[key]"]
	if !ok {
		how = asTyped
	}
	value, ok := treatments[name]
	if !ok {
		value = asTyped
	}
	out := reflect.MakeMap(v.Type())
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, k := range keys {
		to := m.copy(k, how, known)
		var got reflect.Value
		if v.Type().Elem().Kind() == reflect.Map {
			got = m.copyMap(v.MapIndex(k), name, known)
		} else {
			got = m.copy(v.MapIndex(k), value, known)
		}
		if before := out.MapIndex(to); before.IsValid() && got.CanInt() {
			sum := reflect.New(got.Type()).Elem()
			sum.SetInt(before.Int() + got.Int())
			got = sum
		}
		out.SetMapIndex(to, got)
	}
	return out
}

// learn remembers which searcher a case is about, so that her number in the
// sentence and her name in the rows become one token.
func (m *redaction) learn(c Case) {
	numbers := searcherNumber.FindAllString(c.What, -1)
	slices.Sort(numbers)
	if len(slices.Compact(numbers)) != 1 || len(c.Rows) == 0 {
		return
	}
	who := searcherOf(c.Rows[0])
	for _, r := range c.Rows {
		if searcherOf(r) != who {
			return
		}
	}
	m.number[who] = numbers[0]
}

func searcherOf(r Row) string {
	return r.Cells[searchlog.Searcher.String()] + "\x00" + r.Cells[searchlog.Agency.String()]
}

func (m *redaction) row(r Row) Row {
	out := Row{File: m.pathName(r.File), Line: r.Line, Words: m.typed(r.Words)}
	if r.Cells != nil {
		out.Cells = make(map[string]string, len(r.Cells))
	}
	for _, field := range slices.Sorted(maps.Keys(r.Cells)) {
		out.Cells[m.typed(field)] = m.cell(field, r.Cells[field])
	}
	if n := m.number[searcherOf(r)]; n != "" && !maskShape.MatchString(r.Cells[searchlog.Searcher.String()]) {
		out.Cells[searchlog.Searcher.String()] = m.tokenOf("S", n)
	}
	return out
}

// cell is what stands for a row's cell: most rows are cited more than once.
func (m *redaction) cell(field, cell string) string {
	key := [2]string{field, cell}
	as, ok := m.cells[key]
	if !ok {
		how := cellTreatments[field]
		if how == nil {
			how = asTyped
		}
		as = how(m, cell, nil)
		m.cells[key] = as
	}
	return as
}

// phrases are what a sentence about the rows may repeat of them, to the tokens.
func (m *redaction) phrases(rows []Row) map[string]string {
	known := map[string]string{}
	for _, r := range rows {
		known[r.File] = m.pathName(r.File)
		for _, field := range slices.Sorted(maps.Keys(r.Cells)) {
			cell := r.Cells[field]
			if cellTreatments[field] != nil && strings.TrimSpace(cell) != "" {
				known[strings.TrimSpace(cell)] = m.cell(field, cell)
			}
		}
	}
	for k := range known {
		if countShape.MatchString(k) { // "12 networks" is a count, and says no more than it
			delete(known, k)
		}
	}
	return known
}

// sentence is a sentence of the program: what a rule says of itself stays as it is.
func (m *redaction) sentence(s string, known map[string]string) string {
	if ruleTexts()[s] {
		return s
	}
	all := m.agenciesIn(s)
	for _, shape := range []*regexp.Regexp{zoneShape, constant} {
		for _, z := range shape.FindAllString(s, -1) {
			all[z] = z
		}
	}
	for _, t := range searcherNumber.FindAllString(s, -1) {
		all[t] = m.tokenOf("S", t)
	}
	for p, as := range m.path {
		all[p] = as
		if base := path.Base(strings.ReplaceAll(p, `\`, "/")); len(base) > 4 && strings.ContainsFunc(base, unicode.IsLetter) {
			all[base] = as // not "2002", of a path that ends in a date
		}
	}
	for p, as := range known {
		all[p] = as
	}
	return scrub.Text(s, true, all)
}

// ruleTexts are all that the rules and the law packs say of themselves.
var ruleTexts = sync.OnceValue(func() map[string]bool {
	texts := map[string]bool{}
	for _, state := range append(packs.States(), "") {
		law, err := packs.For(state)
		if err != nil {
			continue // the packs are part of the program; their own test reads them
		}
		collect(reflect.ValueOf(law), texts)
	}
	for _, r := range Rules() {
		for _, s := range append([]string{r.ID, r.Title, r.Question, r.Threshold, r.Unit}, r.Innocent...) {
			texts[s] = true
		}
	}
	return texts
})

// collect puts every string of v into texts.
func collect(v reflect.Value, texts map[string]bool) {
	switch v.Kind() {
	case reflect.String:
		texts[v.String()] = true
	case reflect.Slice:
		for i := range v.Len() {
			collect(v.Index(i), texts)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			collect(v.Field(i), texts)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			collect(v.Elem(), texts)
		}
	}
}

// agenciesIn are the agencies a text may name, to what stands for them.
func (m *redaction) agenciesIn(s string) map[string]string {
	known := map[string]string{}
	for name, as := range m.agency {
		if len(name) > 2 && strings.Contains(s, name) {
			known[name] = as
		}
	}
	return known
}

// maskShape is a cell that says nothing of its own.
var maskShape = regexp.MustCompile(`(?i)^[\s*#xX.\[\]_—–-]*(?:redacted|masked(?: by (?:vendor|agency))?|placeholder|hidden|n/?a|none|unknown|null)?[\s*#xX.\[\]_—–-]*$`)

func tokenised(kind string) treatment {
	return func(m *redaction, s string, _ map[string]string) string {
		if s = strings.TrimSpace(s); maskShape.MatchString(s) {
			return s
		}
		return m.tokenOf(kind, s)
	}
}

// tokenOf is the token of a value: five characters of its HMAC, more where
// another value of this report has them already.
func (m *redaction) tokenOf(kind, value string) string {
	id := kind + "\x00" + strings.ToUpper(strings.Join(strings.Fields(value), " "))
	if t, ok := m.token[id]; ok {
		return t
	}
	mac := hmac.New(sha256.New, m.key)
	mac.Write([]byte(id))
	code := base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)) // Crockford's: no I, L, O, U
	for n := 5; ; n++ {
		if t := kind + "-" + code[:n]; !m.taken[t] {
			m.taken[t], m.token[id] = true, t
			return t
		}
	}
}

// caseNumber puts a token and the number's shape, 9 for digits and A for letters, because
// a case number names a victim, and its shape is the evidence that it is none.
func (m *redaction) caseNumber(s string, _ map[string]string) string {
	s = strings.TrimSpace(s)
	if maskShape.MatchString(s) {
		return s
	}
	shape := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsDigit(r):
			return '9'
		case unicode.IsLetter(r):
			return 'A'
		case strings.ContainsRune("-/.# ", r):
			return r
		}
		return -1
	}, s)
	if len(shape) > 16 {
		shape = shape[:16] + "…"
	}
	return m.tokenOf("C", s) + " (" + shape + ")"
}

var (
	wordShape      = regexp.MustCompile(`[\p{L}\p{M}\p{N}]+`)
	ordinal        = regexp.MustCompile(`^\d{1,3}(?:st|nd|rd|th)$`)
	countShape     = regexp.MustCompile(`^\s*\d{1,3}(?:,?\d{3}){0,2}\s*$`)
	nibrsShape     = regexp.MustCompile(`^\d{2,3}[A-Z]?$`)
	stateShape     = regexp.MustCompile(`^[A-Z]{2}$`)
	monthShape     = regexp.MustCompile(`^20\d\d-\d\d$`)
	digestShape    = regexp.MustCompile(`^[0-9a-f]{64}$`)
	momentShape    = regexp.MustCompile(`\b(20[12]\d-\d{2}-\d{2}|\d{1,2}/\d{1,2}/20[12]\d)(,? |T)(\d{1,2}:\d{2})(?::\d{2}(?:\.\d+)?)?( ?[AP]M)?( ?UTC|Z| ?[+-]\d{2}:?\d{2})?`)
	searcherNumber = regexp.MustCompile(`\bS[1-9]\d*\b`) // a searcher, as Run numbers them
	constant       = regexp.MustCompile(`(?i)\b(?:SHA-256|UTF-8|UTF-16[BL]E|windows-1252|[0-9a-f]{64})\b`)
	zoneShape      = regexp.MustCompile(`\b(?:America|US|Europe|Pacific|Atlantic|Etc|Asia|Africa|Australia)/[A-Za-z_/]+\b`)
)

func shaped(s string, shape *regexp.Regexp) string {
	if t := strings.TrimSpace(s); shape.MatchString(s) || maskShape.MatchString(t) {
		return t
	}
	return "[withheld]"
}

func shapedOr(m *redaction, s string, shape *regexp.Regexp, known map[string]string) string {
	if shape.MatchString(s) {
		return s
	}
	return m.sentence(s, known)
}

// toMinutes are the moments in a cell, without their seconds: the exact momentShape of
// a search is as good as its id for finding it in another release.
func toMinutes(s string) string {
	if s = strings.TrimSpace(s); maskShape.MatchString(s) {
		return s
	}
	var all []string
	for _, p := range momentShape.FindAllStringSubmatch(s, -1) {
		all = append(all, p[1]+p[2]+p[3]+p[4]+p[5])
	}
	if all == nil {
		return "[withheld]"
	}
	return strings.Join(all, " to ")
}

func (m *redaction) zone(s string) string {
	return m.sentence(s, nil)
}

// officialLink is a link to a law, nothing else.
func officialLink(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsFunc(s, unicode.IsSpace) {
		return ""
	}
	return s
}

func (m *redaction) pathName(p string) string {
	if as, ok := m.path[p]; ok {
		return as
	}
	return scrub.Text(path.Base(strings.ReplaceAll(p, `\`, "/")), true, nil)
}

// fileNames give each path the shortest end that no other has: the file's name,
// and the folders it takes to tell it from its like. Whoever publishes a report
// chose these names, or shows them anyway; the folders in front may be her own.
func fileNames(paths []string) map[string]string {
	names := map[string]string{}
	ends := map[string]int{}
	var all [][]string // path to its ends, the shortest first
	for _, p := range paths {
		if _, ok := names[p]; ok {
			continue
		}
		names[p] = p
		rest := strings.ReplaceAll(p, `\`, "/")
		of := []string{p}
		for i := len(rest); i > 0; {
			i = strings.LastIndexByte(rest[:i], '/')
			end := strings.TrimLeft(rest[i+1:], "/")
			ends[end]++
			of = append(of, end)
		}
		all = append(all, of)
	}
	for _, of := range all {
		for _, end := range of[1:] {
			if end != "" && ends[end] == 1 {
				names[of[0]] = end
				break
			}
		}
	}
	return names
}

// agencyNaming are what names an agency rather than a person.
var agencyNaming = wordSet(`pd so police sheriff sheriffs county city town township village borough parish department dept
	office state patrol highway federal ice ero cbp usbp hsi dhs dea fbi atf usms uscis irs marshal marshals border customs university
	college school campus district dps dpd task force fusion center hoa association security airport transit tribal nation authority agency
	bureau sa da investigations enforcement safety public parks corrections constable park mall court policia`)

var linking = wordSet("of the and for at in de del la los y")

func wordSet(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

// agencyName is the name where it is an agency's, else a token: a person may
// stand in that column.
func (m *redaction) agencyName(s string) string {
	if as, ok := m.agency[s]; ok {
		return as
	}
	as := s
	words := wordShape.FindAllString(s, -1)
	named := slices.ContainsFunc(words, func(w string) bool {
		return agencyNaming[strings.ToLower(w)] || stateShape.MatchString(w) && scrub.Knows(w)
	})
	risky := strings.Contains(s, "@") || len(digitsOf(s)) > 4 || slices.ContainsFunc(words, func(w string) bool {
		n := len(digitsOf(w))
		sentence := w == strings.ToLower(w) && n == 0 && len(w) > 1 && !linking[w] && s != strings.ToLower(s) // a name's words begin in capitals
		return sentence || n > 3 || n > 0 && n < len(w) && !scrub.Knows(w) && !ordinal.MatchString(w)
	})
	switch {
	case maskShape.MatchString(strings.TrimSpace(s)):
	case !named || risky:
		as = m.tokenOf("A", s)
	}
	m.agency[s] = as
	return as
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
