package intake

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"porchlight/geo"
	"porchlight/plate"
)

// Batch is what a camera of ours sends: reads, with the time it sends them and a
// number that it never uses twice. docs/cameras.md is its reference.
type Batch struct {
	Camera   string // id of the camera
	Sequence uint64 // 1 to MaxSequence, another one for each batch
	Sent     time.Time
	Reads    []Sighting
}

// MaxSequence is the largest sequence number: what JSON's numbers hold exactly.
const MaxSequence = 1<<53 - 1

// What a batch is, how it is signed, and where it goes.
const (
	MediaJSON     = "application/json"
	MediaProtobuf = "application/x-protobuf"

	HeaderCamera    = "Porchlight-Camera"    // id of the camera
	HeaderSignature = "Porchlight-Signature" // base64 of the Ed25519 signature

	BatchPath = "/api/v1/plates/batches" // of signed batches
	PostPath  = "/api/v1/plates/reads"   // of webhooks and files; the token follows, or is in Authorization: Bearer

	signatureDomain = "porchlight.batch.v1\n"
)

// signed is what a camera's key signs: the domain, the camera and the exact
// bytes of the body.
func signed(camera string, body []byte) []byte {
	return append([]byte(signatureDomain+camera+"\n"), body...)
}

// Signature is that of a body, a batch in either form, for HeaderSignature.
func Signature(key ed25519.PrivateKey, camera string, body []byte) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(key, signed(camera, body)))
}

// Sign writes b as protobuf and signs it.
func (b Batch) Sign(key ed25519.PrivateKey) (body []byte, signature string) {
	body = b.Protobuf()
	return body, Signature(key, b.Camera, body)
}

// Request is the HTTP request that sends b to the exchange at url. A repeat of
// it is answered like the first.
func (b Batch) Request(ctx context.Context, url string, key ed25519.PrivateKey) (*http.Request, error) {
	body, signature := b.Sign(key)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(url, "/")+BatchPath, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", MediaProtobuf)
	req.Header.Set(HeaderCamera, b.Camera)
	req.Header.Set(HeaderSignature, signature)
	return req, nil
}

// errBatch is the error of a body that is no batch at all.
var errBatch = errors.New("intake: the body is no batch as docs/cameras.md describes it")

// ParseBatch reads a batch in either form. A read that cannot be taken carries
// its Fault; what is no batch is an error.
func ParseBatch(media string, body []byte) (Batch, error) {
	var b Batch
	var err error
	media, _, _ = mime.ParseMediaType(media)
	switch {
	case media == MediaProtobuf:
		b, err = parseProtobuf(body)
	case crowded(body):
		err = ErrTooMany
	default:
		b, err = parseJSON(body)
	}
	if err != nil {
		return Batch{}, fmt.Errorf("%w (%w)", errBatch, err)
	}
	if b.Sequence == 0 || b.Sequence > MaxSequence {
		return Batch{}, fmt.Errorf("%w (the sequence is not 1 to 2^53-1)", errBatch)
	}
	if b.Sent.IsZero() {
		return Batch{}, fmt.Errorf("%w (it does not say when it was sent)", errBatch)
	}
	return b, nil
}

// batchJSON is a batch on the wire, as JSON.
type batchJSON struct {
	Camera   string     `json:"camera"`
	Sequence uint64     `json:"sequence"`
	Sent     time.Time  `json:"sent"`
	Reads    []readJSON `json:"reads"`
}

type readJSON struct {
	Event      string      `json:"event,omitempty"`
	Plate      string      `json:"plate"`
	Region     string      `json:"region,omitempty"`
	Confidence *int        `json:"confidence,omitempty"`
	Others     []guessJSON `json:"others,omitempty"`
	Seen       time.Time   `json:"seen"`
	Place      *placeJSON  `json:"place,omitempty"`
	Heading    *int        `json:"heading,omitempty"`
	Vehicle    vehicleJSON `json:"vehicle,omitzero"`
	Picture    []byte      `json:"picture,omitempty"`
}

type guessJSON struct {
	Plate      string `json:"plate"`
	Confidence *int   `json:"confidence,omitempty"`
}

