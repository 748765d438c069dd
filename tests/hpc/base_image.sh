#!/usr/bin/env bash
# The worker image with no image registry: a small Debian base made on the spot, then the project's own Dockerfile on it.
#
#   tests/hpc/base_image.sh [--out FOLDER]      the SIF's path is the last line on stdout; nothing is built twice
#
# pip inside the build uses this machine's pip settings (indexes, certificate, folders of wheels); folders that these name
# are mounted read-only at their own paths while building. None of it stays in the image.
# Exit 77 = cannot run here, with the reason. IMAGE_DIR: state folder (default /var/lib/graincast-images).
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

# The base: Debian's Python, from the package source that this machine uses itself.
mkdir -p "$state"
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 2>/dev/null | awk '$2 ~ /^(bookworm|stable|12)$/ { print $1; exit }')
[ -n "$mirror" ] || skip "no Debian 12 package source is configured"
base=localhost/graincast-base:$(printf %s "$packages" | sha256sum | cut -c1-12)
if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
    started=$SECONDS
    mmdebstrap --quiet --variant=minbase --include=$packages --aptopt='Acquire::Check-Valid-Until "false"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        bookworm "$state/rootfs.tar" "$mirror" || skip "the Debian base could not be made (no network?)"
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$state/rootfs.tar" / >/dev/null
    buildah commit --quiet "$container" "$base" >/dev/null
    buildah rm "$container" >/dev/null
    rm -f "$state/rootfs.tar"
    step "base image made in $((SECONDS - started)) s"
fi

# pip's settings in force here (files, then environment), as one file.
pip=$(command -v "$root/.venv/bin/pip" || command -v pip3 || command -v pip) || skip "no pip to read this machine's settings from"
pip_conf=$state/pip.conf
(umask 077 && "$pip" config list | python3 -c '
import ast, sys
settings = {}
for line in sorted(sys.stdin, key=lambda line: line.startswith(":env:")):
    name, _, value = line.strip().partition("=")
    settings[name.rpartition(".")[2]] = " ".join(ast.literal_eval(value).split())
print("[global]", *(f"{key} = {value}" for key, value in settings.items()), sep="\n")
' >"$pip_conf")
flags=(--layers=false --secret "id=pip.conf,src=$pip_conf")
# An index's pages point at files beside it, so its parent is mounted.
for path in $(sed -n 's/^[a-z-]*url = //p; s/^find-links = //p; s/^cert = //p' "$pip_conf"); do
    case "$path" in file://*) path=$(dirname "${path#file://}") ;; esac
    if [ -e "$path" ]; then flags+=(--volume "$path:$path:ro"); fi
done
# A folder that holds the cpu build of torch makes its public index unnecessary.
if grep -q find-links "$pip_conf"; then flags+=(--build-arg TORCH_INDEX=none); fi
BUILD_FLAGS="${flags[*]}" exec "$root/docker/build.sh" --base "$base" --out "$out"
