package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"porchlight/canvass"
	"porchlight/capability"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/form"
	"porchlight/internal/problem"
	"porchlight/pets"
	"porchlight/register"
)

// registerRoutes are the voluntary camera register: an owner by her link, and
// the officers of the agency she told.
func (s *Server) registerRoutes() {
	route(s, anyone, "GET", "/register/form", "registerForm", "A form to tell of a camera with: good once, after a few seconds.",
		func(context.Context, *struct{}) (*struct{ Body FormToken }, error) {
			return &struct{ Body FormToken }{FormToken{s.Register.Forms.Token()}}, nil
		})
	route(s, anyone, "POST", "/register/cameras", "tellCamera", "Tell one agency that a camera exists. Its id is the act's.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body CameraTelling
		}) (*ActOutput, error) {
			d, err := in.Body.details()
			if err != nil {
				return nil, err
			}
			return s.neighborly(ctx)(s.Register.Tell(ctx, in.resident(), register.Telling{Form: in.Body.Form, Agency: in.Body.Agency,
				OwnerHash: in.Body.OwnerHash, Recipient: in.Body.Recipient, Details: d}))
		})

	route(s, holder, "GET", "/register/camera", "followCamera", "What the register says of her camera, who looked at it, and letters.",
		func(ctx context.Context, in *Capability) (*struct{ Body FollowedCamera }, error) {
			f, err := s.Register.Follow(ctx, in.token())
			if err != nil {
				return nil, neighborProblem(err)
			}
			return &struct{ Body FollowedCamera }{followedCamera(f)}, nil
		})
	route(s, holder, "GET", "/register/camera/receipts/{entry}", "cameraReceipt", "Prove one look at her camera, one letter, or that she told it.",
		func(ctx context.Context, in *struct {
			Capability
			Entry uint64 `path:"entry"`
		}) (*struct{ Body ReceiptText }, error) {
			r, err := s.Register.Receipt(ctx, in.token(), in.Entry)
			if err != nil {
				return nil, neighborProblem(err)
			}
			return &struct{ Body ReceiptText }{ReceiptText{string(r.Marshal())}}, nil
		})
	route(s, holder, "POST", "/register/camera/change", "changeCameraTold", "Replace what the register says of her camera.",
		func(ctx context.Context, in *struct {
			Capability
			ActHeaders
			Body CameraDetails
		}) (*ActOutput, error) {
			d, err := in.Body.details()
			if err != nil {
				return nil, err
			}
			return s.neighborly(ctx)(s.Register.Change(ctx, in.resident(), in.token(), d))
		})
	route(s, holder, "POST", "/register/camera/withdraw", "withdrawCamera", "Take her camera out of the register; it is erased.",
		func(ctx context.Context, in *struct {
			Capability
			ActHeaders
		}) (*ActOutput, error) {
			return s.neighborly(ctx)(s.Register.Withdraw(ctx, in.resident(), in.token()))
		})
	route(s, holder, "POST", "/register/camera/messages", "writeAboutCamera", "Write to the agency she told, sealed.",
		func(ctx context.Context, in *struct {
			Capability
			ActHeaders
			Body SealedMessage
		}) (*ActOutput, error) {
			return s.neighborly(ctx)(s.Register.Write(ctx, in.resident(), in.token(), in.Body.Sealed))
		})

	route(s, holder, "POST", "/register/camera/relink", "relinkCamera", "Replace the link to her camera; the old one stops working.",
		func(ctx context.Context, in *struct {
			Capability
			ActHeaders
			Body NextLink
		}) (*ActOutput, error) {
			return s.neighborly(ctx)(s.Register.Relink(ctx, in.resident(), in.token(), capability.Next(in.Body)))
		})

	route(s, session, "POST", "/register/looks", "lookAtRegister", "Look which cameras the own agency was told of in a small area, for a case. Their owners see it.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body RegisterAsk
		}) (*RegisterLook, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			area, err := in.Body.Area.polygon()
			if err != nil {
				return nil, fieldProblem("area", err.Error())
			}
			g, cs, err := s.Register.View(ctx, by, register.Ask{Case: in.Body.Case, Incident: canvass.Incident(in.Body.Incident), Note: in.Body.Note, Area: area})
			if err != nil {
				return nil, neighborProblem(err)
			}
			receipt, err := s.Gate.Receipt(ctx, g.Index, gate.PrivateAt, gate.PrivatePerson, gate.PrivateSignature, "case", "note", "area")
			if err != nil {
				return nil, err
			}
			out := &RegisterLook{Recorded: Recorded{g.Index}}
			out.Body.Receipt, out.Body.Cameras = string(receipt.Marshal()), []RegisteredCamera{}
			for _, c := range cs {
				out.Body.Cameras = append(out.Body.Cameras, RegisteredCamera{ID: c.ID, Recipient: c.Recipient, Told: c.Told, Changed: c.Changed, CameraDetails: cameraDetails(c.Details)})
			}
			return out, nil
		})
	route(s, session, "GET", "/register/threads", "registerThreads", "What the own agency and owners wrote to each other about cameras, sealed.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body RegisterThreads }, error) {
			ts, err := s.Register.Threads(ctx, principal(ctx))
			if err != nil {
				return nil, neighborProblem(err)
			}
			out := RegisterThreads{Threads: []RegisterThread{}}
			for _, t := range ts {
				out.Threads = append(out.Threads, RegisterThread{t.Camera, t.Recipient, registerMessages(t.Messages)})
			}
			return &struct{ Body RegisterThreads }{out}, nil
		})
	route(s, session, "POST", "/register/cameras/{camera}/messages", "askCameraOwner", "Ask a camera's owner about a case, sealed.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Camera string `path:"camera" maxLength:"26"`
			Body   CaseMessage
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			return s.neighborly(ctx)(s.Register.Ask(ctx, by, in.Camera, in.Body.Case, in.Body.Sealed))
		})
}

