package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"filippo.io/age"

	"porchlight/internal/agekey"
	"porchlight/ledger"
)

// Followed is what became of an answer, as the exchange tells it. What it says
// of acts is a claim until Prove.
type Followed struct {
	ID      string `json:"id"`
	Request struct {
		ID    string `json:"id"`
		State string `json:"state"` // open, resolved, expired
	} `json:"request"`
	Agency struct {
		ORI   string `json:"ori"`
		Name  string `json:"name"`
		Vault string `json:"vault"`
	} `json:"agency"`
	Consent  string         `json:"consent"`
	Clips    []FollowedClip `json:"clips"` // oldest first
	Messages []Message      `json:"messages"`
}

// FollowedClip is one clip and every act on it, oldest first.
type FollowedClip struct {
	Item      string     `json:"item"`
	State     string     `json:"state"` // pending, accepted, withdrawal-requested, declined, withdrawn, destroyed
	Cause     string     `json:"cause"`
	Size      int64      `json:"size"`
	SHA256    string     `json:"ciphertext_sha256"`
	Received  time.Time  `json:"received"`
	Category  string     `json:"category"`
	DisposeAt *time.Time `json:"dispose_at"`
	Ground    string     `json:"ground"` // on which a withdrawal was refused
	Events    []Event    `json:"events"`
}

// Event is one act on a clip as its owner may see it.
type Event struct {
	Entry   uint64            `json:"entry"`
	At      time.Time         `json:"at"`
	Action  string            `json:"action"`
	Actor   string            `json:"actor"`  // the role that acted
	Agency  string            `json:"agency"` // its ORI
	Outcome string            `json:"outcome"`
	Public  map[string]string `json:"public"`
	Private map[string]string `json:"private"` // what she is shown of the private values
}

// Message is one sealed letter between her and the agency; Answer.Read opens it.
type Message struct {
	ID        string    `json:"id"`
	FromOwner bool      `json:"from_owner"`
	Sealed    []byte    `json:"sealed"`
	At        time.Time `json:"at"`
	Entry     uint64    `json:"entry"`
}

// Follow asks what became of an answer.
func (x *Exchange) Follow(ctx context.Context, a *Answer) (f Followed, err error) {
	header, err := a.Capability()
	if err == nil {
		err = x.api(ctx, http.MethodGet, "/clips", header, nil, &f)
	}
	return f, err
}

// Receipt fetches and checks the proof of one act on one of her clips. ErrUnproved.
func (x *Exchange) Receipt(ctx context.Context, a *Answer, item string, entry uint64) (ledger.Receipt, error) {
	header, err := a.Capability()
	if err != nil {
		return ledger.Receipt{}, err
	}
	var out struct{ Receipt string }
	if err := x.api(ctx, http.MethodGet, fmt.Sprintf("/clips/%s/receipts/%d", item, entry), header, nil, &out); err != nil {
		return ledger.Receipt{}, err
	}
	return x.check(out.Receipt, entry)
}

func (x *Exchange) check(receipt string, entry uint64) (ledger.Receipt, error) {
	r, err := ledger.ParseReceipt([]byte(receipt))
	if err != nil {
		return r, unproved("%w", err)
	}
	if _, err := x.Ledger.Receipt(r); err != nil {
		return r, unproved("%w", err)
	}
	if r.Index != entry {
		return r, unproved("the receipt is of entry %d, not %d", r.Index, entry)
	}
	return r, nil
}

// Prove is Receipt for an event as told by Follow: the ledger says the same of
// it, and of her item. ErrUnproved.
func (x *Exchange) Prove(ctx context.Context, a *Answer, item string, e Event) (ledger.Receipt, error) {
	r, err := x.Receipt(ctx, a, item, e.Entry)
	if err != nil {
		return r, err
	}
	opened := map[string]string{}
	for _, d := range r.Disclosures {
		opened[d.Name] = d.Value
	}
	act := r.Entry.Act
	switch {
	case act.Action != e.Action || act.Actor != e.Actor || act.Agency != e.Agency || !maps.Equal(act.Public, e.Public) && len(act.Public)+len(e.Public) > 0,
		r.Entry.Decision.Permit == (e.Outcome == "denied"):
		return r, unproved("entry %d is not what was told", e.Entry)
	case opened["item"] != "" && opened["item"] != item:
		return r, unproved("entry %d is of another clip", e.Entry)
	}
	for name, value := range e.Private {
		if opened[name] != value {
			return r, unproved("entry %d does not show its %s", e.Entry, name)
		}
	}
	return r, nil
}

// Withdraw takes a clip back; act is a fresh id, kept before so that to repeat it
// is harmless. The receipt proves that it was asked. ErrUnproved, *Problem.
func (x *Exchange) Withdraw(ctx context.Context, a *Answer, act, item string) (receipt string, err error) {
	return x.act(ctx, a, act, "/clips/"+item+"/withdraw", "submission.withdraw", nil)
}

// Compose seals a message that only the agency and she can open. No two seals of
// one text are the same bytes, so what is to be repeated is kept sealed. ErrTooLong.
func (a *Answer) Compose(text string) (sealed []byte, err error) {
	vault, err := age.ParseX25519Recipient(a.Vault)
	if err != nil {
		return nil, err
	}
	own, err := a.Recipient()
	if err != nil {
		return nil, err
	}
	return Seal([]byte(text), vault, own)
}

// Write sends the agency a message of Compose; act as with Withdraw. ErrUnproved,
// *Problem.
func (x *Exchange) Write(ctx context.Context, a *Answer, act string, sealed []byte) (receipt string, err error) {
	return x.act(ctx, a, act, "/clips/messages", "message.send", map[string]any{"sealed": sealed})
}

func (x *Exchange) act(ctx context.Context, a *Answer, id, path, action string, in any) (receipt string, err error) {
	return x.Act(ctx, id, path, action, a.Secret, in)
}

// Read opens a message.
func (a *Answer) Read(m Message) (string, error) {
	id, err := agekey.Identity(a.Secret, agekey.CapabilityIdentity)
	if err != nil {
		return "", err
	}
	r, err := age.Decrypt(bytes.NewReader(m.Sealed), id)
	if err != nil {
		return "", fmt.Errorf("this message cannot be opened: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxLetter))
	return string(text), err
}

// Seal makes a letter: a small age file. ErrTooLong.
func Seal(text []byte, to ...age.Recipient) ([]byte, error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if b.Len() > maxLetter {
		return nil, ErrTooLong
	}
	return b.Bytes(), nil
}
