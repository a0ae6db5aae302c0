package evidence

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"
)

// A bag is a folder whose contents are listed with their hashes: BagIt 1.0, RFC
// 8493. Ours is written straight into a zip, nothing compressed, and read back
// more strictly than the RFC asks: SHA-256 only, and no file may be unlisted.

const (
	bagDeclaration = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
	manifestName   = "manifest-sha256.txt"
	tagManifest    = "tagmanifest-sha256.txt"
	// maxTagFile bounds each file outside data, in bytes.
	maxTagFile = 4 << 20
)

// bagWriter writes one bag into a zip under the folder dir.
type bagWriter struct {
	zip     *zip.Writer
	dir     string
	at      time.Time
	payload map[string]string // path to hex SHA-256, under data/
	tags    map[string]string // the same for the rest
	octets  int64
}

func newBagWriter(w io.Writer, dir string, at time.Time) *bagWriter {
	return &bagWriter{
		zip: zip.NewWriter(w), dir: dir, at: at,
		payload: map[string]string{}, tags: map[string]string{},
	}
}

// add streams r into the bag as path, relative to the bag.
func (b *bagWriter) add(path string, r io.Reader) error {
	f, err := b.zip.CreateHeader(&zip.FileHeader{Name: b.dir + "/" + path, Method: zip.Store, Modified: b.at})
	if err != nil {
		return fmt.Errorf("package: %s: %w", path, err)
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), r)
	if err != nil {
		return fmt.Errorf("package: %s: %w", path, err)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if strings.HasPrefix(path, "data/") {
		b.payload[path] = sum
		b.octets += n
	} else if path != tagManifest {
		b.tags[path] = sum
	}
	return nil
}

// close writes the declaration, bag-info.txt with info and the payload's size,
// and the manifests, and ends the zip.
func (b *bagWriter) close(info [][2]string) error {
	var text strings.Builder
	for _, f := range info {
		fmt.Fprintf(&text, "%s: %s\n", f[0], strings.Join(strings.Fields(f[1]), " "))
	}
	fmt.Fprintf(&text, "Payload-Oxum: %d.%d\n", b.octets, len(b.payload))
	for _, f := range []struct {
		path string
		text func() string
	}{
		{"bagit.txt", func() string { return bagDeclaration }},
		{"bag-info.txt", text.String},
		{manifestName, func() string { return manifest(b.payload) }},
		{tagManifest, func() string { return manifest(b.tags) }},
	} {
		if err := b.add(f.path, strings.NewReader(f.text())); err != nil {
			return err
		}
	}
	if err := b.zip.Close(); err != nil {
		return fmt.Errorf("package: %w", err)
	}
	return nil
}

// manifest is the text that `sha256sum -c` reads, sorted by path.
func manifest(sums map[string]string) string {
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&b, "%s  %s\n", sums[path], path)
	}
	return b.String()
}

// BagError says which file of a bag is wrong, and how.
type BagError struct{ Path, Why string }

// Error implements error.
func (e *BagError) Error() string { return e.Path + ": " + e.Why }

func bagError(path, format string, args ...any) error {
	return &BagError{path, fmt.Sprintf(format, args...)}
}

// bagRoot finds the bag in fsys: the root itself, or its only folder.
func bagRoot(fsys fs.FS) (fs.FS, error) {
	if _, err := fs.Stat(fsys, "bagit.txt"); err == nil {
		return fsys, nil
	}
	top, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("reading the package: %w", err)
	}
	if len(top) != 1 || !top[0].IsDir() {
		return nil, bagError("bagit.txt", "missing: this is not a BagIt bag")
	}
	sub, err := fs.Sub(fsys, top[0].Name())
	if err != nil {
		return nil, fmt.Errorf("reading the package: %w", err)
	}
	if _, err := fs.Stat(sub, "bagit.txt"); err != nil {
		return nil, bagError("bagit.txt", "missing: this is not a BagIt bag")
	}
	return sub, nil
}

