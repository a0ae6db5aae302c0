package actor

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"

	"porchlight/gate"
	"porchlight/internal/agekey"
	"porchlight/ledger"
	"porchlight/share"
	"porchlight/web"

	"filippo.io/age"
)

// Footage is a clip to share.
type Footage struct {
	Name    string
	Seconds float64
	Data    []byte
}

// Answer is a resident's answer to a request: what she keeps.
type Answer struct {
	*Client
	Submission string
	Upload     []byte // token of its uploads
	Secret     []byte // of her follow-up link
	Link       string
	Items      []string
	Receipts   []string
	identity   *age.X25519Identity
	vault      *age.X25519Recipient
}

// Letter is what goes sealed to the agency with a clip; docs/architecture.md, Keys.
type Letter struct {
	PlaintextSHA256 string          `json:"plaintext_sha256"`
	PlaintextSalt   string          `json:"plaintext_salt"`
	Filename        string          `json:"filename"`
	Duration        float64         `json:"duration_seconds"`
	Identity        LetterIdentity  `json:"identity"`
	Message         string          `json:"message"`
	Edits           json.RawMessage `json:"edits"`
}

// LetterIdentity is how she wants to be known.
type LetterIdentity struct {
	Disclosure string `json:"disclosure"`
	Email      string `json:"email,omitempty"`
	Address    string `json:"address,omitempty"`
}

// begin opens a submission; it returns the answer and the upload token.
func (c *Client) begin(ctx context.Context, request, identity string) (a *Answer, id string, upload []byte, err error) {
	var asked web.RequestView
	if err := c.Get(ctx, "/requests/"+request, &asked); err != nil {
		return nil, "", nil, err
	}
	var agency web.AgencyView
	if err := c.Get(ctx, "/agencies/"+asked.Agency, &agency); err != nil {
		return nil, "", nil, err
	}
	if agency.Vault == nil {
		return nil, "", nil, fmt.Errorf("%s has no vault key yet", asked.Agency)
	}
	a = &Answer{Client: c, Secret: make([]byte, 16)}
	rand.Read(a.Secret)
	a.Link = c.URL + "/clip#" + base64.RawURLEncoding.EncodeToString(a.Secret)
	if a.vault, err = age.ParseX25519Recipient(agency.Vault.Recipient); err != nil {
		return nil, "", nil, err
	}
	if a.identity, err = agekey.Identity(a.Secret, agekey.CapabilityIdentity); err != nil {
		return nil, "", nil, err
	}
	token, err := agekey.Stretch(a.Secret, agekey.CapabilityToken)
	if err != nil {
		return nil, "", nil, err
	}
	consent, err := json.Marshal(share.Consent{
		Version: "2026-11", Language: "en", Identity: identity, Agency: asked.Agency, Request: request,
		Text: asked.AgencyName + " will hold the clip, and only its custodians can open it. I can take it back.",
	})
	if err != nil {
		return nil, "", nil, err
	}
	id, upload = gate.NewActID(), make([]byte, 32)
	rand.Read(upload)
	a.Submission, a.Upload = id, upload
	uploadHash, ownerHash := sha256.Sum256(upload), sha256.Sum256(token)
	_, err = c.send(ctx, http.MethodPost, "/submissions", nil, web.SubmissionDraft{
		ID: id, Request: request, UploadHash: uploadHash[:], OwnerHash: ownerHash[:],
		Recipient: a.identity.Recipient().String(), Consent: string(consent),
	}, nil)
	return a, id, upload, err
}

// Share answers a request with clips, each sealed to the agency that asked.
func (c *Client) Share(ctx context.Context, request string, clips ...Footage) (*Answer, error) {
	a, id, upload, err := c.begin(ctx, request, "through-porchlight")
	if err != nil {
		return nil, fmt.Errorf("beginning an answer: %w", err)
	}
	token := http.Header{"Upload-Token": {base64.RawURLEncoding.EncodeToString(upload)}}
	for _, clip := range clips {
		sealed, err := Seal(clip.Data, a.vault)
		if err != nil {
			return nil, err
		}
		upload, err := c.upload(ctx, token, bytes.NewReader(sealed), int64(len(sealed)), 8<<20)
		if err != nil {
			return nil, fmt.Errorf("uploading %s: %w", clip.Name, err)
		}
		sum := sha256.Sum256(clip.Data)
		salt := ledger.NewSalt()
		letter, err := json.Marshal(Letter{
			PlaintextSHA256: hex.EncodeToString(sum[:]), PlaintextSalt: base64.StdEncoding.EncodeToString(salt[:]),
			Filename: clip.Name, Duration: clip.Seconds, Identity: LetterIdentity{Disclosure: "through-porchlight"}, Edits: json.RawMessage("{}"),
		})
		if err != nil {
			return nil, err
		}
		in := web.ClipHandover{Upload: upload, Vault: a.vault.String()}
		if in.Letter, err = Seal(letter, a.vault); err != nil {
			return nil, err
		}
		commitment := ledger.Commit("plaintext_sha256", salt, hex.EncodeToString(sum[:]))
		in.Plaintext = commitment[:]
		header := token.Clone()
		header.Set("Porchlight-Act", gate.NewActID())
		var done struct{ Item, Receipt string }
		if _, err := c.send(ctx, http.MethodPost, "/submissions/"+id+"/clips", header, in, &done); err != nil {
			return nil, err
		}
		a.Items, a.Receipts = append(a.Items, done.Item), append(a.Receipts, done.Receipt)
	}
	return a, nil
}

