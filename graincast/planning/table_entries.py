"""Modules that hold a table, such as NODE_FEATURES: what some of its entries depend on.

To a step that uses some entries of a table, the others are no source: adding one makes no result of it stale.
"""

import ast
from collections.abc import Collection, Sequence


def restricted(tree: ast.Module, entries: Collection[str]) -> ast.Module:
    """A module with only some entries of its tables, and without functions that only the other entries use.

    A table is a mapping with text as keys that is assigned to a name in capitals at the top level. Other tables that it
    takes over with ** stay: they are restricted in their own modules.
    """
    body: list[ast.stmt] = []
    left_out: list[ast.expr] = []
    for node in tree.body:
        table = _table(node)
        if table is None:
            body.append(node)
            continue
        pairs = list(zip(table.keys, table.values, strict=True))
        kept = [pair for pair in pairs if pair[0] is None or _text(pair[0]) in entries]
        left_out += [value for key, value in pairs if key is not None and _text(key) not in entries]
        values = ast.Dict(keys=[key for key, _ in kept], values=[value for _, value in kept])
        body.append(ast.Assign(targets=_targets(node), value=values))
    functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    candidates = _reached(left_out, functions)
    used = _reached([node for node in body if getattr(node, "name", None) not in candidates], functions)
    unused = candidates - used
    return ast.Module([node for node in body if getattr(node, "name", None) not in unused], type_ignores=[])


def _table(node: ast.stmt) -> ast.Dict | None:
    """The mapping that a statement makes a table of; None for any other statement."""
    targets = _targets(node)
    value = getattr(node, "value", None)
    if len(targets) != 1 or not isinstance(targets[0], ast.Name) or not targets[0].id.isupper():
        return None
    if not isinstance(value, ast.Dict) or any(key is not None and _text(key) is None for key in value.keys):
        return None
    return value


def _text(key: ast.expr | None) -> str | None:
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None


def _targets(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []


def _reached(nodes: Sequence[ast.AST], functions: dict[str, ast.FunctionDef]) -> set[str]:
    """The functions that some code names, and those that these name."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        named = {part.id for part in ast.walk(waiting.pop()) if isinstance(part, ast.Name)}
        new = (named & functions.keys()) - found
        found |= new
        waiting += [functions[name] for name in new]
    return found
