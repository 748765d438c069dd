"""Debian packages that tests need: programs that pip does not have."""

import os
import shutil
import subprocess
import time


def may_install(variable: str) -> bool:
    """Whether packages may be installed here: as root on Debian, in CI or where an environment variable asks for it."""
    asked = os.environ.get("CI") or os.environ.get(variable)
    return bool(asked) and os.getuid() == 0 and shutil.which("apt-get") is not None


def install(*packages: str) -> None:
    """Install packages without those that they only recommend. Fails where that cannot be done."""
    options = ["-o", "Dpkg::Options::=--force-confold", "--yes", "--no-install-recommends"]
    for command in (["update"], ["install", *options, *packages]):
        for _ in range(60):
            done = subprocess.run(
                ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600", *command],
                capture_output=True,
                text=True,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            )
            if "Could not get lock" not in done.stderr:  # of the package lists, for which apt does not wait
                break
            time.sleep(10)
        assert done.returncode == 0, done.stderr