// neighborly turns a grant, or an error of register and pets, into an answer.
func (s *Server) neighborly(ctx context.Context) func(*gate.Grant, error) (*ActOutput, error) {
	return func(g *gate.Grant, err error) (*ActOutput, error) { return s.acted(ctx)(g, neighborProblem(err)) }
}

// neighborProblem names the errors of what neighbors do without an account.
func neighborProblem(err error) error {
	var invalid *register.Invalid
	var unposted *pets.Invalid
	switch {
	case errors.As(err, &unposted):
		return fieldProblem(unposted.Field, upperFirst(unposted.Field+" "+unposted.Problem)+".")
	case errors.As(err, &invalid):
		return fieldProblem(invalid.Field, upperFirst(invalid.Field+" "+invalid.Problem)+".")
	case errors.Is(err, capability.ErrInput):
		return problem.BadRequest(upperFirst(plainError(err)) + ".")
	case errors.Is(err, form.ErrSlow):
		return &Problem{Type: problemUnavailable, Title: "Please wait a little", Status: http.StatusTooManyRequests, Detail: upperFirst(plainError(err)) + "."}
	case errors.Is(err, register.ErrNotFound), errors.Is(err, pets.ErrNotFound):
		return identity.ErrNotFound
	case errors.Is(err, register.ErrChanged), errors.Is(err, register.ErrFull), errors.Is(err, pets.ErrChanged), errors.Is(err, pets.ErrFull):
		return &Problem{Type: problemConflict, Title: "Not possible at this moment", Status: http.StatusConflict, Detail: upperFirst(plainError(err)) + "."}
	}
	return err
}

// FormToken is a form that anybody may send: good once, not at once, and for
// some hours.
type FormToken struct {
	Form string `json:"form" doc:"To send with what is told; good once."`
}

// MapPlace is a place in WGS 84 degrees.
type MapPlace struct {
	Lon float64 `json:"lon" minimum:"-180" maximum:"180"`
	Lat float64 `json:"lat" minimum:"-85" maximum:"85"`
}

func (p MapPlace) point() (geo.Point, error) {
	at, err := geo.NewPoint(p.Lon, p.Lat)
	if err != nil {
		return at, fieldProblem("place", err.Error())
	}
	return at, nil
}

func mapPlace(p geo.Point) MapPlace {
	lon, lat := p.Degrees()
	return MapPlace{lon, lat}
}

// CameraDetails is what an owner tells of her camera.
type CameraDetails struct {
	Place    MapPlace `json:"place" doc:"On the grid that rounding names; her device rounds it."`
	Rounding string   `json:"rounding" enum:"exact,100m,500m" doc:"exact: as given; 100m: to 0.001 degree; 500m: to 0.005 degree."`
	Films    []string `json:"films" minItems:"1" maxItems:"9" enum:"street,sidewalk,entrance,driveway,yard,alley,parking,storefront,other"`
	Note     string   `json:"note,omitempty" maxLength:"800" doc:"In her words, at most 200 characters, one line."`
	Days     int      `json:"days" minimum:"0" maximum:"365" doc:"For how many days it keeps footage; 0: she does not say."`
	Contact  []byte   `json:"contact,omitempty" maxLength:"5464" doc:"Her own contact, an age file to the agency's evidence vault; empty: through Porchlight only."`
	Vault    string   `json:"vault,omitempty" maxLength:"80" doc:"The age recipient contact was sealed to."`
}

func (d CameraDetails) details() (register.Details, error) {
	place, err := d.Place.point()
	if err != nil {
		return register.Details{}, err
	}
	out := register.Details{Place: place, Rounding: geo.Rounding(d.Rounding), Note: d.Note, Days: d.Days, Contact: d.Contact, Vault: d.Vault}
	for _, f := range d.Films {
		out.Films = append(out.Films, register.Films(f))
	}
	return out, nil
}

