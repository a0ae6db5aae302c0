package web

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"porchlight/gate"
	"porchlight/internal/problem"
	"porchlight/ledger"
	"porchlight/share"
)

// shareRoutes are the resident's: answer a request, follow what became of it.
func (s *Server) shareRoutes() {
	uploads := &share.Uploads{Intake: s.Intake, Prefix: "/api/v1/uploads", Fail: func(w http.ResponseWriter, r *http.Request, err error) {
		var p *Problem
		if errors.As(s.problem(r.Context(), shareProblem(err)), &p) {
			problem.Write(w, p)
		}
	}}
	s.handle(uploader, "/api/v1/uploads", uploads)
	s.handle(uploader, "/api/v1/uploads/", uploads)

	route(s, anyone, "POST", "/submissions", "beginSubmission", "Open an answer to a request for uploads.",
		func(ctx context.Context, in *struct{ Body SubmissionDraft }) (*struct{}, error) {
			b := in.Body
			err := s.Share.Begin(ctx, share.Draft{ID: b.ID, Request: b.Request, UploadHash: b.UploadHash, OwnerHash: b.OwnerHash,
				Recipient: b.Recipient, Consent: []byte(b.Consent)})
			return nil, shareProblem(err)
		})
	route(s, uploader, "POST", "/submissions/{submission}/clips", "shareClip", "Hand a finished upload to the agency that asked.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Submission string `path:"submission"`
			Token      string `header:"Upload-Token" required:"true" maxLength:"64"`
			Body       ClipHandover
		}) (*SharedOutput, error) {
			commitment, err := commitmentOf(in.Body.Plaintext)
			if err != nil {
				return nil, shareProblem(err)
			}
			done, err := s.Share.Share(ctx, in.resident(), share.Clip{Submission: in.Submission, UploadToken: in.Token,
				Upload: in.Body.Upload, Letter: in.Body.Letter, Plaintext: commitment, Vault: in.Body.Vault})
			if err != nil {
				return nil, shareProblem(err)
			}
			out := &SharedOutput{Recorded: Recorded{done.Index}}
			out.Body.Item, out.Body.Receipt = done.Item, string(done.Receipt.Marshal())
			return out, nil
		})

	route(s, holder, "GET", "/clips", "followClips", "What became of an answer: every act on every clip, and messages.",
		func(ctx context.Context, in *Capability) (*struct{ Body FollowedSubmission }, error) {
			f, err := s.Share.Follow(ctx, in.token())
			if err != nil {
				return nil, shareProblem(err)
			}
			body, err := s.followed(ctx, f)
			return &struct{ Body FollowedSubmission }{body}, err
		})
	route(s, holder, "GET", "/clips/{item}/receipts/{entry}", "clipReceipt", "Prove one act on a clip.",
		func(ctx context.Context, in *struct {
			Capability
			Item  string `path:"item"`
			Entry uint64 `path:"entry"`
		}) (*struct{ Body ReceiptText }, error) {
			r, err := s.Share.Receipt(ctx, in.token(), in.Item, in.Entry)
			if err != nil {
				return nil, shareProblem(err)
			}
			return &struct{ Body ReceiptText }{ReceiptText{string(r.Marshal())}}, nil
		})
	route(s, holder, "POST", "/clips/{item}/withdraw", "withdrawClip", "Take a clip back.",
		func(ctx context.Context, in *struct {
			Capability
			ActHeaders
			Item string `path:"item"`
		}) (*ActOutput, error) {
			return s.acted(ctx)(s.Share.Withdraw(ctx, in.resident(), in.token(), in.Item))
		})
	route(s, holder, "POST", "/clips/relink", "relinkClips", "Replace the follow-up link; the old one stops working.",
		func(ctx context.Context, in *struct {
			Capability
			ActHeaders
			Body NewLink
		}) (*ActOutput, error) {
			resealed := map[string][]byte{}
			for _, m := range in.Body.Messages {
				resealed[m.ID] = m.Sealed
			}
			return s.acted(ctx)(s.Share.Relink(ctx, in.resident(), in.token(), in.Body.OwnerHash, in.Body.Recipient, resealed))
		})
	route(s, holder, "POST", "/clips/messages", "writeToAgency", "Write to the agency, sealed.",
		func(ctx context.Context, in *struct {
			Capability
			ActHeaders
			Body SealedMessage
		}) (*ActOutput, error) {
			return s.acted(ctx)(s.Share.Write(ctx, in.resident(), in.token(), in.Body.Sealed))
		})

	route(s, session, "GET", "/items/{item}/messages", "itemMessages", "The messages between an item's owner and the agency.",
		func(ctx context.Context, in *struct {
			Item string `path:"item"`
		}) (*struct{ Body Correspondence }, error) {
			recipient, ms, err := s.Share.Correspondence(ctx, principal(ctx), in.Item)
			if err != nil {
				return nil, shareProblem(err)
			}
			return &struct{ Body Correspondence }{Correspondence{recipient, messages(ms)}}, nil
		})
	route(s, session, "POST", "/items/{item}/messages", "writeToOwner", "Write to an item's owner, sealed.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Item string `path:"item"`
			Body SealedMessage
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, shareProblem(err)
			}
			return s.acted(ctx)(s.Share.Reply(ctx, by, in.Item, in.Body.Sealed))
		})
}

