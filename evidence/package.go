package evidence

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"porchlight/gate"
	"porchlight/ledger"
	"porchlight/purpose"
)

// Form is what an export gives of the clip.
type Form string

const (
	Ciphertext Form = "ciphertext" // the age file as it is
	Plaintext  Form = "plaintext"  // decrypted in the custodian's browser, which makes the package
)

// PackageInput is all that a court package says.
type PackageInput struct {
	Item   Item
	Form   Form
	By     string    // ORI of the agency that exports
	Export uint64    // index of the item.export entry
	Made   time.Time // when
	// Receipts of every recorded act on the item, oldest first, with every
	// private value the court may read. The export's own is among them.
	Receipts  []ledger.Receipt
	Clip      io.Reader // the whole age file; nil: the package is finished elsewhere
	Letter    []byte    // age file; may be empty
	Exchange  ledger.Descriptor
	Timestamp []byte            // RFC 3161 response over the checkpoint; may be empty
	Names     map[string]string // of agencies (by ORI) and persons (by id), for people to read
	// Say gives the words of the summary; see web/i18n.
	Say func(key string, pairs ...any) string
}

// Part is one small file of a package.
type Part struct {
	Path string // relative to the bag
	Data []byte
}

// Paths in a package.
const (
	pathClip       = "data/clip.age"
	pathItem       = "data/item.json"
	pathCustody    = "data/custody.json"
	pathCustodyCSV = "data/custody.csv"
	pathConsent    = "data/consent.json"
	pathConsentTxt = "data/consent.txt"
	pathLetter     = "data/letter.age"
	pathOpened     = "data/letter.json" // plaintext packages: what opens the owner's commitment
	pathCheckpoint = "data/checkpoint"
	pathExchange   = "data/exchange.json"
	pathCase       = "data/case.jsonld"
	pathTimestamp  = "data/timestamp.tsr"
	pathSummary    = "summary.html"
	dirReceipts    = "data/receipts/"
)

// PackageDir is the folder a package's bag lies in.
func (in PackageInput) PackageDir() string { return "porchlight-" + in.Item.ID }

// WritePackage streams a court package to w: a zip of a BagIt 1.0 bag (RFC
// 8493). It returns the first error of the context, the clip or w; what was
// written is then not a zip.
func WritePackage(ctx context.Context, w io.Writer, in PackageInput) error {
	parts, err := in.Parts()
	if err != nil {
		return err
	}
	b := newBagWriter(w, in.PackageDir(), in.Made)
	for _, p := range parts {
		if err := b.add(p.Path, bytes.NewReader(p.Data)); err != nil {
			return err
		}
	}
	if in.Clip != nil {
		if err := b.add(pathClip, ctxReader{ctx, in.Clip}); err != nil {
			return err
		}
	}
	return b.close(in.Info())
}

// ctxReader ends a copy when its context does.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// Info is what bag-info.txt says, label and value.
func (in PackageInput) Info() [][2]string {
	return [][2]string{
		{"Source-Organization", in.name(in.By)},
		{"External-Identifier", in.Item.ID},
		{"External-Description", "Clip shared by a resident through " + in.Exchange.Name + ", with its chain of custody"},
		{"Internal-Sender-Identifier", in.Item.Case},
		{"Bagging-Date", in.Made.UTC().Format(time.DateOnly)},
		{"Bag-Software-Agent", "Porchlight"},
	}
}

// name is what people call an agency or person, with its id.
func (in PackageInput) name(id string) string {
	if n := in.Names[id]; n != "" && n != id {
		return n + " (" + id + ")"
	}
	return id
}

// Parts are the files of the package but for the clip and the bag's own lists.
func (in PackageInput) Parts() ([]Part, error) {
	i := slices.IndexFunc(in.Receipts, func(r ledger.Receipt) bool { return r.Index == in.Export })
	if i < 0 {
		return nil, fmt.Errorf("package: no receipt of the export, entry %d", in.Export)
	}
	terms, err := in.Item.Consent.Terms()
	if err != nil {
		return nil, err
	}
	item := newItemFile(in)
	events := chain(in.Receipts)
	parts := []Part{
		{pathItem, encodeJSON(item)},
		{pathCustody, encodeJSON(events)},
		{pathCustodyCSV, custodyCSV(events)},
		{pathConsent, in.Item.Consent},
		{pathConsentTxt, []byte(terms.Text)},
		{pathCheckpoint, in.Receipts[i].Checkpoint},
		{pathExchange, encodeJSON(in.Exchange)},
		{pathCase, caseFile(item, events)},
	}
	if len(in.Letter) > 0 {
		parts = append(parts, Part{pathLetter, in.Letter})
	}
	if len(in.Timestamp) > 0 {
		parts = append(parts, Part{pathTimestamp, in.Timestamp})
	}
	for _, r := range in.Receipts {
		parts = append(parts, Part{receiptPath(r), r.Marshal()})
	}
	summary, err := in.summary(terms, events)
	if err != nil {
		return nil, err
	}
	return append(parts, Part{pathSummary, summary}), nil
}

