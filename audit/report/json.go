package report

import (
	"encoding/json"
	"fmt"
	"io"

	"porchlight/audit"
	"porchlight/internal/whole"
)

// JSON writes the result as docs/audit-json.md describes it: indented, with
// empty lists and objects rather than null.
func JSON(w io.Writer, r *audit.Result) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(whole.Of(*r)); err != nil {
		return fmt.Errorf("report: write JSON: %w", err)
	}
	return nil
}
