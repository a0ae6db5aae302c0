package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"porchlight/geo"
	"porchlight/home/pets"
	"porchlight/home/register"
)

// PetsView is Search Party as the household sees it.
type PetsView struct {
	There bool       `json:"there" doc:"There is an exchange, and the networks are on this computer."`
	On    bool       `json:"on"`
	Posts []PostView `json:"posts"`
	Runs  []pets.Run `json:"runs" doc:"When this house looked, newest first."`
}

// PostView is a lost animal and the pictures of this house that may show it.
type PostView struct {
	ID         string           `json:"id"`
	Animal     string           `json:"animal"`
	Colours    []string         `json:"colours"`
	Words      string           `json:"words"`
	Seen       time.Time        `json:"seen"`
	Ends       time.Time        `json:"ends"`
	Metres     float64          `json:"metres" doc:"From the nearest camera, by the place as it was rounded."`
	Photos     int              `json:"photos" doc:"None once it is over."`
	Over       bool             `json:"over" doc:"It ended or was closed, and this house sent a picture."`
	Matched    bool             `json:"matched" doc:"It can be looked for."`
	Why        string           `json:"why" doc:"Why not: no-animal, people, no-kind."`
	Candidates []pets.Candidate `json:"candidates"`
}

// SendBody sends a candidate to who posted.
type SendBody struct {
	Rounding geo.Rounding `json:"rounding" doc:"How finely the camera's place is told."`
	Words    string       `json:"words" maxLength:"1000"`
}

// LetterBody is a letter that only its reader and this house can open.
type LetterBody struct {
	Text string `json:"text" minLength:"1" maxLength:"4000"`
}

// TellBody tells an agency of a camera.
type TellBody struct {
	Camera  string           `json:"camera" maxLength:"40"`
	Agency  string           `json:"agency" maxLength:"20" doc:"Its ORI."`
	Details register.Details `json:"details"`
}

