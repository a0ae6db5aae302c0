package client

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"

	"porchlight/canvass"
	"porchlight/gate"
	"porchlight/internal/agekey"
	"porchlight/ledger"
)

// Asked is a request as a device has it: from the feed, or looked up.
type Asked struct {
	Content    canvass.Content `json:"content"`
	Receipt    string          `json:"receipt"` // of the act that published it
	AgencyName string          `json:"agency_name"`
	VaultEntry uint64          `json:"vault_entry"` // of the act that published the agency's vault
}

// FromFeed is a request as the feed has it.
func FromFeed(i canvass.FeedItem) Asked {
	return Asked{i.Request, i.Receipt, i.AgencyName, i.VaultEntry}
}

// Request looks up a request by its id, and so tells the exchange that somebody
// reads it; who has it from the feed need not. ErrUnproved, *Problem.
func (x *Exchange) Request(ctx context.Context, id string) (Asked, error) {
	var r struct {
		canvass.Content
		AgencyName    string  `json:"agency_name"`
		DecisionEntry *uint64 `json:"decision_entry"`
	}
	if err := x.api(ctx, http.MethodGet, "/requests/"+id, nil, nil, &r); err != nil {
		return Asked{}, err
	}
	var agency struct {
		Vault *struct {
			Entry uint64 `json:"entry"`
		} `json:"vault"`
	}
	if err := x.api(ctx, http.MethodGet, "/agencies/"+r.Agency, nil, nil, &agency); err != nil {
		return Asked{}, err
	}
	if agency.Vault == nil {
		return Asked{}, fmt.Errorf("%s has no vault key yet", r.AgencyName)
	}
	if r.DecisionEntry == nil {
		return Asked{}, unproved("the request %s is not published", id)
	}
	asked := Asked{Content: r.Content, AgencyName: r.AgencyName, VaultEntry: agency.Vault.Entry}
	var err error
	if asked.Receipt, err = x.Entry(ctx, *r.DecisionEntry); err != nil {
		return Asked{}, err
	}
	return asked, CheckRequest(asked.Content, asked.Receipt, x.Ledger)
}

// Answer is one answer to one request, from before it is sent until its owner
// forgets it. Her device keeps it, as JSON: Secret is all there is to prove that
// it is hers, and the rest lets a send go on where it was.
type Answer struct {
	ID    string `json:"id"` // of the submission, ULID
	Asked Asked  `json:"asked"`
	Vault string `json:"vault"` // age recipient of the agency, once proved

	Secret []byte `json:"secret"` // 16 bytes, of the follow-up link
	Token  string `json:"token"`  // of its uploads

	Consent  string   `json:"consent"` // JSON, exactly as sent; see Agree
	Identity Identity `json:"identity"`
	Message  string   `json:"message"`
	Clips    []*Clip  `json:"clips"`

	Begun bool `json:"begun"` // the exchange knows of it
}

// Identity is how a resident wants to be known. Only the letter carries it.
type Identity struct {
	Disclosure Disclosure `json:"disclosure"`
	Email      string     `json:"email,omitempty"`
	Address    string     `json:"address,omitempty"`
}

// Clip is one film of an answer and how far it is.
type Clip struct {
	Act      string  `json:"act"`      // id of the act that hands it over
	File     string  `json:"file"`     // the very bytes to be sent; the caller's, and only read
	Filename string  `json:"filename"` // as the agency reads it
	Seconds  float64 `json:"seconds"`
	Edits    Edits   `json:"edits"`
	Salt     []byte  `json:"salt"` // opens the commitment to the film's hash

	// SHA256 is of the film, lower-case hex. When it is set before, nothing but
	// these bytes is sent.
	SHA256 string `json:"sha256"`
	Sealed string `json:"sealed"`      // file of the sealed film
	Size   int64  `json:"sealed_size"` // in bytes
	Cipher string `json:"sealed_sha256"`

	Upload   string `json:"upload"`   // its id; once created
	Uploaded bool   `json:"uploaded"` //
	Item     string `json:"item"`     // once handed over
	Receipt  string `json:"receipt"`  // of submission.share, opening every value that is hers
}

