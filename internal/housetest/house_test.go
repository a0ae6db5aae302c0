// Package housetest holds the rules of the house as tests: which package may
// know which (docs/architecture.md), and who may use a third party's module.
//
// The source files are read here, not asked of `go list`, so that go test sees
// what the result depends on and never answers from a stale cache.
package housetest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root, module = "../..", "porchlight"

// arrows: what each package may import of ours. They point down only: a package
// imports nothing that stands above it in this list.
var arrows = []struct{ pkg, may string }{
	// These know nothing of the rest.
	{"agencyname", ""}, {"blob", ""}, {"db", ""}, {"geo", ""}, {"ledger", ""}, {"policy/packs", ""}, {"policy", "policy/packs"}, {"purpose", ""},
	{"identity", "db"},
	{"internal/agekey", ""}, {"internal/asset", ""}, {"internal/problem", ""}, {"internal/push", ""}, {"internal/push/pushtest", "internal/push"}, {"internal/smtp", ""}, {"internal/smtp/smtptest", "internal/smtp"}, {"internal/softkey", ""}, {"internal/wake", ""}, {"internal/whole", ""},
	{"searchlog", ""},
	{"audit/scrub", "purpose"},
	{"audit", "agencyname audit/scrub policy/packs purpose searchlog"}, // runs without an exchange, and in a browser
	{"audit/report", "audit internal/whole policy/packs searchlog"},    // no os, no net: also in a browser
	{"audit/report/save", "audit audit/report"},
	{"internal/auditwasm", "audit audit/report policy/packs searchlog"},
	{"internal/loggen", "searchlog"}, {"internal/loggen/cmd", "internal/loggen"},
	{"gate", "db identity ledger policy"},
	{"oversight", "ledger"}, // runs without an exchange
	{"feed", "geo"},
	{"canvass", "db feed gate geo identity internal/push internal/smtp"},
	{"capability", "db"}, {"internal/form", ""},
	{"register", "canvass capability db gate geo identity internal/form ledger"},
	{"pets", "capability db feed gate geo identity internal/form ledger"},
	{"roster", "db gate geo identity ledger"},
	{"evidence", "blob db gate identity ledger purpose"},
	{"share", "blob canvass capability db evidence gate identity ledger"},
	{"plate", "geo"}, {"plate/reads", "db geo plate"},
	{"plate/image", "blob db gate identity plate"}, {"plate/sharing", "gate geo identity ledger plate policy/packs"},
	{"plate/intake", "db gate geo identity plate"}, {"plate/hotlist", "db gate geo identity internal/form internal/push plate"},
	{"plate/search", "agencyname db gate geo identity ledger plate plate/reads plate/sharing policy policy/packs purpose"}, {"plate/peer", "db gate identity ledger plate"},
	{"vision", ""}, {"vision/ort", ""}, {"vision/models", ""}, {"vision/models/modelstest", "vision/models"}, {"vision/nets", "vision vision/models vision/ort"}, {"internal/drawnface", "vision"},
	{"vision/plates", "vision vision/nets vision/ort"}, {"vision/plates/train/features", "vision vision/models vision/nets vision/plates"},
	{"video", "vision"}, {"vision/cover", "video vision"},
	{"web/messages", ""}, {"web/app", ""}, {"web/basemap", ""},
	{"web/i18n", "web/messages"},
	{"web/pages", "web/i18n"},
	{"share/client", "canvass gate internal/agekey ledger web/i18n"},             // an owner's device, with no part of an exchange
	{"lpr", "ledger plate plate/intake share/client video vision vision/plates"}, // a machine at the roadside
	{"web", "canvass capability evidence feed gate geo identity internal/asset internal/form internal/problem internal/push ledger oversight pets plate plate/hotlist plate/image plate/intake plate/peer plate/search plate/sharing policy purpose register roster share web/app web/basemap web/i18n web/pages"},
	{"exchange", "blob canvass db evidence feed gate geo identity internal/push ledger pets plate plate/hotlist plate/image plate/intake plate/peer plate/reads plate/search plate/sharing policy purpose register roster share web web/app web/basemap web/i18n"},
	{"home", "geo vision"}, {"home/cameras/onvif", ""}, {"home/cameras/frigate", ""}, {"home/cameras", "db geo home home/cameras/frigate home/cameras/onvif internal/wake video"},
	{"home/record", "db home home/cameras home/cameras/frigate internal/wake video"},
	{"internal/porttest", ""}, {"internal/rtsptest", "internal/porttest"}, {"internal/pgtest", ""}, {"internal/dbtest", "db internal/pgtest"},
	{"internal/actor", "gate identity internal/agekey internal/softkey ledger roster plate/intake share/client web"},
	{"internal/gatetest", "db gate geo identity internal/agekey internal/dbtest internal/softkey ledger policy"},
	{"internal/testworld", "db exchange identity internal/actor internal/dbtest roster web"},
	{"home/watch", "db home home/cameras home/cameras/frigate home/record internal/wake video vision"}, // keeps no picture, sends nothing
	{"home/faces", "db home/cameras policy/packs vision"},                                              // no net: faces leave the house by no way
	{"home/ask", "canvass db geo home ledger share/client"},                                            // sends nothing but its rounds
	{"home/notify", "db internal/push internal/smtp internal/wake web/i18n"},
	{"home/outbox", "db gate internal/wake share/client"}, {"home/send", "canvass db gate home home/ask home/outbox home/record internal/wake ledger share/client video vision/cover web/i18n"},
	{"home/pets", "db feed gate geo home home/outbox internal/wake pets share/client vision"}, {"home/register", "db gate geo home home/outbox share/client"},
	{"home/devices", "db"},
	{"home/web", "gate geo home home/ask home/cameras home/devices home/faces home/notify home/pets home/record home/register home/send internal/asset internal/problem internal/push internal/smtp internal/whole share/client video vision web/app web/basemap web/i18n"},
	{"home/node", "db home home/ask home/cameras home/devices home/faces home/notify home/pets home/record home/register home/send home/watch home/web internal/wake ledger share/client vision vision/cover vision/models vision/nets vision/plates web/basemap"},
	{"internal/apidoc", "exchange home/web"},
	{"internal/streets", "vision"},
	{"internal/bench", "*"}, {"internal/bench/duckdb", ""},
	{"internal/eval", "purpose"},
	{"demo", "*"},
	{"cmd/porchlight", "*"},
	// Tests only.
	{"internal/housetest", ""}, {"internal/killtest", ""},
}

