package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"porchlight/ledger"
	"porchlight/lpr"
	"porchlight/video"
	"porchlight/vision/nets"
)

// lprConfig is the file of porchlight lpr.
type lprConfig struct {
	Exchange  string      `koanf:"exchange"`
	LedgerKey string      `koanf:"ledger_key"`
	Origin    string      `koanf:"origin"`
	Witnesses []string    `koanf:"witnesses"`
	Quorum    int         `koanf:"quorum"`
	Dir       string      `koanf:"dir"`
	SpoolMB   int64       `koanf:"spool_mb"`
	Pictures  *bool       `koanf:"pictures"`
	Models    string      `koanf:"models"`
	Health    string      `koanf:"health"`
	Log       string      `koanf:"log"`
	Cameras   []lprCamera `koanf:"cameras"`
	One       lprCamera   `koanf:",squash"` // one camera by flags
}

type lprCamera struct {
	Camera string        `koanf:"camera"`
	Agency string        `koanf:"agency"`
	Key    string        `koanf:"key"` // a file, beside the configuration if it is no whole path, or the PEM text itself
	Source string        `koanf:"source"`
	Facing *int          `koanf:"facing"`
	FPS    float64       `koanf:"fps"`
	Start  string        `koanf:"start"`
	Least  float64       `koanf:"least"`
	Most   time.Duration `koanf:"most"`
	Again  time.Duration `koanf:"again"`
}

func lprFlags(f *pflag.FlagSet) {
	f.String("config", "/etc/porchlight/lpr.yaml", "file with the settings and cameras; it need not exist")
	f.String("exchange", "", "address of the exchange")
	f.String("ledger-key", "", "key of its ledger, from its page /ledger: pictures are sealed only to a vault that the ledger proves")
	f.String("dir", "porchlight-lpr", "folder in which reads wait while the exchange cannot be reached")
	f.Int64("spool-mb", 0, "most that may wait, in MB (default 8192)")
	f.String("models", "", "folder of the models, see porchlight vision setup")
	f.String("health", "", "where to answer /healthz: a Unix socket's path, or localhost:PORT (default health.sock in --dir)")
	f.String("log", "", "debug, info, warn or error (default info)")
	f.String("camera", "", "one camera: its id from the cameras page")
	f.String("agency", "", "its owner's ORI")
	f.String("key", "", "file with its key, see porchlight camera keygen")
	f.String("source", "", "what it looks at: rtsp://..., a film or picture, a folder of them, /dev/videoN")
	f.Int("facing", -1, "where it looks, degrees from north")
	f.Float64("fps", 0, "frames looked at a second (default 10)")
	f.String("start", "", "of a file or folder: when its first frame was taken, RFC 3339")
}

// loadLPR reads the file, the environment (PORCHLIGHT_LPR_SPOOL_MB) and flags.
func loadLPR(f *pflag.FlagSet) (lprConfig, lpr.Config, error) {
	path, err := f.GetString("config")
	if err != nil {
		return lprConfig{}, lpr.Config{}, err
	}
	c, err := readSettings[lprConfig](settings{file: path, needed: f.Changed("config"), prefix: "PORCHLIGHT_LPR_", guide: "docs/lpr.md", flags: f})
	if err != nil {
		return c, lpr.Config{}, err
	}
	if one := c.One; one.Camera != "" {
		if one.Key != "" {
			if one.Key, err = filepath.Abs(one.Key); err != nil {
				return c, lpr.Config{}, err
			}
		}
		c.Cameras = append(c.Cameras, one)
	} else if one.Source != "" || one.Key != "" {
		return c, lpr.Config{}, usageError(errors.New("--source and --key go with --camera"))
	}
	station := lpr.Config{Exchange: c.Exchange, Dir: c.Dir, SpoolMB: c.SpoolMB, Pictures: c.Pictures,
		Ledger: ledger.Verifier{LogKey: c.LedgerKey, Origin: c.Origin, Witnesses: c.Witnesses, Quorum: c.Quorum}}
	for _, in := range c.Cameras {
		cam, err := in.camera(filepath.Dir(path))
		if err != nil {
			return c, station, fmt.Errorf("camera %s: %w", in.Camera, err)
		}
		station.Cameras = append(station.Cameras, cam)
	}
	return c, station, nil
}

