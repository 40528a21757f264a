#!/usr/bin/env bash
# Installs the programs that only the tests and the benchmarks need, where one is missing.
set -euo pipefail

# program (or header) and the Debian package that has it
needed=(
  "chromium chromium"
  "curl curl"
  "faketime faketime"
  "gcc gcc"
  "nginx nginx"
  "pgbouncer pgbouncer"
  "nghttp nghttp2-client"
  "nghttpd nghttp2-server"
  "/usr/include/nghttp2/nghttp2.h libnghttp2-dev"
  "prometheus prometheus"
  "promtool prometheus"
  "systemd-analyze systemd"
  "/usr/include/openssl/ssl.h libssl-dev"
)

missing=()
for line in "${needed[@]}"; do
  read -r program package <<<"$line"
  # some of them are installed where only root's PATH looks
  [[ -e $program ]] || PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || missing+=("$package")
done
[[ ${#missing[@]} == 0 ]] && exit 0

# Debian starts a server when it installs one: nobody asked for nginx on port 80.
start_no_server() {
  local policy=/usr/sbin/policy-rc.d
  [[ -e $policy ]] && return
  trap "rm -f $policy" EXIT
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod +x $policy
}

if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
  echo "Installing ${missing[*]} for the tests"
  start_no_server
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
elif [[ ${CI:-} == true ]]; then
  echo "The tests need these packages: ${missing[*]}" >&2
  exit 1
else
  echo "Some tests are skipped without these packages: ${missing[*]}" >&2
fi