func (s *Server) neighborRoutes() {
	route(s, paired, http.MethodGet, "/pets", "pets", "Lost animals near this house, and what may be them",
		func(ctx context.Context, _ *struct{}) (*struct{ Body PetsView }, error) {
			v := PetsView{Posts: []PostView{}, Runs: []pets.Run{}}
			if s.Pets == nil {
				return &struct{ Body PetsView }{v}, nil
			}
			var err error
			v.There = true
			if v.On, err = s.Pets.On(ctx); err != nil {
				return nil, err
			}
			posts, err := s.Pets.Posts(ctx)
			if err != nil {
				return nil, err
			}
			for _, p := range posts {
				view := PostView{ID: p.Content.ID, Animal: string(p.Content.Animal), Words: p.Content.Words, Seen: p.Content.Seen, Ends: p.Ends,
					Metres: p.Metres, Photos: len(p.Content.Photos), Matched: p.Matched, Why: string(p.Why), Over: p.Over, Colours: []string{}}
				if view.Over {
					view.Photos = 0
				}
				for _, c := range p.Content.Colours {
					view.Colours = append(view.Colours, string(c))
				}
				if view.Candidates, err = s.Pets.Candidates(ctx, view.ID); err != nil {
					return nil, err
				}
				v.Posts = append(v.Posts, view)
			}
			v.Runs, err = s.Pets.Runs(ctx, 30)
			return &struct{ Body PetsView }{v}, err
		})
	route(s, paired, http.MethodPost, "/pets/switch", "switchPets", "Look for lost animals, or not",
		func(ctx context.Context, in *struct{ Body SwitchBody }) (*struct{}, error) {
			return s.pet(func() error { return s.Pets.OptIn(ctx, in.Body.On) })
		})
	route(s, paired, http.MethodPost, "/candidates/{id}/dismiss", "dismissCandidate", "It is not that animal; nobody learns",
		func(ctx context.Context, in *ByID) (*struct{}, error) {
			return s.pet(func() error { return s.Pets.Dismiss(ctx, in.ID) })
		})
	route(s, paired, http.MethodPost, "/candidates/{id}/send", "sendCandidate", "Send this picture to who posted, sealed so that only she can open it",
		func(ctx context.Context, in *struct {
			ByID
			Body SendBody
		}) (*struct{}, error) {
			return s.pet(func() error {
				_, err := s.Pets.Send(ctx, in.ID, pets.Say(in.Body))
				return err
			})
		})
	route(s, paired, http.MethodGet, "/candidates/{id}/letters", "candidateLetters", "Letters with who posted, about a picture that was sent; asks the exchange",
		func(ctx context.Context, in *ByID) (*struct{ Body []pets.Reply }, error) {
			if s.Pets == nil {
				return nil, errNoExchange
			}
			all, err := s.Pets.Replies(ctx, in.ID)
			return &struct{ Body []pets.Reply }{all}, err
		})
	route(s, paired, http.MethodPost, "/candidates/{id}/letters", "writeAboutCandidate", "Write to who posted about a picture that was sent, sealed",
		func(ctx context.Context, in *struct {
			ByID
			Body LetterBody
		}) (*struct{}, error) {
			return s.pet(func() error { return s.Pets.Reply(ctx, in.ID, in.Body.Text) })
		})
	s.handle(paired, "GET /api/v1/pets/{id}/photos/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		s.picture(w, r, func() ([]byte, error) {
			if s.Pets == nil || err != nil {
				return nil, pets.ErrNotFound
			}
			return s.Pets.Photo(r.Context(), r.PathValue("id"), n)
		})
	})
	// What would be sent: people around the animal are covered.
	s.handle(paired, "GET /api/v1/candidates/{id}/picture", func(w http.ResponseWriter, r *http.Request) {
		s.picture(w, r, func() ([]byte, error) {
			if s.Pets == nil {
				return nil, pets.ErrNotFound
			}
			return s.Pets.Picture(r.Context(), r.PathValue("id"))
		})
	})

	route(s, paired, http.MethodGet, "/register", "told", "Cameras that agencies were told of",
		func(ctx context.Context, _ *struct{}) (*struct{ Body []register.Told }, error) {
			if s.Register == nil {
				return &struct{ Body []register.Told }{[]register.Told{}}, nil
			}
			all, err := s.Register.All(ctx)
			return &struct{ Body []register.Told }{all}, err
		})
	route(s, paired, http.MethodGet, "/register/agencies", "tellableAgencies", "Agencies that can be told of a camera; asks the exchange",
		func(ctx context.Context, _ *struct{}) (*struct{ Body []register.Agency }, error) {
			if s.Register == nil {
				return nil, errNoExchange
			}
			all, err := s.Register.Agencies(ctx)
			return &struct{ Body []register.Agency }{all}, err
		})
	route(s, paired, http.MethodPost, "/register", "tell", "Tell an agency that a camera exists",
		func(ctx context.Context, in *struct{ Body TellBody }) (*struct{ Body register.Told }, error) {
			if s.Register == nil {
				return nil, errNoExchange
			}
			t, err := s.Register.Tell(ctx, in.Body.Camera, in.Body.Agency, in.Body.Details)
			s.Changed("register")
			return &struct{ Body register.Told }{t}, err
		})
	route(s, paired, http.MethodGet, "/register/{id}", "looks", "Who looked at a camera that was told; asks the exchange",
		func(ctx context.Context, in *ByID) (*struct{ Body register.Followed }, error) {
			if s.Register == nil {
				return nil, errNoExchange
			}
			f, err := s.Register.Looks(ctx, in.ID)
			return &struct{ Body register.Followed }{f}, err
		})
	route(s, paired, http.MethodPost, "/register/{id}", "changeTold", "Replace what an agency was told of a camera",
		func(ctx context.Context, in *struct {
			ByID
			Body register.Details
		}) (*struct{ Body register.Told }, error) {
			if s.Register == nil {
				return nil, errNoExchange
			}
			defer s.Changed("register")
			t, err := s.Register.Change(ctx, in.ID, in.Body)
			return &struct{ Body register.Told }{t}, err
		})
	route(s, paired, http.MethodPost, "/register/{id}/letters", "writeAboutTold", "Write to an agency about a camera it was told of, sealed",
		func(ctx context.Context, in *struct {
			ByID
			Body LetterBody
		}) (*struct{}, error) {
			if s.Register == nil {
				return nil, errNoExchange
			}
			return nil, s.Register.Write(ctx, in.ID, in.Body.Text)
		})
	route(s, paired, http.MethodPost, "/register/{id}/relink", "relinkTold", "Replace the link to a camera in a register; the old one stops working",
		func(ctx context.Context, in *ByID) (*struct{}, error) {
			if s.Register == nil {
				return nil, errNoExchange
			}
			return nil, s.Register.Relink(ctx, in.ID)
		})
	route(s, paired, http.MethodPost, "/register/{id}/withdraw", "untell", "Take a camera out of an agency's register",
		func(ctx context.Context, in *ByID) (*struct{}, error) {
			if s.Register == nil {
				return nil, errNoExchange
			}
			_, err := s.Register.Withdraw(ctx, in.ID)
			s.Changed("register")
			return nil, err
		})
}

func (s *Server) pet(do func() error) (*struct{}, error) {
	if s.Pets == nil {
		return nil, errNoExchange
	}
	defer s.Changed("pets")
	return nil, do()
}

// picture answers with a JPEG.
func (s *Server) picture(w http.ResponseWriter, r *http.Request, take func() ([]byte, error)) {
	jpeg, err := take()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Cache-Control", "private, max-age=3600")
	w.Write(jpeg)
}
