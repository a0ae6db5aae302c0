package node_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"porchlight/exchange"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/home"
	"porchlight/home/cameras"
	"porchlight/home/node"
	"porchlight/identity"
	"porchlight/internal/streets"
	"porchlight/internal/testworld"
	"porchlight/internal/wake"
	posts "porchlight/pets"
	"porchlight/share/client"
	"porchlight/vision"
	"porchlight/vision/models/modelstest"
	"porchlight/vision/nets"
	"porchlight/web"

	"filippo.io/age"
)

// stage is where a walk has something happen outside its browser: POST to a name
// does it.
func stage(t *testing.T, acts map[string]func(context.Context) error) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		act := acts[strings.TrimPrefix(r.URL.Path, "/")]
		if act == nil {
			http.NotFound(w, r)
		} else if err := act(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// film renders a scene.
func film(t *testing.T, s streets.Scene) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "film.mp4")
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-i", "pipe:0",
		"-c:v", "libx264", "-preset", "ultrafast", "-crf", "16", "-g", "4", "-pix_fmt", "yuv420p", file)
	_, err := s.Into(t.Context(), cmd, time.Time{})
	check(t, err)
	return file
}

// pictures are frames of a scene.
func pictures(t *testing.T, s streets.Scene) (all []vision.Frame) {
	t.Helper()
	check(t, s.Frames(t.Context(), time.Time{}, func(f streets.Frame) error {
		all = append(all, s.RGB(f))
		return nil
	}))
	return all
}

func toJPEG(t *testing.T, f vision.Frame) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, f.W, f.H))
	for i := range f.W * f.H {
		copy(img.Pix[4*i:], f.Pix[3*i:3*i+3])
		img.Pix[4*i+3] = 255
	}
	var b bytes.Buffer
	check(t, jpeg.Encode(&b, img, &jpeg.Options{Quality: 92}))
	return b.Bytes()
}

// TestFacesInABrowser walks Familiar Faces in a house without an exchange, with
// the real networks: switched on, a person who agreed, seen at the door, shown to
// herself, erased, and refused in Illinois.
func TestFacesInABrowser(t *testing.T) {
	models := modelstest.Dir(t)
	caller := streets.Bystander{Height: 1.7, Route: streets.Path(0, -.6, 4.5, 4, .1, 1.7, 8, .1, 1.7),
		Coat: streets.Hex(0x3b5a7c), Trousers: streets.Hex(0x2d2f36), Hair: streets.Hex(0x3a2618), Skin: streets.Hex(0xc9977a)}
	scene := streets.Scene{Seed: 3, Mood: "day", View: streets.Porch, W: 960, H: 540, Rate: 4, Seconds: 8, Cast: []streets.Actor{caller}}
	door := film(t, scene)
	caller.Route = streets.Path(0, .1, 1.7)
	scene.Cast, scene.Rate, scene.Seconds = []streets.Actor{caller}, 1, 1
	picture := filepath.Join(t.TempDir(), "sam.jpg")
	check(t, os.WriteFile(picture, toJPEG(t, pictures(t, scene)[0]), 0o600))

	var told struct {
		sync.Mutex
		bodies []string
	}
	assistant := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		b.ReadFrom(r.Body)
		told.Lock()
		defer told.Unlock()
		told.bodies = append(told.bodies, b.String())
	}))
	t.Cleanup(assistant.Close)

	var n *node.Node
	var camera cameras.Camera
	site, link := house(t, node.Config{Name: "Elm Street 12", Zone: "America/Indiana/Indianapolis", Models: models}, func(made *node.Node) {
		n = made
		place, err := geo.NewPoint(-86.158, 39.768)
		check(t, err)
		camera, err = n.Cameras.Add(t.Context(), home.Camera{Name: "Front door", Place: place, Facing: 90, Angle: 120}, cameras.Source{Kind: home.Import})
		check(t, err)
	})
	walk(t, "faces.mjs", site, link, picture, assistant.URL, stage(t, map[string]func(context.Context) error{
		"ring": func(ctx context.Context) error {
			return n.Record.Import(ctx, camera.ID, door, time.Now().Add(-20*time.Second))
		},
	}))
	told.Lock()
	defer told.Unlock()
	if all := strings.Join(told.bodies, "\n"); !strings.Contains(all, "Sam at Front door") {
		t.Errorf("Home Assistant was told %s", all)
	}
}

// town is an exchange whose clock can be put on.
type town struct {
	*testworld.World
	testworld.Clock
}

// lose posts a dog and has the post let in.
func (w *town) lose(t *testing.T, near geo.Point, photos ...[]byte) (id string, poster client.Secret) {
	t.Helper()
	poster = client.NewSecret()
	hash, recipient, err := poster.Holder()
	check(t, err)
	form := w.X.Pets.Posting.Token()
	w.Sleep(5 * time.Second) // nobody fills in a form sooner
	g, err := w.X.Pets.Post(t.Context(), gate.Caller{Who: identity.Resident(), ActID: gate.NewActID()}, posts.Lost{Form: form, OwnerHash: hash, Recipient: recipient,
		Draft: posts.Draft{Animal: "dog", Place: geo.Half.Of(near), Rounding: geo.Half, Seen: w.Now().Add(-3 * time.Hour), Hours: 24,
			Words: "Biscuit slipped out of the gate. She is shy, and comes for cheese.", Photos: photos}})
	check(t, err)
	_, err = w.Moderator.Act(t.Context(), "/pets/"+g.ActID+"/moderate", web.PetVerdict{Verdict: "approve"}, nil)
	check(t, err)
	check(t, w.X.PetFeed.Build(t.Context()))
	return g.ActID, poster
}

