package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/problem"
	"porchlight/plate"
	"porchlight/plate/intake"
)

// intakeRoutes are about plate cameras: an agency's registry of them, and what
// they send.
func (s *Server) intakeRoutes() {
	route(s, session, "GET", "/cameras", "cameras", "The plate cameras of the own agency, those in use first, and how they do.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body CameraList }, error) {
			who := principal(ctx)
			if who.Agency == "" || !who.Has(identity.RoleAdmin) && !who.Has(identity.RoleInvestigator) {
				return nil, gate.ErrRole
			}
			all, err := s.Cameras.Statuses(ctx, who.Agency)
			if err != nil {
				return nil, err
			}
			list := CameraList{Cameras: make([]CameraView, len(all))}
			for i, c := range all {
				list.Cameras[i] = cameraView(c)
			}
			return &struct{ Body CameraList }{list}, nil
		})
	route(s, session, "POST", "/cameras", "addCamera", "Add a plate camera to the own agency.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body CameraDraft
		}) (*CameraAct, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			d, err := in.Body.draft()
			if err != nil {
				return nil, err
			}
			return cameraAct(s.Cameras.Add(ctx, by, d))
		})
	route(s, session, "POST", "/cameras/{camera}/change", "changeCamera", "Change what is said of a plate camera, or what it shows: a new key or token takes effect at once.",
		func(ctx context.Context, in *struct {
			ActHeaders
			CameraPath
			Body CameraDraft
		}) (*CameraAct, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			d, err := in.Body.draft()
			if err != nil {
				return nil, err
			}
			return cameraAct(s.Cameras.Change(ctx, by, in.Camera, d))
		})
	route(s, session, "POST", "/cameras/{camera}/remove", "removeCamera", "End the use of a plate camera; what it read stays as long as it may.",
		func(ctx context.Context, in *struct {
			ActHeaders
			CameraPath
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Cameras.Remove(ctx, by, in.Camera)
			return s.acted(ctx)(g, cameraProblem(err))
		})

	s.handle(camera, "POST "+intake.BatchPath, s.taking(func(ctx context.Context, r *http.Request, p intake.Post) (intake.Result, error) {
		p.Camera, p.Signature = r.Header.Get(intake.HeaderCamera), r.Header.Get(intake.HeaderSignature)
		return s.Cameras.TakeBatch(ctx, p)
	}))
	posted := s.taking(func(ctx context.Context, r *http.Request, p intake.Post) (intake.Result, error) {
		p.Token = r.PathValue("token")
		if kind, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && p.Token == "" && (kind == "Bearer" || kind == "Token") {
			p.Token = token
		}
		return s.Cameras.TakePost(ctx, p)
	})
	s.handle(camera, "POST "+intake.PostPath, posted)
	s.handle(camera, "POST "+intake.PostPath+"/{token}", posted) // for programs that can be told an address only
}

// bodyWithin is how long a camera may take to send a body.
const bodyWithin = 30 * time.Second

// taking answers a camera with what came of its body.
func (s *Server) taking(take func(context.Context, *http.Request, intake.Post) (intake.Result, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A connection that cannot have a deadline has one of its own.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyWithin))
		result, err := take(r.Context(), r, intake.Post{Type: r.Header.Get("Content-Type"), Length: r.ContentLength, Body: r.Body})
		var busy *intake.Busy
		if errors.As(err, &busy) {
			w.Header().Set("Retry-After", busy.Seconds())
		}
		if err != nil {
			var p *Problem
			if errors.As(s.problem(r.Context(), cameraProblem(err)), &p) {
				problem.Write(w, p)
			}
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(result)
	})
}

// cameraProblem gives an error of package intake its status; others pass.
func cameraProblem(err error) error {
	var invalid *intake.Invalid
	var busy *intake.Busy
	if errors.As(err, &invalid) {
		return &Problem{Type: problemInvalid, Title: "This camera cannot be kept so", Status: http.StatusUnprocessableEntity, Detail: invalid.Reason}
	}
	if errors.As(err, &busy) {
		status := http.StatusServiceUnavailable
		if busy.Camera {
			status = http.StatusTooManyRequests
		}
		return &Problem{Type: problemUnavailable, Title: "Not now", Status: status, Detail: strings.TrimPrefix(busy.Error(), "intake: ")}
	}
	for _, k := range []struct {
		err    error
		status int
		typ    string
		title  string
	}{
		{intake.ErrCamera, http.StatusUnauthorized, problemCamera, "Which camera is this?"},
		{intake.ErrSignature, http.StatusUnauthorized, problemCamera, "The signature does not verify"},
		{intake.ErrOwner, http.StatusForbidden, problemCamera, "The agency is suspended"},
		{intake.ErrSequence, http.StatusConflict, problemConflict, "This sequence number was used"},
		{intake.ErrTooLarge, http.StatusRequestEntityTooLarge, problemInvalid, "Too large"},
		{intake.ErrTooMany, http.StatusUnprocessableEntity, problemInvalid, "Too many reads"},
		{intake.ErrMalformed, http.StatusUnprocessableEntity, problemInvalid, "The body cannot be read"},
		{intake.ErrNotFound, http.StatusNotFound, problemNotFound, "Not found"},
		{intake.ErrRemoved, http.StatusConflict, problemConflict, "The camera was removed"},
		{intake.ErrCount, http.StatusConflict, problemConflict, "Somebody was quicker"},
	} {
		if errors.Is(err, k.err) {
			return &Problem{Type: k.typ, Title: k.title, Status: k.status, Detail: strings.ReplaceAll(err.Error(), "intake: ", "")}
		}
	}
	return err
}

