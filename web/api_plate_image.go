package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"porchlight/gate"
	"porchlight/internal/problem"
	"porchlight/plate"
	"porchlight/plate/image"
)

// imageRoutes are the pictures of plate reads: opening them, asking their owner
// for them, handing them on.
func (s *Server) imageRoutes() {
	route(s, session, "POST", "/plates/pictures/view", "viewPictures", "Open pictures of reads of one agency that a search or a hit showed you: their headers now, their payloads for a while.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body PicturesView
		}) (*struct {
			Recorded
			Body OpenedPictures
		}, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			wanted := make([]image.Wanted, len(in.Body.Pictures))
			for i, p := range in.Body.Pictures {
				wanted[i] = p.wanted()
			}
			o, err := s.Images.View(ctx, by, sessionID(ctx), in.Body.lead(), wanted)
			if err != nil {
				return nil, imageProblem(err)
			}
			r, err := s.Gate.Receipt(ctx, o.Grant.Index, gate.PrivateAt)
			if err != nil {
				return nil, err
			}
			out := &struct {
				Recorded
				Body OpenedPictures
			}{Recorded{o.Grant.Index}, OpenedPictures{Act: o.Grant.ActID, At: o.Grant.At, Until: o.Until, Pictures: []OpenedPicture{}, Receipt: string(r.Marshal())}}
			for _, p := range o.Pictures {
				out.Body.Pictures = append(out.Body.Pictures, OpenedPicture{p.ID, p.Header, p.Size})
			}
			return out, nil
		})
	s.handle(session, "GET /api/v1/plates/pictures/views/{act}/{picture}", http.HandlerFunc(s.picturePayload))

	route(s, session, "GET", "/plates/pictures/asks", "pictureAsks", "Pictures that your agency asked others for, and that others ask it for.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body []PictureAsk }, error) {
			asks, err := s.Images.Asks(ctx, principal(ctx))
			if err != nil {
				return nil, imageProblem(err)
			}
			out := make([]PictureAsk, len(asks))
			for i, a := range asks {
				out[i] = PictureAsk{ID: a.ID, PictureOf: PictureOf{a.Picture, a.Read}, Owner: a.Owner, OwnerName: s.agencyName(ctx, a.Owner),
					Asker: a.Asker, AskerName: s.agencyName(ctx, a.Asker), Search: a.Search, At: a.At,
					Shared: optional(a.Shared), Expires: optional(a.Expires), Gone: a.Gone}
			}
			return &struct{ Body []PictureAsk }{out}, nil
		})
	route(s, session, "POST", "/plates/pictures/asks", "askPicture", "Ask the agency whose camera took a picture for it.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body NewPictureAsk
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Images.Ask(ctx, by, in.Body.lead(), in.Body.wanted())
			return s.acted(ctx)(g, imageProblem(err))
		})
	route(s, session, "POST", "/plates/pictures/asks/{ask}/share", "sharePicture", "Hand a picture on to the agency that asked for it, for a while.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Ask  string `path:"ask" maxLength:"26"`
			Body PictureShare
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Images.Share(ctx, by, in.Ask, in.Body.Header, in.Body.Expires)
			return s.acted(ctx)(g, imageProblem(err))
		})
	route(s, session, "GET", "/plates/pictures/keep", "picturesKept", "How long your agency keeps pictures of plate reads.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body PicturesKept }, error) {
			who := principal(ctx)
			if who.Agency == "" {
				return nil, imageProblem(image.ErrNotFound)
			}
			keep, err := s.Images.KeptFor(ctx, who.Agency)
			return &struct{ Body PicturesKept }{PicturesKept{int(keep.Minutes())}}, imageProblem(err)
		})
	route(s, session, "POST", "/plates/pictures/keep", "keepPictures", "Set how long your agency keeps pictures of plate reads.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body PictureKeep
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Images.SetKeep(ctx, by, time.Duration(in.Body.Minutes)*time.Minute)
			return s.acted(ctx)(g, imageProblem(err))
		})
}

