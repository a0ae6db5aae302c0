package sharing

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync/atomic"

	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/ledger"
)

const (
	actChange   = "sharing.change"
	actRestrict = "agency.restrict"
	actReadmit  = "agency.readmit"
	actInvite   = "agency.invite"
	actEnrol    = "person.enrol"
	actRemove   = "person.remove"
	actVoid     = "act.void"
)

// folded are the acts that the state is made of.
var folded = []string{actChange, actRestrict, actReadmit, actInvite, actEnrol, actRemove, actVoid}

// fold is what the entries of the ledger say, in order. Where they leave a doubt
// it lets in fewer: a change that was voided lets in nobody, a bar that was
// voided stands.
type fold struct {
	size     uint64             // entries folded
	agencies map[string]Member  // by ORI
	keys     map[string]*key    // by public key, as in the entry of person.enrol
	enrolled map[uint64]*key    // the same by that entry
	settings map[string]*change // the newest, by owner
	bars     map[bar]*barred
	acts     map[string]bool // ids of changes, bars and lifts so far: a repeat is a replay
}

// key is a passkey that enrolled.
type key struct {
	entry  uint64
	role   identity.Role
	agency string
	ended  uint64 // entry that ended it; 0 while it is good
}

// signedEntry is an entry whose signature is open to everybody.
type signedEntry struct {
	index  uint64
	hour   string
	entry  ledger.Entry
	opened atomic.Pointer[identity.Signed] // what it commits to, once it was seen
}

type change struct {
	signedEntry
	setting Setting
}

type bar struct{ agency, state string }

type barred struct {
	index  uint64
	hour   string
	act    string
	lifted *signedEntry // agency.readmit; nil while barred
}

// by reports whether act made b what it is.
func (b *barred) by(act string) bool {
	return b != nil && (b.lifted == nil && b.act == act || b.lifted != nil && b.lifted.entry.Act.ID == act)
}

func newFold() fold {
	return fold{
		agencies: map[string]Member{}, keys: map[string]*key{}, enrolled: map[uint64]*key{},
		settings: map[string]*change{}, bars: map[bar]*barred{}, acts: map[string]bool{},
	}
}

func (f *fold) apply(e ledger.Indexed) {
	a := e.Entry.Act
	if !e.Entry.Decision.Permit {
		return
	}
	switch a.Action {
	case actInvite:
		if ori := a.Public["agency"]; f.agencies[ori].ORI == "" {
			f.agencies[ori] = Member{ori, a.Public["name"], a.Public["kind"], a.Public["state"], a.Public["jurisdiction_sha256"], e.Index}
		}
	case actEnrol:
		if k := a.Public["public_key"]; f.keys[k] == nil { // enrolled twice it stays what it was first
			f.keys[k] = &key{entry: e.Index, role: identity.Role(a.Actor), agency: a.Agency}
			f.enrolled[e.Index] = f.keys[k]
		}
	case actRemove:
		f.remove(e)
	case actChange:
		if f.first(a.ID) {
			f.change(e)
		}
	case actRestrict:
		if b := (bar{a.Public["agency"], a.Public["state"]}); f.first(a.ID) {
			f.bars[b] = &barred{index: e.Index, hour: a.Hour, act: a.ID}
		}
	case actReadmit:
		if b := f.bars[bar{a.Public["agency"], a.Public["state"]}]; b != nil && f.first(a.ID) {
			c := *b
			c.lifted = newSigned(e)
			f.bars[bar{a.Public["agency"], a.Public["state"]}] = &c
		}
	case actVoid:
		if of, err := strconv.ParseUint(a.Public["of"], 10, 64); err == nil {
			f.void(of)
		}
	}
}

// first reports whether an act id was not seen before: the signature of an act
// is good for one entry, and recording it again restores nothing.
func (f *fold) first(id string) bool {
	seen := f.acts[id]
	f.acts[id] = true
	return !seen
}

func newSigned(e ledger.Indexed) *signedEntry {
	return &signedEntry{index: e.Index, hour: e.Entry.Act.Hour, entry: e.Entry}
}

