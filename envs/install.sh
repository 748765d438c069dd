#!/bin/sh
# Installs the locked packages into a virtual environment: every file is checked against the hashes of its lock.
#
#   envs/install.sh VENV cpu|cuda [LOCK…]      LOCK: further lock files of this folder, such as requirements-dev.lock
#
# torch comes in a call of its own, as its builds lie on different indexes. The CUDA build is that of PyPI, with hashes.
# The CPU build has no hash, as each index has its own files of it.
#
# TORCH_INDEX  where the CPU build is found (default: PyTorch's index of CPU builds); "none": where pip itself would look.
#              For cuda: another build of the same version with the libraries it needs, without hashes, such as
#              https://download.pytorch.org/whl/cu126 for GPUs that CUDA 13 has left behind (default: the lock)
# PIP_FLAGS    more arguments for pip
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=$1 variant=$2
shift 2
locks="requirements.lock $*"

fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }
install() { "$venv/bin/pip" install --disable-pip-version-check ${PIP_FLAGS:-} "$@"; }

set --
for lock in $locks; do set -- "$@" -r "$here/$lock"; done
install --require-hashes "$@"

installed() { "$venv/bin/python" -c 'import torch; print("cuda" if torch.version.cuda else "cpu")' 2>/dev/null || true; }
now=$(installed)
if [ -n "$now" ] && [ "$now" != "$variant" ]; then "$venv/bin/pip" uninstall --quiet --yes torch; fi
case $variant in
    cpu)
        index=${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}
        if [ "$index" = none ]; then set --; else set -- --index-url "$index"; fi
        install --no-deps "$@" -r "$here/torch-cpu.lock"
        ;;
    cuda)
        if [ "${TORCH_INDEX:-none}" = none ]; then
            install --no-deps --require-hashes -r "$here/torch-cuda.lock"
        else
            install --index-url "$TORCH_INDEX" "$(sed -n 's/^\(torch==[^ ;]*\).*/\1/p' "$here/torch-cuda.lock")"
        fi
        ;;
    *) fail "the build of torch is cpu or cuda, not $variant" ;;
esac
[ "$(installed)" = "$variant" ] || fail "the torch that was installed is not the $variant build"
