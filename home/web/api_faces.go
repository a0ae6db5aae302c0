package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"image"
	_ "image/jpeg" // what phones take
	_ "image/png"
	"net/http"

	"porchlight/home/faces"
	"porchlight/internal/problem"
	"porchlight/vision"

	"golang.org/x/image/draw"
)

// FacesView is Familiar Faces as the household sees it.
type FacesView struct {
	There   bool               `json:"there" doc:"The networks are on this computer."`
	On      bool               `json:"on"`
	Code    string             `json:"code" doc:"Where the house is: ISO 3166-2 or 3166-1; empty: not said."`
	City    string             `json:"city"`
	Refused *problem.RefusedBy `json:"refused,omitempty" doc:"The law that forbids it there."`
	People  []faces.Person     `json:"people"`
}

// PlaceBody says where the house is.
type PlaceBody struct {
	Code string `json:"code" maxLength:"6" example:"US-CA"`
	City string `json:"city" maxLength:"100"`
}

// PersonBody makes somebody known who agreed to it.
type PersonBody struct {
	Name     string        `json:"name" minLength:"1" maxLength:"60"`
	Consent  faces.Consent `json:"consent"`
	Pictures []string      `json:"pictures" minItems:"1" maxItems:"10" doc:"JPEG or PNG, base64. Looked at once, and not kept."`
}

// PersonMade is somebody the house now knows, with the link that is hers.
type PersonMade struct {
	Person faces.Person `json:"person"`
	Link   string       `json:"link" doc:"Shown once: at it she sees what is kept of her, and can erase it."`
}

// LinkBody is the secret of a person's link.
type LinkBody struct {
	Link string `json:"link" minLength:"10" maxLength:"64"`
}

const (
	maxPicture = 12 << 20 // bytes
	maxSide    = 1600     // pixels, to which pictures are brought
)

// frame reads a picture.
func frame(text string) (vision.Frame, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) > maxPicture {
		return vision.Frame{}, errPicture
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil || c.Width*c.Height > 60e6 {
		return vision.Frame{}, errPicture
	}
	img, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return vision.Frame{}, errPicture
	}
	w, h := c.Width, c.Height
	if long := max(w, h); long > maxSide {
		w, h = max(1, w*maxSide/long), max(1, h*maxSide/long)
	}
	small := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.ApproxBiLinear.Scale(small, small.Bounds(), img, img.Bounds(), draw.Src, nil)
	f := vision.Frame{Pix: make([]byte, 0, 3*w*h), W: w, H: h}
	for i := 0; i < len(small.Pix); i += 4 {
		f.Pix = append(f.Pix, small.Pix[i:i+3]...)
	}
	return f, nil
}

// refusedFaces is the law's refusal as the pages show it.
func refusedFaces(e *faces.RefusedError) *problem.Problem {
	r := e.Law.FamiliarFaces
	return &problem.Problem{Type: problem.Refused, Title: "The law does not allow this here", Status: http.StatusForbidden, Detail: r.Plain,
		Rules: []problem.RefusedBy{lawOf(e)}}
}

func lawOf(e *faces.RefusedError) problem.RefusedBy {
	r := e.Law.FamiliarFaces
	return problem.RefusedBy{ID: e.Law.Place, Citation: r.Citation, Source: r.URL,
		Plain: map[string]string{"en": r.Says("en"), "es": r.Says("es"), "nl": r.Says("nl")}}
}

func (s *Server) facesRoutes() {
	route(s, paired, http.MethodGet, "/faces", "faces", "Familiar Faces: whether it is on, and who is known",
		func(ctx context.Context, _ *struct{}) (*struct{ Body FacesView }, error) {
			v := FacesView{People: []faces.Person{}}
			if s.Faces == nil {
				return &struct{ Body FacesView }{v}, nil
			}
			st, err := s.Faces.Status(ctx)
			if err != nil {
				return nil, err
			}
			v.There, v.On, v.Code, v.City = true, st.On, st.Place.Code, st.Place.City
			if st.Refused != nil {
				law := lawOf(&faces.RefusedError{Law: *st.Refused})
				v.Refused = &law
			}
			v.People, err = s.Faces.People(ctx)
			return &struct{ Body FacesView }{v}, err
		})
	route(s, paired, http.MethodPost, "/faces/place", "setPlace", "Say where the house is; where the law forbids it everybody is forgotten",
		func(ctx context.Context, in *struct{ Body PlaceBody }) (*struct{}, error) {
			return s.face(func() error { return s.Faces.SetPlace(ctx, faces.Place(in.Body)) })
		})
	route(s, paired, http.MethodPost, "/faces/switch", "switchFaces", "Switch Familiar Faces on or off",
		func(ctx context.Context, in *struct{ Body SwitchBody }) (*struct{}, error) {
			return s.face(func() error { return s.Faces.Switch(ctx, in.Body.On) })
		})
	route(s, paired, http.MethodPost, "/faces/{id}/remove", "forgetPerson", "Forget a person: all of it, at once",
		func(ctx context.Context, in *ByID) (*struct{}, error) {
			return s.face(func() error { return s.Faces.Remove(ctx, in.ID) })
		})
	big(s, http.MethodPost, "/faces", "addPerson", "Make somebody known who agreed to it",
		func(ctx context.Context, in *struct{ Body PersonBody }) (*struct{ Body PersonMade }, error) {
			if s.Faces == nil {
				return nil, errNoNets
			}
			var pictures []vision.Frame
			for _, p := range in.Body.Pictures {
				f, err := frame(p)
				if err != nil {
					return nil, err
				}
				pictures = append(pictures, f)
			}
			p, link, err := s.Faces.Add(ctx, in.Body.Name, in.Body.Consent, pictures...)
			if err != nil {
				return nil, err
			}
			s.Changed("faces")
			return &struct{ Body PersonMade }{PersonMade{p, s.at(ctx) + "/me#" + link}}, nil
		})
	route(s, paired, http.MethodPost, "/faces/{id}/link", "newFaceLink", "Replace a person's link; the old one ends",
		func(ctx context.Context, in *ByID) (*struct{ Body LinkBody }, error) {
			if s.Faces == nil {
				return nil, errNoNets
			}
			link, err := s.Faces.NewLink(ctx, in.ID)
			return &struct{ Body LinkBody }{LinkBody{s.at(ctx) + "/me#" + link}}, err
		})
	// A named person needs no paired device: her link is the key.
	route(s, anyone, http.MethodPost, "/me", "whatIsKeptOfMe", "What is kept of the person whose link it is",
		func(ctx context.Context, in *struct{ Body LinkBody }) (*struct{ Body faces.Person }, error) {
			if s.Faces == nil {
				return nil, faces.ErrNotFound
			}
			p, err := s.Faces.ByLink(ctx, in.Body.Link)
			return &struct{ Body faces.Person }{p}, err
		})
	route(s, anyone, http.MethodPost, "/me/erase", "eraseMe", "Erase all of it",
		func(ctx context.Context, in *struct{ Body LinkBody }) (*struct{}, error) {
			if s.Faces == nil {
				return nil, faces.ErrNotFound
			}
			defer s.Changed("faces")
			return nil, s.Faces.EraseByLink(ctx, in.Body.Link)
		})
}

// face changes something of Familiar Faces.
func (s *Server) face(do func() error) (*struct{}, error) {
	if s.Faces == nil {
		return nil, errNoNets
	}
	err := do()
	var refused *faces.RefusedError
	if errors.As(err, &refused) {
		return nil, refusedFaces(refused)
	}
	s.Changed("faces")
	return nil, err
}
