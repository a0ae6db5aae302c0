package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"time"
)

// pauses before the next tries after a failure; then the caller decides.
var pauses = []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second, 30 * time.Second}

// ErrUploadGone: the exchange knows the upload no more: it expired, or was made
// for another answer. Create another.
var ErrUploadGone = errors.New("the exchange no longer has this upload")

// Create makes an upload of size bytes in the answer that token opens (tus 1.0,
// creation) and returns its id.
func (x *Exchange) Create(ctx context.Context, token string, size int64) (id string, err error) {
	h, err := x.tus(ctx, http.MethodPost, "", token, map[string]string{"Upload-Length": strconv.FormatInt(size, 10)}, nil, 0)
	if err != nil {
		return "", err
	}
	if id = path.Base(h.Get("Location")); len(id) != 26 {
		return "", errors.New("the exchange gave the upload no address")
	}
	return id, nil
}

// Upload brings an upload up to the size bytes of r, from wherever it stands,
// trying again for a while when the exchange cannot be reached. progress is told
// how much has arrived. Errors: ErrUploadGone, *Problem, r's.
func (x *Exchange) Upload(ctx context.Context, token, id string, r io.ReaderAt, size int64, progress func(int64)) error {
	off, best, failed := int64(-1), int64(-1), 0
	for off < size {
		n, err := x.step(ctx, token, id, r, off, size)
		switch p := (*Problem)(nil); {
		case err == nil:
			if off = n; n > best { // asking where it stands is no progress
				best, failed = n, 0
			}
			if progress != nil {
				progress(off)
			}
			continue
		case errors.As(err, &p) && (p.Status == http.StatusNotFound || p.Status == http.StatusGone):
			return ErrUploadGone
		case failed == len(pauses) || !Temporary(err) && !(p != nil && p.Status == http.StatusConflict): // 409: it stands elsewhere
			return err
		}
		if err := x.wait(ctx, pauses[failed]); err != nil {
			return err
		}
		off, failed = -1, failed+1 // ask where it stands
	}
	return nil
}

// step asks where the upload stands when off is -1, or else sends the piece at
// off, and returns the offset after it.
func (x *Exchange) step(ctx context.Context, token, id string, r io.ReaderAt, off, size int64) (int64, error) {
	var h http.Header
	var err error
	if off < 0 {
		h, err = x.tus(ctx, http.MethodHead, id, token, nil, nil, 0)
	} else {
		n := min(x.Piece, size-off)
		if n <= 0 {
			n = min(8<<20, size-off)
		}
		h, err = x.tus(ctx, http.MethodPatch, id, token, map[string]string{
			"Upload-Offset": strconv.FormatInt(off, 10), "Content-Type": "application/offset+octet-stream",
		}, io.NewSectionReader(r, off, n), n)
	}
	if err != nil {
		return 0, err
	}
	at, err := strconv.ParseInt(h.Get("Upload-Offset"), 10, 64)
	if err != nil || at < max(off, 0) || at > size || off >= 0 && at == off {
		return 0, fmt.Errorf("the exchange says the upload stands at %q of %d bytes", h.Get("Upload-Offset"), size)
	}
	return at, nil
}

// tus makes one request of the protocol; id "" is the collection.
func (x *Exchange) tus(ctx context.Context, method, id, token string, header map[string]string, body io.Reader, n int64) (http.Header, error) {
	url := x.URL + "/api/v1/uploads"
	if id != "" {
		url += "/" + id
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = n
	req.Header.Set("Tus-Resumable", "1.0.0")
	req.Header.Set("Upload-Token", token)
	for k, v := range header {
		req.Header.Set(k, v)
	}
	h, _, err := x.do(req)
	return h, err
}
