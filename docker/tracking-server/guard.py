"""A guard before MLflow: the server alone decides where artifacts lie.

MLflow lets a client name the place of an experiment's artifacts, and then writes there as the server's user: a folder
of the server's machine, or a run of somebody else. A request that names such a place is refused, on every path of the
API, whatever its method and however the name is spelt (protocol buffers take artifact_location and artifactLocation).
"""

import io
import json
import urllib.parse
from collections.abc import Callable, Iterable
from typing import Any

PLACES = {
    "artifactlocation",
    "artifacturi",
    "artifactroot",
    "artifactrooturi",
    "defaultartifactroot",
    "tracearchivallocation",
    "storagelocation",
    "mlflow.artifactlocation",
}
"""Names of fields and tags that hold a place, in lower case and without underscores."""
UPLOADS = "/mlflow-artifacts/artifacts"
LARGEST = 64 * 2**20  # bytes of a request that is not an upload
REFUSAL = "artifact locations are chosen by this server; leave them out"


class Guard:
    """A WSGI application that refuses some requests and hands all others to another."""

    def __init__(self, application: Callable) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        if UPLOADS not in environ.get("PATH_INFO", ""):
            body = environ["wsgi.input"].read(LARGEST + 1)
            if len(body) > LARGEST:
                return _answer(start_response, "413 Request Entity Too Large", "the request is too large")
            if names_a_place(body) or any(_is_place(part) for part in _query(environ.get("QUERY_STRING", ""))):
                return _answer(start_response, "400 Bad Request", REFUSAL)
            environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return self.application(environ, start_response)


def names_a_place(body: bytes) -> bool:
    """Whether a request's body is JSON that names a place of artifacts, at any depth, duplicate keys included."""
    try:
        return _names(json.loads(body, object_pairs_hook=list))
    except ValueError:
        return False
    except RecursionError:
        return True


def _names(value: Any) -> bool:
    if isinstance(value, tuple):
        key, content = value
        named = _is_place(key) and content not in (None, "")
        return named or (key == "key" and _is_place(content)) or _names(content)
    return isinstance(value, list) and any(map(_names, value))


def _is_place(name: Any) -> bool:
    return isinstance(name, str) and name.replace("_", "").lower() in PLACES


def _query(text: str) -> list[str]:
    """The names of a query's parameters."""
    return [name for name, _ in urllib.parse.parse_qsl(text, keep_blank_values=True)]


def _answer(start_response: Callable, status: str, message: str) -> list[bytes]:
    body = json.dumps({"error_code": "INVALID_PARAMETER_VALUE", "message": message}).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