type placeJSON struct {
	Lon float64 `json:"lon"`
	Lat float64 `json:"lat"`
}

type vehicleJSON struct {
	Type  string `json:"type,omitempty"`
	Make  string `json:"make,omitempty"`
	Color string `json:"color,omitempty"`
}

// JSON writes b for programs that would rather read it.
func (b Batch) JSON() []byte {
	out := batchJSON{Camera: b.Camera, Sequence: b.Sequence, Sent: b.Sent.UTC(), Reads: make([]readJSON, len(b.Reads))}
	for i, s := range b.Reads {
		r := readJSON{Event: s.Event, Plate: string(s.Text), Region: s.Region, Confidence: known(s.Confidence), Seen: s.Seen.UTC(),
			Heading: known(s.Heading), Vehicle: vehicleJSON(s.Vehicle), Picture: s.Sealed}
		for _, o := range s.Others {
			r.Others = append(r.Others, guessJSON{string(o.Text), known(o.Confidence)})
		}
		if s.Placed {
			lon, lat := s.Place.Degrees()
			r.Place = &placeJSON{lon, lat}
		}
		out.Reads[i] = r
	}
	text, err := json.Marshal(out)
	if err != nil {
		panic("intake: encoding plain data: " + err.Error())
	}
	return text
}

func parseJSON(body []byte) (Batch, error) {
	var in batchJSON
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields() // a field misspelt would be lost silently
	if err := dec.Decode(&in); err != nil {
		return Batch{}, errors.New(jsonFault(err))
	}
	if _, err := dec.Token(); err != io.EOF {
		return Batch{}, errors.New("something follows the batch")
	}
	b := Batch{Camera: in.Camera, Sequence: in.Sequence, Sent: in.Sent}
	for _, r := range in.Reads {
		t := told{event: r.Event, plate: r.Plate, region: r.Region, confidence: unknown(r.Confidence), seen: r.Seen,
			heading: unknown(r.Heading), vehicle: plate.Vehicle(r.Vehicle), picture: r.Picture}
		for _, o := range r.Others {
			t.others = append(t.others, guess{o.Plate, unknown(o.Confidence)})
		}
		if r.Place != nil {
			p, err := geo.NewPoint(r.Place.Lon, r.Place.Lat)
			t.placed, t.place, t.misplaced = true, p, err != nil
		}
		b.Reads = append(b.Reads, t.sighting())
	}
	return b, nil
}

// jsonFault says what is wrong with JSON without repeating any of it.
func jsonFault(err error) string {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return "the field " + kind.Field + " is of the wrong kind"
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok && len(field) < 40 {
		return "there is no field " + field
	}
	return "it is not JSON as described"
}

// told is a read as a batch states it, in either form.
type told struct {
	event, plate, region string
	confidence, heading  int
	others               []guess
	seen                 time.Time
	placed, misplaced    bool
	place                geo.Point
	vehicle              plate.Vehicle
	picture              []byte
}

type guess struct {
	plate      string
	confidence int
}

func (t told) sighting() Sighting {
	s := sighting(t.plate, t.seen)
	s.event(t.event)
	s.Region, s.Confidence, s.Heading, s.Sealed = t.region, t.confidence, t.heading, t.picture
	s.Place, s.Placed = t.place, t.placed
	s.Vehicle = plate.Vehicle{Type: vehicleType(t.vehicle.Type), Make: word(t.vehicle.Make), Color: color(t.vehicle.Color)}
	for _, o := range t.others {
		s.other(o.plate, max(-1, min(o.confidence, 1000)))
	}
	switch err := s.usable(); {
	case s.Fault != "":
	case t.misplaced:
		s.Fault = "The place is not on the map."
	case err != nil:
		s.Fault = strings.ToUpper(err.Error()[:1]) + err.Error()[1:] + "."
	}
	return s
}

// known is a number that may be left out: nil for -1.
func known(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}

// unknown is known's inverse.
func unknown(n *int) int {
	if n == nil {
		return -1
	}
	return *n
}
