"""A hook of MkDocs: adds pages that lie outside docs/ or are generated, and makes links work on the site as on GitHub.

Links between files of the repository are written for GitHub, from the file that holds them. On the site a link to a
page leads to that page, and a link to any other file, such as a module, to a page that shows the file.
"""

import posixpath
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # MkDocs loads this file by its path

from tools import notebook, reference  # noqa: E402

IN_PLACE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "config/README.md": "reference/configuration.md",
}
"""Pages from files outside docs/: path in the repository, and on the site."""
LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)([^)\s#]+)(#[^)\s]*)?(?=\))")
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".smk": "python", ".sh": "bash", ".csv": "text"}
UNSEARCHED = "---\nsearch:\n  exclude: true\n---\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that docs/ does not hold, then one for each other file that a page links to."""
    generated = {"reference/command-line.md": reference.command_line, "reference/library.md": reference.library_index}
    texts = {there: (ROOT / here).read_text(encoding="utf-8") for here, there in IN_PLACE.items()}
    texts |= {there: make() for there, make in generated.items()}
    texts["notebook.md"] = notebook.as_markdown(ROOT / "docs/notebook.ipynb")
    texts |= {f"reference/library/{folder}.md": reference.library(folder) for folder in reference.folders()}
    for there, text in texts.items():
        files.append(File.generated(config, there, content=text))
    linked = {
        path
        for file in files.documentation_pages()
        for path in _linked(file.content_string, _in_repository(file.src_uri))
    }
    for path in sorted(linked):
        if _on_site(path, files) is None and (ROOT / path).exists():
            files.append(File.generated(config, _source_page(path), content=_shown(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the repository into links between pages."""
    here = _in_repository(page.file.src_uri)

    def on_site(match: re.Match) -> str:
        path = _resolved(here, match[1])
        there = _on_site(path, files) or _source_page(path)
        if files.get_file_from_path(there) is None:
            return match[0]  # MkDocs warns of it
        return posixpath.relpath(there, posixpath.dirname(page.file.src_uri) or ".") + (match[2] or "")

    return _outside_fences(markdown, lambda text: LINK.sub(on_site, text))


def _in_repository(uri: str) -> str:
    """The path in the repository of a page of the site."""
    return next((here for here, there in IN_PLACE.items() if there == uri), f"docs/{uri}")


def _on_site(path: str, files: Files) -> str | None:
    """The page or picture of the site that is a file of the repository; None for others."""
    there = IN_PLACE.get(path, path.removeprefix("docs/") if path.startswith("docs/") else None)
    found = files.get_file_from_path(there) if there else None
    return there if found is not None and not found.inclusion.is_excluded() else None


def _source_page(path: str) -> str:
    return f"source/{path}.md"


def _shown(path: str) -> str:
    """The text of a page that shows a file, or lists a folder."""
    file = ROOT / path
    if file.is_dir():
        listed = sorted(f"{one.name}/" if one.is_dir() else one.name for one in file.glob("[!._]*"))
        return f"{UNSEARCHED}# {path}\n\n```text\n" + "\n".join(listed) + "\n```\n"
    text = file.read_text(encoding="utf-8").rstrip("\n")
    return f"{UNSEARCHED}# {path}\n\n````{LANGUAGES.get(file.suffix, 'text')}\n{text}\n````\n"


def _linked(markdown: str, here: str) -> Iterator[str]:
    """The paths in the repository that a page links to."""
    for match in LINK.finditer(FENCED.sub("", markdown)):
        yield _resolved(here, match[1])


def _resolved(here: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(here), target))


def _outside_fences(markdown: str, change: Callable[[str], str]) -> str:
    """Markdown with its text changed, and blocks of code left as they are."""
    parts, end = [], 0
    for block in FENCED.finditer(markdown):
        parts += [change(markdown[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*parts, change(markdown[end:])])