func (f *fold) change(e ledger.Indexed) {
	a := e.Entry.Act
	c := &change{signedEntry: signedEntry{index: e.Index, hour: a.Hour, entry: e.Entry}}
	var err error
	if c.setting, err = parse(a.Public); err != nil || a.Agency != a.Public["owner"] {
		c.setting = Setting{Audience: Nobody}
	}
	f.settings[a.Public["owner"]] = c
}

// remove ends the keys that the entry names. An entry of before removals named
// them ends all of the agency's keys in that role.
func (f *fold) remove(e ledger.Indexed) {
	list, named := e.Entry.Act.Public["enrolments"]
	if !named {
		for _, k := range f.keys {
			if k.agency == e.Entry.Act.Public["agency"] && string(k.role) == e.Entry.Act.Public["role"] {
				k.end(e.Index)
			}
		}
	}
	for _, text := range strings.Fields(list) {
		i, err := strconv.ParseUint(text, 10, 64)
		if k := f.enrolled[i]; err == nil && k != nil {
			k.end(e.Index)
		}
	}
}

func (k *key) end(entry uint64) {
	if k.ended == 0 {
		k.ended = entry
	}
}

// void undoes what let somebody in, and nothing that kept somebody out: a void
// carries nobody's signature.
func (f *fold) void(of uint64) {
	if k := f.enrolled[of]; k != nil {
		k.ended = of
	}
	maps.DeleteFunc(f.agencies, func(_ string, m Member) bool { return m.entry == of })
	for owner, c := range f.settings {
		if c.index == of {
			closed := &change{signedEntry: signedEntry{index: of, hour: c.hour, entry: c.entry}, setting: Setting{Audience: Nobody}}
			f.settings[owner] = closed
		}
	}
	for k, b := range f.bars {
		if b.lifted != nil && b.lifted.index == of {
			f.bars[k] = &barred{index: b.index, hour: b.hour, act: b.act}
		}
	}
}

// enrolledAs reports whether this public key is good and was enrolled in role
// for agency.
func (s *Service) enrolledAs(public identity.Bytes, role identity.Role, agency string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k := s.fold.keys[keyText(public)]
	return k != nil && k.role == role && k.agency == agency && k.ended == 0
}

// keyText is a public key as the entry of its enrolment has it.
func keyText(public identity.Bytes) string { return base64.RawURLEncoding.EncodeToString(public) }

// errUnproved: the entry does not show the signature it should.
var errUnproved = errors.New("sharing: the signature is not shown, or not of who may sign this")

// prove checks that e was signed by a passkey that an entry before it enrolled
// in role for agency, and that none between them ended. It returns the entry of
// that enrolment. errUnproved.
func (s *Service) prove(ctx context.Context, e *signedEntry, role identity.Role, agency string) (enrolment uint64, err error) {
	signed := e.opened.Load()
	if signed == nil {
		if signed, err = s.open(ctx, e); err != nil {
			return 0, err
		}
		e.opened.Store(signed)
	}
	if err := signed.Verify(e.entry.Act.Bytes(), s.o.Site); err != nil {
		return 0, fmt.Errorf("%w: %w", errUnproved, err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, a := s.fold.keys[keyText(signed.PublicKey)], e.entry.Act
	if k == nil || k.role != role || k.agency != agency || a.Actor != string(role) || a.Agency != agency || k.entry >= e.index || k.ended != 0 && k.ended < e.index {
		return 0, errUnproved
	}
	return k.entry, nil
}

// open returns the signature that e commits to. The store is asked for it, and
// not believed: it must open the commitment.
func (s *Service) open(ctx context.Context, e *signedEntry) (*identity.Signed, error) {
	rec, err := s.o.Gate.At(ctx, e.index)
	if errors.Is(err, gate.ErrNotFound) {
		return nil, errUnproved
	} else if err != nil {
		return nil, err
	}
	for _, d := range rec.Disclose(gate.PrivateSignature) {
		if e.entry.Signature == nil || d.Commitment() != *e.entry.Signature {
			continue
		}
		signed := new(identity.Signed)
		if err := json.Unmarshal([]byte(d.Value), signed); err != nil {
			return nil, fmt.Errorf("%w: %w", errUnproved, err)
		}
		return signed, nil
	}
	return nil, errUnproved
}

// areaHash is a jurisdiction as the entry of agency.invite has it.
func areaHash(p geo.Polygon) (string, error) {
	text, err := p.MarshalJSON()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
