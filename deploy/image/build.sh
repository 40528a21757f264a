#!/usr/bin/env bash
# Builds deploy/Dockerfile with buildah, as root and without a daemon, in build/image, and fails where
# the image has 200 MB or more. Bases that no registry hands out are made from Debian's packages.
set -euo pipefail
cd "$(dirname "$0")/../.."

LIMIT=200000000
BUILD_BASE=docker.io/library/debian:trixie-slim
FINAL_BASE=gcr.io/distroless/python3-debian13:nonroot
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
mkdir -p build/image/empty

in_store() { buildah --root "$PWD/build/image/store" --runroot "$PWD/build/image/run" "$@"; }

has() { in_store inspect --type image "$1" >/dev/null 2>&1 || in_store pull --quiet "$1" >/dev/null 2>&1; }

# With the authorities of this machine, by whose proxy it may reach the package index.
make_build_base() {
  echo "No registry has $BUILD_BASE for us: making it from Debian's packages"
  mmdebstrap --quiet --variant=minbase trixie build/image/trixie.tar
  local container
  container=$(in_store from scratch)
  in_store add --quiet "$container" build/image/trixie.tar / >/dev/null
  in_store copy --quiet "$container" /usr/local/share/ca-certificates /usr/local/share/ca-certificates >/dev/null
  in_store config --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt "$container"
  in_store commit --quiet --rm "$container" "$BUILD_BASE" >/dev/null
  rm build/image/trixie.tar
}

for program in buildah mmdebstrap; do
  command -v "$program" >/dev/null || { echo "The check needs $program: apt-get install $program" >&2; exit 1; }
done
has "$BUILD_BASE" || make_build_base
has "$FINAL_BASE" || in_store build --quiet --pull-never --network host --tag "$FINAL_BASE" \
  --file deploy/image/distroless.Dockerfile build/image/empty >build/image/log
in_store build --pull-never --network host --tag push-pipeline --file deploy/Dockerfile . >build/image/log 2>&1 \
  || { tail -n 30 build/image/log; exit 1; }

container=$(in_store from push-pipeline)
tree=$(in_store mount "$container")
size=$(tar --create --file - --directory "$tree" . | wc -c)
packed=$(tar --create --file - --directory "$tree" . | gzip | wc -c)
in_store rm "$container" >/dev/null
echo "The image has $((size / 1000000)) MB unpacked, $((packed / 1000000)) MB packed"
if ((size >= LIMIT)); then
  echo "It must have less than $((LIMIT / 1000000)) MB" >&2
  exit 1
fi
