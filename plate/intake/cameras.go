package intake

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/plate"
)

// Dialects lists what cameras may speak.
func Dialects() []plate.Dialect {
	return []plate.Dialect{plate.Signed, plate.OpenALPR, plate.PlateRecognizer, plate.Frigate, plate.CSV}
}

// Draft is what an administrator says of a camera. A camera that speaks
// plate.Signed has a Key; one that posts to a webhook, or sends files, a Secret;
// one behind MQTT neither, as its broker says who it is.
type Draft struct {
	Name    string
	Alias   string
	Place   geo.Point
	Heading int
	Mobile  bool
	Speaks  plate.Dialect
	Key     []byte // Ed25519 public key
	// Secret is the SHA-256 of the token (identity.TokenHash) that the camera
	// will show; whoever makes the camera makes it and shows it once. Cameras of
	// one owner may share one when their aliases differ: one program, one address.
	Secret []byte
}

// keyed reports whether cameras of a dialect have a Key, or a Secret.
func keyed(d plate.Dialect) (key, secret bool) {
	return d == plate.Signed, d == plate.OpenALPR || d == plate.PlateRecognizer || d == plate.CSV
}

func (d Draft) check() error {
	key, secret := keyed(d.Speaks)
	switch {
	case strings.TrimSpace(d.Name) == "":
		return &Invalid{"name", "A camera needs a name."}
	case !oneLine(d.Name, 80):
		return &Invalid{"name", "One line of at most 80 characters."}
	case !oneLine(d.Alias, 64):
		return &Invalid{"alias", "One line of at most 64 characters."}
	case !slices.Contains(Dialects(), d.Speaks):
		return &Invalid{"speaks", "There is no such dialect."}
	case d.Speaks == plate.Frigate && d.Alias == "":
		return &Invalid{"alias", "Frigate's own name of the camera is needed, to know its messages by."}
	case d.Heading < -1 || d.Heading > 359:
		return &Invalid{"heading", "Degrees from north, 0 to 359, or -1 for both or unknown."}
	case d.Mobile && d.Speaks != plate.Signed:
		return &Invalid{"mobile", "Only signed batches state where the camera is."}
	case key && len(d.Key) != ed25519.PublicKeySize:
		return &Invalid{"key", "An Ed25519 public key has 32 bytes."}
	case !key && len(d.Key) > 0:
		return &Invalid{"key", "Only a camera that signs its batches has a key."}
	case secret && len(d.Secret) != 32:
		return &Invalid{"secret", "The SHA-256 of the camera's token is needed."}
	case !secret && len(d.Secret) > 0:
		return &Invalid{"secret", "This kind of camera has no token."}
	}
	return nil
}

