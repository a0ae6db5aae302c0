package plates

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"strings"
	"testing"
)

//go:embed reader.sha256
var readerSum string

// The weights are those whose training the data sheet tells of.
func TestWeights(t *testing.T) {
	sum := sha256.Sum256(model)
	if got := hex.EncodeToString(sum[:]) + "  reader.onnx\n"; got != readerSum {
		t.Errorf("reader.onnx is %s; reader.sha256 says %s", strings.TrimSpace(got), strings.TrimSpace(readerSum))
	}
}
