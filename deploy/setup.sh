#!/usr/bin/env bash
# Makes .venv with exactly the dependencies of deploy/constraints.txt, and this project in it.
set -euo pipefail
cd "$(dirname "$0")/.."

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "Python 3.11 or newer is needed: install it, or name it with PYTHON=…" >&2
  exit 1
}

# Debian ships Python without ensurepip, and venv needs it.
ensure_venv() {
  "$1" -c 'import ensurepip, venv' 2>/dev/null && return
  local package
  package="$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null
  else
    echo "$1 has no venv: install the package $package" >&2
    exit 1
  fi
}

if [[ ! -x .venv/bin/pip ]]; then
  python="$(find_python)"
  ensure_venv "$python"
  echo "Making .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
fi
echo "Installing the pinned dependencies; the first time takes a minute or two"
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r deploy/constraints.txt
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
touch .venv/.ready
