"""This machine's pip settings, made fit for an image build: how packages are reached, and nothing else.

    pip config list | python tests/hpc/pip_settings.py PIP_CONF

Writes PIP_CONF and prints, one per line, the paths on this machine that it refers to; the build mounts them at the same
place. Settings that could change what is installed (constraint, requirement, target, …) are left out by name, since the
lock file alone decides that; so are files that do not exist. What is left out is said on standard error.
"""

import ast
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

REACHED_BY = (
    "index-url",
    "extra-index-url",
    "no-index",
    "find-links",
    "trusted-host",
    "proxy",
    "cert",
    "client-cert",
    "timeout",
    "default-timeout",
    "retries",
)
FILES = ("cert", "client-cert", "find-links")
SECTIONS = ("global", "install", ":env:")
"""In ascending precedence."""


def parse(listing: str) -> dict[str, list[str]]:
    """The settings in force for `pip install`: {name: values}, from the output of `pip config list`."""
    settings: dict[str, tuple[int, list[str]]] = {}
    for line in listing.splitlines():
        name, equals, value = line.strip().partition("=")
        section, _, key = name.rpartition(".")
        if equals and section in SECTIONS:
            rank, key = SECTIONS.index(section), key.replace("_", "-")
            if rank >= settings.get(key, (0, []))[0]:
                settings[key] = rank, str(ast.literal_eval(value)).split()
    return {key: values for key, (_, values) in settings.items()}


def local_path(value: str) -> Path | None:
    """The path on this machine that a setting's value names; None for an address elsewhere."""
    address = urlsplit(value)
    if address.scheme == "file":
        return Path(unquote(address.path))
    return None if address.scheme and "://" in value else Path(value).expanduser()


def fit(settings: dict[str, list[str]]) -> tuple[dict[str, list[str]], list[Path], list[str]]:
    """What to keep of the settings, the paths to mount for it, and a reason for each setting that is left out."""
    kept, paths, dropped = {}, [], []
    for key, values in settings.items():
        if key not in REACHED_BY:
            dropped.append(f"{key}: does not say how packages are reached")
            continue
        for value in values:
            path = local_path(value) if key in FILES or value.startswith("file:") else None
            if path is not None and not path.exists():
                dropped.append(f"{key}: no file or folder {path}")
                continue
            if path is not None:
                # the pages of an index point at files beside it
                paths.append(path.resolve() if not key.endswith("url") else path.resolve().parent)
                value = value if "://" in value else str(path.resolve())
            kept.setdefault(key, []).append(value)
    return kept, list(dict.fromkeys(paths)), dropped


def main(pip_conf: str) -> None:
    kept, paths, dropped = fit(parse(sys.stdin.read()))
    lines = ["[global]", *(f"{key} = {' '.join(values)}" for key, values in kept.items())]
    Path(pip_conf).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for reason in dropped:
        print(f"pip_settings.py: left out {reason}", file=sys.stderr)
    print(*paths, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1])
