package exchange

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/ledger"
)

// manifestFile lists every file of a backup as sha256sum prints it:
// `sha256sum -c manifest-sha256.txt` checks a backup without Porchlight.
const manifestFile = "manifest-sha256.txt"

// BackupInfo says what a backup holds.
type BackupInfo struct {
	Path    string `json:"path"`
	Entries uint64 `json:"entries"` // of the ledger
	Files   int    `json:"files"`
	Bytes   int64  `json:"bytes"`
}

// Backup copies the whole data directory to a new directory while the exchange
// goes on, as the act backup.make. The store is copied before the ledger, so the
// copy never knows of an act whose entry it lacks; acts recorded in between are
// closed as voids when the copy is opened. Whoever holds a backup holds the
// exchange's keys: keep it as safe as the exchange. It holds no agency's key.
func (x *Exchange) Backup(ctx context.Context, to string) (info BackupInfo, err error) {
	to, err = filepath.Abs(to)
	if err != nil {
		return info, err
	}
	if _, err := os.Lstat(to); err == nil {
		return info, fmt.Errorf("%s exists already; name a new directory", to)
	}
	if x.node != nil {
		return info, x.DB.CopyTo(ctx, to) // says how
	}
	if _, err := x.Gate.Do(ctx, gate.Act{
		Action: "backup.make", Role: identity.RoleOperator,
		By:      gate.Caller{Who: identity.Operator(), ActID: gate.NewActID()},
		Private: map[string]string{"path": to}, Facts: map[string]any{},
	}, nil); err != nil {
		return info, err
	}
	part := to + ".part"
	if err := os.RemoveAll(part); err != nil {
		return info, err
	}
	if err := os.MkdirAll(part, 0o700); err != nil {
		return info, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(part))
		}
	}()
	if err := x.DB.CopyTo(ctx, filepath.Join(part, databaseFile)); err != nil {
		return info, err
	}
	if info.Entries, err = ledger.Snapshot(ctx, ledger.FetchFS(os.DirFS(x.path(ledgerDir))), filepath.Join(part, ledgerDir)); err != nil {
		return info, err
	}
	for _, name := range []string{ConfigFile, JurisdictionFile, keyFile, feedKeyFile, pushKeyFile, noticeKeyFile, rowsKeyFile, formsKeyFile, lookupKeyFile, descriptorFile} {
		if err := copyFile(ctx, x.path(name), filepath.Join(part, name)); err != nil {
			return info, err
		}
	}
	err = filepath.WalkDir(x.path(blobDir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(x.Dir, path)
		if err != nil {
			return err
		}
		err = copyFile(ctx, path, filepath.Join(part, rel))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // destroyed since
		}
		return err
	})
	if err != nil {
		return info, fmt.Errorf("copying blobs: %w", err)
	}
	if info.Files, info.Bytes, err = writeManifest(part); err != nil {
		return info, err
	}
	info.Path = to
	return info, os.Rename(part, to)
}

// Restore makes a new data directory from a backup after checking every file
// of it against its manifest and its whole ledger against its own key.
func Restore(ctx context.Context, backup, dir string) (ledger.Report, error) {
	var report ledger.Report
	if _, err := os.Stat(filepath.Join(dir, keyFile)); err == nil {
		return report, fmt.Errorf("%s already holds an exchange", dir)
	}
	files, err := readManifest(backup)
	if err != nil {
		return report, err
	}
	for _, f := range files {
		sum, err := hashFile(filepath.Join(backup, f.path))
		if err != nil {
			return report, fmt.Errorf("backup: %w", err)
		}
		if sum != f.sum {
			return report, fmt.Errorf("backup: %s is not as it was written (SHA-256 %s, manifest says %s)", f.path, sum, f.sum)
		}
	}
	skey, err := os.ReadFile(filepath.Join(backup, keyFile))
	if err != nil {
		return report, err
	}
	vkey, err := ledger.VerifierKey(string(skey))
	if err != nil {
		return report, fmt.Errorf("backup: %s: %w", keyFile, err)
	}
	report, err = ledger.Verifier{LogKey: vkey}.Ledger(ctx, ledger.FetchFS(os.DirFS(filepath.Join(backup, ledgerDir))), nil)
	if err != nil {
		return report, err
	}
	if err := report.Err(); err != nil {
		return report, fmt.Errorf("backup: its ledger does not verify: %w", err)
	}
	// The ledger key comes last: with it the directory is an exchange.
	slices.SortStableFunc(files, func(a, b manifestLine) int {
		switch {
		case a.path == keyFile:
			return 1
		case b.path == keyFile:
			return -1
		}
		return 0
	})
	for _, f := range files {
		if err := copyFile(ctx, filepath.Join(backup, f.path), filepath.Join(dir, f.path)); err != nil {
			return report, fmt.Errorf("restoring: %w", err)
		}
	}
	return report, nil
}

type manifestLine struct{ sum, path string }

func writeManifest(dir string) (files int, bytes int64, err error) {
	var b strings.Builder
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum, err := hashFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files, bytes = files+1, bytes+info.Size()
		fmt.Fprintf(&b, "%s  %s\n", sum, filepath.ToSlash(rel))
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("writing the manifest: %w", err)
	}
	return files, bytes, os.WriteFile(filepath.Join(dir, manifestFile), []byte(b.String()), 0o600)
}

func readManifest(dir string) (lines []manifestLine, err error) {
	f, err := os.Open(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, fmt.Errorf("%s is no backup: %w", dir, err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		sum, path, ok := strings.Cut(s.Text(), "  ")
		if b, err := hex.DecodeString(sum); !ok || err != nil || len(b) != sha256.Size || !filepath.IsLocal(path) {
			return nil, fmt.Errorf("backup: %s, line %d: want a SHA-256, two spaces and a path inside the backup", manifestFile, len(lines)+1)
		}
		lines = append(lines, manifestLine{sum, path})
	}
	return lines, s.Err()
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func copyFile(ctx context.Context, from, to string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
