# The worker image: what the lock files in envs/ name, and nothing of the project. The project's code is the working
# directory, which every container engine mounts; so an edited line of code never asks for a new image.
#
#   BASE         any Debian-like image with Python 3.11 and its venv module; python:3.11-slim@sha256:… is just that one
#   VARIANT      cpu or cuda: which build of torch
#   TORCH_INDEX  where the CPU build is found; "none" where pip's own configuration (a mirror, a folder of wheels) has it
#   secret pip.conf   optional: pip's settings while building, never a part of the image
#
# docker/build.sh builds this and converts it to a SIF for Apptainer.
ARG BASE=python:3.11-slim
FROM ${BASE}
ARG VARIANT=cpu
ARG TORCH_INDEX=

COPY envs/install.sh envs/requirements.lock envs/torch-${VARIANT}.lock /opt/graincast/

# Modules are compiled here, once: a SIF is read-only, and uncompiled ones would be compiled at every start.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    set -eu; \
    cd /opt/graincast; \
    python3 -m venv venv; \
    TORCH_INDEX=$TORCH_INDEX PIP_FLAGS="--no-cache-dir --no-compile" ./install.sh venv "$VARIANT"; \
    venv/bin/pip check; \
    venv/bin/python -m compileall -q -j 0 venv/lib || true; \
    chmod -R a+rX /opt/graincast

# Caches of a read-only image: a folder of the user's own under /tmp, as /tmp is shared by all users of a node.
# numba keeps its cache beside the source (the working directory) and comes here only where that cannot be written.
RUN set -eu; cd "$(/opt/graincast/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; \
    printf '%s\n' \
        'import contextlib, os' \
        'home = f"/tmp/graincast-{os.getuid()}"' \
        'with contextlib.suppress(OSError):' \
        '    os.makedirs(home, mode=0o700, exist_ok=True)' \
        '    if os.lstat(home).st_uid == os.getuid():' \
        '        os.environ.setdefault("XDG_CACHE_HOME", home)' \
        '        os.environ.setdefault("MPLCONFIGDIR", home + "/matplotlib")' \
        > image_caches.py; \
    echo 'import image_caches' > image_caches.pth; \
    chmod a+r image_caches.*

# PYTHONNOUSERSITE: packages in a user's home are not the image's.
ENV PATH=/opt/graincast/venv/bin:$PATH \
    PYTHONNOUSERSITE=1 \
    PYTHONUNBUFFERED=1 \
    MPLBACKEND=Agg \
    LANG=C.UTF-8
LABEL graincast.variant=${VARIANT}
