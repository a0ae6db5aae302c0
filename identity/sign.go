package identity

import (
	"context"
	"crypto/sha256"
)

// ActChallenge is what a passkey signs: SHA-256(nonce || act).
func ActChallenge(nonce [32]byte, act []byte) [32]byte {
	return sha256.Sum256(append(nonce[:], act...))
}

// Challenge asks person to sign act (the act's one encoding). Nothing is
// stored: the caller keeps the nonce with the act and lets it be used once.
// ErrNotFound when the person has no passkey that works.
func (s *Service) Challenge(ctx context.Context, person string, act []byte) (Challenge, error) {
	return Challenge{}, ErrNotFound
}

// VerifySignature checks that assertion (AuthenticationResponseJSON) is person's
// passkey, with the user verified, over nonce and act. Errors: ErrSignature,
// ErrReplayed, ErrCloned (the passkey is now disabled), ErrDisabled, ErrNotFound.
func (s *Service) VerifySignature(ctx context.Context, person string, nonce [32]byte, act []byte, assertion []byte) (Signed, error) {
	return Signed{}, ErrNotFound
}