// picturePayload serves ciphertext, in ranges, to the session that opened it.
func (s *Server) picturePayload(w http.ResponseWriter, r *http.Request) {
	if _, ok := sessionOf(r.Context()); !ok {
		problem.Write(w, errNotSignedIn)
		return
	}
	body, err := s.Images.Payload(r.Context(), sessionID(r.Context()), r.PathValue("act"), r.PathValue("picture"))
	if err != nil {
		var p *Problem
		if errors.As(s.problem(r.Context(), imageProblem(err)), &p) {
			problem.Write(w, p)
		}
		return
	}
	defer body.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(&rangeWriter{ResponseWriter: w}, r, "", time.Time{}, body)
}

// imageProblem gives an error of package image its own words; others pass.
func imageProblem(err error) error {
	for _, k := range []struct {
		err    error
		status int
		typ    string
		title  string
	}{
		{image.ErrNotFound, 404, problemNotFound, "Not found"},
		{image.ErrClosed, 410, problemConflict, "This view has ended"},
		{image.ErrAsked, 409, problemConflict, "Asked already"},
		{image.ErrInput, 422, problemInvalid, "Something in the request is not right"},
	} {
		if errors.Is(err, k.err) {
			return &Problem{Type: k.typ, Title: k.title, Status: k.status, Detail: strings.TrimPrefix(err.Error(), "image: ")}
		}
	}
	return err
}

// PictureOf is a picture and the read it is of.
type PictureOf struct {
	Picture string   `json:"picture" maxLength:"26"`
	Read    plate.ID `json:"read" doc:"Id of the read."`
}

func (p PictureOf) wanted() image.Wanted { return image.Wanted{Picture: p.Picture, Read: p.Read} }

// PictureLead is what led to a picture: one of these.
type PictureLead struct {
	Search string `json:"search,omitempty" maxLength:"200" doc:"Entry of your search."`
	Hit    string `json:"hit,omitempty" maxLength:"64" doc:"A hit of your agency."`
	Ask    string `json:"ask,omitempty" maxLength:"26" doc:"Another agency's ask, of a picture of yours."`
}

func (l PictureLead) lead() image.Lead { return image.Lead{Search: l.Search, Hit: l.Hit, Ask: l.Ask} }

// PicturesView asks to open pictures of one agency.
type PicturesView struct {
	PictureLead
	Pictures []PictureOf `json:"pictures" minItems:"1" maxItems:"24"`
}

// OpenedPictures are open to this session for a while.
type OpenedPictures struct {
	Act      string          `json:"act" doc:"Names this view: /api/v1/plates/pictures/views/{act}/{picture} gives the payloads."`
	At       time.Time       `json:"at"`
	Until    time.Time       `json:"until"`
	Pictures []OpenedPicture `json:"pictures"`
	Receipt  string          `json:"receipt"`
}

// OpenedPicture is a picture as your browser decrypts it.
type OpenedPicture struct {
	Picture     string `json:"picture"`
	Header      []byte `json:"header" doc:"Age header for your agency's plates vault."`
	PayloadSize int64  `json:"payload_size"`
}

// NewPictureAsk asks for one picture.
type NewPictureAsk struct {
	PictureLead
	PictureOf
}

// PictureAsk is one agency's ask to another.
type PictureAsk struct {
	ID string `json:"id"`
	PictureOf
	Owner     string     `json:"owner" doc:"ORI of the agency whose camera took it."`
	OwnerName string     `json:"owner_name"`
	Asker     string     `json:"asker" doc:"ORI."`
	AskerName string     `json:"asker_name"`
	Search    string     `json:"search" doc:"Entry of the search that led to it."`
	At        time.Time  `json:"at"`
	Shared    *time.Time `json:"shared,omitempty" doc:"Handed on at."`
	Expires   *time.Time `json:"expires,omitempty" doc:"Until when it may be opened."`
	Gone      bool       `json:"gone" doc:"Its retention is over."`
}

// PictureShare answers an ask.
type PictureShare struct {
	Header  []byte    `json:"header" doc:"The picture's file key, sealed to the plates vault of who asked: an age header."`
	Expires time.Time `json:"expires" doc:"At most 30 days ahead."`
}

// PicturesKept is the retention in force.
type PicturesKept struct {
	Minutes int `json:"minutes" doc:"The shorter of what the agency set and how long it keeps reads."`
}

// PictureKeep is a retention.
type PictureKeep struct {
	Minutes int `json:"minutes" minimum:"0" maximum:"5256000" doc:"0: as long as reads."`
}
