"""Notebooks as Markdown, for the documentation site, and their code, for tests."""

import json
from pathlib import Path


def cells(path: Path) -> list[tuple[str, str]]:
    """The kind (markdown or code) and the text of each cell. Raises ValueError for what is no notebook of version 4."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if not (isinstance(content, dict) and content.get("nbformat") == 4):
        raise ValueError(f"{path}: not a notebook of format 4")
    return [(cell["cell_type"], "".join(cell["source"])) for cell in content["cells"]]


def as_markdown(path: Path) -> str:
    """A page with the notebook's text, and its code in fences."""
    return "\n\n".join(f"```python\n{text}\n```" if kind == "code" else text for kind, text in cells(path)) + "\n"
