package roster

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"porchlight/gate"
	"porchlight/identity"
)

// ReadPrivate opens the private values of the act recorded at index: the act
// private.read, of an auditor, or of an administrator for her own agency's acts.
// The reading is itself in the ledger. Errors: *Invalid, gate.ErrNotFound.
func (s *Service) ReadPrivate(ctx context.Context, by gate.Caller, index uint64, reason string) (*gate.Grant, gate.Record, error) {
	if reason = strings.TrimSpace(reason); utf8.RuneCountInString(reason) > 1000 {
		return nil, gate.Record{}, &Invalid{"reason", "At most 1000 characters."}
	}
	rec, err := s.gate.At(ctx, index)
	if err != nil {
		return nil, gate.Record{}, err
	}
	role := identity.RoleAuditor
	if !by.Who.Has(role) {
		role = identity.RoleAdmin
	}
	grant, err := s.gate.Do(ctx, gate.Act{
		Action: "private.read", By: by, Role: role,
		Objects: strings.Fields(rec.Private(gate.PrivateObjects)),
		Public:  map[string]string{"of": strconv.FormatUint(index, 10)},
		Private: map[string]string{"reason": reason},
		Facts: map[string]any{
			"reason_given": reason != "",
			"own_agency":   by.Who.Agency != "" && rec.Entry.Act.Agency == by.Who.Agency,
		},
	}, nil)
	if err != nil {
		return nil, gate.Record{}, err
	}
	return grant, rec, nil
}
