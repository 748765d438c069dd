#!/usr/bin/env bash
# Build the worker image without an image registry: a small local Debian base, then the project's Dockerfile on it.
#
#   tests/hpc/base_image.sh [--out FOLDER]      the last line on stdout is the SIF's path; nothing is built twice
#
# Inside the build, pip reaches packages as on this machine (indexes, proxy, certificates, folders of wheels; see
# pip_settings.py). The files that these settings name are mounted read-only at the same path. None of them stays in the
# image.
# Exit status 77: cannot run here; stderr says why. IMAGE_DIR: state folder (default /var/lib/graincast-images).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
state=${IMAGE_DIR:-/var/lib/graincast-images}
out=$root/containers
[ "${1:-}" != --out ] || out=$2
packages=python3,python3-venv,ca-certificates
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot BUILDER=buildah

skip() { printf 'base_image.sh: cannot run here: %s\n' "$*" >&2; exit 77; }
step() { printf 'base_image.sh: %s\n' "$*" >&2; }

sif=$("$root/docker/build.sh" --out "$out" --print-name)
if [ -e "$sif" ]; then echo "$sif"; exit 0; fi
[ "$(id -u)" = 0 ] || skip "needs root"
for tool in mmdebstrap buildah apptainer; do command -v $tool >/dev/null || skip "$tool is not installed ($here/cluster.sh install)"; done

# The base: Debian's Python, from this machine's package source.
mkdir -p "$state"
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 2>/dev/null | awk '$2 ~ /^(bookworm|stable|12)$/ { print $1; exit }')
[ -n "$mirror" ] || skip "no Debian 12 package source is configured"
base=localhost/graincast-base:$(printf %s "$packages" | sha256sum | cut -c1-12)
if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
    started=$SECONDS
    mmdebstrap --quiet --variant=minbase --include=$packages --aptopt='Acquire::Check-Valid-Until "false"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        bookworm "$state/rootfs.tar" "$mirror" || skip "the Debian base could not be built (no network?)"
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$state/rootfs.tar" / >/dev/null
    buildah commit --quiet "$container" "$base" >/dev/null
    buildah rm "$container" >/dev/null
    rm -f "$state/rootfs.tar"
    step "base image built in $((SECONDS - started)) s"
fi

# This machine's pip settings as one file; the paths in it are mounted during the build.
pip=$(command -v "$root/.venv/bin/pip" || command -v pip3 || command -v pip) || skip "no pip to read this machine's settings from"
pip_conf=$state/pip.conf
paths=$(umask 077 && "$pip" config list | python3 "$here/pip_settings.py" "$pip_conf")
flags=(--layers=false --secret "id=pip.conf,src=$pip_conf")
for path in $paths; do flags+=(--volume "$path:$path:ro"); done
# With a local folder of wheels, torch's CPU build comes from there, not from its public index.
if grep -q find-links "$pip_conf"; then flags+=(--build-arg TORCH_INDEX=none); fi
BUILD_FLAGS="${flags[*]}" exec "$root/docker/build.sh" --base "$base" --out "$out"
