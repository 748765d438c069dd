"""Settings that the tracking server refuses to start with, and its compose file."""

import re
import shutil
import socket
import subprocess

import pytest
import yaml

from tests.server.tracking_server import ADMIN_PASSWORD, PROGRAMS, ROOT, bare, program

DATABASE = "postgresql://mlflow@127.0.0.1:1/mlflow"
EXAMPLE = re.findall(r"^TRACKING_ADMIN_PASSWORD=(.*)$", (PROGRAMS / ".env.example").read_text(), re.MULTILINE)[0]
COMPOSE = yaml.safe_load((PROGRAMS / "compose.yaml").read_text())
MLFLOW, POSTGRESQL = COMPOSE["services"]["mlflow"], COMPOSE["services"]["database"]


@pytest.mark.parametrize("name", ["TRACKING_ADMIN_PASSWORD", "TRACKING_DATABASE_PASSWORD"])
@pytest.mark.parametrize("value", ["", "password1234", EXAMPLE, "elevenchars"])
def test_an_empty_known_or_short_password_is_refused(tmp_path, name, value):
    passwords = {"TRACKING_ADMIN_PASSWORD": ADMIN_PASSWORD, "TRACKING_DATABASE_PASSWORD": "of-the-database-1"}
    passwords[name] = value
    done = program("serve", TRACKING_FOLDER=tmp_path / "new", TRACKING_DATABASE=DATABASE, **passwords)
    assert done.returncode == 2
    assert done.stderr.startswith(f"serve.py: {name} ") and done.stderr.count("\n") == 1
    assert not value or value not in done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"TRACKING_HOST": "0.0.0.0"}, "TRACKING_ALLOWED_HOSTS"),
        (
            {"TRACKING_HOST": "0.0.0.0", "TRACKING_ALLOWED_HOSTS": "a.org,*"},
            "TRACKING_ALLOWED_HOSTS=a.org,* allows all",
        ),
        ({"TRACKING_HOST": "0.0.0.0", "TRACKING_ALLOWED_HOSTS": "*:5000"}, "name the hosts that clients use"),
        ({"TRACKING_DATABASE": "postgresql://mlflow:in-the-address@127.0.0.1/mlflow"}, "contains a password"),
        ({"TRACKING_DATABASE": "mysql://mlflow@127.0.0.1/mlflow"}, "not of the form"),
        ({"TRACKING_PORT": "70000"}, "TRACKING_PORT=70000"),
        ({"TRACKING_WORKERS": "many"}, "TRACKING_WORKERS=many"),
        ({"TRACKING_DATABASE": DATABASE, "TRACKING_DATABASE_PASSWORD": "of-the-database-1"}, "refused"),
    ],
)
def test_other_wrong_settings_are_refused_in_one_line(tmp_path, changes, message):
    settings = {"TRACKING_FOLDER": tmp_path / "new", "TRACKING_ADMIN_PASSWORD": ADMIN_PASSWORD} | changes
    done = program("serve", **settings)
    assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1
    assert "in-the-address" not in done.stderr and "of-the-database-1" not in done.stderr


@pytest.mark.parametrize(
    "mode, message", [(0o640, "other users can read"), (0o604, "other users can read"), (0o600, "fewer than")]
)
def test_a_password_file_that_other_users_can_read_is_refused(tmp_path, mode, message):
    secret = tmp_path / "secret"
    secret.write_text("short-one\n")
    secret.chmod(mode)
    done = program("serve", TRACKING_FOLDER=tmp_path / "new", TRACKING_ADMIN_PASSWORD_FILE=secret)
    assert done.returncode == 2 and str(secret) in done.stderr and message in done.stderr
    assert "short-one" not in done.stderr


def test_a_port_in_use_is_named(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = program(
            "serve", TRACKING_FOLDER=tmp_path / "new", TRACKING_ADMIN_PASSWORD=ADMIN_PASSWORD, TRACKING_PORT=port
        )
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and f"127.0.0.1:{port}: Address already in use; choose another TRACKING_PORT" in line
    assert not (tmp_path / "new").exists()


def test_make_takes_no_password_as_an_argument():
    done = subprocess.run(
        ["make", "--no-print-directory", "tracking-server", f"TRACKING_ADMIN_PASSWORD={ADMIN_PASSWORD}"],
        cwd=ROOT, env=bare(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2 and "in the environment" in done.stderr and ADMIN_PASSWORD not in done.stderr


def test_the_containers_have_health_checks_and_the_server_waits_for_its_database():
    assert MLFLOW["depends_on"] == {"database": {"condition": "service_healthy"}}
    for service in (MLFLOW, POSTGRESQL):
        assert service["healthcheck"]["test"][0] == "CMD" and service["restart"] == "unless-stopped"
        assert not service.get("privileged") and "network_mode" not in service
    assert re.fullmatch(r"\$\{TRACKING_POSTGRES_IMAGE:-postgres:\d+\.\d+-\w+\}", POSTGRESQL["image"])


def test_the_containers_publish_only_the_server_and_only_on_the_loopback_address():
    assert MLFLOW["ports"] == ["${TRACKING_HOST:-127.0.0.1}:${TRACKING_PORT:-5000}:5000"]
    assert "ports" not in POSTGRESQL


def test_the_compose_file_contains_no_password():
    variables = MLFLOW["environment"] | POSTGRESQL["environment"]
    passwords = {name: value for name, value in variables.items() if "PASSWORD" in name}
    assert set(passwords) == {"POSTGRES_PASSWORD", "TRACKING_DATABASE_PASSWORD", "TRACKING_ADMIN_PASSWORD"}
    assert all(re.fullmatch(r"\$\{TRACKING_\w+_PASSWORD:\?[^}]+\}", value) for value in passwords.values())


def test_the_data_of_the_containers_are_in_named_volumes():
    volumes = [entry.split(":") for service in (MLFLOW, POSTGRESQL) for entry in service["volumes"]]
    assert {name for name, _ in volumes} == set(COMPOSE["volumes"])
    assert [MLFLOW["environment"]["TRACKING_FOLDER"], "/backups"] == [path for _, path in volumes[:2]]


def test_the_container_runs_the_same_program_and_the_pinned_mlflow():
    dockerfile = (PROGRAMS / "Dockerfile").read_text()
    assert 'CMD ["/opt/tracking/serve.py"]' in dockerfile
    assert "COPY docker/tracking-server/*.py /opt/tracking/" in dockerfile
    assert "--require-hashes -r requirements-server.lock" in dockerfile
    assert (ROOT / MLFLOW["build"]["dockerfile"]).is_file() and MLFLOW["build"]["context"] == "../.."
    pinned = re.findall(r"^mlflow==(\S+)", (ROOT / "envs/requirements-server.lock").read_text(), re.MULTILINE)
    assert MLFLOW["image"].endswith(f":{pinned[0]}")


def test_docker_compose_accepts_the_file_only_with_passwords():
    """Skipped without docker compose; needs no daemon."""
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("no docker compose here")
    command = ["docker", "compose", "-f", PROGRAMS / "compose.yaml", "config", "--quiet"]
    assert subprocess.run(command, env=bare(), capture_output=True).returncode != 0
    passwords = {"TRACKING_ADMIN_PASSWORD": ADMIN_PASSWORD, "TRACKING_DATABASE_PASSWORD": "of-the-database-1"}
    assert subprocess.run(command, env=bare(**passwords), capture_output=True).returncode == 0