// shareProblem gives an error of package share its own words; others pass.
func shareProblem(err error) error {
	status := share.Status(err)
	types := map[int]string{404: problemNotFound, 409: problemConflict, 423: problemConflict, 507: problemFull}
	if err == nil || status == http.StatusInternalServerError {
		return err
	}
	p := &Problem{Type: types[status], Title: "This clip or answer cannot be taken", Status: status, Detail: strings.TrimPrefix(err.Error(), "share: ")}
	if p.Type == "" {
		p.Type = problemInvalid
	}
	return p
}

// SubmissionDraft opens an answer. Tokens are made on the device; only hashes come here.
type SubmissionDraft struct {
	ID         string `json:"id" minLength:"26" maxLength:"26" doc:"A ULID in lower case made by the device; repeat it to repeat safely."`
	Request    string `json:"request" maxLength:"26"`
	UploadHash []byte `json:"upload_hash" doc:"SHA-256 of the 32-byte upload token."`
	OwnerHash  []byte `json:"owner_hash" doc:"SHA-256 of the 32-byte capability token."`
	Recipient  string `json:"recipient" maxLength:"80" doc:"Her age X25519 recipient, derived from her link."`
	Consent    string `json:"consent" maxLength:"16384" doc:"JSON: version, language, text (what she read), identity, agency, request. Its exact bytes are hashed into the entry."`
}

// ClipHandover names a finished upload and what goes with it.
type ClipHandover struct {
	Upload    string `json:"upload" maxLength:"26" doc:"The upload's id, the last part of its address."`
	Letter    []byte `json:"letter" doc:"Age file to the vault."`
	Plaintext []byte `json:"plaintext_sha256" doc:"The commitment to the clip's SHA-256; the letter opens it."`
	Vault     string `json:"vault" maxLength:"80" doc:"The age recipient the clip was sealed to."`
}

// SharedOutput is the receipt of a share.
type SharedOutput struct {
	Recorded
	Body struct {
		Item    string `json:"item"`
		Receipt string `json:"receipt"`
	}
}

// ActOutput is the receipt of an act with nothing else to say.
type ActOutput struct {
	Recorded
	Body ReceiptText
}

// ReceiptText is a porchlight-receipt/v1 file.
type ReceiptText struct {
	Receipt string `json:"receipt"`
}

// Capability is the header of everything behind a follow-up link.
type Capability struct {
	Authorization string `header:"Authorization" required:"true" maxLength:"128" doc:"Capability <base64url token>"`
}

func (c Capability) token() string {
	t, ok := strings.CutPrefix(c.Authorization, "Capability ")
	if !ok {
		return ""
	}
	return t
}

// NewLink is the capability that replaces the present one.
type NewLink struct {
	OwnerHash []byte            `json:"owner_hash" doc:"SHA-256 of the new 32-byte capability token."`
	Recipient string            `json:"recipient" maxLength:"80"`
	Messages  []ResealedMessage `json:"messages,omitempty" maxItems:"500" doc:"Her messages, sealed again for the new recipient."`
}

// ResealedMessage is a message sealed again for another recipient.
type ResealedMessage struct {
	ID     string `json:"id" maxLength:"26"`
	Sealed []byte `json:"sealed"`
}

// SealedMessage is an age file to the agency's vault and the owner's recipient.
type SealedMessage struct {
	Sealed []byte `json:"sealed"`
}

// MessageView is one message as the exchange has it: sealed.
type MessageView struct {
	ID        string    `json:"id"`
	FromOwner bool      `json:"from_owner"`
	Sealed    []byte    `json:"sealed"`
	At        time.Time `json:"at"`
	Entry     uint64    `json:"entry"`
}

// Correspondence is what an officer needs to read and write to an owner.
type Correspondence struct {
	Recipient string        `json:"recipient" doc:"The age recipient the owner reads with now."`
	Messages  []MessageView `json:"messages"`
}

