package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"time"

	"porchlight/gate"
	"porchlight/geo"
	client "porchlight/internal/actor"
	"porchlight/internal/streets"
	device "porchlight/share/client"
	"porchlight/web"
)

// forms are what neighbors opened early and send late: a form takes a person some
// seconds.
type forms struct{ pet, camera form }

// openForms opens the forms of neighbors.
func (s *Story) openForms(ctx context.Context) error {
	for path, f := range map[string]*form{"/pets/form": &s.forms.pet, "/register/form": &s.forms.camera} {
		var got web.FormToken
		if err := client.New(s.URL).Get(ctx, path, &got); err != nil {
			return err
		}
		*f = form{got.Form, time.Now()}
	}
	return nil
}

// neighbors plays what residents do among themselves and of their own accord: one
// has lost her dog, one tells the police of his camera, and an officer looks.
func (s *Story) neighbors(ctx context.Context) error {
	x := &device.Exchange{URL: s.URL, Ledger: s.Ledger}
	lost, told := s.Town.onStreet("Cherry Street"), s.Town.onStreet("Sycamore Street")
	photo, err := dogPhoto(ctx)
	if err != nil {
		return err
	}
	at, err := rounded(lost.Door, geo.Hundred)
	if err != nil {
		return err
	}
	pet := web.PetPosting{Form: s.forms.pet.token, Animal: "dog", Colours: []string{"brown"}, Place: at, Rounding: string(geo.Hundred), Seen: s.clock(17, 10).UTC(), Hours: 72,
		Words:  "Biscuit slipped his lead on Cherry Street. He is shy of cars and comes for cheese.",
		Photos: [][]byte{photo}}
	secret := device.NewSecret()
	if pet.OwnerHash, pet.Recipient, err = secret.Holder(); err != nil {
		return err
	}
	if err := s.forms.pet.ripe(ctx); err != nil {
		return err
	}
	post := gate.NewActID()
	if _, err := x.Act(ctx, post, "/pets", "pet.post", nil, pet); err != nil {
		return err
	}
	if _, err := s.Cast.Find("moderator").Act(ctx, "/pets/"+post+"/moderate", web.PetVerdict{Verdict: "approve"}, nil); err != nil {
		return err
	}
	s.followed(lost.Address(), "pet", secret.Link("", "/pets/mine"))

	camera := web.CameraTelling{Form: s.forms.camera.token, Agency: s.Town.Agencies[0].ORI, CameraDetails: web.CameraDetails{
		Rounding: string(geo.Exact), Films: []string{"street", "driveway"}, Days: 14, Note: "Over the garage door; it sees the street as far as the mailbox."}}
	if camera.Place, err = rounded(told.Door, geo.Exact); err != nil {
		return err
	}
	secret = device.NewSecret()
	if camera.OwnerHash, camera.Recipient, err = secret.Holder(); err != nil {
		return err
	}
	if err := s.forms.camera.ripe(ctx); err != nil {
		return err
	}
	if _, err := x.Act(ctx, gate.NewActID(), "/register/cameras", "register.tell", nil, camera); err != nil {
		return err
	}
	s.followed(told.Address(), "camera", secret.Link("", "/camera/mine"))
	d := s.draft()
	var seen struct{ Cameras []web.RegisteredCamera }
	if _, err := s.Cast.Find("investigator-police").Act(ctx, "/register/looks", web.RegisterAsk{Case: d.Case, Incident: d.Incident,
		Note: "Who has a camera towards the street where the cars were searched?", Area: d.Area}, &seen); err != nil {
		return err
	}
	if len(seen.Cameras) != 1 {
		return fmt.Errorf("the register shows %d cameras", len(seen.Cameras))
	}
	return nil
}

// rounded is a place as its owner tells it.
func rounded(at LonLat, by geo.Rounding) (web.MapPlace, error) {
	p, err := geo.NewPoint(at[0], at[1])
	lon, lat := by.Of(p).Degrees()
	return web.MapPlace{Lon: lon, Lat: lat}, err
}

// dogPhoto is a picture of the dog that walks through the town's films, alone: a
// photo with a person in it is not looked for.
func dogPhoto(ctx context.Context) ([]byte, error) {
	w := walks(neighbour, 0, -1.6, 4.5, 1, -.6, 4.5)
	s := streets.Scene{Seed: 3, Mood: "day", W: 1280, H: 720, Rate: 1, Seconds: 1, Cast: []streets.Actor{w}}
	var photo bytes.Buffer
	err := s.Frames(ctx, time.Time{}, func(f streets.Frame) error {
		if len(f.Seen) != 1 {
			return errors.New("the dog is not in the picture")
		}
		who, rgb := f.Seen[0].Box, s.RGB(f)
		metre := float64(who.H) / w.Height
		x, y := float64(who.X+who.W/2)+1.25*metre, float64(who.Y+who.H) // the dog's feet
		part := image.Rect(int(x-.64*metre), int(y-.9*metre), int(x+.8*metre), int(y+.2*metre)).Intersect(image.Rect(0, 0, rgb.W, rgb.H))
		img := image.NewRGBA(part)
		for y := part.Min.Y; y < part.Max.Y; y++ {
			for x := part.Min.X; x < part.Max.X; x++ {
				o := img.PixOffset(x, y)
				copy(img.Pix[o:], rgb.Pix[3*(y*rgb.W+x):][:3])
				img.Pix[o+3] = 255
			}
		}
		return jpeg.Encode(&photo, img, &jpeg.Options{Quality: 88})
	})
	return photo.Bytes(), err
}