func cameraAct(g *gate.Grant, c plate.Camera, err error) (*CameraAct, error) {
	if err != nil {
		return nil, cameraProblem(err)
	}
	return &CameraAct{Recorded{g.Index}, cameraView(intake.Status{Camera: c})}, nil
}

// CameraPath names a camera.
type CameraPath struct {
	Camera string `path:"camera" maxLength:"26"`
}

// CameraDraft is what an administrator says of a camera. Tokens are made on her
// device; only their hashes come here.
type CameraDraft struct {
	Name    string  `json:"name" maxLength:"80" doc:"As people call it."`
	Alias   string  `json:"alias,omitempty" maxLength:"64" doc:"As its own program calls it; needed for Frigate, and where cameras share a token."`
	Lon     float64 `json:"lon" doc:"Where it stands, degrees; of a mobile camera, where it is based."`
	Lat     float64 `json:"lat"`
	Heading int     `json:"heading" minimum:"-1" maximum:"359" doc:"It looks at traffic going that way, degrees from north; -1 both or unknown."`
	Mobile  bool    `json:"mobile,omitempty" doc:"Its batches state where it is."`
	Speaks  string  `json:"speaks" enum:"signed,openalpr,platerecognizer,frigate,csv"`
	Key     []byte  `json:"key,omitempty" doc:"Of a camera that signs: its Ed25519 public key, 32 bytes. Left out in a change: as before."`
	Secret  []byte  `json:"secret,omitempty" doc:"Of a camera that shows a token: the token's SHA-256. Left out in a change: as before."`
}

func (d CameraDraft) draft() (intake.Draft, error) {
	at, err := geo.NewPoint(d.Lon, d.Lat)
	if err != nil {
		return intake.Draft{}, cameraProblem(&intake.Invalid{Field: "place", Reason: "The place is not on the map."})
	}
	return intake.Draft{Name: strings.TrimSpace(d.Name), Alias: strings.TrimSpace(d.Alias), Place: at, Heading: d.Heading, Mobile: d.Mobile,
		Speaks: plate.Dialect(d.Speaks), Key: d.Key, Secret: d.Secret}, nil
}

// CameraAct is a camera as an act left it.
type CameraAct struct {
	Recorded
	Body CameraView
}

// CameraList is an agency's cameras.
type CameraList struct {
	Cameras []CameraView `json:"cameras"`
}

// CameraView is a camera and how it does.
type CameraView struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Alias   string     `json:"alias"`
	Lon     float64    `json:"lon"`
	Lat     float64    `json:"lat"`
	Heading int        `json:"heading"`
	Mobile  bool       `json:"mobile"`
	Speaks  string     `json:"speaks" enum:"signed,openalpr,platerecognizer,frigate,csv"`
	Key     []byte     `json:"key,omitempty" doc:"Ed25519 public key of a camera that signs."`
	Removed *time.Time `json:"removed,omitempty"`

	LastSent  *time.Time   `json:"last_sent,omitempty" doc:"When something of it was last taken in."`
	LastRead  *time.Time   `json:"last_read,omitempty" doc:"When its newest read was seen, by its own clock."`
	SkewMS    int64        `json:"skew_ms" doc:"How far its clock is ahead of ours; negative, behind."`
	Today     CameraCounts `json:"today" doc:"Since midnight UTC."`
	Trouble   string       `json:"trouble,omitempty" enum:"too_old,future,malformed,unsigned" doc:"What was last wrong today."`
	Reason    string       `json:"reason,omitempty" doc:"The same in one English sentence."`
	TroubleAt *time.Time   `json:"trouble_at,omitempty"`
}

// CameraCounts tells what came of a camera's reads.
type CameraCounts struct {
	intake.Counts
	Replayed int64 `json:"replayed" doc:"Reads of batches that came again."`
	Unsigned int64 `json:"unsigned" doc:"Batches not signed with its key."`
}

func cameraView(c intake.Status) CameraView {
	lon, lat := c.Place.Degrees()
	return CameraView{
		ID: c.ID, Name: c.Name, Alias: c.Alias, Lon: lon, Lat: lat, Heading: c.Heading, Mobile: c.Mobile, Speaks: string(c.Speaks), Key: c.Key,
		Removed: optional(c.Removed), LastSent: optional(c.LastSent), LastRead: optional(c.LastRead), SkewMS: c.Skew.Milliseconds(),
		Today:   CameraCounts{c.Today, c.Replayed, c.Unsigned},
		Trouble: c.Trouble, Reason: c.Reason, TroubleAt: optional(c.TroubleAt),
	}
}
