package evidence

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"porchlight/gate"
	"porchlight/ledger"
)

// maxReceipts bounds how many acts a package may tell of.
const maxReceipts = 20_000

// VerifyPackage checks a court package offline: an unpacked bag or the zip it
// came in (fsys is its root or the bag's folder). With an empty v it takes the
// exchange's keys from the package itself and says so.
//
// The report says what is proved and what is not; the error is Report.Err,
// which names the first file that is wrong and how, or says that v cannot be
// used.
func VerifyPackage(fsys fs.FS, v ledger.Verifier) (ledger.Report, error) {
	p := pack{report: ledger.Report{Subject: "package"}}
	if err := p.open(fsys, v); err != nil {
		if bad, ok := errors.AsType[*BagError](err); ok {
			p.refuse("files", "%s.", bad)
			return p.report, p.report.Err()
		}
		return p.report, err
	}
	p.receipts()
	p.acts()
	p.clip()
	p.consent()
	p.tables()
	p.stamp()
	p.prove("files", "All %d files are exactly those the package lists, each with its SHA-256.", len(p.sums))
	p.leave("content", "What the video shows, and whether the camera's clock was right.")
	p.leave("sender", "Who the resident is, beyond what she chose to say in her letter to the agency.")
	return p.report, p.report.Err()
}

// pack is a package being checked.
type pack struct {
	report ledger.Report
	bag    fs.FS
	sums   map[string]string // path to hex SHA-256, as checked
	v      ledger.Verifier
	item   itemFile
	rs     []ledger.Receipt // those that verify, in order
	share  *ledger.Receipt
	export *ledger.Receipt
}

func (p *pack) prove(what, format string, args ...any) {
	p.report.Add(ledger.Proved, what, format, args...)
}
func (p *pack) refuse(what, format string, args ...any) {
	p.report.Add(ledger.Refused, what, format, args...)
}

// leave says what stays open: neither proved nor refused.
func (p *pack) leave(what, format string, args ...any) {
	p.report.Add(ledger.NotProved, what, format, args...)
}

// open checks the bag and reads what the rest needs: the item and the keys.
func (p *pack) open(fsys fs.FS, v ledger.Verifier) (err error) {
	if p.bag, err = bagRoot(fsys); err != nil {
		return err
	}
	if p.sums, err = readBag(p.bag); err != nil {
		return err
	}
	data, err := readTag(p.bag, pathItem)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &p.item); err != nil || p.item.ID == "" {
		return bagError(pathItem, "cannot be read as the description of an item")
	}
	if data, err = readTag(p.bag, pathExchange); err != nil {
		return err
	}
	d, err := ledger.ParseDescriptor(data)
	if err != nil {
		return bagError(pathExchange, "%v", err)
	}
	p.v = v
	if v.LogKey == "" {
		p.v = d.Verifier()
		p.leave("key", "That the ledger's key is the exchange's own: it was read from the package. Compare it with one from another source: %s", d.LogKey)
	}
	return nil
}

// receipts checks each receipt by itself and keeps those that hold.
func (p *pack) receipts() {
	names, err := fs.ReadDir(p.bag, strings.TrimSuffix(dirReceipts, "/"))
	if err != nil || len(names) == 0 {
		p.refuse("receipts", "%s holds no receipts.", dirReceipts)
		return
	}
	if len(names) > maxReceipts {
		p.refuse("receipts", "%d receipts, at most %d.", len(names), maxReceipts)
		return
	}
	signed := 0
	for _, n := range names {
		file := dirReceipts + n.Name()
		text, err := readTag(p.bag, file)
		if err != nil {
			p.refuse("receipts", "%v.", err)
			continue
		}
		r, err := ledger.ParseReceipt(text)
		if err != nil {
			p.refuse("receipts", "%s: %v.", file, err)
			continue
		}
		said, err := p.v.Receipt(r)
		if err != nil {
			p.refuse("receipts", "%s: %v.", file, err)
			continue
		}
		if want := receiptPath(r); want != file {
			p.refuse("receipts", "%s: this is the receipt of %s.", file, want)
			continue
		}
		if !slices.Contains(strings.Fields(disclosed(r, gate.PrivateObjects)), p.item.ID) {
			p.refuse("receipts", "%s: the act is not shown to be about item %s.", file, p.item.ID)
			continue
		}
		if slices.ContainsFunc(said.Claims, func(c ledger.Claim) bool { return c.What == "passkey" && c.Status == ledger.Proved }) {
			signed++
		}
		p.rs = append(p.rs, r)
	}
	slices.SortFunc(p.rs, func(a, b ledger.Receipt) int { return cmp.Compare(a.Index, b.Index) })
	if len(p.rs) < len(names) {
		return
	}
	p.prove("receipts", "All %d acts on the item are in the ledger of %s, unchanged; %d were signed with an officer's passkey.",
		len(p.rs), p.item.exchangeName(p.v), signed)
}

