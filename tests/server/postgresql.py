"""A private PostgreSQL for the tests: Debian's programs, with a cluster in a temporary folder."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests import debian

psycopg2 = pytest.importorskip("psycopg2", reason="`make test` and `make tracking-server` install it")
sql = pytest.importorskip("psycopg2.sql")

ROLE, PASSWORD = "mlflow", "of-the-database-1"  # the role may only create databases


def free_port() -> int:
    """A port that is not in use."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def programs() -> Path:
    """The folder of initdb and pg_ctl. Installs Debian's package in CI, or if GRAINCAST_SERVER_TESTS is set."""
    folder = installed()
    if not folder and debian.may_install("GRAINCAST_SERVER_TESTS"):
        install()
        folder = installed()
    if not folder:
        assert not os.environ.get("CI"), "no PostgreSQL, and it cannot be installed here"
        pytest.skip("no PostgreSQL (initdb) here: install Debian's postgresql, or set GRAINCAST_SERVER_TESTS=1 as root")
    return folder


def installed() -> Path | None:
    """The folder of PostgreSQL's programs, from Debian's package or the search path; None without one."""
    initdb = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    initdb += [Path(path).resolve() for path in [shutil.which("initdb")] if path]
    return initdb[0].parent if initdb else None


def install() -> None:
    """Install Debian's package without the cluster and the service that it would create."""
    settings = Path("/etc/postgresql-common/createcluster.conf")
    if not settings.exists():
        settings.parent.mkdir(exist_ok=True)
        settings.write_text("create_main_cluster = false\n")
    debian.install("postgresql", "postgresql-client")


class Cluster:
    """A PostgreSQL on a loopback port; run by the user postgres if the tests run as root."""

    def __init__(self) -> None:
        self.programs = programs()
        self.folder = Path(tempfile.mkdtemp(prefix="graincast-pg-", dir="/var/tmp"))
        self.port = free_port()
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        if self.user:
            shutil.chown(self.folder, "postgres", "postgres")
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)  # inside a folder of mode 700
        self.run("initdb", "--no-sync", "--auth=scram-sha-256", "--username=postgres", f"--pwfile={secret}")
        self.start()
        self.query(
            sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(PASSWORD))
        )

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def run(self, program: str, *arguments: str) -> None:
        command = [*self.user, self.programs / program, "-D", self.data, *arguments]
        with (self.folder / "log").open("a") as log:
            done = subprocess.run(command, stdout=log, stderr=log, cwd="/")
        assert done.returncode == 0, (self.folder / "log").read_text()[-3000:]

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        self.run("pg_ctl", "-w", "-o", options, "-l", f"{self.folder}/server.log", "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-w", "-m", "fast", "stop")

    def address(self, database: str) -> str:
        return f"postgresql://{ROLE}@127.0.0.1:{self.port}/{database}"

    def query(self, statement, database: str = "postgres") -> list[tuple]:
        """The rows that a statement returns, run as the cluster's administrator."""
        connection = psycopg2.connect(
            dbname=database, user="postgres", password=PASSWORD, host="127.0.0.1", port=self.port
        )
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def drop(self, *databases: str) -> None:
        for name in databases:
            self.query(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def remove(self) -> None:
        subprocess.run([*self.user, self.programs / "pg_ctl", "-D", self.data, "-m", "immediate", "stop"], cwd="/")
        shutil.rmtree(self.folder, ignore_errors=True)