// Edits says what was done to a film, for the agency to know.
type Edits struct {
	Trimmed *Trim `json:"trimmed,omitempty"`
	Muted   bool  `json:"muted,omitempty"`
	Blurred bool  `json:"blurred,omitempty"`
}

// Trim is the part of the original that was kept, in seconds from its start.
type Trim struct {
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

// Letter is what goes sealed to the agency with a clip; docs/architecture.md, Keys.
type Letter struct {
	PlaintextSHA256 string   `json:"plaintext_sha256"`
	PlaintextSalt   string   `json:"plaintext_salt"` // base64
	Filename        string   `json:"filename"`
	Duration        float64  `json:"duration_seconds"`
	Identity        Identity `json:"identity"`
	Message         string   `json:"message"`
	Edits           Edits    `json:"edits"`
}

// maxLetter is the longest sealed letter or message the exchange takes, in bytes.
const maxLetter = 16 << 10

// ErrTooLong: a letter or message is longer than the exchange takes.
var ErrTooLong = errors.New("the message is too long: about 15,000 characters is the most")

// ErrOtherFilm: the film is not the one that its owner saw; nothing was sent.
var ErrOtherFilm = errors.New("the film was changed after it was agreed to")

// NewAnswer begins an answer. Nothing is sent.
func NewAnswer(asked Asked) *Answer {
	a := &Answer{ID: gate.NewActID(), Asked: asked, Secret: make([]byte, 16)}
	rand.Read(a.Secret)
	token := make([]byte, 32)
	rand.Read(token)
	a.Token = base64.RawURLEncoding.EncodeToString(token)
	return a
}

// Add adds a film. The consent must be given after it.
func (a *Answer) Add(file, filename string, seconds float64, edits Edits) {
	salt := ledger.NewSalt()
	a.Clips = append(a.Clips, &Clip{Act: gate.NewActID(), File: file, Filename: filename, Seconds: seconds, Edits: edits, Salt: salt[:]})
	a.Consent = ""
}

// Link is the address of her page, for any browser; whoever has it holds the answer.
func (a *Answer) Link(url string) string {
	return url + "/clip#" + base64.RawURLEncoding.EncodeToString(a.Secret)
}

// Recipient is what the agency writes to her with.
func (a *Answer) Recipient() (*age.X25519Recipient, error) {
	id, err := agekey.Identity(a.Secret, agekey.CapabilityIdentity)
	if err != nil {
		return nil, err
	}
	return id.Recipient(), nil
}

// Capability is the header that shows whose page it is.
func (a *Answer) Capability() (http.Header, error) { return Secret(a.Secret).Capability() }

// Sent reports whether every clip was handed over.
func (a *Answer) Sent() bool {
	return len(a.Clips) > 0 && !slices.ContainsFunc(a.Clips, func(c *Clip) bool { return c.Receipt == "" })
}

// Stage is what a send is at.
type Stage string

const (
	Proving   Stage = "proving"   // the agency's key, in the ledger
	Sealing   Stage = "sealing"   //
	Uploading Stage = "uploading" //
	Recording Stage = "recording" // handing over, until it is in the ledger
)

// Progress is how far a send is.
type Progress struct {
	Clip  int     `json:"clip"` // from 0
	Stage Stage   `json:"stage"`
	Part  float64 `json:"part"` // of this clip, 0 to 1
}

// Sending is what a send needs beside the answer.
type Sending struct {
	Dir      string         // for sealed films; they are removed once handed over
	Keep     func() error   // writes the answer to disk, durably; called after each step
	Progress func(Progress) // may be nil
}

// Send sends an answer from wherever an earlier try got to: proves the agency's
// key, seals, uploads, hands over, checks each receipt. After an error, or a
// crash, it is called again with what Keep kept. Errors: ErrUnproved, *Problem,
// and others that Temporary tells apart; ErrUploadGone does not come out.
func (x *Exchange) Send(ctx context.Context, a *Answer, o Sending) error {
	if a.Consent == "" {
		return errors.New("nothing is sent before its owner agreed")
	}
	tell := func(clip int, s Stage, part float64) {
		if o.Progress != nil {
			o.Progress(Progress{clip, s, part})
		}
	}
	tell(0, Proving, 0)
	if err := x.Begin(ctx, a, o.Keep); err != nil {
		return err
	}
	for i, c := range a.Clips {
		if c.Receipt != "" {
			if err := remove(c.Sealed); err != nil { // of a try that ended before
				return err
			}
			continue
		}
		if err := x.deliver(ctx, a, c, o, func(s Stage, part float64) { tell(i, s, part) }); err != nil {
			return fmt.Errorf("sending %s: %w", c.Filename, err)
		}
	}
	return nil
}

// Begin proves the agency's vault and tells the exchange of the answer; Send does
// it first. ErrUnproved, *Problem.
func (x *Exchange) Begin(ctx context.Context, a *Answer, keep func() error) error {
	if a.Vault == "" {
		if err := CheckRequest(a.Asked.Content, a.Asked.Receipt, x.Ledger); err != nil {
			return err
		}
		vault, err := x.Vault(ctx, a.Asked.Content.Agency, a.Asked.VaultEntry, Evidence)
		if err != nil {
			return fmt.Errorf("checking the key of %s: %w", a.Asked.AgencyName, err)
		}
		a.Vault = vault.String()
		if err := keep(); err != nil {
			return err
		}
	}
	if a.Begun {
		return nil
	}
	if err := x.open(ctx, a); err != nil {
		return err
	}
	return keep()
}

// open tells the exchange of an answer; to repeat it is harmless.
func (x *Exchange) open(ctx context.Context, a *Answer) error {
	recipient, err := a.Recipient()
	if err != nil {
		return err
	}
	token, err := agekey.Stretch(a.Secret, agekey.CapabilityToken)
	if err != nil {
		return err
	}
	upload, err := base64.RawURLEncoding.DecodeString(a.Token)
	if err != nil {
		return err
	}
	uploadHash, ownerHash := sha256.Sum256(upload), sha256.Sum256(token)
	err = x.api(ctx, http.MethodPost, "/submissions", nil, map[string]any{
		"id": a.ID, "request": a.Asked.Content.ID, "upload_hash": uploadHash[:], "owner_hash": ownerHash[:],
		"recipient": recipient.String(), "consent": a.Consent,
	}, nil)
	if err != nil {
		return fmt.Errorf("beginning an answer: %w", err)
	}
	a.Begun = true
	return nil
}

// deliver brings one clip from wherever it is into the agency's hands.
func (x *Exchange) deliver(ctx context.Context, a *Answer, c *Clip, o Sending, tell func(Stage, float64)) error {
	vault, err := age.ParseX25519Recipient(a.Vault)
	if err != nil {
		return err
	}
	for !c.Uploaded {
		if err := c.seal(ctx, vault, o, tell); err != nil {
			return err
		}
		switch err := x.upload(ctx, a, c, o, tell); {
		case errors.Is(err, ErrUploadGone):
			c.Upload = "" // it lay too long; once more from the start
			if err := o.Keep(); err != nil {
				return err
			}
		case err != nil:
			return err
		}
	}
	tell(Recording, 1)
	err = x.handOver(ctx, a, c, vault)
	if p := (*Problem)(nil); errors.As(err, &p) && p.Status == http.StatusConflict {
		// The exchange crashed in the middle and voided the act: another one.
		c.Act = gate.NewActID()
		if err := o.Keep(); err != nil {
			return err
		}
		err = x.handOver(ctx, a, c, vault)
	}
	if err != nil {
		return err
	}
	if err := o.Keep(); err != nil {
		return err
	}
	return remove(c.Sealed)
}

// seal makes the age file of a film, hashing both on the way.
func (c *Clip) seal(ctx context.Context, vault age.Recipient, o Sending, tell func(Stage, float64)) error {
	if c.Sealed != "" {
		if info, err := os.Stat(c.Sealed); err == nil && info.Size() == c.Size {
			return nil
		}
	}
	in, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("the film is gone: %w", err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	name := filepath.Join(o.Dir, c.Act+".age")
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	plain, cipher := sha256.New(), sha256.New()
	w, err := age.Encrypt(io.MultiWriter(out, cipher), vault)
	if err != nil {
		return err
	}
	read := &reading{ctx: ctx, r: io.TeeReader(in, plain), told: func(n int64) { tell(Sealing, float64(n)/float64(max(1, info.Size()))) }}
	if _, err := io.CopyBuffer(w, read, make([]byte, 1<<20)); err != nil {
		return fmt.Errorf("sealing: %w", err)
	}
	if err := errors.Join(w.Close(), out.Sync()); err != nil {
		return fmt.Errorf("sealing: %w", err)
	}
	if c.Size, err = out.Seek(0, io.SeekCurrent); err != nil {
		return err
	}
	hash := hex.EncodeToString(plain.Sum(nil))
	if c.SHA256 != "" && c.SHA256 != hash {
		return errors.Join(ErrOtherFilm, os.Remove(name))
	}
	c.SHA256, c.Cipher, c.Sealed = hash, hex.EncodeToString(cipher.Sum(nil)), name
	c.Upload = "" // other bytes: an upload begun before no longer fits
	return o.Keep()
}

// reading tells how much was read, and ends with its context.
type reading struct {
	ctx  context.Context
	r    io.Reader
	n    int64
	told func(int64)
}

func (r *reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	r.n += int64(n)
	r.told(r.n)
	return n, err
}

func (x *Exchange) upload(ctx context.Context, a *Answer, c *Clip, o Sending, tell func(Stage, float64)) (err error) {
	if c.Upload == "" {
		if c.Upload, err = x.Create(ctx, a.Token, c.Size); err != nil {
			return err
		}
		if err := o.Keep(); err != nil {
			return err
		}
	}
	f, err := os.Open(c.Sealed)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := x.Upload(ctx, a.Token, c.Upload, f, c.Size, func(n int64) { tell(Uploading, float64(n)/float64(c.Size)) }); err != nil {
		return err
	}
	c.Uploaded = true
	return o.Keep()
}

// handOver is the act submission.share; its receipt must say what was sent.
func (x *Exchange) handOver(ctx context.Context, a *Answer, c *Clip, vault age.Recipient) error {
	letter, err := json.Marshal(Letter{
		PlaintextSHA256: c.SHA256, PlaintextSalt: base64.StdEncoding.EncodeToString(c.Salt),
		Filename: c.Filename, Duration: c.Seconds, Identity: a.Identity, Message: a.Message, Edits: c.Edits,
	})
	if err != nil {
		return err
	}
	sealed, err := Seal(letter, vault)
	if err != nil {
		return err
	}
	hash := ledger.Disclosure{Name: "plaintext_sha256", Salt: ledger.Salt(c.Salt), Value: c.SHA256}
	commitment := hash.Commitment()
	var done struct{ Item, Receipt string }
	err = x.api(ctx, http.MethodPost, "/submissions/"+a.ID+"/clips", http.Header{"Porchlight-Act": {c.Act}, "Upload-Token": {a.Token}},
		map[string]any{"upload": c.Upload, "letter": sealed, "plaintext_sha256": commitment[:], "vault": a.Vault}, &done)
	if err != nil {
		return err
	}
	r, err := Permitted(done.Receipt, x.Ledger, "submission.share")
	if err != nil {
		return fmt.Errorf("the clip was taken, but without proof: %w", err)
	}
	opened := map[string]string{}
	for _, d := range r.Disclosures {
		opened[d.Name] = d.Value
	}
	consent := sha256.Sum256([]byte(a.Consent))
	act := r.Entry.Act
	switch {
	case act.ID != c.Act || act.Public["request"] != a.Asked.Content.ID || act.Public["agency"] != a.Asked.Content.Agency:
		err = unproved("entry %d is of another answer", r.Index)
	case act.Private["plaintext_sha256"] != commitment || opened["ciphertext_sha256"] != c.Cipher:
		err = unproved("entry %d is of another film", r.Index)
	case opened["vault"] != a.Vault || opened["consent_sha256"] != hex.EncodeToString(consent[:]) || opened["item"] != done.Item:
		err = unproved("entry %d says other terms", r.Index)
	}
	if err != nil {
		return fmt.Errorf("the clip was taken, but without proof: %w", err)
	}
	// Only her device can open what it committed to.
	r.Disclosures = append(r.Disclosures, hash)
	slices.SortFunc(r.Disclosures, func(a, b ledger.Disclosure) int { return strings.Compare(a.Name, b.Name) })
	c.Item, c.Receipt = done.Item, string(r.Marshal())
	return nil
}

func remove(file string) error {
	if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