func (it itemFile) exchangeName(v ledger.Verifier) string {
	if v.Origin != "" {
		return v.Origin
	}
	name, _, _ := strings.Cut(v.LogKey, "+")
	return name
}

// disclosed is the disclosed private value of that name, "" if there is none.
func disclosed(r ledger.Receipt, name string) string {
	for _, d := range r.Disclosures {
		if d.Name == name {
			return d.Value
		}
	}
	return ""
}

// acts checks the chain: from the share to the export, in order, without a gap.
func (p *pack) acts() {
	for i, r := range p.rs {
		a := r.Entry.Act
		switch {
		case a.Action == "submission.share" && r.Entry.Decision.Permit:
			if p.share != nil {
				p.refuse("chain", "Entries %d and %d both share the item.", p.share.Index, r.Index)
			}
			p.share = &p.rs[i]
		case a.Action == "item.export" && r.Index == p.item.ExportEntry:
			p.export = &p.rs[i]
		}
		if i > 0 {
			if at, before := actTime(r), actTime(p.rs[i-1]); at.Before(before.Add(-clockSlack)) {
				p.refuse("chain", "Entry %d is dated %s, before entry %d of %s.", r.Index, at.Format(time.RFC3339), p.rs[i-1].Index, before.Format(time.RFC3339))
			}
		}
	}
	if p.share == nil {
		p.refuse("chain", "There is no receipt of the resident sharing the item.")
	}
	if p.export == nil || !p.export.Entry.Decision.Permit {
		p.refuse("chain", "There is no receipt of a permitted export at entry %d.", p.item.ExportEntry)
		return
	}
	p.checkpoint()
	want := strings.Fields(disclosed(*p.export, "chain"))
	want = append(want, strconv.FormatUint(p.export.Index, 10))
	var have []string
	for _, r := range p.rs {
		have = append(have, strconv.FormatUint(r.Index, 10))
	}
	for _, index := range want {
		if !slices.Contains(have, index) {
			p.refuse("chain", "The receipt of entry %s is missing: the export names it as an act on this item.", index)
		}
	}
	for _, index := range have {
		if !slices.Contains(want, index) {
			p.refuse("chain", "The receipt of entry %s is not one of the acts that the export names.", index)
		}
	}
	if slices.Equal(have, want) && p.share != nil {
		p.prove("chain", "The custody chain is whole: the %d acts from entry %s to the export, entry %d, are those the ledger committed to when the item was exported by %s.",
			len(have), have[0], p.export.Index, p.export.Entry.Act.Agency)
	}
	p.leave("later", "What happened to the item after entry %d.", p.export.Index)
}

// clockSlack is how far two exchange nodes' clocks may be apart.
const clockSlack = time.Minute

func actTime(r ledger.Receipt) time.Time {
	for _, s := range []string{disclosed(r, gate.PrivateAt), r.Entry.Act.Hour} {
		if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return t
		}
	}
	return time.Time{}
}