// upload sends n bytes of r by tus in pieces and returns the upload's id.
func (c *Client) upload(ctx context.Context, token http.Header, r io.Reader, n, piece int64) (id string, err error) {
	tus := func(method, url string, header map[string]string, body io.Reader, length int64) (http.Header, error) {
		req, err := http.NewRequestWithContext(ctx, method, url, body)
		if err != nil {
			return nil, err
		}
		req.ContentLength = length
		req.Header = token.Clone()
		req.Header.Set("Tus-Resumable", "1.0.0")
		for k, v := range header {
			req.Header.Set(k, v)
		}
		return c.do(req, nil)
	}
	created, err := tus(http.MethodPost, c.URL+"/api/v1/uploads", map[string]string{"Upload-Length": strconv.FormatInt(n, 10)}, nil, 0)
	if err != nil {
		return "", err
	}
	id = path.Base(created.Get("Location"))
	for off := int64(0); off < n; off += piece {
		m := min(piece, n-off)
		if _, err := tus(http.MethodPatch, c.URL+"/api/v1/uploads/"+id, map[string]string{
			"Upload-Offset": strconv.FormatInt(off, 10), "Content-Type": "application/offset+octet-stream",
		}, io.LimitReader(r, m), m); err != nil {
			return "", err
		}
	}
	return id, nil
}

// Capability is the header that shows her link's token.
func (a *Answer) Capability() http.Header {
	token, err := agekey.Stretch(a.Secret, agekey.CapabilityToken)
	if err != nil {
		panic(err) // a secret of 16 bytes
	}
	return http.Header{"Authorization": {"Capability " + base64.RawURLEncoding.EncodeToString(token)}}
}

// Follow reads what became of her clips.
func (a *Answer) Follow(ctx context.Context) (f web.FollowedSubmission, err error) {
	_, err = a.send(ctx, http.MethodGet, "/clips", a.Capability(), nil, &f)
	return f, err
}

// Receipt proves one act on one of her clips.
func (a *Answer) Receipt(ctx context.Context, item string, entry uint64) (string, error) {
	var out web.ReceiptText
	_, err := a.send(ctx, http.MethodGet, fmt.Sprintf("/clips/%s/receipts/%d", item, entry), a.Capability(), nil, &out)
	return out.Receipt, err
}

// Withdraw takes a clip back.
func (a *Answer) Withdraw(ctx context.Context, item string) (receipt string, err error) {
	header := a.Capability()
	header.Set("Porchlight-Act", gate.NewActID())
	var out web.ReceiptText
	_, err = a.send(ctx, http.MethodPost, "/clips/"+item+"/withdraw", header, nil, &out)
	return out.Receipt, err
}

// Write sends the agency a sealed message.
func (a *Answer) Write(ctx context.Context, text string) error {
	sealed, err := Seal([]byte(text), a.vault, a.identity.Recipient())
	if err != nil {
		return err
	}
	header := a.Capability()
	header.Set("Porchlight-Act", gate.NewActID())
	_, err = a.send(ctx, http.MethodPost, "/clips/messages", header, web.SealedMessage{Sealed: sealed}, nil)
	return err
}

// Begin opens a submission for which nothing is shared yet.
func (c *Client) Begin(ctx context.Context, request string) (*Answer, error) {
	a, _, _, err := c.begin(ctx, request, "through-porchlight")
	return a, err
}

// Send uploads n bytes that begin as a clip sealed to the agency does and go on
// with those of r, in pieces. Nobody can open such a clip: it is for measuring.
func (a *Answer) Send(ctx context.Context, r io.Reader, n, piece int64) error {
	header, err := Seal(nil, a.vault)
	if err != nil {
		return err
	}
	token := http.Header{"Upload-Token": {base64.RawURLEncoding.EncodeToString(a.Upload)}}
	_, err = a.upload(ctx, token, io.MultiReader(bytes.NewReader(header), r), n, piece)
	return err
}
