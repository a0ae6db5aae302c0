package exchange

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"iter"
	"os"

	"golang.org/x/mod/sumdb/note"

	"porchlight/ledger"
	"porchlight/plate"
	"porchlight/plate/peer"
	"porchlight/plate/search"
)

// openPeers opens lookups to and from other exchanges.
func (x *Exchange) openPeers(ctx context.Context) error {
	text, err := x.secret(lookupKeyFile, func() (string, error) {
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed)
		return hex.EncodeToString(seed), nil
	})
	if err != nil {
		return err
	}
	seed, err := hex.DecodeString(text)
	if err != nil || len(seed) != ed25519.SeedSize {
		return fmt.Errorf("%s: it must be %d bytes in hex", lookupKeyFile, ed25519.SeedSize)
	}
	skey, err := os.ReadFile(x.path(keyFile))
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(string(skey))
	if err != nil {
		return fmt.Errorf("%s: %w", keyFile, err)
	}
	x.Peers, err = peer.New(ctx, peer.Options{
		DB: x.DB, Gate: x.Gate, Log: x.Log, Searches: answering{x}, Fields: search.Fields,
		Exchange: x.descriptor, Lookups: x.BaseURL + "/api/v1/peer/lookups",
		Packs: func() map[string]string {
			hashes := map[string]string{}
			for _, p := range x.Policy.Packs() {
				hashes[p.Name] = p.Hash
			}
			return hashes
		},
		Agencies: func(ctx context.Context) ([]peer.Agency, error) {
			all, err := x.Roster.Agencies(ctx)
			out := make([]peer.Agency, len(all))
			for i, a := range all {
				out[i] = peer.Agency{ORI: a.ORI, Name: a.Name, Kind: string(a.Kind), State: a.State, Status: string(a.Status)}
			}
			return out, err
		},
		Ledger: signer, Key: ed25519.NewKeyFromSeed(seed), Now: x.Now, Logger: x.Logger,
	})
	return err
}

// peerOrigins are the exchanges that a sharing setting may name.
func (x *Exchange) peerOrigins(ctx context.Context) ([]string, error) {
	list, err := x.Peers.Peers(ctx)
	origins := make([]string, len(list))
	for i, p := range list {
		origins[i] = p.Origin
	}
	return origins, err
}

// answering answers lookups by the searches, which are opened after the peers.
type answering struct{ x *Exchange }

func (a answering) Answer(ctx context.Context, search string, asker plate.Asker, ask plate.Ask) ([]plate.Answer, error) {
	return a.x.Searches.Answer(ctx, search, asker, ask)
}

// lookups shows the peers as search sees them.
type lookups struct{ *peer.Service }

func (l lookups) Lookup(ctx context.Context, receipt string, asker plate.Asker, ask plate.Ask) iter.Seq[search.PeerAnswer] {
	return func(yield func(search.PeerAnswer) bool) {
		r, err := ledger.ParseReceipt([]byte(receipt))
		if err != nil {
			for _, origin := range ask.Peers {
				if !yield(search.PeerAnswer{Exchange: origin, Problem: "The search's own receipt cannot be read."}) {
					return
				}
			}
			return
		}
		for a := range l.Service.Lookup(ctx, r, asker, ask) {
			out := search.PeerAnswer{Exchange: a.Exchange, Answers: a.Answers, Receipts: make([]string, len(a.Receipts)), Problem: a.Failure.Sentence()}
			for i, r := range a.Receipts {
				out.Receipts[i] = string(r.Marshal())
			}
			if !yield(out) {
				return
			}
		}
	}
}
