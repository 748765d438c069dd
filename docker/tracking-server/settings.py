"""The tracking server's settings, from environment variables: folder, databases, passwords, network.

TRACKING_ADMIN_PASSWORD     the administrator's password for a fresh server, or instead
TRACKING_ADMIN_PASSWORD_FILE     a file that contains it, with mode 600; likewise for the other password
TRACKING_ADMIN_USER         the administrator's name                                     (default admin)
TRACKING_DATABASE           postgresql://USER@HOST:PORT/NAME, without the password       (default: SQLite in the folder)
TRACKING_DATABASE_PASSWORD  that user's password; accounts are in a second database, NAME_auth
TRACKING_FOLDER             folder of artifacts, session key and SQLite files
                            (default: ~/.local/state/graincast-tracking)
TRACKING_HOST               the address to listen on                                     (default 127.0.0.1)
TRACKING_PORT               its port                                                     (default 5000)
TRACKING_ALLOWED_HOSTS      host names, with port, that clients use; required beyond the loopback address
TRACKING_ALLOWED_ORIGINS    web pages that may write to it       (default: its own, under the allowed host names)
TRACKING_WORKERS            worker processes                                             (default 4)
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

SHORTEST = 12  # characters of a password
KNOWN = {"password1234", "replace-this-password"}  # from MLflow's manual and from .env.example
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
# file systems where SQLite's locks do not work: concurrent writers would corrupt the database
SHARED = {"nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "beegfs_nodev", "ceph", "fuse.sshfs", "afs", "9p"}


class Refused(ValueError):
    """A setting or state that a program of the server cannot work with; the message says which and why."""


@dataclass(frozen=True)
class Settings:
    """The tracking server's settings. Database addresses contain no password: see `environment`."""

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
        """The environment for programs that open the databases.

        libpq reads the password from it, which keeps the password out of command lines, addresses and logs.
        """
        password = {"PGPASSWORD": self.database_password} if self.database_password else {}
        return {name: value for name, value in os.environ.items() if not name.startswith("TRACKING_")} | password


def read(variables: Mapping[str, str] = os.environ) -> Settings:
    """Settings from environment variables. Raises Refused with one line that names the variable."""
    folder = Path(variables.get("TRACKING_FOLDER") or "~/.local/state/graincast-tracking").expanduser().absolute()
    database = variables.get("TRACKING_DATABASE")
    if database:
        _check_address(database)
        store, accounts = database, _accounts_address(database)
        database_password = password(variables, "TRACKING_DATABASE_PASSWORD")
    else:
        _check_local(folder)
        store, accounts = f"sqlite:///{folder}/mlflow.db", f"sqlite:///{folder}/accounts.db"
        database_password = None
    host, allowed = variables.get("TRACKING_HOST") or "127.0.0.1", variables.get("TRACKING_ALLOWED_HOSTS") or None
    if host not in LOOPBACK and not allowed:
        raise Refused(
            f"TRACKING_HOST={host} is open to the network: set TRACKING_ALLOWED_HOSTS to the host names that clients"
            " use, such as mlflow.example.org,mlflow.example.org:5000"
        )
    if host not in LOOPBACK and "*" in {name.partition(":")[0] for name in (allowed or "").split(",")}:
        raise Refused(f"TRACKING_ALLOWED_HOSTS={allowed} allows all names: name the hosts that clients use")
    origins = [f"{scheme}://{name}" for name in (allowed or "").split(",") if name for scheme in ("https", "http")]
    return Settings(
        folder=folder,
        store=store,
        accounts=accounts,
        database_password=database_password,
        admin=variables.get("TRACKING_ADMIN_USER") or "admin",
        host=host,
        port=_number(variables, "TRACKING_PORT", 5000, 65535),
        allowed_hosts=allowed,
        allowed_origins=variables.get("TRACKING_ALLOWED_ORIGINS") or ",".join(origins) or None,
        workers=_number(variables, "TRACKING_WORKERS", 4, 64),
    )


def password(variables: Mapping[str, str], name: str) -> str:
    """A password from the variable `name` or the file in `name`_FILE. Raises Refused for one that is not safe."""
    value, path = variables.get(name) or "", variables.get(f"{name}_FILE")
    if path and not value:
        name = f"{name}_FILE={path}"
        try:
            if Path(path).stat().st_mode & 0o077:
                raise Refused(f"{name}: other users can read it; run chmod 600 on it")
            value = Path(path).read_text(encoding="utf-8").removesuffix("\n")
        except OSError as error:
            raise Refused(f"{name}: {error.strerror}") from None
    if not value:
        raise Refused(f"{name} is empty: set it, or set {name.partition('_FILE')[0]}_FILE to a file of mode 600")
    if value in KNOWN:
        raise Refused(f"{name} is a published example password: choose your own")
    if len(value) < SHORTEST:
        raise Refused(f"{name} has fewer than {SHORTEST} characters: choose a longer one")
    return value


def program(main) -> NoReturn:
    """Run a program of the server; an expected error becomes one line and exit status 2."""
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
        raise Refused("TRACKING_DATABASE contains a password: set TRACKING_DATABASE_PASSWORD or its _FILE instead")


def _accounts_address(database: str) -> str:
    parts = urlsplit(database)
    return parts._replace(path=f"{parts.path.rstrip('/')}_auth").geturl()


def _check_local(folder: Path) -> None:
    """Raise Refused for a folder on a shared file system."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return  # not Linux
    above = [(len(point), kind) for point, kind in mounts if folder.is_relative_to(point)]
    if above and max(above)[1] in SHARED:  # the longest mount point is the innermost
        raise Refused(
            f"{folder} is on a shared file system ({max(above)[1]}), where SQLite files get corrupted:"
            " set TRACKING_FOLDER to a local disk, or set TRACKING_DATABASE"
        )


def _number(variables: Mapping[str, str], name: str, default: int, largest: int) -> int:
    value = variables.get(name) or str(default)
    if not value.isdigit() or not 1 <= int(value) <= largest:
        raise Refused(f"{name}={value} is not a whole number from 1 to {largest}")
    return int(value)
