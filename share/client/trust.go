package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"filippo.io/age"

	"porchlight/canvass"
	"porchlight/ledger"
)

// ErrUnproved: the ledger does not show what the exchange says. The message says
// what is missing. Nothing may be sealed or shown on the strength of it.
var ErrUnproved = errors.New("the exchange's ledger does not prove this")

func unproved(what string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUnproved, fmt.Errorf(what, args...))
}

// Permitted reads and checks the receipt of a permitted act of this kind.
// ErrUnproved.
func Permitted(receipt string, v ledger.Verifier, action string) (ledger.Receipt, error) {
	r, _, err := permitted(receipt, v, action)
	return r, err
}

func permitted(receipt string, v ledger.Verifier, action string, enrolments ...ledger.Receipt) (r ledger.Receipt, report ledger.Report, err error) {
	if r, err = ledger.ParseReceipt([]byte(receipt)); err != nil {
		return r, report, unproved("%w", err)
	}
	if report, err = v.Receipt(r, enrolments...); err != nil {
		return r, report, unproved("%w", err)
	}
	if r.Entry.Act.Action != action || !r.Entry.Decision.Permit {
		return r, report, unproved("entry %d is no permitted %s", r.Index, action)
	}
	return r, report, nil
}

// Use is what one of an agency's vaults is for.
type Use string

const (
	Evidence Use = "evidence" // clips and letters of residents
	Plates   Use = "plates"   // pictures of plate reads
)

// CheckVault returns the age recipient that the ledger proves for a vault of the
// agency with this ORI: from the receipt of its act vault.publish, signed by a
// passkey that the receipt of an act person.enrol introduces for that agency.
// That no later vault.publish replaced it is for the exchange to say; it refuses
// clips sealed to an old one. ErrUnproved.
func CheckVault(publish, enrolment string, v ledger.Verifier, ori string, use Use) (*age.X25519Recipient, error) {
	e, err := ledger.ParseReceipt([]byte(enrolment))
	if err != nil {
		return nil, unproved("%w", err)
	}
	r, report, err := permitted(publish, v, "vault.publish", e)
	if err != nil {
		return nil, err
	}
	said := r.Entry.Act.Public
	of := Use(said["vault"])
	if of == "" { // entries from before there was more than one vault do not say which
		of = Evidence
	}
	switch {
	case !slices.ContainsFunc(report.Claims, func(c ledger.Claim) bool { return c.What == "passkey-holder" && c.Status == ledger.Proved }):
		return nil, unproved("entry %d does not show whose passkey signed it", r.Index)
	case r.Entry.Act.Agency != ori || said["agency"] != ori:
		return nil, unproved("the vault of entry %d is another agency's", r.Index)
	case of != use:
		return nil, unproved("the vault of entry %d is for %s", r.Index, of)
	}
	recipient, err := age.ParseX25519Recipient(said["recipient"])
	if err != nil {
		return nil, unproved("entry %d names no age recipient", r.Index)
	}
	return recipient, nil
}

// Vault fetches the receipts that CheckVault needs: of the entry that published
// the vault, and of the enrolment it names. ErrUnproved, *Problem.
func (x *Exchange) Vault(ctx context.Context, ori string, entry uint64, use Use) (*age.X25519Recipient, error) {
	published, err := x.Entry(ctx, entry)
	if err != nil {
		return nil, err
	}
	r, err := Permitted(published, x.Ledger, "vault.publish")
	if err != nil {
		return nil, err
	}
	if r.Index != entry {
		return nil, unproved("the receipt is of entry %d, not %d", r.Index, entry)
	}
	index, err := strconv.ParseUint(r.Entry.Act.Public["enrolment"], 10, 64)
	if err != nil {
		return nil, unproved("entry %d names no enrolment", entry)
	}
	enrolment, err := x.Entry(ctx, index)
	if err != nil {
		return nil, err
	}
	return CheckVault(published, enrolment, x.Ledger, ori, use)
}

// Entry fetches the receipt of an entry as everybody may have it.
func (x *Exchange) Entry(ctx context.Context, index uint64) (string, error) {
	return x.text(ctx, fmt.Sprintf("/ledger/%d/receipt", index))
}

// CheckRequest checks by the receipt of its act request.moderate that exactly
// this content was published. ErrUnproved.
func CheckRequest(c canvass.Content, receipt string, v ledger.Verifier) error {
	r, err := Permitted(receipt, v, "request.moderate")
	if err != nil {
		return err
	}
	switch said := r.Entry.Act.Public; {
	case said["verdict"] != "approve" || said["request"] != c.ID || said["asker"] != c.Agency:
		return unproved("entry %d published another request", r.Index)
	case said["content"] != c.Hash():
		return unproved("the request is not what entry %d published", r.Index)
	}
	return nil
}

// CheckFeedKey checks that the exchange recorded the feed's key in its ledger.
// ErrUnproved.
func CheckFeedKey(index canvass.FeedIndex, v ledger.Verifier) error {
	r, err := Permitted(index.Receipt, v, "setting.change")
	if err == nil && (index.Key == "" || r.Entry.Act.Public["feed_key"] != index.Key) {
		err = unproved("entry %d names another key of the feed", r.Index)
	}
	return err
}