// checkpoint reports on the log's state that the export stands in.
func (p *pack) checkpoint() {
	raw, err := readTag(p.bag, pathCheckpoint)
	if err != nil {
		p.refuse("checkpoint", "%v.", err)
		return
	}
	if !bytes.Equal(raw, p.export.Checkpoint) {
		p.refuse("checkpoint", "%s: not the checkpoint of the export's receipt.", pathCheckpoint)
		return
	}
	c, cosigned, err := p.v.Checkpoint(raw)
	if err != nil {
		p.refuse("checkpoint", "%s: %v.", pathCheckpoint, err)
		return
	}
	p.prove("checkpoint", "The ledger signed its state of %d entries, which includes the export.", c.Size)
	if len(cosigned) == 0 {
		p.leave("cosignatures", "That the ledger shows everybody the same history: no known witness cosigned this checkpoint.")
		return
	}
	var names []string
	for _, c := range cosigned {
		names = append(names, c.Witness)
	}
	p.prove("cosignatures", "%d witnesses (%s) saw the same history; %s did at %s.",
		len(names), strings.Join(names, ", "), cosigned[0].Witness, cosigned[0].Time.UTC().Format(time.RFC3339))
}

// clip checks the clip against what its owner's device committed to.
func (p *pack) clip() {
	var clips []string
	for file := range p.sums {
		if ok, _ := path.Match("data/clip.*", file); ok {
			clips = append(clips, file)
		}
	}
	if len(clips) != 1 {
		p.refuse("clip", "The package must hold one clip, data/clip.*, and holds %d.", len(clips))
		return
	}
	if p.share == nil {
		return
	}
	if clips[0] == pathClip {
		p.ciphertext()
		return
	}
	p.plaintext(clips[0])
}

func (p *pack) ciphertext() {
	want := disclosed(*p.share, ShareCiphertext)
	if want == "" {
		p.leave("clip", "That the clip is the one that was shared: its hash is not disclosed in the share's receipt.")
		return
	}
	const sealed = "What the clip shows stays sealed: it is encrypted to the agency's vault."
	if p.sums[pathClip] == want {
		p.prove("clip", "The encrypted clip is byte for byte what the owner's device sent, as committed in entry %d.", p.share.Index)
		p.leave("sealed", sealed)
		return
	}
	sum, err := payloadHash(p.bag)
	if err != nil {
		p.refuse("clip", "%s: %v.", pathClip, err)
		return
	}
	if sum != disclosed(*p.share, SharePayload) {
		p.refuse("clip", "%s: its SHA-256 is %s; the owner's device committed to %s in entry %d.", pathClip, p.sums[pathClip], want, p.share.Index)
		return
	}
	p.prove("clip", "The encrypted video is byte for byte what the owner's device sent, as committed in entry %d; its key was sealed anew for %s.", p.share.Index, p.item.ExportedBy)
	p.leave("sealed", sealed)
}

