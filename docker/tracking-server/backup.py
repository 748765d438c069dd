"""Back the tracking server up: both databases and all artifacts, in one dated folder, whole or not at all.

python docker/tracking-server/backup.py FOLDER     settings by environment variables: see settings.py

The server may run meanwhile: the databases are copied first, so that whatever they name is among the artifacts.
The new folder's path is the last line on stdout.
"""

import argparse
import hashlib
import json
import shutil
import sqlite3
import subprocess
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import settings
from settings import Refused, Settings

MANIFEST = "manifest.json"
ARTIFACTS = "artifacts.tar"


def main() -> None:
    """Copy everything into a hidden folder, then give it its name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the dated folder is to appear")
    into = parser.parse_args().folder
    given = settings.read()
    if not given.artifacts.is_dir():
        raise Refused(f"{given.folder} is no tracking server's folder: there is no artifacts/ in it")
    name = datetime.now(UTC).strftime("tracking-%Y%m%dT%H%M%S.%fZ")
    partial = into / f".{name}.partial"
    partial.mkdir(parents=True)
    try:
        for database, address in (("mlflow", given.store), ("accounts", given.accounts)):
            copy_database(given, address, partial / f"{database}.{suffix(given)}")
        with tarfile.open(partial / ARTIFACTS, "w") as tar:
            tar.add(given.artifacts, "artifacts")
        files = {path.name: digest(path) for path in sorted(partial.iterdir())}
        manifest = {"made": name, "mlflow": version("mlflow"), "sha256": files}
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        partial.rename(into / name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    print(into / name)


def suffix(given: Settings) -> str:
    """How a copied database's file ends, by its kind."""
    return "dump" if given.on_postgresql else "db"


def copy_database(given: Settings, address: str, path: Path) -> None:
    """Copy a database in use, as of one moment: pg_dump's custom format, or an SQLite file."""
    if given.on_postgresql:
        run(given, "pg_dump", "--format=custom", "--no-owner", "--no-password", f"--file={path}", address)
        return
    source = Path(address.removeprefix("sqlite:///"))
    if not source.is_file():
        raise Refused(f"{source} is not there: the server has never run in this folder")
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(path)) as new:
        old.backup(new)


def run(given: Settings, *command: str) -> None:
    """Run one of PostgreSQL's programs. Raises Refused with the first line of its complaint."""
    if not shutil.which(command[0]):
        raise Refused(f"{command[0]} is not installed (package postgresql-client)")
    done = subprocess.run(command, capture_output=True, text=True, env=given.environment(), check=False)
    if done.returncode:
        raise Refused((done.stderr.strip().splitlines() or [f"{command[0]} failed"])[0])


def digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    settings.program(main)
