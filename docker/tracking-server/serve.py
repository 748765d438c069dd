"""Start the tracking server: MLflow with authentication, and with artifacts served by the server only.

python docker/tracking-server/serve.py     environment variables: see settings.py

The process is replaced by `mlflow server`, which then receives all signals.
"""

import configparser
import os
import secrets
import shlex
import socket
import sys
from pathlib import Path

import settings
from settings import Refused, Settings

# Concurrent requests per worker; further requests queue. Under uvicorn, MLflow's default, 40 threads accept all
# requests, and those that get no database connection fail with status 400 (64 of 200 jobs that started at once).
THREADS = 4
# Connections that a pool keeps, and how many more it may open. A request needs up to two, and each worker has three
# pools (tracking, models, accounts). Four workers keep at most 24 connections, and open 40 under load.
POOL, OVERFLOW = 2, 2 * THREADS


def main() -> None:
    """Check the settings, write the server's files and become `mlflow server`."""
    server = settings.read()
    check_free(server.host, server.port)
    admin_password = settings.password(os.environ, "TRACKING_ADMIN_PASSWORD")
    server.folder.mkdir(parents=True, exist_ok=True)
    server.folder.chmod(0o700)
    server.artifacts.mkdir(exist_ok=True)
    if server.on_postgresql:
        import databases

        databases.create_missing(server)
    environment = server.environment() | {
        "MLFLOW_BACKEND_STORE_URI": server.store,
        "MLFLOW_AUTH_CONFIG_PATH": str(write_accounts(server)),
        "MLFLOW_AUTH_ADMIN_USERNAME": server.admin,
        "MLFLOW_AUTH_ADMIN_PASSWORD": admin_password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": session_key(server.folder / "session-key"),
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": str(POOL),
        "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": str(OVERFLOW),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # LLM agents and judges: not needed
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        environment.pop(name, None)  # client settings
    command = [sys.executable, "-m", "mlflow", "server", *arguments(server)]
    os.chdir(server.folder)
    sys.stdout.flush()
    os.execve(sys.executable, command, environment)


def check_free(host: str, port: int) -> None:
    """Raise Refused where nothing can listen there: MLflow would try for some seconds, and write many lines."""
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        raise Refused(f"{host}:{port}: {error.strerror}; choose another TRACKING_PORT or TRACKING_HOST") from None


def arguments(server: Settings) -> list[str]:
    """The arguments of `mlflow server`, without secrets."""
    options = ["--app-name", "basic-auth", "--serve-artifacts", "--artifacts-destination", str(server.artifacts)]
    options += ["--host", server.host, "--port", str(server.port), "--workers", str(server.workers)]
    guarded = f"--config {shlex.quote(str(Path(__file__).with_name('gunicorn_conf.py').resolve()))}"
    workers = f"--worker-class gthread --threads {THREADS} --timeout 120 --graceful-timeout 5"
    options += ["--gunicorn-opts", f"{guarded} {workers}"]
    if server.allowed_hosts:
        options += ["--allowed-hosts", server.allowed_hosts]
    if server.allowed_origins:
        options += ["--cors-allowed-origins", server.allowed_origins]
    return options


def write_accounts(server: Settings) -> Path:
    """Write MLflow's authentication settings to a file of mode 600; returns its path."""
    accounts = configparser.ConfigParser(interpolation=None)
    accounts["mlflow"] = {
        "default_permission": "READ",
        "database_uri": server.accounts,
        "admin_username": server.admin,
        # Each request sends the password, and checking it deliberately takes 0.1 s of CPU time.
        "auth_cache_ttl_seconds": "60",
    }
    path = server.folder / "accounts.ini"
    path.touch(mode=0o600)
    path.chmod(0o600)
    with path.open("w", encoding="utf-8") as file:
        accounts.write(file)
    return path


def session_key(path: Path) -> str:
    """The key that signs forms, created once: all workers need the same one, also after a restart."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), encoding="utf-8")
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    settings.program(main)