// token is what the exchange knows a holder by.
func token(t *testing.T, s client.Secret) string {
	t.Helper()
	header, err := s.Capability()
	check(t, err)
	return strings.TrimPrefix(header.Get("Authorization"), "Capability ")
}

// TestNeighborsInABrowser walks lost pets, the register of cameras and the privacy
// page, with the real networks, real footage and a real exchange.
func TestNeighborsInABrowser(t *testing.T) {
	models := modelstest.Dir(t)
	w := &town{}
	w.World = testworld.Start(t, func(c *exchange.Config) { c.Now = w.Now })
	place := geo.Point{Lon: -896480000, Lat: 397520000}

	// The dog got away: nobody holds its leash.
	stray := streets.Walker{Dog: true, Height: .01, Route: streets.Path(0, -5, 4.6, 8, 3, 4.6)}
	scene := streets.Scene{Seed: 4, Mood: "day", View: streets.Driveway, W: 640, H: 360, Rate: 4, Seconds: 8, Cast: []streets.Actor{stray}}
	again := scene
	again.Seed = 5
	garden := map[time.Duration]string{2 * time.Hour: film(t, scene), time.Hour: film(t, again)} // by how long ago
	eyes, err := nets.Open(models)
	check(t, err)
	var photo []byte
	for _, f := range pictures(t, scene) {
		things, err := eyes.Objects(f)
		check(t, err)
		if slices.ContainsFunc(things, func(x vision.Thing) bool { return x.Kind == "dog" && x.Box.X > 20 }) {
			photo = toJPEG(t, f)
			break
		}
	}
	check(t, eyes.Close())
	post, poster := w.lose(t, place, photo)

	var n *node.Node
	var camera cameras.Camera
	c := node.Config{Name: "Elm Street 12", Zone: "America/Chicago", Models: models, Exchange: node.Exchange{URL: w.URL, LedgerKey: w.LogKey}}
	site, link := house(t, c, func(made *node.Node) {
		n = made
		camera, err = n.Cameras.Add(t.Context(), home.Camera{Name: "Driveway", Place: place, Facing: 90, Angle: 120}, cameras.Source{Kind: home.Import})
		check(t, err)
		for ago, film := range garden {
			check(t, n.Record.Import(t.Context(), camera.ID, film, time.Now().Add(-ago)))
		}
	})
	by := gate.Caller{Who: identity.Resident()}
	walk(t, "near.mjs", site, link, camera.ID, w.Police.Name, w.Sheriff.Name, stage(t, map[string]func(context.Context) error{
		"round": func(ctx context.Context) error {
			// Both films are looked through first.
			seen := wake.NewBell()
			defer n.Watch.Subscribe(seen.Ring)()
			for {
				all, err := n.Watch.Moments(ctx, camera.ID, time.Now().Add(-3*time.Hour), time.Now())
				if err != nil {
					return err
				}
				animals := slices.DeleteFunc(slices.Clone(all), func(m *home.Moment) bool { return !slices.Contains(m.What, home.Animal) })
				if len(animals) >= len(garden) {
					return n.Pets.Round(ctx)
				}
				select {
				case <-seen:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		},
		"thank": func(ctx context.Context) error {
			got, err := w.X.Pets.Follow(ctx, token(t, poster))
			if err != nil || len(got.Sightings) != 1 {
				return errors.Join(err, errors.New("the poster has not one sighting"))
			}
			letter, err := poster.Open(got.Sightings[0].Sealed)
			if err != nil {
				return err
			}
			var seen posts.Seen
			if err := json.Unmarshal(letter, &seen); err != nil || seen.Words != "By the fence." || len(seen.Photo) == 0 || seen.Rounding != "500m" {
				return errors.Join(err, errors.New("the poster reads something else"))
			}
			to, err := age.ParseX25519Recipient(got.Sightings[0].Recipient)
			if err != nil {
				return err
			}
			sealed, err := client.Seal([]byte("Thank you, that is her!"), to)
			if err != nil {
				return err
			}
			by.ActID = gate.NewActID()
			_, err = w.X.Pets.Write(ctx, by, token(t, poster), got.Sightings[0].ID, sealed)
			return err
		},
		"found": func(ctx context.Context) error {
			by.ActID = gate.NewActID()
			_, err := w.X.Pets.Close(ctx, by, token(t, poster), true)
			return errors.Join(err, w.X.PetFeed.Build(ctx), n.Pets.Round(ctx))
		},
		"look": func(ctx context.Context) error {
			var look struct{ Cameras []web.RegisteredCamera }
			_, err := w.Police.Investigator.Act(ctx, "/register/looks", web.RegisterAsk{Case: "26-0007", Incident: "burglary", Note: "A door was forced.",
				Area: web.GeoPolygon{Type: "Polygon", Coordinates: w.Request.Area.Coordinates}}, &look)
			if err == nil && len(look.Cameras) != 1 {
				err = errors.New("the officer does not see the camera")
			}
			return err
		},
	}))
	if runs, err := n.Pets.Runs(t.Context(), 10); err != nil || len(runs) == 0 || runs[len(runs)-1].Post != post {
		t.Errorf("what the house looked for: %+v, %v", runs, err)
	}
}
