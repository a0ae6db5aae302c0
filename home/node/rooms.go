package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"porchlight/home"
	"porchlight/home/ask"
	"porchlight/home/faces"
	"porchlight/home/notify"
	"porchlight/home/pets"
	"porchlight/home/record"
	"porchlight/home/register"
	"porchlight/home/send"
	"porchlight/home/watch"
	"porchlight/share/client"
	"porchlight/vision"
	"porchlight/vision/cover"
	"porchlight/vision/models"
	"porchlight/vision/nets"
	"porchlight/vision/plates"
)

// openEyes opens the networks, if they are there, and what looks with them.
// Without them all that happens is motion, and people draw boxes themselves.
func (n *Node) openEyes(ctx context.Context) error {
	dir := n.Models
	var err error
	if dir == "" {
		dir, err = models.Dir()
	}
	if err == nil {
		n.nets, err = nets.Open(dir)
	}
	var objects vision.Objects
	if err != nil {
		n.nets = nil
		n.Logger.Warn("nobody looks at the footage: run porchlight vision setup", "err", err)
	} else {
		objects = n.nets
		n.finders = sync.OnceValues(func() (cover.Finders, error) {
			reader, err := plates.Open(n.nets)
			if err != nil {
				return cover.Finders{}, err
			}
			return cover.Finders{Faces: n.nets, Plates: plates.Places{Reader: reader}, Objects: n.nets}, nil
		})
	}
	n.Watch, err = watch.Open(ctx, watch.Options{DB: n.db, Footage: n.Record, Cameras: n.Cameras, Objects: objects, Now: n.Now, Logger: n.Logger})
	if err != nil {
		return fmt.Errorf("moments: %w", err)
	}
	if n.nets == nil {
		return nil
	}
	n.Faces, err = faces.Open(ctx, faces.Options{DB: n.db, Cameras: n.Cameras, Nets: n.nets, Notify: n.tellSeen, Forget: n.unname, Now: n.Now, Logger: n.Logger})
	if err != nil {
		return fmt.Errorf("familiar faces: %w", err)
	}
	n.Watch.People = n.Faces
	return nil
}

// openExchange opens what speaks to the exchange.
func (n *Node) openExchange(ctx context.Context) (err error) {
	verifier := n.Exchange.verifier()
	n.Asked, err = ask.Open(ctx, ask.Options{
		DB: n.db, URL: n.Exchange.URL, Ledger: verifier, Cameras: n.everyCamera, Footage: forRequests{n.Record, n.Now}, Moments: n.Watch,
		Notify: n.tellRequest, Changed: func() { n.web.Changed("requests") }, Logger: n.Logger,
	})
	if err != nil {
		return fmt.Errorf("requests: %w", err)
	}
	n.Answers, err = send.Start(ctx, send.Options{
		DB: n.db, Dir: filepath.Join(n.Dir, "answers"), Exchange: &client.Exchange{URL: n.Exchange.URL, Ledger: verifier},
		Requests: n.Asked, Footage: n.Record, Cameras: n.inUse, Finders: n.finders,
		Tell: n.tellAnswer, Changed: func() { n.web.Changed("answers") }, Now: n.Now, Logger: n.Logger,
	})
	if err != nil {
		return fmt.Errorf("answers: %w", err)
	}
	exchange := &client.Exchange{URL: n.Exchange.URL, Ledger: verifier}
	if n.Register, err = register.Open(ctx, register.Options{DB: n.db, Exchange: exchange, Cameras: n.inUse, Now: n.Now,
		Changed: func() { n.web.Changed("register") }, Logger: n.Logger}); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	if n.nets == nil {
		return nil
	}
	n.Pets, err = pets.Open(ctx, pets.Options{DB: n.db, Exchange: exchange, Cameras: n.inUse, Moments: n.Watch, Stills: n.Record,
		Objects: n.nets, Faces: n.nets, Likeness: n.nets, Notify: n.tellPet, Changed: func() { n.web.Changed("pets") }, Logger: n.Logger})
	if err != nil {
		return fmt.Errorf("pets: %w", err)
	}
	return nil
}

