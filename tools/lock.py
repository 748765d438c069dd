"""Make the lock files in envs/ from requirements.txt, requirements-dev.txt, -server.txt and -docs.txt.

Each package is pinned with the hashes of all files of its release, so that other platforms and Python versions install
from the same lock. Versions stay as they are locked, unless a requirement or --upgrade asks for others.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from graincast.files.atomic import write_text
from graincast.microstructure import BadInput
from graincast.program.main import parser, run

TORCH = "torch"
OF_CUDA = re.compile(r"nvidia-|cuda-|triton$")
"""Packages that only torch's CUDA build needs, by the beginning of their names."""
HEADS = {
    "requirements.lock": (
        "Everything that requirements.txt pulls in except torch, whose builds have lock files of their own."
    ),
    "requirements-dev.lock": "What requirements-dev.txt pulls in besides requirements.lock.",
    "requirements-server.lock": "Everything that requirements-server.txt pulls in.",
    "requirements-docs.lock": "Everything that requirements-docs.txt pulls in.",
    "torch-cpu.lock": (
        "torch's CPU build. It has no hash: "
        "PyTorch's own index, mirrors and folders of wheels each have files of their own."
    ),
    "torch-cuda.lock": "torch's CUDA build, as it lies on PyPI, and the libraries that it needs.",
}
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = (("linux", "Linux", "x86_64"), ("linux", "Linux", "aarch64"), ("darwin", "Darwin", "arm64"))


def main(args: argparse.Namespace) -> None:
    envs = args.envs
    kept = [] if args.upgrade else sorted({pin for name in HEADS for pin in locked(envs / name)})
    files = {name: envs / f"requirements{name}.txt" for name in ("", "-dev", "-server", "-docs")}
    found = resolve([argument for file in files.values() for argument in ("-r", file)], kept)
    pins = [f"{name}=={version}" for name, version in versions(found).items() if name != TORCH]
    torch = versions(found)[TORCH].partition("+")[0]
    base, dev, server, docs = (versions(resolve(["-r", file], pins)) for file in files.values())
    cuda = versions(resolve([f"{TORCH}==={torch}"], pins))
    sets = {
        "requirements.lock": {name: version for name, version in base.items() if not of_torch(name)},
        "requirements-dev.lock": {name: version for name, version in dev.items() if name not in base},
        "requirements-server.lock": server,
        "requirements-docs.lock": docs,
        "torch-cuda.lock": {name: version for name, version in cuda.items() if of_torch(name)},
    }
    for problem in sorted(set(unlocked(found, versions(found)))):
        print(problem, file=sys.stderr)
    index = index_address()
    hashes: dict[str, list[str]] = {}
    for name, chosen in sets.items():
        lines = [f"# {HEADS[name]}", "# Made by `make lock`; do not edit."]
        for package, version in sorted(chosen.items()):
            if package not in hashes:
                hashes[package] = file_hashes(index, package, version)
            # equal to the letter, so that a CPU build (2.13.0+cpu) does not count as installed
            pin = f"{package}==={version}" if package == TORCH else f"{package}=={version}"
            lines.append(" \\\n".join([pin, *(f"    --hash=sha256:{digest}" for digest in hashes[package])]))
        write_text(envs / name, "\n".join(lines) + "\n")
        print(f"{envs / name}: {len(chosen)} packages")
    head = [f"# {HEADS['torch-cpu.lock']}", "# Made by `make lock`; do not edit.", f"{TORCH}=={torch}"]
    write_text(envs / "torch-cpu.lock", "\n".join(head) + "\n")


def of_torch(package: str) -> bool:
    """Whether a package is torch, or needed by its CUDA build alone."""
    return package == TORCH or bool(OF_CUDA.match(package))


def locked(path: Path) -> Iterator[str]:
    """The pins of a lock file (name==version), if there is one; torch is pinned by requirements.txt."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        pin = re.match(r"([a-z0-9-]+)={2,3}([^\s\\]+)", line)
        if pin and pin[1] != TORCH:
            yield f"{pin[1]}=={pin[2]}"


def resolve(requirements: Iterable[object], pins: Iterable[str]) -> list[dict]:
    """What pip would install into an empty environment, as entries of its report. Raises BadInput where it cannot."""
    with tempfile.TemporaryDirectory() as folder:
        constraints, report = Path(folder, "constraints.txt"), Path(folder, "report.json")
        constraints.write_text("\n".join(pins) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--report", str(report), "--constraint", str(constraints), *map(str, requirements)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BadInput(f"pip: {' '.join(line for line in done.stderr.splitlines() if line.startswith('ERROR'))}")
        return json.loads(report.read_text(encoding="utf-8"))["install"]


def versions(report: Iterable[Mapping]) -> dict[str, str]:
    """The version of each package of a report, by its normalised name."""
    entries = sorted((canonicalize_name(one["metadata"]["name"]), one["metadata"]["version"]) for one in report)
    return dict(entries)


def unlocked(report: Iterable[Mapping], pins: Mapping[str, str]) -> Iterator[str]:
    """A line for each package that another platform or Python version would need and that is not locked."""
    for one in report:
        extras = one.get("requested_extras") or [""]
        for text in one["metadata"].get("requires_dist", []):
            needed = Requirement(text)
            name = canonicalize_name(needed.name)
            if name in pins or of_torch(name) or needed.marker is None:
                continue
            for python in PYTHONS:
                for sys_platform, system, machine in PLATFORMS:
                    place = {"python_version": python, "python_full_version": f"{python}.0"}
                    place |= {"sys_platform": sys_platform, "platform_system": system, "platform_machine": machine}
                    if any(needed.marker.evaluate(place | {"extra": extra}) for extra in extras):
                        place_name = f"Python {python} on {system} {machine}"
                        yield f"{one['metadata']['name']} needs {name} with {place_name}: add it to requirements.txt"


def index_address() -> str:
    """The package index that pip is configured to use."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    configured = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return (configured or "https://pypi.org/simple").rstrip("/")


def file_hashes(index: str, package: str, version: str) -> list[str]:
    """The SHA-256 of every file of a release, sorted. Raises BadInput where the index does not have them."""
    accepted = {"Accept": "application/vnd.pypi.simple.v1+json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{index}/{package}/", headers=accepted)) as answer:
            files = json.load(answer)["files"]
    except (urllib.error.URLError, ValueError, KeyError) as error:
        raise BadInput(f"{package}: its index has no page as JSON (PEP 691): {error}") from None
    found = sorted({one["hashes"]["sha256"] for one in files if _version(one["filename"]) == version})
    if not found:
        raise BadInput(f"{package} {version}: no files on the index")
    return found


def _version(filename: str) -> str:
    """The version in a file's name; "" for files that pip does not install."""
    try:
        parsed = parse_wheel_filename(filename) if filename.endswith(".whl") else parse_sdist_filename(filename)
    except ValueError:
        return ""
    return str(parsed[1])


if __name__ == "__main__":
    p = parser("lock", __doc__)
    p.prog = "python -m tools.lock"
    p.add_argument("envs", type=Path, nargs="?", default=Path("envs"), help="folder with the requirements")
    p.add_argument("--upgrade", action="store_true", help="take the latest versions that the requirements allow")
    run(main, p)
