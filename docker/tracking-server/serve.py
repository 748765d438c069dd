"""The tracking server: MLflow with its own authentication, artifacts through the server alone.

python docker/tracking-server/serve.py     settings by environment variables: see settings.py

It takes the process's place by `mlflow server`, so that a signal to stop reaches that.
"""

import configparser
import os
import secrets
import sys
from pathlib import Path

import settings
from settings import Settings

# Requests that one worker answers at once; further ones wait in line. Under uvicorn, MLflow's default, 40 threads take
# all that come, and those for which the pool has no connection fail with status 400 (64 of 200 jobs that came at once).
THREADS = 4
# Connections that a pool keeps, and may open besides: a request holds up to two, there are three pools a worker
# (tracking, models, accounts). Four workers keep at most 24, and open 40 under load.
POOL, OVERFLOW = 2, 2 * THREADS


def main() -> None:
    """Check the settings, write the server's own files and become `mlflow server`."""
    given = settings.read()
    admin_password = settings.password(os.environ, "TRACKING_ADMIN_PASSWORD")
    given.folder.mkdir(parents=True, exist_ok=True)
    given.folder.chmod(0o700)
    given.artifacts.mkdir(exist_ok=True)
    if given.on_postgresql:
        import databases

        databases.create_missing(given)
    environment = given.environment() | {
        "MLFLOW_BACKEND_STORE_URI": given.store,
        "MLFLOW_AUTH_CONFIG_PATH": str(write_accounts(given)),
        "MLFLOW_AUTH_ADMIN_USERNAME": given.admin,
        "MLFLOW_AUTH_ADMIN_PASSWORD": admin_password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": session_key(given.folder / "session-key"),
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": str(POOL),
        "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": str(OVERFLOW),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # agents and judges: not wanted, and a process of their own
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        environment.pop(name, None)  # the client's
    command = [sys.executable, "-m", "mlflow", "server", *arguments(given)]
    os.chdir(given.folder)
    sys.stdout.flush()
    os.execve(sys.executable, command, environment)


def arguments(given: Settings) -> list[str]:
    """The arguments of `mlflow server`; none of them is a secret."""
    found = ["--app-name", "basic-auth", "--serve-artifacts", "--artifacts-destination", str(given.artifacts)]
    found += ["--host", given.host, "--port", str(given.port), "--workers", str(given.workers)]
    found += ["--gunicorn-opts", f"--worker-class gthread --threads {THREADS} --timeout 120 --graceful-timeout 5"]
    if given.allowed_hosts:
        found += ["--allowed-hosts", given.allowed_hosts]
    if given.allowed_origins:
        found += ["--cors-allowed-origins", given.allowed_origins]
    return found


def write_accounts(given: Settings) -> Path:
    """MLflow's own file of settings for accounts, readable by its owner alone."""
    written = configparser.ConfigParser(interpolation=None)
    written["mlflow"] = {
        "default_permission": "READ",
        "database_uri": given.accounts,
        "admin_username": given.admin,
        # Checking a password costs 0.1 s of a processor, on purpose, and each request brings it.
        "auth_cache_ttl_seconds": "60",
    }
    path = given.folder / "accounts.ini"
    path.touch(mode=0o600)
    path.chmod(0o600)
    with path.open("w", encoding="utf-8") as file:
        written.write(file)
    return path


def session_key(path: Path) -> str:
    """The key that signs pages' forms, made once: all workers and later starts need the same."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), encoding="utf-8")
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    settings.program(main)
