// Package app holds the built TypeScript app: one shell page, hashed assets, the
// service worker, the manifest and icons. `npm run build` in this folder makes
// them; a program built without them answers Built() == false.
package app

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"io"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

//go:embed all:dist-home
var distHome embed.FS

// CSP is the Content-Security-Policy of the shell page. Nothing inline and no
// eval; wasm is for the face finder, blob: for clips the visitor has opened.
const CSP = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; " +
	"img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; font-src 'self'; " +
	"worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Files is the root of the built app: index.html, assets/ (names carry a hash,
// cache for ever), sw.js, manifest.webmanifest, icons.
func Files() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path
	}
	return sub
}

// Built reports whether the app was built into this program.
func Built() bool {
	_, err := fs.Stat(dist, "dist/index.html")
	return err == nil
}

// Home is the root of the built app of porchlight home: home.html, assets/, icons.
// It is no part of the exchange's app and not of its Digest.
func Home() fs.FS {
	sub, err := fs.Sub(distHome, "dist-home")
	if err != nil {
		panic(err) // "dist-home" is a valid path
	}
	return sub
}

// HomeBuilt reports whether the app of porchlight home was built into this program.
func HomeBuilt() bool {
	_, err := fs.Stat(distHome, "dist-home/home.html")
	return err == nil
}

// Digest is SHA-256 over the lines "<hex sha256>  <path>\n" of all files sorted
// by path: what `find -type f | LC_ALL=C sort | xargs sha256sum | sha256sum`
// prints (paths without "./"). The act app.publish puts it in the ledger.
func Digest() ([sha256.Size]byte, error) {
	sum := sha256.New()
	files := Files()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := files.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		_, err = fmt.Fprintf(sum, "%x  %s\n", h.Sum(nil), path)
		return err
	})
	return [sha256.Size]byte(sum.Sum(nil)), err
}
