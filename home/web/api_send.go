package web

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"porchlight/home"
	"porchlight/home/send"
	"porchlight/share/client"
	"porchlight/web/i18n"
)

// AnswerView is an answer to a request: a draft in the house, on its way, or with
// the agency.
type AnswerView struct {
	ID       string      `json:"id"`
	State    send.State  `json:"state" enum:"draft,sending,stuck,sent"`
	Request  string      `json:"request"`
	Agency   string      `json:"agency"`
	Asks     string      `json:"asks" doc:"What the agency wrote."`
	From     time.Time   `json:"from"`
	To       time.Time   `json:"to"`
	Zone     string      `json:"zone"`
	Made     time.Time   `json:"made"`
	Changed  time.Time   `json:"changed"`
	Clips    []send.Clip `json:"clips"`
	Identity Identity    `json:"identity"`
	Message  string      `json:"message"`
	Consent  Terms       `json:"consent"`
	Covers   bool        `json:"covers" doc:"This computer can find faces and plates."`
	Work     []Work      `json:"work" doc:"What is being done to clips just now."`
	Trouble  string      `json:"trouble" doc:"Of the last try to send."`
	Gone     bool        `json:"gone" doc:"The agency has none of it any more."`
	Progress *Progress   `json:"progress,omitempty"`
	News     *News       `json:"news,omitempty" doc:"Of one that was sent."`
}

// Identity is how the household wants to be known to the agency.
type Identity struct {
	Disclosure client.Disclosure `json:"disclosure" enum:"through-porchlight,email,address"`
	Email      string            `json:"email,omitempty" maxLength:"200"`
	Address    string            `json:"address,omitempty" maxLength:"500"`
}

// Terms are what the household agrees to by sharing, one sentence each, for each
// way to be known.
type Terms struct {
	Porchlight []string `json:"through-porchlight"`
	Email      []string `json:"email"`
	Address    []string `json:"address"`
}

// Work is something that takes time.
type Work struct {
	Clip    string  `json:"clip"`
	Doing   string  `json:"doing" enum:"find,prepare"`
	Part    float64 `json:"part" doc:"0 to 1."`
	Failed  bool    `json:"failed"`
	Trouble string  `json:"trouble"`
}

// Progress is how far a send is.
type Progress struct {
	Clip  int          `json:"clip" doc:"From 0."`
	Stage client.Stage `json:"stage"`
	Part  float64      `json:"part" doc:"0 to 1, of this clip."`
}

// News is what became of an answer.
type News struct {
	Clips    []client.FollowedClip `json:"clips"`
	Letters  []send.Letter         `json:"letters"`
	Receipts []send.Receipt        `json:"receipts"`
	Doubts   []uint64              `json:"doubts" doc:"Entries that the ledger does not prove."`
	Link     string                `json:"link" doc:"Follows it from any browser; whoever has it holds the answer."`
}

// DescribeBody is how the household wants to be known and what it writes.
type DescribeBody struct {
	Identity Identity `json:"identity"`
	Message  string   `json:"message" maxLength:"10000"`
	Language string   `json:"language" enum:"en,es,nl"`
}

// ShareBody agrees to Consent for the previews that were seen.
type ShareBody struct {
	Seen map[string]string `json:"seen" doc:"SHA-256 of each clip's preview, by clip."`
}

// works are what takes time: it goes on when the page that began it is closed.
type works struct {
	mu     sync.Mutex
	all    map[string][]*work // by draft
	under  sync.WaitGroup
	closed bool
}

type work struct {
	Work
	stop context.CancelFunc
}

func (ws *works) of(draft string) []Work {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	out := []Work{}
	for _, w := range ws.all[draft] {
		out = append(out, w.Work)
	}
	return out
}

