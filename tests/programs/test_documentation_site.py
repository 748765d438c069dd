"""The documentation site: it builds without a warning, loads nothing from a network, and works from disk."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tools import reference

pytest.importorskip("material", reason="MkDocs is not installed: make docs")
ROOT = Path(__file__).parents[2]
LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?((?:https?:)?//[^\s\">]+)")
LINKED = re.compile(
    r"<link\b(?=[^>]*rel=\"?(?:stylesheet|preconnect|preload|icon))[^>]*href=\"?((?:https?:)?//[^\s\">]+)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built with warnings as errors."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=3600)
    assert built.returncode == 0, built.stderr
    return folder


def pages(nav: list) -> list[str]:
    """The pages of a navigation, at any depth."""
    found = []
    for entry in nav:
        for value in entry.values():
            found += pages(value) if isinstance(value, list) else [value]
    return found


def test_each_page_of_docs_is_in_the_navigation_and_built(site):
    nav = pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= set(nav)
    for page in nav:
        assert (site / page).with_suffix(".html").is_file()


def test_nothing_is_loaded_from_a_network(site):
    loaded = {
        found
        for page in site.rglob("*.html")
        for text in [page.read_text(encoding="utf-8")]
        for found in LOADED.findall(text) + LINKED.findall(text)
    }
    assert loaded == set()
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", style.read_text(encoding="utf-8"))


def test_the_command_line_page_has_every_program_and_target(site):
    text = (site / "reference/command-line.html").read_text(encoding="utf-8")
    for name in reference.scripts():
        assert f"usage: python -m scripts.{name} " in text
    for target in re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE):
        assert f"make {target}<" in text


def test_a_link_to_a_module_leads_to_a_page_that_shows_it(site):
    text = (site / "extensions.html").read_text(encoding="utf-8")
    assert 'href="source/graincast/models/sgc.py.html"' in text
    assert "Simple graph convolution" in (site / "source/graincast/models/sgc.py.html").read_text(encoding="utf-8")


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium")
@pytest.mark.parametrize("address", ["index.html?q=mobility", "outputs.html", "reference/command-line.html"])
def test_pages_open_from_disk_without_an_error(site, tmp_path, address):
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom", f"file://{site}/{address}"]
    opened = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert opened.returncode == 0, opened.stderr
    assert "CONSOLE" not in opened.stderr, opened.stderr
    assert "</html>" in opened.stdout
    if "?q=" in address:
        assert re.search(r'class="?md-search-result__link', opened.stdout), "no search results"
