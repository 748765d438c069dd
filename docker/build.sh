#!/usr/bin/env bash
# Builds the worker image and converts it to a SIF for Apptainer; does nothing when that SIF exists.
#
#   docker/build.sh [--variant cpu|cuda] [--base IMAGE] [--out FOLDER] [--print-name]
#
# The SIF is FOLDER/graincast-worker-VARIANT-HASH.sif (FOLDER: containers/). HASH is the first twelve hex digits of the
# sha256 of these bytes, one after another: docker/worker.Dockerfile, envs/install.sh, envs/requirements.lock,
# envs/torch-VARIANT.lock, the name of the variant.
# --base NAME@sha256:… builds on just that image, whatever its name stands for later.
# graincast/planning/containers.py forms the same name, so no job runs in an outdated image.
# --print-name prints that path and builds nothing. On success the path is the last line on stdout.
#
# BUILDER       docker, podman or buildah   (default: the first of them that works)
# BUILD_FLAGS   more arguments for the builder's `build`: --secret id=pip.conf,src=…, --volume …, --build-arg TORCH_INDEX=…
# APPTAINER_MKSQUASHFS_ARGS   how the SIF is compressed (default: zstd, several times faster than gzip to write and to read)
# APPTAINER_TMPDIR            scratch space for the conversion, about twice the image's size (default: /tmp)
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
variant=cpu base='' out=$root/containers print_name=

fail() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }
step() { printf 'build.sh: %s\n' "$*" >&2; }

while [ $# -gt 0 ]; do
    case "$1" in
        --variant | --base | --out)
            [ $# -ge 2 ] || fail "$1 needs a value"
            declare "${1#--}=$2"
            shift 2
            ;;
        --print-name) print_name=1 && shift ;;
        -h | --help) sed -n '2,/^set /p' "$0" | sed '$d; s/^# \{0,1\}//' && exit 0 ;;
        *) fail "unknown argument $1 (--help lists them)" ;;
    esac
done
[ "$variant" = cpu ] || [ "$variant" = cuda ] || fail "--variant is cpu or cuda, not $variant"

envs=("$root"/envs/{install.sh,requirements.lock,"torch-$variant.lock"})
hash=$({ cat "$root/docker/worker.Dockerfile" "${envs[@]}"; printf %s "$variant"; } | sha256sum | cut -c1-12)
image=graincast-worker:$variant-$hash
sif=$out/graincast-worker-$variant-$hash.sif

if [ -n "$print_name" ]; then echo "$sif"; exit 0; fi
if [ -e "$sif" ]; then step "up to date"; echo "$sif"; exit 0; fi

converter=$(command -v apptainer || command -v singularity) ||
    fail "neither apptainer nor singularity is on PATH: build on a machine that has one and copy the SIF to $out"

# A docker without its daemon is no builder.
works() {
    case "$1" in
        docker) docker info ;;
        *) "$1" --version ;;
    esac >/dev/null 2>&1
}
builder=${BUILDER:-}
if [ -z "$builder" ]; then
    for b in docker podman buildah; do works $b && builder=$b && break; done
    [ -n "$builder" ] || fail "none of docker, podman and buildah works here: build elsewhere and copy the SIF to $out"
fi
works "$builder" || fail "$builder does not work here"

mkdir -p "$out"
scratch=$(mktemp -d "${APPTAINER_TMPDIR:-${TMPDIR:-/tmp}}/graincast-build.XXXXXX")
partial=$out/.$(basename "$sif").$$
trap 'rm -rf "$scratch" "$partial"' EXIT

# Only what the Dockerfile copies goes to the builder, not the whole working directory.
mkdir -p "$scratch/context/envs"
cp "${envs[@]}" "$scratch/context/envs/"
args=(--build-arg "VARIANT=$variant" --tag "$image" --file "$root/docker/worker.Dockerfile")
[ -z "$base" ] || args+=(--build-arg "BASE=$base")
# shellcheck disable=SC2206
args+=(${BUILD_FLAGS:-})

started=$SECONDS
step "$builder builds $image"
case $builder in
    docker) DOCKER_BUILDKIT=1 docker build "${args[@]}" "$scratch/context" >&2 ;;
    podman) podman build "${args[@]}" "$scratch/context" >&2 ;;
    buildah) buildah build "${args[@]}" "$scratch/context" >&2 ;;
esac || fail "$builder could not build $image (its messages are above)"
step "image built in $((SECONDS - started)) s"

started=$SECONDS
source=docker-archive:$scratch/image.tar
case $builder in
    docker) docker save --output "$scratch/image.tar" "$image" ;;
    podman) podman save --quiet --format docker-archive --output "$scratch/image.tar" "$image" ;;
    buildah)
        # zstd layers: an archive's plain ones would be compressed with gzip on the way, which costs a minute
        source=oci:$scratch/oci
        buildah push --quiet --compression-format zstd --compression-level 3 "$image" "$source"
        ;;
esac >&2 || fail "$builder could not save $image"
step "image saved in $((SECONDS - started)) s"

started=$SECONDS
export APPTAINER_MKSQUASHFS_ARGS=${APPTAINER_MKSQUASHFS_ARGS:--comp zstd -Xcompression-level 3}
"$converter" --silent build --disable-cache --force "$partial" "$source" >&2 || fail "$converter could not convert the image"
mv "$partial" "$sif"
step "$(du -h "$sif" | cut -f1) SIF written in $((SECONDS - started)) s"
echo "$sif"