// inUse are the cameras that are not removed.
func (n *Node) inUse(ctx context.Context) ([]home.Camera, error) {
	all, err := n.Cameras.List(ctx)
	out := make([]home.Camera, len(all))
	for i, c := range all {
		out[i] = c.Camera
	}
	return out, err
}

// everyCamera are all cameras, also removed ones; see ask.Options.
func (n *Node) everyCamera(ctx context.Context) ([]home.Camera, error) {
	all, err := n.Cameras.All(ctx)
	out := make([]home.Camera, len(all))
	for i, c := range all {
		out[i] = c.Camera
	}
	return out, err
}

// forRequests holds footage on behalf of open requests.
type forRequests struct {
	*record.Recorder
	now func() time.Time
}

const requests = "requests"

// holdRequests is longer than a request is open; what is over is unpinned.
const holdRequests = 60 * 24 * time.Hour

func (f forRequests) Pin(ctx context.Context, span home.Span) error {
	return f.Recorder.Pin(ctx, record.Pin{Span: span, Owner: requests, Until: f.now().Add(holdRequests)})
}

func (f forRequests) Unpin(ctx context.Context, span home.Span) error {
	return f.Recorder.Unpin(ctx, requests, span)
}

// spread is how long a notice about a request may wait, so that when it leaves
// tells a watcher of the line nothing.
const spread = 10 * time.Minute

func (n *Node) tellRequest(ctx context.Context, about ask.Notice) error {
	all, err := n.inUse(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, c := range all {
		if slices.Contains(about.Cameras, c.ID) {
			names = append(names, c.Name)
		}
	}
	return n.Notices.Tell(ctx, notify.Notice{Key: "request/" + about.Request, Topic: notify.Request, N: about.Clips,
		Args: map[string]string{"agency": about.Agency, "cameras": strings.Join(names, ", ")}, Page: "/requests/" + about.Request, Spread: spread})
}

func (n *Node) tellAnswer(ctx context.Context, news send.News) error {
	return n.Notices.Tell(ctx, notify.Notice{Key: "answer/" + news.Key, Topic: notify.Topic(news.Kind),
		Args: map[string]string{"agency": news.Agency}, Page: "/answers/" + news.Draft})
}

// tellSeen tells of somebody the house knows. Only words leave home/faces.
func (n *Node) tellSeen(ctx context.Context, seen faces.Seen) error {
	return n.Notices.Tell(ctx, notify.Notice{Key: fmt.Sprintf("person/%s/%s/%d", seen.Person, seen.Camera, seen.At.Unix()/600), Topic: notify.Person,
		Args: map[string]string{"name": seen.Name, "camera": n.nameOf(ctx, seen.Camera), "time": seen.At.In(n.zone).Format("15:04")}, Page: "/timeline?camera=" + seen.Camera})
}

// unname takes the name of somebody who was removed off moments and notices.
func (n *Node) unname(ctx context.Context, person string) error {
	return errors.Join(n.Watch.Unname(ctx, person), n.Notices.Forget(ctx, "person/"+person+"/"))
}

func (n *Node) tellPet(ctx context.Context, found pets.Notice) error {
	return n.Notices.Tell(ctx, notify.Notice{Key: "pet/" + found.Post, Topic: notify.Pet,
		Args: map[string]string{"animal": found.Animal, "camera": n.nameOf(ctx, found.Camera)}, Page: "/pets", Spread: spread})
}

func (n *Node) nameOf(ctx context.Context, camera string) string {
	c, err := n.Cameras.Get(ctx, camera)
	if err != nil {
		n.Logger.Warn("a camera's name cannot be told", "err", err)
	}
	return c.Name
}
