"""The server's two PostgreSQL databases: made where they are missing, and looked at."""

from urllib.parse import urlsplit

import psycopg2
from psycopg2 import errors, sql
from settings import Refused, Settings


def create_missing(settings: Settings) -> None:
    """Create the databases that are not there. Raises Refused where the server cannot be reached or forbids it."""
    for address in (settings.store, settings.accounts):
        try:
            _connected(settings, address).close()
        except psycopg2.OperationalError as error:
            if "does not exist" not in str(error):
                raise _refused(address, error) from None
            _create(settings, address)


def tables(settings: Settings, address: str) -> int:
    """How many tables a database has."""
    connection = _connected(settings, address)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'")
            return cursor.fetchone()[0]
    finally:
        connection.close()


def _create(settings: Settings, address: str) -> None:
    parts = urlsplit(address)
    try:
        connection = _connected(settings, parts._replace(path="/postgres").geturl())
        connection.autocommit = True  # CREATE DATABASE stands in no transaction
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(parts.path.strip("/"))))
        connection.close()
    except errors.InsufficientPrivilege:
        raise Refused(
            f"{address}: there is no such database, and {parts.username} may not create it: createdb --owner"
            f" {parts.username} {parts.path.strip('/')}, as PostgreSQL's administrator"
        ) from None
    except psycopg2.Error as error:
        raise _refused(address, error) from None


def _connected(settings: Settings, address: str):
    return psycopg2.connect(address, password=settings.database_password, connect_timeout=10)


def _refused(address: str, error: psycopg2.Error) -> Refused:
    return Refused(f"{address}: {' '.join(str(error).split())}")
