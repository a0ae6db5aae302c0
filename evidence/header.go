package evidence

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// MaxHeader is the longest age header accepted, in bytes: about 150 recipients.
const MaxHeader = 16 << 10

// Header is a parsed age v1 header. The exchange can read its shape, never the
// file key inside.
type Header struct {
	Recipients int // number of X25519 stanzas, at least 1
}

// ParseHeader checks that data is exactly one age v1 header whose stanzas are
// all X25519 (https://age-encryption.org/v1): intro line, stanzas of an
// ephemeral share and a 32-byte wrapped file key, MAC line. It returns ErrHeader
// otherwise. The MAC itself needs the file key and is checked by who decrypts.
func ParseHeader(data []byte) (Header, error) {
	bad := func(why string) (Header, error) { return Header{}, fmt.Errorf("%w: %s", ErrHeader, why) }
	if len(data) > MaxHeader {
		return bad("too long")
	}
	rest, ok := bytes.CutPrefix(data, []byte("age-encryption.org/v1\n"))
	if !ok {
		return bad("no version line")
	}
	var h Header
	for {
		line, after, ok := bytes.Cut(rest, []byte("\n"))
		if !ok {
			return bad("no MAC line")
		}
		rest = after
		if mac, ok := bytes.CutPrefix(line, []byte("--- ")); ok {
			if !isBase64(string(mac), 32) {
				return bad("malformed MAC")
			}
			if len(rest) > 0 {
				return bad("bytes after the MAC line")
			}
			if h.Recipients == 0 {
				return bad("no recipient")
			}
			return h, nil
		}
		share, ok := bytes.CutPrefix(line, []byte("-> X25519 "))
		if !ok || !isBase64(string(share), 32) {
			return bad("a stanza that is not X25519")
		}
		body, after, ok := bytes.Cut(rest, []byte("\n"))
		if !ok || !isBase64(string(body), 32) {
			return bad("a malformed wrapped key")
		}
		rest = after
		h.Recipients++
	}
}

// cutHeader splits an age file held in memory. ErrHeader as SplitHeader.
func cutHeader(file []byte) (header, payload []byte, err error) {
	if header, err = SplitHeader(bufio.NewReader(bytes.NewReader(file))); err != nil {
		return nil, nil, err
	}
	return header, file[len(header):], nil
}

// SplitHeader reads the age header from the start of r and returns it exactly
// as it stood; r is then at the payload. It returns ErrHeader when r does not
// start with a header that ParseHeader accepts.
func SplitHeader(r *bufio.Reader) ([]byte, error) {
	var header []byte
	for len(header) <= MaxHeader {
		line, err := r.ReadSlice('\n')
		header = append(header, line...)
		switch {
		case err == bufio.ErrBufferFull, err == io.EOF:
			return nil, fmt.Errorf("%w: no MAC line", ErrHeader)
		case err != nil:
			return nil, fmt.Errorf("reading an age header: %w", err)
		case bytes.HasPrefix(line, []byte("--- ")):
			_, err := ParseHeader(header)
			return header, err
		}
	}
	return nil, fmt.Errorf("%w: too long", ErrHeader)
}

// isBase64 reports whether s is canonical unpadded base64 of n bytes.
func isBase64(s string, n int) bool {
	if strings.ContainsAny(s, "\r\n") {
		return false
	}
	b, err := base64.RawStdEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == n
}
