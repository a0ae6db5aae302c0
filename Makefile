# Two commands do everything: make run, make test.
PORT ?= 8080
READS ?= 20000000
APP := web/app
BIN := bin/porchlight
GOFILES := $(shell git ls-files --cached --others --exclude-standard '*.go' '*.cedar' '*.json' '*.html' '*.css' '*.svg' '*.js' '*.txt' '*.geojson' '*.tsv' | grep -v '^$(APP)/')
APPFILES := $(shell git ls-files --cached --others --exclude-standard $(APP) web/messages web/pages/static)

AUDITFILES := $(shell git ls-files --cached --others --exclude-standard audit searchlog purpose policy/packs internal/auditwasm | grep -v _test)

.PHONY: help run test test-go test-app build check generate bench bench-home bench-plates eval kill clean setup

help:
	@echo "make run       the demo town on http://localhost:$(PORT) (PORT=N for another)"
	@echo "make test      every test"
	@echo "make bench     every benchmark, into build/bench.json; make bench-NAME runs one part"
	@echo "make eval      how well reasons are read: precision and recall per class, beside a keyword search"
	@echo "make kill      200 kills at random instants under load (make test does 30)"
	@echo "make generate  the API description and its client from the Go types"
	@echo "make check     formatting, vet, staticcheck, generated files, the app's types"
	@echo "make build     $(BIN)"

run: build
	@scripts/setup.sh run
	$(BIN) demo --port $(PORT)

# The slowest packages first; more at a time than there are cores, as tests mostly
# wait for browsers, disks and the log's publication.
test: setup-test build
	$(MAKE) -j2 --output-sync=line test-go test-app

# SQLite is C put into Go. Its memory is mapped outside Go's, where the race detector
# sees nothing, and having each of its pointers checked was half of the tests' work;
# the driver that calls it stays checked. What vet says, make check says.
RACE := -race -vet=off -ldflags=-w $(foreach p,sqlite/lib libc memory,-gcflags=modernc.org/$p=-race=false)

test-go:
	go test $(RACE) -timeout 40m -p 4 ./web ./cmd/porchlight ./demo ./...
	go test ./policy

test-app:
	cd $(APP) && npm test
	cd $(APP) && npm run story

setup-%:
	@scripts/setup.sh $*

build: $(BIN)
	@scripts/setup.sh models

$(BIN): go.mod $(GOFILES) $(APP)/dist/index.html
	@mkdir -p bin
	go build -o $@ ./cmd/porchlight

# The audit page runs the engine of porchlight audit.
$(APP)/wasm/audit.wasm: go.mod $(AUDITFILES)
	@mkdir -p $(@D)
	cp "$$(go env GOROOT)/lib/wasm/wasm_exec.js" $(@D)/
	GOOS=js GOARCH=wasm go build -trimpath -buildvcs=false -ldflags="-s -w" -o $@ ./internal/auditwasm

$(APP)/dist/index.html: $(APP)/node_modules/.package-lock.json $(APP)/wasm/audit.wasm $(filter-out $(APP)/dist/% $(APP)/dist-home/%,$(APPFILES))
	cd $(APP) && npm run build

$(APP)/node_modules/.package-lock.json: $(APP)/package-lock.json
	@echo "Installing npm packages of $(APP)"
	cd $(APP) && npm ci --no-audit --no-fund
	@touch $@

generate: $(APP)/node_modules/.package-lock.json
	go run ./internal/apidoc > web/openapi.json
	go run ./internal/apidoc home > home/web/openapi.json
	cd $(APP) && npm run api

check: $(APP)/dist/index.html
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "gofmt these files"; exit 1; }
	go vet ./...
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go vet ./vision/ort # the code that knows its processor
	go tool staticcheck ./...
	$(MAKE) generate
	git diff --exit-code -- web/openapi.json home/web/openapi.json $(APP)/src/lib/api/schema.ts $(APP)/src/home/schema.ts
	cd $(APP) && npm run check

bench: setup-bench build
	go run ./internal/bench

# Acts per second and latency: one node on SQLite, one and three on PostgreSQL.
bench-nodes: setup-test
	go test -run '^$$' -bench Nodes -benchtime 1x ./exchange

bench-%: setup-bench build
	go run ./internal/bench $*

# Porchlight at home: cameras recorded a core, and what else internal/bench/home.go lists.
bench-home: setup-test setup-bench
	go run ./internal/bench home

# The plate network's engine on 20 million reads; READS=N for another number.
bench-plates: setup-bench
	PORCHLIGHT_BENCH_READS=$(READS) go run ./internal/bench plates

eval:
	@go run ./internal/eval

kill: setup-test
	PORCHLIGHT_KILLS=200 go test -count=1 -v -run TestKills -timeout 60m ./internal/killtest

clean:
	rm -rf bin build $(APP)/wasm $(APP)/dist/assets $(APP)/dist/index.html $(APP)/dist-home/assets $(APP)/dist-home/home.html
