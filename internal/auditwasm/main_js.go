// Command auditwasm is the audit in a visitor's browser: the engine of
// `porchlight audit`, compiled to WebAssembly and run in a worker, so that a log
// dropped on the page never leaves her device and gives the same findings.
//
// It sets two functions in the worker:
//
//	porchlightAudit(files, options, progress) -> Promise<{html, markdown, json}>
//	porchlightLaws() -> [{state, name}], the states whose law it knows
//
// files are {name, size, read(offset, length) -> Uint8Array}, options {state,
// zone, redact}, progress is called with (bytes done, bytes there are).
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"syscall/js"
	"time"
	_ "time/tzdata" // a browser has no zone files

	"porchlight/audit"
	"porchlight/audit/report"
	"porchlight/policy/packs"
	"porchlight/searchlog"
)

func main() {
	js.Global().Set("porchlightAudit", js.FuncOf(func(_ js.Value, args []js.Value) any {
		return promise(func() (any, error) { return run(args[0], args[1], args[2]) })
	}))
	js.Global().Set("porchlightLaws", js.FuncOf(func(js.Value, []js.Value) any {
		var laws []any
		for _, state := range packs.States() {
			law, err := packs.For(state)
			if err != nil {
				panic(err) // the packs are part of the program
			}
			laws = append(laws, map[string]any{"state": state, "name": law.Name})
		}
		return laws
	}))
	select {}
}

// run audits the files and renders what a person may take away.
func run(files, options, progress js.Value) (any, error) {
	o := audit.Options{
		State:    options.Get("state").String(),
		Progress: func(done, total int64) { progress.Invoke(done, total) },
	}
	if zone := options.Get("zone").String(); zone != "" {
		var err error
		if o.Zone, err = time.LoadLocation(zone); err != nil {
			return nil, fmt.Errorf("no zone is named %s", zone)
		}
	}
	var sources []searchlog.Source
	for i := range files.Length() {
		f := files.Index(i)
		sources = append(sources, searchlog.Source{
			Name: f.Get("name").String(), Size: int64(f.Get("size").Float()),
			Open: func() (io.ReadCloser, error) { return newBlob(f), nil },
		})
	}
	r, err := audit.Run(context.Background(), sources, o)
	if err != nil {
		return nil, err
	}
	if options.Get("redact").Bool() {
		key := make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return nil, err
		}
		r = r.Redact(key)
	}
	out := map[string]any{}
	for name, write := range map[string]func(io.Writer) error{
		"html":     func(w io.Writer) error { return report.HTML(w, r, report.Options{}) },
		"markdown": func(w io.Writer) error { return report.Markdown(w, r) },
		"json":     func(w io.Writer) error { return report.JSON(w, r) },
	} {
		var b strings.Builder
		if err := write(&b); err != nil {
			return nil, err
		}
		out[name] = b.String()
	}
	return out, nil
}

// blob reads a file of the visitor's through JavaScript.
type blob struct {
	*io.SectionReader
}

func newBlob(f js.Value) blob {
	size := int64(f.Get("size").Float())
	return blob{io.NewSectionReader(source{f}, 0, size)}
}

func (blob) Close() error { return nil }

type source struct{ file js.Value }

func (s source) ReadAt(p []byte, off int64) (n int, err error) {
	defer func() {
		if r := recover(); r != nil { // a js.Error: the file is gone or may not be read
			err = fmt.Errorf("the file could not be read: %v", r)
		}
	}()
	n = js.CopyBytesToGo(p, s.file.Call("read", off, len(p)))
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// promise runs f on a goroutine of its own and tells JavaScript how it ended.
func promise(f func() (any, error)) js.Value {
	var executor js.Func
	executor = js.FuncOf(func(_ js.Value, args []js.Value) any {
		resolve, reject := args[0], args[1]
		go func() {
			defer executor.Release()
			defer func() {
				if r := recover(); r != nil {
					reject.Invoke(fmt.Sprint(r))
				}
			}()
			out, err := f()
			if err != nil {
				reject.Invoke(err.Error())
				return
			}
			resolve.Invoke(js.ValueOf(out))
		}()
		return nil
	})
	return js.Global().Get("Promise").New(executor)
}
