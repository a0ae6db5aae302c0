#!/usr/bin/env bash
# Runs a plate camera for 24 hours, or as long as SOAK says (SOAK=10m), on a drawn
# street over RTSP: the exchange goes away, the camera is unplugged, the program is
# killed, and memory, open files and spool are sampled into build/soak-lpr.csv. It
# fails when they grow or something is lost. Needs scripts/setup.sh test and the
# models.
set -euo pipefail
cd "$(dirname "$0")/.."
soak=${SOAK:-24h}
mkdir -p build
: "${PORCHLIGHT_BIN:=$PWD/build/porchlight-soak}"
[ -x "$PORCHLIGHT_BIN" ] || go build -o "$PORCHLIGHT_BIN" ./cmd/porchlight
export PORCHLIGHT_BIN PORCHLIGHT_SOAK=$soak PORCHLIGHT_SOAK_CSV=${PORCHLIGHT_SOAK_CSV:-$PWD/build/soak-lpr.csv}
go test -count=1 -v -timeout 0 -run '^TestSoak$' ./lpr