// begin does f, unless the clip is being worked on; what fails stays until the
// next try.
func (s *Server) begin(ctx context.Context, draft, clip, doing string, f func(ctx context.Context, progress func(float64)) error) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	w := &work{Work{Clip: clip, Doing: doing}, stop}
	ws := &s.works
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.closed || slices.ContainsFunc(ws.all[draft], func(w *work) bool { return w.Clip == clip && !w.Failed }) {
		stop()
		return
	}
	if ws.all == nil {
		ws.all = map[string][]*work{}
	}
	ws.all[draft] = append(slices.DeleteFunc(ws.all[draft], func(w *work) bool { return w.Clip == clip }), w)
	told := time.Now()
	progress := func(part float64) {
		ws.mu.Lock()
		w.Part = part
		tell := time.Since(told) > time.Second/2
		if tell {
			told = time.Now()
		}
		ws.mu.Unlock()
		if tell {
			s.Changed("answers")
		}
	}
	ws.under.Go(func() {
		defer stop()
		err := f(ctx, progress)
		ws.mu.Lock()
		if err == nil || ctx.Err() != nil {
			ws.all[draft] = slices.DeleteFunc(ws.all[draft], func(o *work) bool { return o == w })
		} else {
			w.Failed, w.Trouble = true, s.problem(ctx, err).Detail
		}
		ws.mu.Unlock()
		s.Changed("answers")
	})
}

// Close stops what goes on without a request, and waits until it has.
func (s *Server) Close() {
	ws := &s.works
	ws.mu.Lock()
	ws.closed = true
	for _, all := range ws.all {
		for _, w := range all {
			w.stop()
		}
	}
	ws.mu.Unlock()
	ws.under.Wait()
}

// halt stops what is done to a clip.
func (s *Server) halt(draft, clip string) {
	s.works.mu.Lock()
	defer s.works.mu.Unlock()
	for _, w := range s.works.all[draft] {
		if w.Clip == clip {
			w.stop()
		}
	}
}

func (s *Server) viewAnswer(d send.Draft) AnswerView {
	c := d.Asked.Content
	v := AnswerView{ID: d.ID, State: d.State, Request: c.ID, Agency: d.Asked.AgencyName, Asks: c.Narrative, From: c.From, To: c.To, Zone: c.TimeZone,
		Made: d.Made, Changed: d.Changed, Clips: d.Clips, Identity: Identity(d.Identity), Message: d.Message,
		Consent: Terms{d.Consent(client.ThroughPorchlight), d.Consent(client.ByEmail), d.Consent(client.ByAddress)},
		Covers:  s.Answers.Finders != nil, Work: s.works.of(d.ID), Trouble: d.Trouble, Gone: d.Gone()}
	if p, ok := s.Answers.Progress(d.ID); ok {
		v.Progress = &Progress{p.Clip, p.Stage, p.Part}
	}
	return v
}

func (s *Server) viewFollowed(f send.Followed) AnswerView {
	v := s.viewAnswer(f.Draft)
	v.News = &News{[]client.FollowedClip{}, f.Letters, append([]send.Receipt{}, f.Receipts...), append([]uint64{}, f.Draft.Doubts...), f.Link}
	if f.Draft.News != nil {
		v.News.Clips = f.Draft.News.Clips
	}
	return v
}

type answerOut struct{ Body AnswerView }

// ByClip names a clip of an answer in the path.
type ByClip struct {
	ID   string `path:"id" maxLength:"40"`
	Clip string `path:"clip" maxLength:"40"`
}

