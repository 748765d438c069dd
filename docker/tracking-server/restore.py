"""Restore a backup into an empty tracking server that is not running.

python docker/tracking-server/restore.py FOLDER/tracking-DATE     settings by environment variables: see settings.py

The backup is checked first, and a server that holds anything is left as it is.
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
    """Check the backup and that the server is empty; then databases, then artifacts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backup", type=Path, help="a folder made by backup.py")
    backup = parser.parse_args().backup
    given = settings.read()
    check(backup, given)
    given.folder.mkdir(parents=True, exist_ok=True)
    given.folder.chmod(0o700)
    if given.on_postgresql:
        import databases

        databases.create_missing(given)
    addresses = {"mlflow": given.store, "accounts": given.accounts}
    for address in addresses.values():
        if not is_empty(given, address):
            raise Refused(f"{address} is not empty: restore into an empty server")
    if given.artifacts.is_dir() and any(given.artifacts.iterdir()):
        raise Refused(f"{given.artifacts} is not empty: restore into an empty server")
    for name, address in addresses.items():
        restore_database(given, backup / f"{name}.{suffix(given)}", address)
    partial = given.folder / ".artifacts.partial"
    shutil.rmtree(partial, ignore_errors=True)
    with tarfile.open(backup / ARTIFACTS) as tar:
        tar.extractall(partial, filter="data")
    if given.artifacts.is_dir():
        given.artifacts.rmdir()
    (partial / "artifacts").rename(given.artifacts)
    partial.rmdir()
    print(f"restored {backup}")


def check(backup: Path, given: Settings) -> None:
    """Raise Refused unless a backup is whole and of this server's kind of database."""
    try:
        expected = json.loads((backup / MANIFEST).read_text(encoding="utf-8"))["sha256"]
    except OSError:
        raise Refused(f"{backup} is no backup: it has no {MANIFEST}") from None
    wanted = f"mlflow.{suffix(given)}"
    if wanted not in expected:
        raise Refused(f"{backup} has no {wanted}: it is of a server on another kind of database (TRACKING_DATABASE)")
    for name, value in expected.items():
        if not (backup / name).is_file() or digest(backup / name) != value:
            raise Refused(f"{backup / name} is damaged: its sha256 is not the manifest's")


def is_empty(given: Settings, address: str) -> bool:
    """Whether a database has no tables; a missing SQLite file has none."""
    if given.on_postgresql:
        import databases

        return databases.tables(given, address) == 0
    return not Path(address.removeprefix("sqlite:///")).exists()


def restore_database(given: Settings, path: Path, address: str) -> None:
    """Fill an empty database from its copy, in one transaction."""
    if given.on_postgresql:
        options = ("--no-owner", "--no-password", "--exit-on-error", "--single-transaction")
        run(given, "pg_restore", *options, f"--dbname={address}", str(path))
    else:
        shutil.copyfile(path, address.removeprefix("sqlite:///"))


if __name__ == "__main__":
    settings.program(main)
