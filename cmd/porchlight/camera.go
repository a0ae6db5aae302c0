package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"porchlight/plate/intake"
)

func newCameraCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "camera",
		Short: "Make a plate camera's key, send reads by hand",
	}
	cmd.AddCommand(newCameraKeygenCmd(), newCameraSendCmd())
	return cmd
}

func newCameraKeygenCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "keygen FILE",
		Short: "Make the key that a plate camera signs with",
		Long: `Make an Ed25519 key for a plate camera: the private key goes to FILE (PKCS #8,
PEM), which must not exist; the public key is printed, for the agency's
administrator to enter on the cameras page.`,
		Example: "  porchlight camera keygen main-st.key",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			public, key, err := ed25519.GenerateKey(nil)
			if err != nil {
				return err
			}
			der, err := x509.MarshalPKCS8PrivateKey(key)
			if err != nil {
				return err
			}
			f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return err
			}
			if err := errors.Join(pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der}), f.Close()); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), base64.StdEncoding.EncodeToString(public))
			return err
		},
	}
}

func newCameraSendCmd() *cobra.Command {
	var url, camera, keyFile, tokenFile string
	cmd := &cobra.Command{
		Use:   "send FILE",
		Short: "Send reads to an exchange as a camera does",
		Long: `Send a file to an exchange as a camera does, and print what came of it as JSON.

With --key, FILE is a batch in JSON, as docs/cameras.md describes it; camera,
sequence and sent are filled in where it leaves them out. With --token, FILE is
sent as it is: a CSV file, or what OpenALPR or Plate Recognizer post. FILE may
be - for standard input.

Exit status: 0 taken in, 1 not, 2 wrong use.`,
		Example: "  porchlight camera send --url https://exchange.example --camera 01kq... --key main-st.key reads.json\n" +
			"  porchlight camera send --url https://exchange.example --token token.txt reads.csv",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := readFileOr(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			header, path := http.Header{}, intake.PostPath
			switch {
			case keyFile != "" && camera != "" && tokenFile == "":
				key, err := readCameraKey(keyFile)
				if err != nil {
					return err
				}
				if body, err = completeBatch(body, camera, time.Now()); err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
				path = intake.BatchPath
				header.Set("Content-Type", intake.MediaJSON)
				header.Set(intake.HeaderCamera, camera)
				header.Set(intake.HeaderSignature, intake.Signature(key, camera, body))
			case tokenFile != "" && keyFile == "" && camera == "":
				token, err := os.ReadFile(tokenFile)
				if err != nil {
					return err
				}
				header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
			default:
				return usageError(errors.New("give --camera and --key, or --token"))
			}
			req, err := http.NewRequestWithContext(cmd.Context(), http.MethodPost, strings.TrimSuffix(url, "/")+path, bytes.NewReader(body))
			if err != nil {
				return usageError(err)
			}
			req.Header = header
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
			if err != nil {
				return err
			}
			if res.StatusCode != http.StatusOK {
				var p struct{ Title, Detail string }
				if json.Unmarshal(answer, &p) != nil || p.Title == "" {
					p.Title = res.Status
				}
				return fmt.Errorf("not taken in: %s: %s", p.Title, p.Detail)
			}
			_, err = cmd.OutOrStdout().Write(answer)
			return err
		},
	}
	cmd.Flags().StringVar(&url, "url", "http://localhost:8080", "address of the exchange")
	cmd.Flags().StringVar(&camera, "camera", "", "id of a camera that signs, from the cameras page")
	cmd.Flags().StringVar(&keyFile, "key", "", "file with its private key")
	cmd.Flags().StringVar(&tokenFile, "token", "", "file with the token of a camera that does not sign")
	return cmd
}

// readFileOr reads a file, or in for "-".
func readFileOr(name string, in io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(name)
}

func readCameraKey(file string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseCameraKey(text, file)
}

// parseCameraKey reads what keygen wrote, from a place of that name.
func parseCameraKey(text []byte, file string) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key: make one with porchlight camera keygen", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	k, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a key of another kind than Ed25519", file)
	}
	return k, nil
}

// completeBatch fills in what a batch leaves out: its camera, a sequence number
// not used before (the milliseconds since 1970), and when it is sent.
func completeBatch(body []byte, camera string, now time.Time) ([]byte, error) {
	var b map[string]json.RawMessage
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, errors.New("it is not a JSON object")
	}
	for name, value := range map[string]any{"camera": camera, "sequence": now.UnixMilli(), "sent": now.UTC()} {
		if b[name] == nil {
			text, err := json.Marshal(value)
			if err != nil {
				return nil, err
			}
			b[name] = text
		}
	}
	return json.Marshal(b)
}