// itemFile is data/item.json: what the package is about. What it says is the
// exporting agency's word, but for what the receipts prove.
type itemFile struct {
	ID               string            `json:"id"`
	Request          string            `json:"request"`
	Agency           string            `json:"agency"`
	Case             string            `json:"case,omitempty"`
	Received         time.Time         `json:"received"`
	CiphertextSHA256 string            `json:"ciphertext_sha256"`
	PayloadSHA256    string            `json:"payload_sha256"`
	PayloadSize      int64             `json:"payload_size"`
	Category         string            `json:"retention_category,omitempty"`
	Form             Form              `json:"form"`
	ShareEntry       uint64            `json:"share_entry"`
	ExportEntry      uint64            `json:"export_entry"`
	ExportedBy       string            `json:"exported_by"`
	Made             time.Time         `json:"made"`
	Names            map[string]string `json:"names,omitempty"`
}

func newItemFile(in PackageInput) itemFile {
	it := in.Item
	return itemFile{
		ID: it.ID, Request: it.Request, Agency: it.Agency, Case: it.Case, Received: it.Received.UTC(),
		CiphertextSHA256: it.CiphertextSHA256, PayloadSHA256: it.PayloadSHA256, PayloadSize: it.Size, Category: it.Category,
		Form: in.Form, ShareEntry: it.ShareEntry, ExportEntry: in.Export, ExportedBy: in.By, Made: in.Made.UTC(), Names: in.Names,
	}
}

// Event is one act of the custody chain. All of it is read from its receipt.
type Event struct {
	Entry   uint64            `json:"entry"` // index in the ledger
	At      string            `json:"at"`    // RFC 3339; only the hour if the exact time is not disclosed
	Action  string            `json:"action"`
	Role    string            `json:"role"`
	Agency  string            `json:"agency,omitempty"`
	Person  string            `json:"person,omitempty"`
	Signed  bool              `json:"signed"`  // by the person's passkey
	Outcome string            `json:"outcome"` // done, denied, void
	Public  map[string]string `json:"public,omitempty"`
	Private map[string]string `json:"private,omitempty"` // disclosed
	Receipt string            `json:"receipt"`           // path in the package
}

// chain reads the custody chain from receipts, which are in order.
func chain(receipts []ledger.Receipt) []Event {
	void := map[string]bool{}
	for _, r := range receipts {
		if r.Entry.Act.Action == "act.void" {
			void[r.Entry.Act.Public["of"]] = true
		}
	}
	events := make([]Event, 0, len(receipts))
	for _, r := range receipts {
		a := r.Entry.Act
		e := Event{
			Entry: r.Index, At: a.Hour, Action: a.Action, Role: a.Actor, Agency: a.Agency, Signed: r.Entry.Signature != nil,
			Outcome: "done", Public: a.Public, Private: map[string]string{}, Receipt: receiptPath(r),
		}
		switch {
		case !r.Entry.Decision.Permit:
			e.Outcome = "denied"
		case void[strconv.FormatUint(r.Index, 10)]:
			e.Outcome = "void"
		}
		for _, d := range r.Disclosures {
			switch d.Name {
			case gate.PrivateAt:
				e.At = d.Value
			case gate.PrivatePerson:
				e.Person = d.Value
			case gate.PrivateObjects, gate.PrivateSignature:
			default:
				e.Private[d.Name] = d.Value
			}
		}
		events = append(events, e)
	}
	return events
}

func receiptPath(r ledger.Receipt) string {
	return fmt.Sprintf("%s%09d-%s.txt", dirReceipts, r.Index, r.Entry.Act.Action)
}

func custodyCSV(events []Event) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"entry", "at", "action", "role", "agency", "person", "signed", "outcome", "details", "receipt"})
	for _, e := range events {
		var details []string
		for _, m := range []map[string]string{e.Public, e.Private} {
			for _, k := range slices.Sorted(maps.Keys(m)) {
				details = append(details, k+"="+m[k])
			}
		}
		row := []string{
			strconv.FormatUint(e.Entry, 10), e.At, e.Action, e.Role, e.Agency, e.Person,
			strconv.FormatBool(e.Signed), e.Outcome, strings.Join(details, "; "), e.Receipt,
		}
		for i, cell := range row {
			if strings.IndexAny(cell, "=+-@\t\r") == 0 { // a spreadsheet would run it as a formula
				row[i] = "'" + cell
			}
		}
		w.Write(row)
	}
	w.Flush() // into memory: never fails
	return b.Bytes()
}

// encodeJSON is indented, for people; v is plain data.
func encodeJSON(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		panic("evidence: encoding plain data: " + err.Error())
	}
	return b.Bytes()
}

// Packaging is what the exchange adds to packages.
type Packaging struct {
	Exchange ledger.Descriptor
	// Stamp asks a time-stamping authority for an RFC 3161 response over data;
	// see StampAt. nil: packages carry none.
	Stamp func(ctx context.Context, data []byte) ([]byte, error)
	// Name is what people call an agency (ORI) or person (id); "" unknown.
	Name func(ctx context.Context, id string) string
	// Say gives the summary's words in a language; see web/i18n.
	Say func(lang, key string, pairs ...any) string
}

