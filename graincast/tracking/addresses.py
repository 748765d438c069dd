"""The address of the MLflow store: its parts, and the masking of secrets in text."""

import os
import re
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "MLFLOW_TRACKING_URI"
SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_CREDENTIAL = "user(?:name)?|uid|login|(?:ssl)?pass(?:word|wd|phrase)?|pwd|token|secret|auth|api_?key|odbc_connect"
_LOGIN = re.compile(r"(?<!sqlite://)(?<=://)[^\s'\"?#]*@")  # a password may hold slashes
_NAMED = re.compile(rf"(?i)\b((?:[a-z_]*_)?(?:{_CREDENTIAL})\s*(?:=|%3d))[^\s'\"&#]*")
_STORE = re.compile(r"https?://|(?:sqlite|postgresql|mysql|mssql)(?:\+\w+)?://|databricks(?:$|://)")
_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///([^?#]*)")


def address(tracking: dict, variables: Mapping[str, str] = os.environ) -> str:
    """The store's address: from the environment, or else from the section `tracking` of the configuration."""
    return variables.get(VARIABLE) or tracking["store"]


def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite store; None for another kind of store."""
    found = _SQLITE.match(uri)
    return Path(urllib.parse.unquote(found[1])) if found and found[1] else None


def problem(uri: str) -> str:
    """Why an address cannot be that of a store, with the remedy; "" if it can. It is masked."""
    if not _STORE.match(uri):
        folder = uri.removeprefix("file://").removeprefix("file:").rstrip("/") or "results"
        return (
            f"{masked(uri)!r} is no database or server, and MLflow keeps no runs in plain folders; write "
            f"{masked(f'sqlite:///{folder}/mlflow.db')}, or the https:// address of a server"
        )
    store = sqlite_file(uri)
    if store and store.is_dir():
        return f"{store} is a folder; name a file, such as {store}/mlflow.db"
    return ""


def has_login(uri: str) -> bool:
    """Whether some part of an address contains a user name, a password or another credential."""
    return (sqlite_file(uri) is None and bool(_LOGIN.search(uri))) or bool(_NAMED.search(urllib.parse.unquote(uri)))


def masked(text: str, variables: Mapping[str, str] = os.environ) -> str:
    """A text with the credentials in addresses and the values of secret variables masked."""
    text = _NAMED.sub(r"\1…", _LOGIN.sub("…@", text))
    for name in SECRETS:
        if variables.get(name):
            text = text.replace(variables[name], "…")
    return text