// readBag checks that the bag holds exactly the files its manifests list, each
// with its hash, and returns the hashes by path. The error is a *BagError for
// anything wrong with the bag.
func readBag(bag fs.FS) (map[string]string, error) {
	declared, err := readTag(bag, "bagit.txt")
	if err != nil {
		return nil, err
	}
	if string(declared) != bagDeclaration {
		return nil, bagError("bagit.txt", "not the declaration of a BagIt 1.0 bag in UTF-8")
	}
	sums := map[string]string{}
	for _, m := range []string{tagManifest, manifestName} {
		if err := readManifest(bag, m, sums); err != nil {
			return nil, err
		}
	}
	for _, must := range []string{"bagit.txt", "bag-info.txt", manifestName} {
		if sums[must] == "" {
			return nil, bagError(tagManifest, "does not list %s", must)
		}
	}
	left := maps.Clone(sums)
	var octets, files int64
	err = fs.WalkDir(bag, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return bagError(path, "unreadable: %v", err)
		case d.IsDir() || path == tagManifest:
			return nil
		case !d.Type().IsRegular():
			return bagError(path, "not a plain file")
		case sums[path] == "":
			return bagError(path, "in the package but in no manifest")
		}
		sum, n, err := hashFile(bag, path)
		if err != nil {
			return bagError(path, "unreadable: %v", err)
		}
		if sum != sums[path] {
			return bagError(path, "has been changed: its SHA-256 is %s, the manifest says %s", sum, sums[path])
		}
		if strings.HasPrefix(path, "data/") {
			octets, files = octets+n, files+1
		}
		delete(left, path)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(left)) {
		return nil, bagError(path, "listed in a manifest but missing")
	}
	info, err := readTag(bag, "bag-info.txt")
	if err != nil {
		return nil, err
	}
	if oxum := fmt.Sprintf("\nPayload-Oxum: %d.%d\n", octets, files); !strings.Contains("\n"+string(info), oxum) {
		return nil, bagError("bag-info.txt", "its Payload-Oxum is not %d bytes in %d files", octets, files)
	}
	return sums, nil
}

// readManifest adds the lines of one manifest to sums: payload files in the
// manifest, all others in the tag manifest.
func readManifest(bag fs.FS, name string, sums map[string]string) error {
	text, err := readTag(bag, name)
	if err != nil {
		return err
	}
	if len(text) == 0 || text[len(text)-1] != '\n' {
		return bagError(name, "does not end with a whole line")
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		sum, path, ok := strings.Cut(lines.Text(), "  ")
		raw, err := hex.DecodeString(sum)
		if !ok || err != nil || len(raw) != sha256.Size || sum != strings.ToLower(sum) || !fs.ValidPath(path) || path == "." {
			return bagError(name, "line %d is not a SHA-256 and a path", n)
		}
		if strings.HasPrefix(path, "data/") != (name == manifestName) || path == tagManifest {
			return bagError(name, "line %d lists %s, which does not belong there", n, path)
		}
		if sums[path] != "" {
			return bagError(name, "line %d lists %s again", n, path)
		}
		sums[path] = sum
	}
	if err := lines.Err(); err != nil {
		return bagError(name, "unreadable: %v", err)
	}
	return nil
}

// readTag reads a small file whole. The error is a *BagError.
func readTag(bag fs.FS, path string) ([]byte, error) {
	f, err := bag.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, bagError(path, "missing")
	}
	if err != nil {
		return nil, bagError(path, "unreadable: %v", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTagFile+1))
	if err != nil {
		return nil, bagError(path, "unreadable: %v", err)
	}
	if len(b) > maxTagFile {
		return nil, bagError(path, "longer than %d bytes", maxTagFile)
	}
	return b, nil
}

func hashFile(fsys fs.FS, path string) (sum string, size int64, err error) {
	f, err := fsys.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}