// FollowedSubmission is a resident's answer as she follows it.
type FollowedSubmission struct {
	ID       string         `json:"id"`
	Made     time.Time      `json:"made"`
	Request  RequestView    `json:"request"`
	Agency   FollowedAgency `json:"agency"`
	Consent  string         `json:"consent"`
	Clips    []FollowedClip `json:"clips"`
	Messages []MessageView  `json:"messages"`
}

// FollowedAgency is who holds the clips.
type FollowedAgency struct {
	ORI   string `json:"ori"`
	Name  string `json:"name"`
	Vault string `json:"vault" doc:"Age recipient."`
}

// FollowedClip is one clip and every act on it, oldest first.
type FollowedClip struct {
	Item      string          `json:"item"`
	State     string          `json:"state" doc:"pending, accepted, withdrawal-requested, declined, withdrawn or destroyed."`
	Cause     string          `json:"cause,omitempty"`
	Size      int64           `json:"size"`
	SHA256    string          `json:"ciphertext_sha256"`
	Received  time.Time       `json:"received"`
	Category  string          `json:"category,omitempty"`
	DisposeAt *time.Time      `json:"dispose_at,omitempty"`
	Ground    string          `json:"ground,omitempty" doc:"The lawful ground on which a withdrawal was refused."`
	Events    []FollowedEvent `json:"events"`
}

// FollowedEvent is one act on a clip, as its owner may see it.
type FollowedEvent struct {
	Entry   uint64            `json:"entry"`
	At      time.Time         `json:"at"`
	Action  string            `json:"action"`
	Actor   string            `json:"actor" doc:"The role that acted."`
	Agency  string            `json:"agency,omitempty"`
	Outcome string            `json:"outcome" doc:"done, denied or void"`
	Public  map[string]string `json:"public,omitempty"`
	Private map[string]string `json:"private,omitempty" doc:"What the owner is shown of the private values."`
}

func (s *Server) followed(ctx context.Context, f *share.Followed) (FollowedSubmission, error) {
	request, err := s.requestView(ctx, f.Request, false)
	if err != nil {
		return FollowedSubmission{}, err
	}
	out := FollowedSubmission{ID: f.Submission.ID, Made: f.Submission.Made, Request: request, Consent: string(f.Submission.Consent),
		Agency: FollowedAgency{f.Agency.ORI, f.Agency.Name, f.Agency.Vault}, Messages: messages(f.Messages), Clips: []FollowedClip{}}
	for _, it := range f.Items {
		c := FollowedClip{Item: it.ID, State: string(it.State), Cause: string(it.Cause), Size: it.Size, SHA256: it.CiphertextSHA256,
			Received: it.Received, Category: it.Category, Ground: it.Ground, Events: []FollowedEvent{}}
		if !it.DisposeAt.IsZero() {
			c.DisposeAt = &it.DisposeAt
		}
		for _, e := range it.Events {
			v := FollowedEvent{Entry: e.Index, At: e.At, Action: e.Entry.Act.Action, Actor: e.Entry.Act.Actor, Agency: e.Entry.Act.Agency,
				Outcome: e.Outcome, Public: e.Entry.Act.Public, Private: map[string]string{}}
			for _, d := range e.Disclosures {
				v.Private[d.Name] = d.Value
			}
			c.Events = append(c.Events, v)
		}
		out.Clips = append(out.Clips, c)
	}
	return out, nil
}

func messages(ms []share.Message) []MessageView {
	out := []MessageView{}
	for _, m := range ms {
		out = append(out, MessageView{m.ID, m.FromOwner, m.Sealed, m.At, m.Index})
	}
	return out
}

// commitmentOf reads a client-made commitment.
func commitmentOf(b []byte) (c ledger.Commitment, err error) {
	err = c.UnmarshalText([]byte(base64.StdEncoding.EncodeToString(b)))
	if err != nil {
		return c, problem.BadRequest("plaintext_sha256 is not a commitment of 32 bytes")
	}
	return c, nil
}

// acted turns a grant into its receipt.
func (s *Server) acted(ctx context.Context) func(*gate.Grant, error) (*ActOutput, error) {
	return func(g *gate.Grant, err error) (*ActOutput, error) {
		if err != nil {
			return nil, shareProblem(err)
		}
		r, err := s.Gate.Receipt(ctx, g.Index, gate.PrivateAt)
		if err != nil {
			return nil, err
		}
		return &ActOutput{Recorded{g.Index}, ReceiptText{string(r.Marshal())}}, nil
	}
}
