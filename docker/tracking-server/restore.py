"""Restore a backup into an empty tracking server that is not running.

python docker/tracking-server/restore.py FOLDER/tracking-DATE     environment variables: see settings.py

The backup is checked first. A server that is not empty is left unchanged.
"""

import argparse
import json
import shutil
import tarfile
from pathlib import Path

import settings
from backup import ARTIFACTS, MANIFEST, digest, run, suffix
from settings import Refused, Settings


def main() -> None:
    """Check that the backup is whole and the server empty; restore databases, then artifacts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backup", type=Path, help="a folder made by backup.py")
    backup = parser.parse_args().backup
    server = settings.read()
    check(backup, server)
    server.folder.mkdir(parents=True, exist_ok=True)
    server.folder.chmod(0o700)
    if server.on_postgresql:
        import databases

        databases.create_missing(server)
    addresses = {"mlflow": server.store, "accounts": server.accounts}
    for address in addresses.values():
        if not is_empty(server, address):
            raise Refused(f"{address} is not empty: restore into an empty server")
    if server.artifacts.is_dir() and any(server.artifacts.iterdir()):
        raise Refused(f"{server.artifacts} is not empty: restore into an empty server")
    for name, address in addresses.items():
        restore_database(server, backup / f"{name}.{suffix(server)}", address)
    partial = server.folder / ".artifacts.partial"
    shutil.rmtree(partial, ignore_errors=True)
    with tarfile.open(backup / ARTIFACTS) as tar:
        tar.extractall(partial, filter="data")
    if server.artifacts.is_dir():
        server.artifacts.rmdir()
    (partial / "artifacts").rename(server.artifacts)
    partial.rmdir()
    print(f"restored {backup}")


def check(backup: Path, server: Settings) -> None:
    """Raise Refused unless a backup is whole and from the same kind of database."""
    try:
        expected = json.loads((backup / MANIFEST).read_text(encoding="utf-8"))["sha256"]
    except OSError:
        raise Refused(f"{backup} is not a backup: it has no {MANIFEST}") from None
    database = f"mlflow.{suffix(server)}"
    if database not in expected:
        raise Refused(f"{backup} has no {database}: it is from another kind of database; correct TRACKING_DATABASE")
    for name, sha256 in expected.items():
        if not (backup / name).is_file() or digest(backup / name) != sha256:
            raise Refused(f"{backup / name} is damaged: its SHA-256 differs from the manifest")


def is_empty(server: Settings, address: str) -> bool:
    """Whether a database has no tables, or an SQLite file does not exist."""
    if server.on_postgresql:
        import databases

        return databases.tables(server, address) == 0
    return not Path(address.removeprefix("sqlite:///")).exists()


def restore_database(server: Settings, path: Path, address: str) -> None:
    """Fill an empty database from its copy; in PostgreSQL, in one transaction."""
    if server.on_postgresql:
        options = ("--no-owner", "--no-password", "--exit-on-error", "--single-transaction")
        run(server, "pg_restore", *options, f"--dbname={address}", str(path))
    else:
        shutil.copyfile(path, address.removeprefix("sqlite:///"))


if __name__ == "__main__":
    settings.program(main)
