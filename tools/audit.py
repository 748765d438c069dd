"""Compare the locked packages with known vulnerabilities, by pip-audit in an environment of its own, then removed.

Exit status: 0 none known, or nothing could be compared for want of a network, which is said; 1 some are known, or the
audit failed. Needs only Python.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

AUDITOR = "pip-audit"
NO_NETWORK = re.compile("No matching distribution|Temporary failure|not known|[Cc]onnection|Max retries|timed out")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tools/audit.py", description=__doc__)
    parser.add_argument("envs", type=Path, help="folder with the lock files")
    pins = sorted({pin for lock in parser.parse_args().envs.glob("*.lock") for pin in locked(lock)})
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python, listed = Path(folder, "bin/python"), Path(folder, "pins.txt")
        listed.write_text("\n".join(pins) + "\n", encoding="utf-8")
        installed = called([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", AUDITOR])
        if installed.returncode:
            return failed(installed.stderr)
        command: list[str | Path] = [
            python,
            "-m",
            "pip_audit",
            "--no-deps",
            "--disable-pip",
            "--progress-spinner",
            "off",
        ]
        audited = called([*command, "--format", "json", "--requirement", listed])
    try:
        packages = json.loads(audited.stdout)["dependencies"]
    except (ValueError, KeyError):
        return failed(audited.stderr)
    return summarised(packages)


def summarised(packages: list[dict]) -> int:
    """Print what pip-audit found; the exit status."""
    unknown = [one["name"] for one in packages if "skip_reason" in one]
    if len(unknown) == len(packages):
        return failed(f"Connection: the service knows none of {len(packages)} packages")
    known = [(one, vulnerability) for one in packages for vulnerability in one.get("vulns", [])]
    for one, vulnerability in known:
        fixed = ", ".join(vulnerability.get("fix_versions", [])) or "no release yet"
        print(f"{one['name']} {one['version']}: {vulnerability['id']}, mended in {fixed}")
    not_found = f"; not found there: {', '.join(unknown)}" if unknown else ""
    print(f"audit: {len(packages) - len(unknown)} locked packages compared, {len(known)} known faults{not_found}")
    return 1 if known else 0


def locked(lock: Path) -> list[str]:
    """The pins of a lock file, as name==version."""
    found = re.findall(r"^([a-z0-9-]+)={2,3}([^\s\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return [f"{name}=={version}" for name, version in found]


def called(command: list[str | Path]) -> subprocess.CompletedProcess:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)


def failed(messages: str) -> int:
    """Say in one line why there was no audit; the exit status."""
    last = ([line.strip() for line in messages.splitlines() if line.strip()] or ["no message"])[-1]
    if NO_NETWORK.search(messages):
        print(f"audit: not done: the package index or the vulnerability service cannot be reached ({last})")
        return 0
    print(f"audit: not done: {last}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
