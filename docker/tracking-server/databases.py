"""The server's two PostgreSQL databases: create them, and count their tables."""

from urllib.parse import urlsplit

import psycopg2
from psycopg2 import errors, sql
from settings import Refused, Settings


def create_missing(settings: Settings) -> None:
    """Create the missing databases. Raises Refused if PostgreSQL cannot be reached or does not allow it."""
    for address in (settings.store, settings.accounts):
        try:
            _connect(settings, address).close()
        except psycopg2.OperationalError as error:
            if "does not exist" not in str(error):
                raise _refused(address, error) from None
            _create(settings, address)


def tables(settings: Settings, address: str) -> int:
    """The number of tables in a database."""
    connection = _connect(settings, address)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'")
            return cursor.fetchone()[0]
    finally:
        connection.close()


def _create(settings: Settings, address: str) -> None:
    parts = urlsplit(address)
    try:
        connection = _connect(settings, parts._replace(path="/postgres").geturl())
        connection.autocommit = True  # CREATE DATABASE cannot run in a transaction
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(parts.path.strip("/"))))
        connection.close()
    except errors.InsufficientPrivilege:
        raise Refused(
            f"{address}: no such database, and {parts.username} may not create it; as PostgreSQL's administrator, run"
            f" createdb --owner {parts.username} {parts.path.strip('/')}"
        ) from None
    except psycopg2.Error as error:
        raise _refused(address, error) from None


def _connect(settings: Settings, address: str):
    return psycopg2.connect(address, password=settings.database_password, connect_timeout=10)


def _refused(address: str, error: psycopg2.Error) -> Refused:
    return Refused(f"{address}: {' '.join(str(error).split())}")