// camera is what the settings in dir say of one.
func (in lprCamera) camera(dir string) (c lpr.Camera, err error) {
	c = lpr.Camera{ID: in.Camera, Agency: in.Agency, Source: video.Source(in.Source), Facing: -1, FPS: in.FPS, Least: in.Least, Most: in.Most, Again: in.Again}
	if in.Facing != nil {
		c.Facing = *in.Facing
	}
	switch {
	case strings.HasPrefix(in.Key, "-----BEGIN"):
		c.Key, err = parseCameraKey([]byte(in.Key), "key")
	case in.Key != "":
		if !filepath.IsAbs(in.Key) {
			in.Key = filepath.Join(dir, in.Key)
		}
		c.Key, err = readCameraKey(in.Key)
	}
	if err == nil && in.Start != "" {
		if c.Start, err = time.Parse(time.RFC3339, in.Start); err != nil {
			err = fmt.Errorf("start %q is no time like 2026-11-22T09:00:00-06:00", in.Start)
		}
	}
	return c, err
}

// sight is what a station sees with.
func (e eyes) sight() lpr.Sight {
	return lpr.Sight{Objects: e, Faces: e, Plates: e.plates, Look: nets.Vehicle}
}

func newLPRCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lpr",
		Short: "Read plates from video and send them to an exchange",
		Long: `Read the plates of passing vehicles from cameras, films or folders, and send
signed reads to an exchange, each with a sealed picture in which people are
covered. While the exchange cannot be reached, reads wait on the disk.

Settings come from a file, the environment (PORCHLIGHT_LPR_SPOOL_MB ...) and
flags; one camera can be named by flags alone. A camera's password belongs into
the file: everybody on the machine can read flags. docs/lpr.md is the reference.

With cameras it runs until it is stopped; with files alone until all is read and
the exchange has it.`,
		Example: "  porchlight lpr --config /etc/porchlight/lpr.yaml\n" +
			"  porchlight lpr --exchange https://exchange.example --ledger-key maple+8f3c... \\\n" +
			"      --camera 01kq... --agency IL0160000 --key main-st.key --source gate.mp4 --start 2026-11-20T07:00:00-06:00",
		Args: cobra.NoArgs,
		RunE: runLPR,
	}
	lprFlags(cmd.PersistentFlags())
	cmd.AddCommand(newLPRCheckCmd())
	return cmd
}

func runLPR(cmd *cobra.Command, _ []string) error {
	c, station, err := loadLPR(cmd.Flags())
	if err != nil {
		return err
	}
	logger, err := newLogger(cmd.ErrOrStderr(), c.Log)
	if err != nil {
		return err
	}
	e, err := openEyes(c.Models)
	if err != nil {
		return err
	}
	defer e.Close()
	s, err := lpr.Open(station, lpr.Options{Sight: e.sight(), Logger: logger})
	if err != nil {
		return err
	}
	defer s.Close()
	l, err := listenHealth(c)
	if err != nil {
		return err
	}
	defer l.Close()
	server := &http.Server{Handler: s, ReadTimeout: 10 * time.Second}
	go server.Serve(l)
	defer server.Close()
	logger.Info("looking", "cameras", len(station.Cameras), "exchange", station.Exchange, "health", l.Addr().String())
	return s.Run(cmd.Context())
}

// listenHealth listens where only this machine can ask.
func listenHealth(c lprConfig) (net.Listener, error) {
	at := c.Health
	if at == "" {
		at = filepath.Join(c.Dir, "health.sock")
	}
	if host, _, err := net.SplitHostPort(at); err == nil && !strings.Contains(at, "/") {
		if host != "localhost" && host != "127.0.0.1" && host != "::1" {
			return nil, usageError(fmt.Errorf("health is %q; it tells where cameras are: localhost:PORT or the path of a Unix socket", at))
		}
		return net.Listen("tcp", at)
	}
	if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a process that was killed
		return nil, err
	}
	l, err := net.Listen("unix", at)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(at, 0o600)
}

func newLPRCheckCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Try all that reading plates needs: source, models, clock, key, vault, disk",
		Long: `Try all that porchlight lpr needs, also beside one that runs: whether the disk can
be written to, the exchange answers and its clock agrees, the ledger proves the
vault that pictures are sealed to, the exchange takes batches signed with each
camera's key (one without reads is sent), and each source gives a picture that
the models can look at.

Exit status: 0 all is well, 1 something is not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, station, err := loadLPR(cmd.Flags())
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Minute)
			defer cancel()
			var o lpr.Options
			e, seen := openEyes(c.Models)
			if seen == nil {
				defer e.Close()
				o.Sight = e.sight()
			}
			all, err := lpr.Check(ctx, station, o, seen)
			if err != nil {
				return err
			}
			bad := 0
			for _, f := range all {
				mark := "ok  "
				if !f.OK {
					mark, bad = "BAD ", bad+1
				}
				if !asJSON {
					fmt.Fprintf(cmd.OutOrStdout(), "%s %s: %s\n", mark, f.What, f.Said)
				}
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", " ")
				if err := e.Encode(all); err != nil {
					return err
				}
			}
			if bad > 0 {
				return fmt.Errorf("%d of %d checks failed", bad, len(all))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return cmd
}
