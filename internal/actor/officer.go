package actor

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"porchlight/roster"
	"porchlight/web"

	"filippo.io/age"
)

// Post asks a neighborhood for footage.
func (p *Person) Post(ctx context.Context, d web.RequestDraft) (web.RequestView, error) {
	var out struct{ Request web.RequestView }
	_, err := p.Act(ctx, "/requests", d, &out)
	return out.Request, err
}

// Moderate approves a request.
func (p *Person) Moderate(ctx context.Context, id string) error {
	_, err := p.Act(ctx, "/requests/"+id+"/moderate", web.ModerationVerdict{Verdict: "approve"}, nil)
	return err
}

// View opens a clip of her agency and decrypts it.
func (p *Person) View(ctx context.Context, item, purpose string) (clip []byte, letter Letter, err error) {
	var o web.OpenedItem
	if _, err := p.Act(ctx, "/items/"+item+"/view", web.ViewInput{Purpose: purpose}, &o); err != nil {
		return nil, letter, err
	}
	var payload []byte
	if err := p.Get(ctx, "/views/"+o.Act+"/payload", &payload); err != nil {
		return nil, letter, err
	}
	r, err := age.Decrypt(io.MultiReader(bytes.NewReader(o.Header), bytes.NewReader(payload)), p.vaults...)
	if err != nil {
		return nil, letter, fmt.Errorf("opening the clip: %w", err)
	}
	if clip, err = io.ReadAll(r); err != nil {
		return nil, letter, fmt.Errorf("opening the clip: %w", err)
	}
	if len(o.Letter) > 0 {
		text, err := Open(o.Letter, p.vaults...)
		if err != nil {
			return nil, letter, fmt.Errorf("opening the letter: %w", err)
		}
		if err := json.Unmarshal(text, &letter); err != nil {
			return nil, letter, fmt.Errorf("reading the letter: %w", err)
		}
	}
	return clip, letter, nil
}

// Note adds a note that only her agency reads.
func (p *Person) Note(ctx context.Context, item, text string) error {
	sealed, err := Seal([]byte(text), p.vault[roster.ForEvidence].Recipient())
	if err != nil {
		return err
	}
	_, err = p.Act(ctx, "/items/"+item+"/notes", web.NoteInput{Sealed: sealed}, nil)
	return err
}

// ShareItem hands a clip to a partner agency: the 16-byte file key is sealed to
// the partner's vault, the video is not touched.
func (p *Person) ShareItem(ctx context.Context, item, to, purpose string, expires time.Time, noReshare bool) error {
	var o web.OpenedItem
	if _, err := p.Act(ctx, "/items/"+item+"/view", web.ViewInput{}, &o); err != nil {
		return err
	}
	key, err := age.DecryptHeader(o.Header, p.vaults...)
	if err != nil {
		return fmt.Errorf("opening the clip's header: %w", err)
	}
	var partner web.AgencyView
	if err := p.Get(ctx, "/agencies/"+to, &partner); err != nil {
		return err
	}
	if partner.Vault == nil {
		return fmt.Errorf("%s has no vault key", to)
	}
	recipient, err := age.ParseX25519Recipient(partner.Vault.Recipient)
	if err != nil {
		return err
	}
	header, err := sealKey(key, recipient)
	if err != nil {
		return err
	}
	_, err = p.Act(ctx, "/items/"+item+"/shares", web.ShareInput{
		To: to, Header: header, Purpose: purpose, Expires: expires, NoReshare: noReshare,
	}, nil)
	return err
}

// sealKey makes the age v1 header of a file key for one recipient
// (age-encryption.org/v1, "Header").
func sealKey(key []byte, to *age.X25519Recipient) ([]byte, error) {
	stanzas, err := to.Wrap(key)
	if err != nil {
		return nil, err
	}
	b64 := base64.RawStdEncoding.EncodeToString
	var h bytes.Buffer
	h.WriteString("age-encryption.org/v1\n")
	for _, s := range stanzas {
		fmt.Fprintf(&h, "-> %s %s\n%s\n", s.Type, strings.Join(s.Args, " "), b64(s.Body))
	}
	h.WriteString("---")
	macKey, err := hkdf.Key(sha256.New, key, nil, "header", 32)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, macKey)
	mac.Write(h.Bytes())
	fmt.Fprintf(&h, " %s\n", b64(mac.Sum(nil)))
	return h.Bytes(), nil
}

// Hold keeps a clip from being destroyed; it returns the hold's id.
func (p *Person) Hold(ctx context.Context, item, reason, order string) (string, error) {
	if _, err := p.Act(ctx, "/items/"+item+"/holds", web.HoldInput{Reason: reason, Order: order}, nil); err != nil {
		return "", err
	}
	var d web.ItemDetail
	if err := p.Get(ctx, "/items/"+item, &d); err != nil {
		return "", err
	}
	for _, h := range d.Holds {
		if h.Stands {
			return h.ID, nil
		}
	}
	return "", errors.New("the hold does not stand")
}

// Export writes the court package of a clip, with its ciphertext.
func (p *Person) Export(ctx context.Context, item, purpose string, w io.Writer) error {
	var o web.OpenedItem
	if _, err := p.Act(ctx, "/items/"+item+"/export", web.ExportInput{Form: "ciphertext", Purpose: purpose}, &o); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/api/v1/exports/"+o.Act+"/package?lang=en", nil)
	if err != nil {
		return err
	}
	var zip []byte
	if _, err := p.do(req, &zip); err != nil {
		return err
	}
	_, err = w.Write(zip)
	return err
}

// Pictures opens pictures of reads of one agency, by what led to them, and
// decrypts them.
func (p *Person) Pictures(ctx context.Context, lead web.PictureLead, of ...web.PictureOf) ([][]byte, error) {
	var o web.OpenedPictures
	if _, err := p.Act(ctx, "/plates/pictures/view", web.PicturesView{PictureLead: lead, Pictures: of}, &o); err != nil {
		return nil, err
	}
	var out [][]byte
	for _, sealed := range o.Pictures {
		var payload []byte
		if err := p.Get(ctx, "/plates/pictures/views/"+o.Act+"/"+sealed.Picture, &payload); err != nil {
			return nil, err
		}
		picture, err := Open(append(sealed.Header, payload...), p.vaults...)
		if err != nil {
			return nil, fmt.Errorf("opening a picture: %w", err)
		}
		out = append(out, picture)
	}
	return out, nil
}
