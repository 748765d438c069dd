"""Back up the tracking server: both databases and all artifacts in one dated folder, whole or not at all.

python docker/tracking-server/backup.py FOLDER     environment variables: see settings.py

The server may keep running: databases are copied before artifacts, so every artifact they name is in the backup.
The last line on stdout is the path of the new folder.
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
    """Copy everything into a hidden folder, then rename it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where to put the dated folder")
    backups = parser.parse_args().folder
    server = settings.read()
    if not server.artifacts.is_dir():
        raise Refused(
            f"{server.folder} is not the folder of a tracking server: it has no artifacts/; set TRACKING_FOLDER"
        )
    name = datetime.now(UTC).strftime("tracking-%Y%m%dT%H%M%S.%fZ")
    partial = backups / f".{name}.partial"
    partial.mkdir(parents=True)
    try:
        for database, address in (("mlflow", server.store), ("accounts", server.accounts)):
            copy_database(server, address, partial / f"{database}.{suffix(server)}")
        with tarfile.open(partial / ARTIFACTS, "w") as tar:
            tar.add(server.artifacts, "artifacts")
        files = {path.name: digest(path) for path in sorted(partial.iterdir())}
        manifest = {"made": name, "mlflow": version("mlflow"), "sha256": files}
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        partial.rename(backups / name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    print(backups / name)


def suffix(server: Settings) -> str:
    """The file suffix of a copied database, by its kind."""
    return "dump" if server.on_postgresql else "db"


def copy_database(server: Settings, address: str, path: Path) -> None:
    """Copy a consistent snapshot of a database in use: pg_dump's custom format, or an SQLite file."""
    if server.on_postgresql:
        run(server, "pg_dump", "--format=custom", "--no-owner", "--no-password", f"--file={path}", address)
        return
    source = Path(address.removeprefix("sqlite:///"))
    if not source.is_file():
        raise Refused(f"{source} does not exist: the server has never run in this folder")
    with closing(sqlite3.connect(source)) as database, closing(sqlite3.connect(path)) as copy:
        database.backup(copy)


def run(server: Settings, *command: str) -> None:
    """Run a PostgreSQL program. Raises Refused with the first line of its error output."""
    if not shutil.which(command[0]):
        raise Refused(f"{command[0]} is not installed (package postgresql-client)")
    done = subprocess.run(command, capture_output=True, text=True, env=server.environment(), check=False)
    if done.returncode:
        raise Refused((done.stderr.strip().splitlines() or [f"{command[0]} failed"])[0])


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    settings.program(main)
