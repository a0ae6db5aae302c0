// Command apidoc prints the OpenAPI 3.1 description of the exchange's API, as a
// new exchange serves it: `make generate` keeps web/openapi.json with it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"porchlight/exchange"
)

const anywhere = `{"type":"Polygon","coordinates":[[[0,0],[0.1,0],[0.1,0.1],[0,0.1],[0,0]]]}`

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "apidoc")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := exchange.Config{Dir: dir, BaseURL: "http://localhost", State: "IL"}
	if _, err := exchange.Init(ctx, c, []byte(anywhere)); err != nil {
		return err
	}
	x, err := exchange.Open(ctx, c)
	if err != nil {
		return err
	}
	defer x.Close()
	w := httptest.NewRecorder()
	x.Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/openapi.json", nil))
	if w.Code != http.StatusOK {
		return fmt.Errorf("status %d: %s", w.Code, w.Body)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, w.Body.Bytes(), "", " "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err = out.WriteTo(os.Stdout)
	return err
}
