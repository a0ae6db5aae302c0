package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"porchlight/evidence"
	"porchlight/ledger"
)

// descriptorFile introduces the exchange beside what it gave out.
const descriptorFile = "exchange.json"

const descriptorPath = "/.well-known/porchlight.json"

func newVerifyCmd() *cobra.Command {
	var v verification
	cmd := &cobra.Command{
		Use:   "verify FILE|DIR|URL",
		Short: "Check a receipt, a court package or a whole ledger",
		Long: `Check a receipt, a court package (folder or zip) or a whole ledger (folder or
URL), and say in words what is proved and what is not. Files and folders are
checked offline.

Trust comes from the keys you give. Without --key the keys are read from the
exchange.json that came with the material, and the report says so.

Exit status: 0 all holds, 1 something was refused, 2 wrong use.`,
		Example: `  porchlight verify receipt.txt --key "maplegrove.example+1234abcd+AbC..."
  porchlight verify receipt-40.txt --enrolment receipt-12.txt
  porchlight verify package.zip --json
  porchlight verify https://porchlight.maplegrove.example --old-checkpoint kept.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := v.check(cmd.Context(), args[0])
			if len(r.Claims) > 0 {
				if perr := v.print(cmd.OutOrStdout(), r); perr != nil {
					return perr
				}
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.keys.LogKey, "key", "", "the log's key, name+hash+key")
	f.StringVar(&v.keys.Origin, "origin", "", "the log's name, if it is not the name in its key")
	f.StringArrayVar(&v.keys.Witnesses, "witness", nil, "key of a witness whose word counts (repeatable)")
	f.IntVar(&v.keys.Quorum, "quorum", 0, "how many of the witnesses must have cosigned")
	f.StringVar(&v.older, "old-checkpoint", "", "a checkpoint of this ledger that you kept: the ledger must extend it")
	f.StringVar(&v.enrolment, "enrolment", "", "receipt of the enrolment of the passkey that signed a receipt: says whose it was")
	f.BoolVar(&v.json, "json", false, "print the report as JSON")
	return cmd
}

type verification struct {
	keys      ledger.Verifier
	older     string
	enrolment string
	json      bool
}

// print writes the report for people or programs.
func (v *verification) print(w io.Writer, r ledger.Report) error {
	if !v.json {
		_, err := r.WriteTo(w)
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(struct {
		OK bool `json:"ok"`
		ledger.Report
	}{r.OK(), r})
}

// check finds out what target is and checks it.
func (v *verification) check(ctx context.Context, target string) (ledger.Report, error) {
	if v.keys.LogKey == "" && (v.keys.Origin != "" || len(v.keys.Witnesses) > 0 || v.keys.Quorum != 0) {
		return ledger.Report{}, usageError(errors.New("--origin, --witness and --quorum go with --key"))
	}
	if v.keys.LogKey != "" {
		if err := v.keys.Valid(); err != nil {
			return ledger.Report{}, usageError(err)
		}
	}
	if v.enrolment != "" {
		if info, err := os.Stat(target); err != nil || info.IsDir() {
			return ledger.Report{}, usageError(errors.New("--enrolment goes with a receipt"))
		}
	}
	if strings.HasPrefix(target, "http://") || strings.HasPrefix(target, "https://") {
		return v.url(ctx, strings.TrimSuffix(target, "/"))
	}
	info, err := os.Stat(target)
	if err != nil {
		return ledger.Report{}, usageError(err)
	}
	if info.IsDir() {
		return v.dir(ctx, target)
	}
	f, err := os.Open(target)
	if err != nil {
		return ledger.Report{}, err
	}
	defer f.Close()
	head := make([]byte, 4)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return ledger.Report{}, err
	}
	if string(head[:n]) == "PK\x03\x04" {
		if v.older != "" || v.enrolment != "" {
			return ledger.Report{}, usageError(errors.New("--old-checkpoint goes with a ledger, --enrolment with a receipt"))
		}
		z, err := zip.NewReader(f, info.Size())
		if err != nil {
			return ledger.Report{}, fmt.Errorf("reading the zip: %w", err)
		}
		return evidence.VerifyPackage(z, v.keys)
	}
	return v.receipt(target, io.MultiReader(bytes.NewReader(head[:n]), f))
}

func (v *verification) receipt(file string, content io.Reader) (ledger.Report, error) {
	refused := ledger.Report{Subject: "receipt"}
	if v.older != "" {
		return ledger.Report{}, usageError(errors.New("--old-checkpoint goes with a ledger"))
	}
	rc, err := readReceipt(file, content)
	var enrolments []ledger.Receipt
	if err == nil && v.enrolment != "" {
		var f *os.File
		if f, err = os.Open(v.enrolment); err != nil {
			return ledger.Report{}, usageError(err)
		}
		defer f.Close()
		var e ledger.Receipt
		e, err = readReceipt(v.enrolment, f)
		enrolments = append(enrolments, e)
	}
	if err != nil {
		refused.Add(ledger.Refused, "format", "%v", err)
		return refused, refused.Err()
	}
	keys, note, err := v.keysNear(filepath.Dir(file))
	if err != nil {
		return refused, err
	}
	r, err := keys.Receipt(rc, enrolments...)
	r.Claims = append(r.Claims, note...)
	return r, err
}

func readReceipt(file string, content io.Reader) (ledger.Receipt, error) {
	text, err := io.ReadAll(io.LimitReader(content, ledger.MaxReceipt+1))
	if err != nil {
		return ledger.Receipt{}, err
	}
	rc, err := ledger.ParseReceipt(text)
	if err != nil {
		return rc, fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	return rc, nil
}

// dir checks an unpacked package, a ledger, or the ledger in a data directory.
func (v *verification) dir(ctx context.Context, dir string) (ledger.Report, error) {
	for _, d := range []string{dir, filepath.Join(dir, "ledger")} {
		if _, err := os.Stat(filepath.Join(d, "checkpoint")); err != nil {
			continue
		}
		keys, note, err := v.keysNear(d)
		if err != nil {
			return ledger.Report{}, err
		}
		return v.ledger(ctx, keys, note, ledger.FetchFS(os.DirFS(d)))
	}
	if v.older != "" {
		return ledger.Report{}, usageError(fmt.Errorf("%s holds no ledger to compare the old checkpoint with", dir))
	}
	return evidence.VerifyPackage(os.DirFS(dir), v.keys)
}

func (v *verification) url(ctx context.Context, prefix string) (ledger.Report, error) {
	client := &http.Client{Timeout: time.Minute}
	fetch := ledger.FetchURL(client, prefix)
	_, err := fetch(ctx, "checkpoint")
	isLedger := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ledger.Report{}, fmt.Errorf("reading %s: %w", prefix, err)
	}
	keys, note := v.keys, []ledger.Claim(nil)
	if keys.LogKey == "" || !isLedger {
		u, err := url.Parse(prefix)
		if err != nil {
			return ledger.Report{}, usageError(err)
		}
		root := u.Scheme + "://" + u.Host // where an exchange introduces itself
		data, err := ledger.FetchURL(client, root)(ctx, descriptorPath[1:])
		if err != nil {
			return ledger.Report{}, usageError(fmt.Errorf("give --key: %s does not introduce itself: %w", root, err))
		}
		d, err := ledger.ParseDescriptor(data)
		if err != nil {
			return ledger.Report{}, err
		}
		if !isLedger {
			fetch = ledger.FetchURL(client, d.Ledger)
		}
		if keys.LogKey == "" {
			keys, note = d.Verifier(), []ledger.Claim{ledger.UncheckedKey(root+descriptorPath, d.LogKey)}
		}
	}
	return v.ledger(ctx, keys, note, fetch)
}

func (v *verification) ledger(ctx context.Context, keys ledger.Verifier, note []ledger.Claim, fetch ledger.Fetch) (ledger.Report, error) {
	var older []byte
	if v.older != "" {
		f, err := os.Open(v.older)
		if err != nil {
			return ledger.Report{}, usageError(err)
		}
		defer f.Close()
		if older, err = io.ReadAll(io.LimitReader(f, 64<<10)); err != nil {
			return ledger.Report{}, err
		}
	}
	r, err := keys.Ledger(ctx, fetch, older)
	r.Claims = append(r.Claims, note...)
	return r, err
}

// keysNear returns the keys given, or those of the exchange.json in dir or above it.
func (v *verification) keysNear(dir string) (ledger.Verifier, []ledger.Claim, error) {
	if v.keys.LogKey != "" {
		return v.keys, nil, nil
	}
	for _, d := range []string{dir, filepath.Join(dir, ".."), filepath.Join(dir, "..", "..")} {
		file := filepath.Join(d, descriptorFile)
		f, err := os.Open(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return ledger.Verifier{}, nil, err
		}
		data, err := io.ReadAll(io.LimitReader(f, ledger.MaxDescriptor+1))
		if err = errors.Join(err, f.Close()); err != nil {
			return ledger.Verifier{}, nil, err
		}
		desc, err := ledger.ParseDescriptor(data)
		if err != nil {
			return ledger.Verifier{}, nil, fmt.Errorf("%s: %w", file, err)
		}
		return desc.Verifier(), []ledger.Claim{ledger.UncheckedKey(file, desc.LogKey)}, nil
	}
	return ledger.Verifier{}, nil, usageError(fmt.Errorf("give the log's key with --key; there is no %s beside it", descriptorFile))
}
