// Command apidoc prints the OpenAPI 3.1 description of the exchange's API, as a
// new exchange serves it, or with the argument "home" that of porchlight home:
// `make generate` keeps web/openapi.json and home/web/openapi.json with it.
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
	homeweb "porchlight/home/web"
)

const anywhere = `{"type":"Polygon","coordinates":[[[0,0],[0.1,0],[0.1,0.1],[0,0.1],[0,0]]]}`

func main() {
	show := exchangeAPI
	if len(os.Args) > 1 && os.Args[1] == "home" {
		show = homeAPI
	}
	if err := show(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func exchangeAPI(ctx context.Context) error {
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
	return show(ctx, x.Handler())
}

func homeAPI(ctx context.Context) error {
	h, err := homeweb.New(homeweb.Options{})
	if err != nil {
		return err
	}
	return show(ctx, h.Handler())
}

// show prints what a server says of itself.
func show(ctx context.Context, h http.Handler) error {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/api/openapi.json", nil))
	if w.Code != http.StatusOK {
		return fmt.Errorf("status %d: %s", w.Code, w.Body)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, w.Body.Bytes(), "", " "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err := out.WriteTo(os.Stdout)
	return err
}