func cameraDetails(d register.Details) CameraDetails {
	out := CameraDetails{Place: mapPlace(d.Place), Rounding: string(d.Rounding), Films: []string{}, Note: d.Note, Days: d.Days, Contact: d.Contact, Vault: d.Vault}
	for _, f := range d.Films {
		out.Films = append(out.Films, string(f))
	}
	return out
}

// CameraTelling is a new camera as its owner's device sends it.
type CameraTelling struct {
	Form      string `json:"form" maxLength:"64" doc:"Of registerForm."`
	Agency    string `json:"agency" maxLength:"9" doc:"ORI of the one agency that is told."`
	OwnerHash []byte `json:"owner_hash" doc:"SHA-256 of the 32-byte capability token."`
	Recipient string `json:"recipient" maxLength:"80" doc:"Her age X25519 recipient, derived from her link."`
	CameraDetails
}

// FollowedCamera is a camera as its owner follows it.
type FollowedCamera struct {
	ID       string         `json:"id"`
	Agency   FollowedAgency `json:"agency"`
	Told     time.Time      `json:"told" doc:"When it was told."`
	Changed  time.Time      `json:"changed" doc:"When it was last changed."`
	Entry    uint64         `json:"entry" doc:"Of register.tell."`
	Camera   CameraDetails  `json:"camera"`
	Looks    []CameraLook   `json:"looks" doc:"Each time an officer saw it, newest first."`
	Messages []MessageView  `json:"messages"`
	Past     []byte         `json:"past,omitempty" doc:"Of her link, as relinkCamera took it: opens what was sealed to the links before."`
}

// NextLink is a link that takes the place of another.
type NextLink struct {
	Hash      []byte `json:"owner_hash" doc:"SHA-256 of its 32-byte capability token."`
	Recipient string `json:"recipient" maxLength:"80" doc:"Its age X25519 recipient."`
	Past      []byte `json:"past" maxLength:"5464" doc:"Age file to that recipient: a JSON list of the secrets of the links before it, base64url, so that she reads on what was sealed to those."`
}

// CameraLook is one time an officer saw a camera.
type CameraLook struct {
	At       time.Time `json:"at"`
	Role     string    `json:"role"`
	Incident string    `json:"incident" doc:"What it was about."`
	Entry    uint64    `json:"entry" doc:"Of register.view."`
}

func followedCamera(f register.Followed) FollowedCamera {
	out := FollowedCamera{ID: f.Camera.ID, Agency: FollowedAgency{f.Agency.ORI, f.Agency.Name, f.Agency.Vault}, Told: f.Camera.Told, Changed: f.Camera.Changed,
		Entry: f.Camera.Entry, Camera: cameraDetails(f.Camera.Details), Looks: []CameraLook{}, Messages: registerMessages(f.Messages), Past: f.Camera.Past}
	for _, l := range f.Looks {
		out.Looks = append(out.Looks, CameraLook{l.At, l.Role, string(l.Incident), l.Entry})
	}
	return out
}

func registerMessages(ms []register.Message) []MessageView {
	out := []MessageView{}
	for _, m := range ms {
		out = append(out, MessageView{m.ID, m.FromOwner, m.Sealed, m.At, m.Entry})
	}
	return out
}

// RegisterAsk is what an officer wants to look at, and why.
type RegisterAsk struct {
	Case     string     `json:"case" maxLength:"200" doc:"Case number."`
	Incident string     `json:"incident" enum:"arson,assault,burglary,fire,fraud,hate-crime,hit-and-run,homicide,kidnapping,missing-person,package-theft,robbery,sexual-assault,shooting,theft,traffic-crash,vandalism,vehicle-break-in,vehicle-theft" doc:"The owners of the cameras read it."`
	Note     string     `json:"note,omitempty" maxLength:"2000" doc:"What happened, at most 500 characters."`
	Area     GeoPolygon `json:"area"`
}

// RegisterLook answers a look.
type RegisterLook struct {
	Recorded
	Body struct {
		Cameras []RegisteredCamera `json:"cameras"`
		Receipt string             `json:"receipt"`
	}
}

// RegisteredCamera is a camera as an officer of the agency that was told sees it.
type RegisteredCamera struct {
	ID        string    `json:"id"`
	Recipient string    `json:"recipient" doc:"Age recipient to write to its owner with."`
	Told      time.Time `json:"told" doc:"When it was told."`
	Changed   time.Time `json:"changed" doc:"When it was last changed."`
	CameraDetails
}

// RegisterThreads are an agency's letters with the owners of cameras.
type RegisterThreads struct {
	Threads []RegisterThread `json:"threads"`
}

// RegisterThread are the letters about one camera, oldest first.
type RegisterThread struct {
	Camera    string        `json:"camera"`
	Recipient string        `json:"recipient"`
	Messages  []MessageView `json:"messages"`
}

// CaseMessage is a letter about a case: an age file to the owner's recipient and
// the agency's evidence vault.
type CaseMessage struct {
	Case   string `json:"case" maxLength:"200"`
	Sealed []byte `json:"sealed"`
}
