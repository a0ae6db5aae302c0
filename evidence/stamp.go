package evidence

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"time"

	"github.com/digitorus/timestamp"
)

// StampAt returns a Packaging.Stamp that asks the time-stamping authority at
// url (RFC 3161 over HTTP). The response is checked to be about the data and
// signed; whose certificate that is stays the reader's to judge.
func StampAt(client *http.Client, url string) func(context.Context, []byte) ([]byte, error) {
	return func(ctx context.Context, data []byte) ([]byte, error) {
		nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
		if err != nil {
			return nil, err
		}
		query, err := timestamp.CreateRequest(bytes.NewReader(data), &timestamp.RequestOptions{Hash: crypto.SHA256, Certificates: true, Nonce: nonce})
		if err != nil {
			return nil, fmt.Errorf("time stamp request: %w", err)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(query))
		if err != nil {
			return nil, fmt.Errorf("time-stamping authority: %w", err)
		}
		req.Header.Set("Content-Type", "application/timestamp-query")
		resp, err := client.Do(req)
		if err != nil {
			return nil, fmt.Errorf("time-stamping authority: %w", err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			return nil, fmt.Errorf("time-stamping authority: %w", err)
		}
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("time-stamping authority: status %d", resp.StatusCode)
		}
		ts, err := checkStamp(answer, data)
		if err != nil {
			return nil, err
		}
		if ts.Nonce == nil || ts.Nonce.Cmp(nonce) != 0 {
			return nil, errors.New("time stamp: the answer is not to this request")
		}
		return answer, nil
	}
}

// stamp is what a checked time stamp says.
type stamp struct {
	*timestamp.Timestamp
	by string // subject of the certificate that may sign time stamps
}

// checkStamp checks that an RFC 3161 response is a signed time stamp of data.
func checkStamp(response, data []byte) (stamp, error) {
	ts, err := timestamp.ParseResponse(response)
	if err != nil {
		return stamp{}, fmt.Errorf("time stamp: %w", err)
	}
	i := slices.IndexFunc(ts.Certificates, func(c *x509.Certificate) bool {
		return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageTimeStamping)
	})
	if i < 0 { // without certificates the signature is not checked by the parser
		return stamp{}, errors.New("time stamp: no certificate for time stamping is enclosed")
	}
	sum := sha256.Sum256(data)
	if ts.HashAlgorithm != crypto.SHA256 || !bytes.Equal(ts.HashedMessage, sum[:]) {
		return stamp{}, errors.New("time stamp: it is about other data")
	}
	if ts.Time.After(time.Now().Add(24 * time.Hour)) {
		return stamp{}, errors.New("time stamp: it is dated in the future")
	}
	return stamp{ts, ts.Certificates[i].Subject.String()}, nil
}
