package peer

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"porchlight/identity"
	"porchlight/ledger"
	"porchlight/plate"
)

// WellKnown is where an exchange introduces itself to its peers.
const WellKnown = "/.well-known/porchlight-peer"

// Descriptor is how an exchange introduces itself to its peers: a signed note
// (C2SP signed-note) by its ledger key, so that it proves what the key says.
type Descriptor struct {
	Exchange ledger.Descriptor `json:"exchange"` // names, ledger key, witnesses
	Lookups  string            `json:"lookups"`  // URL that takes lookups
	Key      identity.Bytes    `json:"key"`      // Ed25519 public key that signs its lookups and answers
	Packs    map[string]string `json:"packs"`    // law packs by name: lower-case hex SHA-256
	Limits   Limits            `json:"limits"`   //
	Agencies []Agency          `json:"agencies"` // its agencies, by ORI
	Expires  time.Time         `json:"expires"`  // not to be used from then on
}

// Limits are what an exchange takes.
type Limits struct {
	Lookup    int `json:"lookup"`     // bytes of a lookup
	Answer    int `json:"answer"`     // bytes of an answer it gives
	FreshMins int `json:"fresh_mins"` // minutes after the search within which it answers
	AtOnce    int `json:"at_once"`    // lookups of one peer at the same time
}

// Agency is an agency as its own exchange states it.
type Agency struct {
	ORI    string `json:"ori"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`   // as roster.Kind
	State  string `json:"state"`  // two letters
	Status string `json:"status"` // as roster.Status
}

// Limits of what is read of others, and of what is said.
const (
	MaxDescriptor = 4 << 20
	MaxLookup     = 256 << 10
	MaxAnswer     = 8 << 20
	Fresh         = time.Hour
	AtOnce        = 8

	descriptorHeader = "porchlight-peer/v1"
	// DescriptorGood is how long a descriptor may be used.
	DescriptorGood = 24 * time.Hour
)

// Sign gives d as its exchange serves it.
func (d Descriptor) Sign(key note.Signer) ([]byte, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%s\n%s\n", descriptorHeader, d.Exchange.Origin, text)}, key)
}

// ParseDescriptor reads a signed descriptor and checks that key, the vkey of the
// exchange's ledger, signed it, and that it holds together. It does not look at
// Expires.
func ParseDescriptor(data []byte, key string) (Descriptor, error) {
	d, err := parseDescriptor(data, key)
	if err != nil {
		return Descriptor{}, fmt.Errorf("peer descriptor: %w", err)
	}
	return d, nil
}

func parseDescriptor(data []byte, key string) (d Descriptor, err error) {
	if len(data) > MaxDescriptor {
		return d, fmt.Errorf("%d bytes, at most %d", len(data), MaxDescriptor)
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		return d, fmt.Errorf("the pinned key: %w", err)
	}
	n, err := note.Open(data, note.VerifierList(v))
	if err != nil {
		return d, err
	}
	header, rest, _ := strings.Cut(n.Text, "\n")
	origin, text, _ := strings.Cut(rest, "\n")
	if header != descriptorHeader {
		return d, fmt.Errorf("it begins with %.40q, not %q", header, descriptorHeader)
	}
	dec := json.NewDecoder(strings.NewReader(text))
	if err := dec.Decode(&d); err != nil {
		return d, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return d, errors.New("something follows the description")
	}
	u, err := url.Parse(d.Lookups)
	switch {
	case origin != d.Exchange.Origin || origin != v.Name():
		return d, fmt.Errorf("it is of %q, signed by %q", d.Exchange.Origin, v.Name())
	case d.Exchange.LogKey != key:
		return d, errors.New("it names another ledger key than the one that signed it")
	case len(d.Key) != ed25519.PublicKeySize:
		return d, errors.New("its key for lookups is not of Ed25519")
	case err != nil || !safeURL(u) || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return d, fmt.Errorf("its address for lookups %.80q is not an https URL", d.Lookups)
	case !slices.IsSortedFunc(d.Agencies, func(a, b Agency) int { return strings.Compare(a.ORI, b.ORI) }):
		return d, errors.New("its agencies are not in order")
	}
	for i, a := range d.Agencies {
		if a.ORI == "" || len(a.State) != 2 || i > 0 && d.Agencies[i-1].ORI == a.ORI {
			return d, fmt.Errorf("agency %d is not one", i)
		}
	}
	if err := d.Exchange.Verifier().Valid(); err != nil {
		return d, err
	}
	return d, nil
}

// safeURL reports whether nobody on the way can read or change what goes there:
// https, or http on this machine.
func safeURL(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	return u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && local)
}

// agency is one of d's agencies.
func (d Descriptor) agency(ori string) (Agency, bool) {
	i, ok := slices.BinarySearchFunc(d.Agencies, ori, func(a Agency, ori string) int { return strings.Compare(a.ORI, ori) })
	if !ok {
		return Agency{}, false
	}
	return d.Agencies[i], true
}

// asker is an agency of d's exchange as an asker here.
func (d Descriptor) asker(a Agency) plate.Asker {
	return plate.Asker{Agency: a.ORI, Name: a.Name, Kind: a.Kind, Status: a.Status, State: a.State, Exchange: d.Exchange.Origin}
}

// strictJSON reads v out of data and refuses fields it does not know, and more
// than one value.
func strictJSON(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}