// Export is the act item.export: for ViewFor, Package or Parts make the court
// package for the same session. A partner states the purpose it was shared for.
func (s *Service) Export(ctx context.Context, by gate.Caller, session, id string, form Form, stated string) (*Opened, error) {
	it, c, err := s.reach(ctx, by.Who, id)
	if err != nil {
		return nil, err
	}
	if form != Ciphertext && form != Plaintext {
		return nil, fmt.Errorf("%w: no form %q", ErrInput, form)
	}
	if err := needText("purpose", stated, 500); err != nil {
		return nil, err
	}
	history, err := s.Gate.History(ctx, id)
	if err != nil {
		return nil, err
	}
	var before []string
	for _, r := range history {
		if r.Entry.Act.ID == by.ActID { // a repeat of this act finds itself, and what came later
			break
		}
		before = append(before, strconv.FormatUint(r.Index, 10))
	}
	act := s.act("item.export", by, it, c)
	act.Public = map[string]string{"form": string(form)}
	act.Private = map[string]string{"purpose": stated, "chain": strings.Join(before, " ")}
	maps.Copy(act.Facts, map[string]any{
		"no_reshare":      c.NoReshare,
		"purpose_matches": c.purposeMatches(it, stated),
		"purposes":        purpose.Classes(stated),
	})
	grant, err := s.Gate.Do(ctx, act, nil)
	if err != nil {
		return nil, err
	}
	return s.release(ctx, grant, session, it, c.Agency, form)
}

// Package writes the package that Export opened to this session, with the clip
// as it is encrypted. Errors as Payload; once something was written, any error
// means that the file is not whole.
func (s *Service) Package(ctx context.Context, session, actID, lang string, w io.Writer) error {
	in, err := s.packageInput(ctx, session, actID, lang)
	if err != nil {
		return err
	}
	o, err := s.opened(ctx, session, actID)
	if err == nil && o.form != Ciphertext {
		err = ErrClosed
	}
	if err != nil {
		return err
	}
	header, _, err := s.keys(ctx, o.grant, o.item, o.agency)
	if err != nil {
		return err
	}
	payload, _, err := s.payload(ctx, o.grant, o.item)
	if err != nil {
		return err
	}
	defer payload.Close()
	in.Clip = io.MultiReader(bytes.NewReader(header), payload)
	return WritePackage(ctx, w, in)
}

// PackageParts gives all files but the clip of the package that Export opened
// to this session; the custodian's browser adds the decrypted clip.
func (s *Service) PackageParts(ctx context.Context, session, actID, lang string) (PackageInput, []Part, error) {
	in, err := s.packageInput(ctx, session, actID, lang)
	if err != nil {
		return in, nil, err
	}
	parts, err := in.Parts()
	return in, parts, err
}

func (s *Service) packageInput(ctx context.Context, session, actID, lang string) (PackageInput, error) {
	o, err := s.opened(ctx, session, actID)
	if err != nil {
		return PackageInput{}, err
	}
	if err := o.grant.Covers("item.export", o.item); err != nil {
		return PackageInput{}, errors.Join(ErrClosed, err)
	}
	it, err := s.item(ctx, o.item)
	if err != nil {
		return PackageInput{}, err
	}
	_, letter, err := s.keys(ctx, o.grant, o.item, o.agency)
	if err != nil {
		return PackageInput{}, err
	}
	in := PackageInput{
		Item: it, Form: o.form, By: o.agency, Export: o.grant.Index, Made: o.grant.At, Letter: letter,
		Exchange: s.Packaging.Exchange, Names: map[string]string{},
		Say: func(key string, pairs ...any) string { return s.Packaging.Say(lang, key, pairs...) },
	}
	history, err := s.Gate.History(ctx, o.item)
	if err != nil {
		return in, err
	}
	for _, rec := range history {
		if rec.Index > o.grant.Index {
			break // after the export
		}
		receipt, err := s.Gate.Receipt(ctx, rec.Index, names(rec)...)
		if err != nil {
			return in, fmt.Errorf("receipt of entry %d: %w", rec.Index, err)
		}
		in.Receipts = append(in.Receipts, receipt)
		for _, id := range []string{receipt.Entry.Act.Agency, rec.Private(gate.PrivatePerson), receipt.Entry.Act.Public["to"]} {
			if n := s.Packaging.Name(ctx, id); id != "" && n != "" {
				in.Names[id] = n
			}
		}
		if rec.Index == o.grant.Index && s.Packaging.Stamp != nil {
			if in.Timestamp, err = s.Packaging.Stamp(ctx, receipt.Checkpoint); err != nil {
				return in, fmt.Errorf("time stamp: %w", err)
			}
		}
	}
	return in, nil
}

// names lists the private values of a record that are still kept.
func names(r gate.Record) (ns []string) {
	for _, d := range r.Disclosures {
		ns = append(ns, d.Name)
	}
	return ns
}