func (s *Server) sendRoutes() {
	route(s, paired, http.MethodGet, "/answers", "answers", "Drafts and answers of this house, newest first",
		func(ctx context.Context, _ *struct{}) (*struct{ Body []AnswerView }, error) {
			if s.Answers == nil {
				return &struct{ Body []AnswerView }{[]AnswerView{}}, nil
			}
			all, err := s.Answers.Drafts(ctx)
			views := make([]AnswerView, len(all))
			for i, d := range all {
				views[i] = s.viewAnswer(d)
			}
			return &struct{ Body []AnswerView }{views}, err
		})
	route(s, paired, http.MethodGet, "/answers/{id}", "answer", "One draft or answer, as the house knows it",
		func(ctx context.Context, in *ByID) (*answerOut, error) {
			if s.Answers == nil {
				return nil, errNoExchange
			}
			d, err := s.Answers.Draft(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			if d.State != send.Sent {
				return &answerOut{s.viewAnswer(d)}, nil
			}
			f, err := s.Answers.Known(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return &answerOut{s.viewFollowed(f)}, nil
		})
	route(s, paired, http.MethodPost, "/requests/{id}/answer", "answerRequest", "Begin a draft with the moments worth offering; nothing goes out",
		func(ctx context.Context, in *struct {
			ByID
			Lang string `query:"lang" enum:"en,es,nl" default:"en"`
		}) (*answerOut, error) {
			return s.draft(func() (send.Draft, error) { return s.Answers.New(ctx, in.ID, i18n.Lang(in.Lang)) })
		})
	route(s, paired, http.MethodPost, "/answers/{id}/clips", "addClip", "Add footage to a draft",
		func(ctx context.Context, in *struct {
			ByID
			Body HoldBody
		}) (*answerOut, error) {
			return s.draft(func() (send.Draft, error) { return s.Answers.AddClip(ctx, in.ID, home.Span(in.Body)) })
		})
	route(s, paired, http.MethodPost, "/answers/{id}/clips/{clip}/remove", "removeClip", "Take a clip out of a draft",
		func(ctx context.Context, in *ByClip) (*answerOut, error) {
			s.halt(in.ID, in.Clip)
			return s.draft(func() (send.Draft, error) { return s.Answers.RemoveClip(ctx, in.ID, in.Clip) })
		})
	route(s, paired, http.MethodPost, "/answers/{id}/clips/{clip}/edits", "editClip", "Say what is done to a clip",
		func(ctx context.Context, in *struct {
			ByClip
			Body send.Edits
		}) (*answerOut, error) {
			s.halt(in.ID, in.Clip)
			return s.draft(func() (send.Draft, error) { return s.Answers.SetEdits(ctx, in.ID, in.Clip, in.Body) })
		})
	route(s, paired, http.MethodPost, "/answers/{id}/clips/{clip}/find", "findInClip", "Look for faces and plates to cover; goes on by itself",
		func(ctx context.Context, in *struct {
			ByClip
			Body send.What
		}) (*answerOut, error) {
			return s.draft(func() (send.Draft, error) {
				s.begin(ctx, in.ID, in.Clip, "find", func(ctx context.Context, progress func(float64)) error {
					_, err := s.Answers.Find(ctx, in.ID, in.Clip, in.Body, progress)
					return err
				})
				return s.Answers.Draft(ctx, in.ID)
			})
		})
	route(s, paired, http.MethodPost, "/answers/{id}/clips/{clip}/prepare", "prepareClip", "Make the very file that would be sent; goes on by itself",
		func(ctx context.Context, in *ByClip) (*answerOut, error) {
			return s.draft(func() (send.Draft, error) {
				s.begin(ctx, in.ID, in.Clip, "prepare", func(ctx context.Context, progress func(float64)) error {
					_, err := s.Answers.Prepare(ctx, in.ID, in.Clip, progress)
					return err
				})
				return s.Answers.Draft(ctx, in.ID)
			})
		})
	route(s, paired, http.MethodPost, "/answers/{id}/clips/{clip}/stop", "stopWork", "Stop looking or making",
		func(ctx context.Context, in *ByClip) (*answerOut, error) {
			return s.draft(func() (send.Draft, error) {
				s.halt(in.ID, in.Clip)
				return s.Answers.Draft(ctx, in.ID)
			})
		})
	route(s, paired, http.MethodPost, "/answers/{id}/describe", "describeAnswer", "Say how the household wants to be known",
		func(ctx context.Context, in *struct {
			ByID
			Body DescribeBody
		}) (*answerOut, error) {
			return s.draft(func() (send.Draft, error) {
				return s.Answers.Describe(ctx, in.ID, client.Identity(in.Body.Identity), in.Body.Message, i18n.Lang(in.Body.Language))
			})
		})
	route(s, paired, http.MethodPost, "/answers/{id}/share", "share", "Agree, and send to the agency",
		func(ctx context.Context, in *struct {
			ByID
			Body ShareBody
		}) (*answerOut, error) {
			return s.draft(func() (send.Draft, error) { return s.Answers.Share(ctx, in.ID, in.Body.Seen) })
		})
	route(s, paired, http.MethodPost, "/answers/{id}/retry", "retryShare", "Try to send again, at once",
		func(ctx context.Context, in *ByID) (*answerOut, error) {
			return s.draft(func() (send.Draft, error) {
				if err := s.Answers.Retry(ctx, in.ID); err != nil {
					return send.Draft{}, err
				}
				return s.Answers.Draft(ctx, in.ID)
			})
		})
	route(s, paired, http.MethodPost, "/answers/{id}/discard", "discardAnswer", "Throw a draft away",
		func(ctx context.Context, in *ByID) (*struct{}, error) {
			if s.Answers == nil {
				return nil, errNoExchange
			}
			defer s.Changed("answers")
			return nil, s.Answers.Discard(ctx, in.ID)
		})
	route(s, paired, http.MethodPost, "/answers/{id}/follow", "followAnswer", "Ask the exchange what became of it",
		func(ctx context.Context, in *ByID) (*answerOut, error) {
			return s.followed(func() (send.Followed, error) { return s.Answers.Follow(ctx, in.ID) })
		})
	route(s, paired, http.MethodPost, "/answers/{id}/clips/{clip}/withdraw", "withdrawClip", "Take a clip back from the agency, by its item",
		func(ctx context.Context, in *ByClip) (*answerOut, error) {
			return s.followed(func() (send.Followed, error) { return s.Answers.Withdraw(ctx, in.ID, in.Clip) })
		})
	route(s, paired, http.MethodPost, "/answers/{id}/write", "writeToAgency", "Send the agency a message that only it can open",
		func(ctx context.Context, in *struct {
			ByID
			Body LetterBody
		}) (*answerOut, error) {
			return s.followed(func() (send.Followed, error) { return s.Answers.Write(ctx, in.ID, in.Body.Text) })
		})
	film := func(path func(ctx context.Context, id, clip string) (string, error)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			file, err := path(r.Context(), r.PathValue("id"), r.PathValue("clip"))
			if err != nil {
				s.fail(w, r, err)
				return
			}
			w.Header().Set("Content-Type", "video/mp4")
			http.ServeFile(w, r, file)
		}
	}
	s.handle(paired, "GET /api/v1/answers/{id}/clips/{clip}/film", film(func(ctx context.Context, id, clip string) (string, error) {
		if s.Answers == nil {
			return "", errNoExchange
		}
		return s.Answers.Film(ctx, id, clip)
	}))
	s.handle(paired, "GET /api/v1/answers/{id}/clips/{clip}/preview", film(func(ctx context.Context, id, clip string) (string, error) {
		if s.Answers == nil {
			return "", errNoExchange
		}
		return s.Answers.Preview(ctx, id, clip)
	}))
}

// draft does something to a draft and shows it.
func (s *Server) draft(do func() (send.Draft, error)) (*answerOut, error) {
	if s.Answers == nil {
		return nil, errNoExchange
	}
	d, err := do()
	if err != nil {
		return nil, err
	}
	s.Changed("answers")
	return &answerOut{s.viewAnswer(d)}, nil
}

// followed does something to an answer that was sent and shows it.
func (s *Server) followed(do func() (send.Followed, error)) (*answerOut, error) {
	if s.Answers == nil {
		return nil, errNoExchange
	}
	f, err := do()
	if err != nil {
		return nil, err
	}
	s.Changed("answers")
	return &answerOut{s.viewFollowed(f)}, nil
}