// payloadHash is the hex SHA-256 of the clip without its header.
func payloadHash(bag fs.FS) (string, error) {
	f, err := bag.Open(pathClip)
	if err != nil {
		return "", err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	if _, err := SplitHeader(r); err != nil {
		return "", err
	}
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// plaintext opens the commitment that the owner's device made to the clip
// before it was encrypted, with the salt from her letter.
func (p *pack) plaintext(file string) {
	data, err := readTag(p.bag, pathOpened)
	if err != nil {
		p.refuse("clip", "%v.", err)
		return
	}
	var letter struct {
		SHA256 string `json:"plaintext_sha256"`
		Salt   string `json:"plaintext_salt"`
	}
	if err := json.Unmarshal(data, &letter); err != nil {
		p.refuse("clip", "%s: not the opened letter: %v.", pathOpened, err)
		return
	}
	salt, err := base64.StdEncoding.Strict().DecodeString(letter.Salt)
	if err != nil || len(salt) != len(ledger.Salt{}) {
		p.refuse("clip", "%s: the salt is not 32 bytes in base64.", pathOpened)
		return
	}
	want, ok := p.share.Entry.Act.Private[SharePlaintext]
	switch {
	case !ok:
		p.leave("clip", "That the decrypted clip is what the owner's device sealed: it committed to no plaintext in entry %d.", p.share.Index)
	case ledger.Commit(SharePlaintext, ledger.Salt(salt), letter.SHA256) != want:
		p.refuse("clip", "%s: its hash and salt do not open the commitment in entry %d.", pathOpened, p.share.Index)
	case p.sums[file] != letter.SHA256:
		p.refuse("clip", "%s: its SHA-256 is %s; the owner's device committed to %s in entry %d.", file, p.sums[file], letter.SHA256, p.share.Index)
	default:
		p.prove("clip", "The decrypted clip is byte for byte what the owner's device sealed, as committed in entry %d.", p.share.Index)
	}
}

// consent checks that the consent is the one the share committed to.
func (p *pack) consent() {
	data, err := readTag(p.bag, pathConsent)
	if err != nil {
		p.refuse("consent", "%v.", err)
		return
	}
	terms, err := Consent(data).Terms()
	if err != nil {
		p.refuse("consent", "%s: %v.", pathConsent, err)
		return
	}
	if text, err := readTag(p.bag, pathConsentTxt); err != nil || string(text) != terms.Text {
		p.refuse("consent", "%s: not the text in %s.", pathConsentTxt, pathConsent)
	}
	if p.share == nil {
		return
	}
	switch want := disclosed(*p.share, ShareConsent); want {
	case "":
		p.leave("consent", "That this is what the owner agreed to: its hash is not disclosed in the share's receipt.")
	case p.sums[pathConsent]:
		p.prove("consent", "The owner agreed to exactly this text, as committed in entry %d.", p.share.Index)
	default:
		p.refuse("consent", "%s: not the consent committed to in entry %d.", pathConsent, p.share.Index)
	}
}

// tables compares the reading aids with the receipts they were made from.
func (p *pack) tables() {
	events := chain(p.rs)
	for file, want := range map[string][]byte{pathCustody: encodeJSON(events), pathCustodyCSV: custodyCSV(events)} {
		if p.sums[file] != fmt.Sprintf("%x", sha256.Sum256(want)) {
			p.refuse("custody", "%s: does not say what the receipts say.", file)
			return
		}
	}
	p.prove("custody", "The custody tables say exactly what the receipts say.")
	if p.share != nil && p.item.CiphertextSHA256 != disclosed(*p.share, ShareCiphertext) {
		p.refuse("item", "%s: the clip's hash is not the one in entry %d.", pathItem, p.share.Index)
	}
	switch p.sums[pathCase] {
	case "":
		p.refuse("case", "%s: missing.", pathCase)
	case fmt.Sprintf("%x", sha256.Sum256(caseFile(p.item, events))):
		p.prove("case", "The CASE/UCO description says what the receipts and item.json say.")
	default:
		p.leave("case", "That the CASE/UCO description agrees with the receipts: another version of Porchlight may have written it.")
	}
	p.leave("summary", "What summary.html and the names in item.json say: they are there to read; the receipts count.")
}

// stamp checks the time stamp, if there is one.
func (p *pack) stamp() {
	if p.sums[pathTimestamp] == "" {
		p.leave("timestamp", "The time by an independent authority: no RFC 3161 time stamp is enclosed.")
		return
	}
	data, err := readTag(p.bag, pathTimestamp)
	if err != nil || p.export == nil {
		p.refuse("timestamp", "%s cannot be checked.", pathTimestamp)
		return
	}
	ts, err := checkStamp(data, p.export.Checkpoint)
	if err != nil {
		p.refuse("timestamp", "%s: %v.", pathTimestamp, err)
		return
	}
	p.prove("timestamp", "The checkpoint existed by %s, stamped by %s.", ts.Time.UTC().Format(time.RFC3339), ts.by)
	p.leave("timestamp-authority", "That this authority is one you trust: check its certificate with openssl ts -verify -data %s -in %s.", pathCheckpoint, pathTimestamp)
}