// never: what a package must not reach, not even through others.
var never = []struct{ from, to, why string }{
	{"web", "demo", "what serves real people has no code path to the demo's passkeys"},
	{"web", "internal/softkey", "what serves real people has no passkey in software"},
	{"web", "internal/actor", "the exchange does not play people"},
	{"exchange", "demo", "what serves real people has no code path to the demo's passkeys"},
	{"exchange", "internal/softkey", "what serves real people has no passkey in software"},
	{"exchange", "internal/actor", "the exchange does not play people"},
	{"exchange", "internal/testworld", "test worlds are for tests"},
	{"demo", "internal/testworld", "test worlds are for tests"},
	{"cmd/porchlight", "internal/testworld", "test worlds are for tests"},
	{"oversight", "gate", "public figures come from the log alone, so that anybody can count again"},
	{"oversight", "db", "public figures come from the log alone, so that anybody can count again"},
	{"ledger", "db", "a receipt is checked without any store"},
	{"audit", "policy", "the audit reads the law as data; its page carries no rule engine"},
	{"home/send", "home/faces", "no data of a face can enter a submission"},
	{"home/ask", "home/faces", "the exchange learns nothing of who is known"},
	{"home/notify", "home/faces", "what is told is put together from words"},
	{"share/client", "home/faces", "no data of a face can enter a submission"},
	{"home/faces", "share/client", "no data of a face can enter a submission"},
	{"home/faces", "home/send", "no data of a face can enter a submission"},
	{"policy", "gate", "a decision depends on its question only"},
	{"gate", "evidence", "the door knows no domain"},
	{"gate", "canvass", "the door knows no domain"},
	{"canvass", "evidence", "asking knows nothing of what comes back"},
	{"evidence", "share", "custody begins where sharing ends"},
}

// only: who may import a module that is not ours, by its import path's prefix.
var only = []struct{ path, by, why string }{
	{"porchlight/demo", "cmd/porchlight", "only porchlight demo links it in"},
	{"porchlight/internal/softkey", "demo internal/actor internal/gatetest", "passkeys in software are for the demo and for tests"},
	{"porchlight/exchange", "cmd/porchlight demo internal/apidoc internal/testworld internal/bench", "nothing below stands on the whole"},
	{"modernc.org/sqlite", "db plate/reads", "two packages know the engine: records, and reads, which are written and looked up by the thousand"},
	{"github.com/jackc/pgx", "db internal/bench internal/pgtest plate/reads", "two packages know the engine, and the benchmark compares with it"},
	{"github.com/transparency-dev/tessera", "ledger internal/bench", "one package knows the log's engine, and the benchmark compares with it"},
	{"github.com/cedar-policy/cedar-go", "policy", "only policy speaks Cedar"},
	{"github.com/go-webauthn/webauthn", "identity", "only identity checks passkeys"},
	{"github.com/danielgtaylor/huma", "web home/web internal/problem", "only web and home/web speak HTTP to the apps"},
	{"github.com/spf13/cobra", "cmd/porchlight", "only cmd has flags"},
	{"github.com/schollz/progressbar", "cmd/porchlight", "only cmd has a terminal"},
	{"github.com/spf13/pflag", "cmd/porchlight", "only cmd has flags"},
	{"github.com/knadh/koanf", "cmd/porchlight", "only cmd reads configuration"},
	{"charm.land/fang", "cmd/porchlight", "only cmd has flags"},
	{"github.com/digitorus", "evidence", "only court packages carry time stamps"},
	{"github.com/wneessen/go-mail", "internal/smtp", "one package speaks SMTP"},
	{"github.com/SherClockHolmes/webpush-go", "internal/push", "one package speaks web push"},
	{"github.com/duckdb", "internal/bench/duckdb", "a module of its own, so that Porchlight needs no C compiler"},
	{"github.com/cespare/xxhash", "audit", "only audits compare millions of texts by hash"},
	{"github.com/dunglas/httpsfv", "plate/peer", "only lookups between exchanges are signed messages"},
	{"html/template", "audit/report web web/pages web/basemap evidence demo plate/search", "only these make pages"},
	{"github.com/santhosh-tekuri/jsonschema", "", "only a test asks whether the audit's JSON is as documented"},
	{"golang.org/x/net/ipv4", "home/cameras/onvif", "only the search for cameras chooses a network interface"},
	{"github.com/eclipse/paho.mqtt.golang", "plate/intake home/cameras/frigate", "only cameras speak MQTT"},
	{"google.golang.org/protobuf", "plate/intake vision/models", "only batches and models are protobuf"},
	{"os/exec", "demo internal/bench internal/pgtest internal/rtsptest video", "the exchange starts no programs; the owner's side starts ffmpeg"},
	{"rsc.io/qr", "home/web", "only pairing draws codes"},
	{"net/http/pprof", "", "no debugging routes"},
	{"github.com/ebitengine/purego", "vision/ort", "only ONNX Runtime is called in C"},
	{"unsafe", "vision/ort", "only what is called in C needs it"},
	{"C", "", "the binary cross-compiles"},
}

