package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"porchlight/home/ask"
	"porchlight/home/devices"

	"rsc.io/qr"
)

// DeviceView is a paired device.
type DeviceView struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	By    string    `json:"by" doc:"Name of the device that showed its code; empty: the computer itself."`
	Added time.Time `json:"added"`
	Used  time.Time `json:"used" doc:"To the hour."`
	This  bool      `json:"this" doc:"It is the one that asks."`
	Told  bool      `json:"told" doc:"Notices go to it."`
}

// House is what a page needs to know at its start.
type House struct {
	Name    string     `json:"name"`
	Zone    string     `json:"zone" doc:"IANA name of the zone in which days begin."`
	Version string     `json:"version"`
	AtHome  bool       `json:"at_home" doc:"The device is in the house's own network: live view works."`
	Device  DeviceView `json:"device"`
	Rooms   []string   `json:"rooms" doc:"What is set up: watch, ask, faces, pets, register."`
	News    int        `json:"news" doc:"Requests that nobody of the household has looked at."`
}

// PairingCode is shown to let one more device in.
type PairingCode struct {
	Code    string    `json:"code" example:"K3QW-7MZP"`
	Expires time.Time `json:"expires"`
	Link    string    `json:"link" doc:"Opens the pairing page with the code in the fragment."`
	Picture string    `json:"picture" doc:"The link as a QR code: a data URL of an SVG."`
}

// PairBody asks to be let in.
type PairBody struct {
	Code string `json:"code" minLength:"1" maxLength:"40" doc:"As shown; case, spaces and dashes do not matter."`
	Name string `json:"name" minLength:"1" maxLength:"60" doc:"What the household calls this device."`
}

type named struct {
	Name string `json:"name" minLength:"1" maxLength:"60"`
}

func viewDevice(d devices.Device, this string) DeviceView {
	return DeviceView{ID: d.ID, Name: d.Name, By: d.By, Added: d.Added, Used: d.Used, This: d.ID == this}
}

func (s *Server) deviceRoutes() {
	type out struct {
		SetCookie http.Cookie `header:"Set-Cookie"`
		Body      DeviceView
	}
	route(s, anyone, http.MethodPost, "/pair", "pair", "Let this device in with a code",
		func(ctx context.Context, in *struct{ Body PairBody }) (*out, error) {
			token, d, err := s.Devices.Pair(ctx, in.Body.Code, in.Body.Name, visitorOf(ctx).addr)
			if err != nil {
				return nil, err
			}
			s.Changed("devices")
			return &out{cookie(token, strings.HasPrefix(visitorOf(ctx).base, "https:")), viewDevice(d, d.ID)}, nil
		})
	route(s, paired, http.MethodGet, "/house", "house", "This house and this device",
		func(ctx context.Context, _ *struct{}) (*struct{ Body House }, error) {
			v := visitorOf(ctx)
			h := House{Name: s.Name, Zone: s.Zone.String(), Version: s.Version,
				AtHome: v.near, Device: viewDevice(v.device, v.device.ID), Rooms: s.rooms()}
			if s.Asked == nil {
				return &struct{ Body House }{h}, nil
			}
			all, err := s.Asked.Requests(ctx)
			for _, m := range all {
				if m.State == ask.New {
					h.News++
				}
			}
			return &struct{ Body House }{h}, err
		})
	route(s, paired, http.MethodPost, "/codes", "showCode", "Show a code that lets one more device in",
		func(ctx context.Context, _ *struct{}) (*struct{ Body PairingCode }, error) {
			c, err := s.Devices.NewCode(ctx, visitorOf(ctx).device.ID)
			if err != nil {
				return nil, err
			}
			link := PairLink(s.at(ctx), c.Text)
			picture, err := svg(link)
			if err != nil {
				return nil, err
			}
			return &struct{ Body PairingCode }{PairingCode{c.Text, c.Expires, link,
				"data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(picture)}}, nil
		})
	route(s, paired, http.MethodGet, "/devices", "devices", "Devices that may come in",
		func(ctx context.Context, _ *struct{}) (*struct{ Body []DeviceView }, error) {
			all, err := s.Devices.List(ctx)
			if err != nil {
				return nil, err
			}
			told, err := s.Notices.Phones(ctx)
			views := make([]DeviceView, len(all))
			for i, d := range all {
				views[i] = viewDevice(d, visitorOf(ctx).device.ID)
				views[i].Told = slices.Contains(told, d.ID)
			}
			return &struct{ Body []DeviceView }{views}, err
		})
	route(s, paired, http.MethodPost, "/devices/{id}/rename", "renameDevice", "Rename a device",
		func(ctx context.Context, in *struct {
			ID   string `path:"id"`
			Body named
		}) (*struct{}, error) {
			defer s.Changed("devices")
			return nil, s.Devices.Rename(ctx, in.ID, in.Body.Name)
		})
	route(s, paired, http.MethodPost, "/devices/{id}/remove", "removeDevice", "End a device's access at once",
		func(ctx context.Context, in *struct {
			ID string `path:"id"`
		}) (*struct{}, error) {
			if err := s.Devices.Remove(ctx, in.ID); err != nil {
				return nil, err
			}
			s.streams.end(in.ID)
			if err := s.Notices.Unsubscribe(ctx, in.ID); err != nil {
				return nil, err
			}
			s.Changed("devices")
			return nil, nil
		})
}

// rooms are those that are there.
func (s *Server) rooms() []string {
	rooms := []string{}
	for name, there := range map[string]bool{
		"watch": s.Moments != nil, "ask": s.Asked != nil, "faces": s.Faces != nil, "pets": s.Pets != nil, "register": s.Register != nil,
	} {
		if there {
			rooms = append(rooms, name)
		}
	}
	return rooms
}

// PairLink opens the pairing page; the fragment stays in the browser.
func PairLink(base, code string) string { return base + "/pair#" + code }

// svg draws a QR code, with the four quiet modules that ISO 18004 asks for.
func svg(text string) ([]byte, error) {
	c, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil, fmt.Errorf("drawing the pairing link: %w", err)
	}
	var b bytes.Buffer
	side := c.Size + 8
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, side, side, side, side)
	for y := range c.Size {
		for x := range c.Size {
			if c.Black(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+4, y+4)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.Bytes(), nil
}

// Blocks draws a QR code for a terminal, two modules a character.
func Blocks(text string) (string, error) {
	c, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", fmt.Errorf("drawing the pairing link: %w", err)
	}
	var b strings.Builder
	for y := -2; y < c.Size+2; y += 2 {
		for x := -2; x < c.Size+2; x++ {
			// Light modules are drawn: terminals are dark more often than not.
			b.WriteString([]string{"█", "▄", "▀", " "}[bit(c.Black(x, y))*2+bit(c.Black(x, y+1))])
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
