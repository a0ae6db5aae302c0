package share

import (
	"bytes"
	"fmt"

	"porchlight/evidence"
)

// headerLen finds the end of the age header that data starts with (the format
// is https://age-encryption.org/v1). It returns 0 when more bytes are needed,
// and ErrNotSealed as soon as data cannot become a header that
// evidence.ParseHeader accepts.
func headerLen(data []byte) (int, error) {
	const intro = "age-encryption.org/v1\n"
	if k := min(len(data), len(intro)); string(data[:k]) != intro[:k] {
		return 0, fmt.Errorf("%w: it does not begin as one", ErrNotSealed)
	}
	i := bytes.Index(data, []byte("\n--- "))
	if i >= 0 {
		if j := bytes.IndexByte(data[i+1:], '\n'); j >= 0 {
			n := i + 1 + j + 1
			if _, err := evidence.ParseHeader(data[:n]); err != nil {
				return 0, fmt.Errorf("%w: %w", ErrNotSealed, err)
			}
			return n, nil
		}
	}
	if len(data) >= evidence.MaxHeader {
		return 0, fmt.Errorf("%w: its header is longer than 16 KiB", ErrNotSealed)
	}
	return 0, nil
}

// checkPayload tells whether n bytes can be the payload of an age file: a
// 16-byte nonce, then chunks of 64 KiB with a 16-byte tag each, of which the
// last may be shorter, and empty only when it is the only one.
func checkPayload(n int64) error {
	const chunk = 64<<10 + 16
	last := (n - 16) % chunk
	if n < 32 || last > 0 && last < 16 || last == 16 && n > 32 {
		return fmt.Errorf("%w: it is cut short", ErrNotSealed)
	}
	return nil
}
