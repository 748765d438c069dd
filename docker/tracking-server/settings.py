"""What the tracking server is told by environment variables, checked: folder, databases, passwords, network.

TRACKING_ADMIN_PASSWORD     the administrator's password for a fresh server, or in its place
TRACKING_ADMIN_PASSWORD_FILE     a file of it that its owner alone can read (mode 600); likewise for every password
TRACKING_ADMIN_USER         the administrator's name                                     (default admin)
TRACKING_DATABASE           postgresql://USER@HOST:PORT/NAME, without the password       (default: SQLite in the folder)
TRACKING_DATABASE_PASSWORD  that user's password; accounts are kept in a second database, NAME_auth
TRACKING_FOLDER             where artifacts, the session key and SQLite files lie
                            (default: ~/.local/state/graincast-tracking)
TRACKING_HOST               the address to listen on                                     (default 127.0.0.1)
TRACKING_PORT               its port                                                     (default 5000)
TRACKING_ALLOWED_HOSTS      names, with port, by which clients may call the server: needed beyond the loopback address
TRACKING_ALLOWED_ORIGINS    pages that may write to it           (default: the server's own under the allowed names)
TRACKING_WORKERS            processes that answer                                        (default 4)
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

SHORTEST = 12  # characters of a password
KNOWN = {"password1234", "replace-this-password"}  # the one of MLflow's manual, and the one of .env.example
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
# SQLite's locks do not work there: two processes may write at once, and the file breaks
SHARED = {"nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "beegfs_nodev", "ceph", "fuse.sshfs", "afs", "9p"}


class Refused(ValueError):
    """A setting that the server does not start with."""


@dataclass(frozen=True)
class Settings:
    """The tracking server's settings. Addresses of databases hold no password: see `environment`."""

    folder: Path
    store: str
    accounts: str
    database_password: str | None
    admin: str
    host: str
    port: int
    allowed_hosts: str | None
    allowed_origins: str | None
    workers: int

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def on_postgresql(self) -> bool:
        return self.store.startswith("postgresql")

    def environment(self) -> dict[str, str]:
        """The environment for programs that open the databases. libpq takes the password from it: no command line,
        no address and so no log of one has it."""
        password = {"PGPASSWORD": self.database_password} if self.database_password else {}
        return {name: value for name, value in os.environ.items() if not name.startswith("TRACKING_")} | password


def read(given: Mapping[str, str] = os.environ) -> Settings:
    """Settings from environment variables. Raises Refused with one line that names the variable."""
    folder = Path(given.get("TRACKING_FOLDER") or "~/.local/state/graincast-tracking").expanduser().absolute()
    database = given.get("TRACKING_DATABASE")
    if database:
        _check_address(database)
        store, accounts = database, _renamed(database)
        database_password = password(given, "TRACKING_DATABASE_PASSWORD")
    else:
        _check_local(folder)
        store, accounts = f"sqlite:///{folder}/mlflow.db", f"sqlite:///{folder}/accounts.db"
        database_password = None
    host, allowed = given.get("TRACKING_HOST") or "127.0.0.1", given.get("TRACKING_ALLOWED_HOSTS") or None
    if host not in LOOPBACK and not allowed:
        raise Refused(
            f"TRACKING_HOST={host} is open to the network: name in TRACKING_ALLOWED_HOSTS by what names clients call"
            " the server, as mlflow.example.org,mlflow.example.org:5000"
        )
    own = [f"{scheme}://{name}" for name in (allowed or "").split(",") if name for scheme in ("https", "http")]
    return Settings(
        folder=folder,
        store=store,
        accounts=accounts,
        database_password=database_password,
        admin=given.get("TRACKING_ADMIN_USER") or "admin",
        host=host,
        port=_number(given, "TRACKING_PORT", 5000, 65535),
        allowed_hosts=allowed,
        allowed_origins=given.get("TRACKING_ALLOWED_ORIGINS") or ",".join(own) or None,
        workers=_number(given, "TRACKING_WORKERS", 4, 64),
    )


def password(given: Mapping[str, str], name: str) -> str:
    """A password from a variable or from the file that a variable names. Raises Refused for one that is no secret."""
    value, path = given.get(name) or "", given.get(f"{name}_FILE")
    if path and not value:
        name = f"{name}_FILE={path}"
        try:
            if Path(path).stat().st_mode & 0o077:
                raise Refused(f"{name}: others than its owner can read it; chmod 600 it")
            value = Path(path).read_text(encoding="utf-8").removesuffix("\n")
        except OSError as error:
            raise Refused(f"{name}: {error.strerror}") from None
    if not value:
        raise Refused(f"{name} is empty: set it, or {name.partition('_FILE')[0]}_FILE to a file of mode 600 with it")
    if value in KNOWN:
        raise Refused(f"{name} is a password that is printed in a manual: choose your own")
    if len(value) < SHORTEST:
        raise Refused(f"{name} has fewer than {SHORTEST} characters")
    return value


def program(main) -> NoReturn:
    """Run a program of the server. What stops it is said in one line, exit status 2."""
    os.umask(0o077)
    try:
        main()
    except (Refused, OSError) as error:
        print(f"{Path(sys.argv[0]).name}: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    sys.exit(0)


def _check_address(database: str) -> None:
    parts = urlsplit(database)
    if parts.scheme != "postgresql" or not parts.username or not parts.path.strip("/"):
        raise Refused("TRACKING_DATABASE is not of the form postgresql://USER@HOST:PORT/NAME")
    if parts.password is not None or "password=" in parts.query:
        raise Refused("TRACKING_DATABASE holds a password: give it by TRACKING_DATABASE_PASSWORD or its _FILE")


def _renamed(database: str) -> str:
    parts = urlsplit(database)
    return parts._replace(path=f"{parts.path.rstrip('/')}_auth").geturl()


def _check_local(folder: Path) -> None:
    """Refuse a folder on a shared file system, of the mounts above it the innermost."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return  # not Linux
    above = [(len(point), kind) for point, kind in mounts if folder.is_relative_to(point)]
    if above and max(above)[1] in SHARED:
        raise Refused(
            f"{folder} is on a shared file system ({max(above)[1]}), where SQLite breaks:"
            " set TRACKING_FOLDER to a local disk, or TRACKING_DATABASE"
        )


def _number(given: Mapping[str, str], name: str, default: int, largest: int) -> int:
    value = given.get(name) or str(default)
    if not value.isdigit() or not 1 <= int(value) <= largest:
        raise Refused(f"{name}={value} is not a number from 1 to {largest}")
    return int(value)
