package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// settings is where a command's settings stand: a YAML file, then the environment,
// then flags; the later wins.
type settings struct {
	file   string
	needed bool   // the file must exist
	prefix string // of environment variables: PORCHLIGHT_HOME_ makes PORCHLIGHT_HOME_EXCHANGE__URL exchange.url (two underscores step into a group)
	guide  string // the page that lists the settings
	flags  *pflag.FlagSet
}

// readSettings fills a T. A key of the file that T does not have is refused: a
// setting misspelt would be lost silently.
func readSettings[T any](s settings) (c T, err error) {
	k := koanf.New(".")
	if err := k.Load(file.Provider(s.file), yaml.Parser()); err != nil && (s.needed || !errors.Is(err, fs.ErrNotExist)) {
		return c, fmt.Errorf("%s: %w", s.file, err)
	}
	names := koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{ErrorUnused: true, WeaklyTypedInput: true, DecodeHook: skipDurations}}
	if err := k.UnmarshalWithConf("", new(T), names); err != nil {
		return c, fmt.Errorf("%s: %s lists the settings: %w", s.file, s.guide, err)
	}
	variables := env.Opt{Prefix: s.prefix, TransformFunc: func(key, value string) (string, any) {
		return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(key, s.prefix)), "__", "."), value
	}}
	if err := k.Load(env.Provider(".", variables), nil); err != nil {
		return c, fmt.Errorf("environment: %w", err)
	}
	flags := posflag.ProviderWithValue(s.flags, ".", k, func(key, value string) (string, any) {
		return strings.ReplaceAll(key, "-", "_"), value
	})
	if err := k.Load(flags, nil); err != nil {
		return c, fmt.Errorf("flags: %w", err)
	}
	if err := k.Unmarshal("", &c); err != nil {
		return c, fmt.Errorf("%s: %w", s.file, err)
	}
	return c, nil
}

// skipDurations leaves them to koanf, which also understands days.
func skipDurations(_, to reflect.Type, v any) (any, error) {
	if to == reflect.TypeFor[time.Duration]() {
		return time.Duration(0), nil
	}
	return v, nil
}

// newLogger writes JSON lines from level on, info when it is empty.
func newLogger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if level != "" {
		if err := l.UnmarshalText([]byte(level)); err != nil {
			return nil, usageError(fmt.Errorf("log level %q: want debug, info, warn or error", level))
		}
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l})), nil
}
