#!/usr/bin/env bash
# Keeps a release for the test of a rolling upgrade: the wheel of a commit, the same bytes each time.
# usage: tests/upgrade/keep_release.sh COMMIT
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(git -C "$here" rev-parse --show-toplevel)
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
git -C "$root" archive --format=tar "$1" | tar -x -C "$source"
rm -f "$here"/*.whl
cd "$source"
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct "$1") \
  "$root/.venv/bin/python" -m hatchling build -t wheel -d "$here"