// imports reads what each package of ours imports, without its tests.
func imports(t *testing.T) map[string]map[string]bool {
	t.Helper()
	all := map[string]map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); n == "node_modules" || n == "testdata" || n == "bin" || n == "build" || n == "dist" || len(n) > 2 && n[0] == '.' {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		if all[dir] == nil {
			all[dir] = map[string]bool{}
		}
		if strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			all[dir][p] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// ours are the imports that are packages of this module.
func ours(imports map[string]bool) (out []string) {
	for _, p := range slices.Sorted(maps.Keys(imports)) {
		if p, ok := strings.CutPrefix(p, module+"/"); ok {
			out = append(out, p)
		}
	}
	return out
}

func TestArrowsPointDown(t *testing.T) {
	all := imports(t)
	place := map[string]int{}
	for i, a := range arrows {
		place[a.pkg] = i
	}
	for _, pkg := range slices.Sorted(maps.Keys(all)) {
		i, ok := place[pkg]
		if !ok {
			t.Errorf("%s has no place in the house: add it to arrows and to docs/architecture.md", pkg)
			continue
		}
		may := strings.Fields(arrows[i].may)
		for _, p := range ours(all[pkg]) {
			switch {
			case !slices.Contains(may, "*") && !slices.Contains(may, p):
				t.Errorf("%s imports %s; it may import %q", pkg, p, arrows[i].may)
			case place[p] > i:
				t.Errorf("%s imports %s, which stands above it", pkg, p)
			}
		}
	}
}

func TestNeverReached(t *testing.T) {
	all := imports(t)
	for _, n := range never {
		if all[n.from] == nil || all[n.to] == nil {
			t.Errorf("%s or %s is no package any more", n.from, n.to)
		}
		if way := reach(all, n.from, n.to); way != nil {
			t.Errorf("%s: but %s", n.why, strings.Join(way, " imports "))
		}
	}
}

// reach is a way along imports from one package to another, nil if there is none.
func reach(all map[string]map[string]bool, from, to string) []string {
	seen := map[string]bool{from: true}
	for ways := [][]string{{from}}; len(ways) > 0; ways = ways[1:] {
		way := ways[0]
		for _, p := range ours(all[way[len(way)-1]]) {
			next := append(slices.Clone(way), p)
			if p == to {
				return next
			}
			if !seen[p] {
				seen[p] = true
				ways = append(ways, next)
			}
		}
	}
	return nil
}

func TestModulesHaveOneHome(t *testing.T) {
	all := imports(t)
	for _, o := range only {
		by := strings.Fields(o.by)
		for pkg, imports := range all {
			for p := range imports {
				if (p == o.path || strings.HasPrefix(p, o.path+"/")) && !slices.Contains(by, pkg) && module+"/"+pkg != o.path {
					t.Errorf("%s imports %s: %s", pkg, p, o.why)
				}
			}
		}
	}
}

// The rules above can fail: each is tried on a house that breaks it.
func TestRulesNotice(t *testing.T) {
	all := map[string]map[string]bool{
		"web": {"porchlight/share": true}, "share": {"porchlight/demo": true}, "demo": {},
	}
	if way := reach(all, "web", "demo"); strings.Join(way, " ") != "web share demo" {
		t.Errorf("way %v", way)
	}
	if way := reach(all, "demo", "web"); way != nil {
		t.Errorf("way %v", way)
	}
}
