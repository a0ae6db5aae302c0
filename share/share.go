// Package share is a resident's answer to a community request: what she
// consented to, the sealed clips on their way in (tus 1.0), the act that hands
// them over, and her page that follows them.
//
// The exchange never sees a clip: what arrives is an age file whose header goes
// to the store and whose payload goes to the blobs.
package share

import "errors"

// ErrState: not possible as things stand; the message says why.
var ErrState = errors.New("share: not possible now")