func oneLine(s string, most int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// Add puts a camera into the registry of the caller's agency: the act
// camera.add, whose id becomes the camera's. Errors: *Invalid.
func (s *Service) Add(ctx context.Context, by gate.Caller, d Draft) (*gate.Grant, plate.Camera, error) {
	if err := d.check(); err != nil {
		return nil, plate.Camera{}, err
	}
	c := d.camera(by.ActID, by.Who.Agency)
	g, err := s.act(ctx, by, "camera.add", c, d.Secret, 1)
	return g, c, err
}

// Change replaces what is said of a camera; Key and Secret, when empty, stay
// what they are. The act camera.change. Errors: *Invalid, ErrNotFound,
// ErrRemoved.
func (s *Service) Change(ctx context.Context, by gate.Caller, id string, d Draft) (*gate.Grant, plate.Camera, error) {
	have, secret, err := s.own(ctx, by, id)
	if err != nil {
		return nil, plate.Camera{}, err
	}
	if d.Speaks == have.Speaks {
		if len(d.Key) == 0 {
			d.Key = have.Key
		}
		if len(d.Secret) == 0 {
			d.Secret = secret
		}
	}
	if err := d.check(); err != nil {
		return nil, plate.Camera{}, err
	}
	c := d.camera(id, have.Owner)
	g, err := s.act(ctx, by, "camera.change", c, d.Secret, 0)
	return g, c, err
}

// Remove ends the use of a camera: nothing of it is taken in any more, what it
// read stays as long as it may. The act camera.remove. Errors: ErrNotFound,
// ErrRemoved.
func (s *Service) Remove(ctx context.Context, by gate.Caller, id string) (*gate.Grant, error) {
	c, secret, err := s.own(ctx, by, id)
	if err != nil {
		return nil, err
	}
	return s.act(ctx, by, "camera.remove", c, secret, -1)
}

func (d Draft) camera(id, owner string) plate.Camera {
	return plate.Camera{ID: id, Owner: owner, Name: d.Name, Alias: d.Alias, Place: d.Place, Heading: d.Heading, Mobile: d.Mobile,
		Speaks: d.Speaks, Key: d.Key}
}

// own is a camera in use of the caller's agency, or one that this very act
// removed before.
func (s *Service) own(ctx context.Context, by gate.Caller, id string) (plate.Camera, []byte, error) {
	c, secret, err := s.load(ctx, id)
	if err != nil {
		return c, nil, err
	}
	if by.Who.Agency == "" || c.Owner != by.Who.Agency {
		return c, nil, ErrNotFound
	}
	if !c.Removed.IsZero() {
		if _, done, err := s.counted(ctx, by.ActID); err != nil || !done {
			return c, nil, errors.Join(err, ErrRemoved)
		}
	}
	return c, secret, nil
}

// act takes a change of c through the gate. more is by how many cameras the
// agency is richer afterwards.
func (s *Service) act(ctx context.Context, by gate.Caller, action string, c plate.Camera, secret []byte, more int) (*gate.Grant, error) {
	cameras, done, err := s.counted(ctx, by.ActID)
	if err != nil {
		return nil, err
	}
	if !done {
		if cameras, err = s.Count(ctx, c.Owner); err != nil {
			return nil, err
		}
		cameras += more
	}
	lon, lat := c.Place.Degrees()
	return s.Gate.Do(ctx, gate.Act{
		Action: action, By: by, Role: identity.RoleAdmin, Objects: []string{c.ID},
		Public: map[string]string{"agency": c.Owner, "cameras": fmt.Sprint(cameras)},
		Private: map[string]string{
			"camera": c.ID, "name": c.Name, "place": fmt.Sprintf("%.7f %.7f", lat, lon), "key": keyText(c.Key, secret),
			"speaks": string(c.Speaks), "alias": c.Alias, "heading": fmt.Sprint(c.Heading), "mobile": fmt.Sprint(c.Mobile),
		},
		Facts: map[string]any{"own_agency": c.Owner != "" && c.Owner == by.Who.Agency},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		switch more {
		case 1:
			err = insertCamera(tx, c, secret, g.At)
		case 0:
			err = updateCamera(tx, c, secret)
		case -1:
			err = removeCamera(tx, c.ID, g.At)
		}
		if err != nil {
			return err
		}
		return keepCount(tx, g.ActID, c.Owner, cameras)
	})
}

// keyText is how an act names what a camera shows: its public key, or the hash
// of its token.
func keyText(key, secret []byte) string {
	switch {
	case len(key) > 0:
		return "ed25519 " + base64.StdEncoding.EncodeToString(key)
	case len(secret) > 0:
		return "sha256 " + hex.EncodeToString(secret)
	}
	return ""
}

// Camera returns one camera, in use or removed. ErrNotFound.
func (s *Service) Camera(ctx context.Context, id string) (plate.Camera, error) {
	c, _, err := s.load(ctx, id)
	return c, err
}

// Cameras returns an owner's cameras, those in use first, each by name.
func (s *Service) Cameras(ctx context.Context, owner string) ([]plate.Camera, error) {
	return s.query(ctx, `WHERE owner = ? ORDER BY CASE WHEN removed = 0 THEN 0 ELSE 1 END, name, id`, owner)
}

// Count is how many cameras an owner has in use.
func (s *Service) Count(ctx context.Context, owner string) (n int, err error) {
	err = s.DB.Read().QueryRowContext(ctx, `SELECT count(*) FROM intake_camera WHERE owner = ? AND removed = 0`, owner).Scan(&n)
	return n, err
}

// InArea is how many of an owner's cameras in use stand in an area.
func (s *Service) InArea(ctx context.Context, owner string, area geo.Polygon) (n int, err error) {
	all, err := s.query(ctx, `WHERE owner = ? AND removed = 0`, owner)
	for _, c := range all {
		if area.ContainsPoint(c.Place) {
			n++
		}
	}
	return n, err
}
