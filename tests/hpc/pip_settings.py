"""Reduce this machine's pip settings to what an image build needs: how packages are reached.

    pip config list | python tests/hpc/pip_settings.py PIP_CONF

Writes PIP_CONF and prints the local paths in it, one per line; the build mounts them at the same place. Settings that
could change what is installed (constraint, requirement, target, …) are left out, as the lock file decides that; so are
files that do not exist. Omissions are reported on standard error.
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
    """The settings that apply to `pip install`, {name: values}, from the output of `pip config list`."""
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
    """The local path in the value of a setting; None for an address of another machine."""
    address = urlsplit(value)
    if address.scheme == "file":
        return Path(unquote(address.path))
    return None if address.scheme and "://" in value else Path(value).expanduser()


def fit(settings: dict[str, list[str]]) -> tuple[dict[str, list[str]], list[Path], list[str]]:
    """The settings to keep, the paths to mount for them, and a reason for each omitted setting."""
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
                # the pages of an index refer to files beside it
                paths.append(path.resolve() if not key.endswith("url") else path.resolve().parent)
                value = value if "://" in value else str(path.resolve())
            kept.setdefault(key, []).append(value)
    return kept, list(dict.fromkeys(paths)), dropped


def main(pip_conf: str) -> None:
    kept, paths, dropped = fit(parse(sys.stdin.read()))
    lines = ["[global]", *(f"{key} = {' '.join(values)}" for key, values in kept.items())]
    Path(pip_conf).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for reason in dropped:
        print(f"pip_settings.py: omitted {reason}", file=sys.stderr)
    print(*paths, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1])
