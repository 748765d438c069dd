"""A digest of what Python code does: of its syntax tree, without docstrings, comments and most annotations.

What cannot change a result does not count: docstrings and comments, and the annotations of arguments, returns and local
variables. The text that is hashed is the same under every supported version of Python.
"""

import ast
import hashlib

DIGITS = 16
"""Hexadecimal digits of a digest."""
VERSION_DEPENDENT = {"type_params", "type_comment", "kind"}
"""Fields that some versions of Python leave out, or that say how a constant was written."""


def digest(tree: ast.AST) -> str:
    """The digest of a syntax tree, the same under every supported version of Python."""
    return hashlib.sha256(serialised(tree).encode()).hexdigest()[:DIGITS]


def serialised(node: object, in_class: bool = False) -> str:
    """A syntax tree as text, without what cannot change a result.

    in_class  whether the node stands directly in the body of a class, where annotations define fields
    """
    if isinstance(node, list):
        texts = [serialised(item, in_class) for item in node if not _is_bare_text(item)]
        return f"[{','.join(filter(None, texts))}]"
    if not isinstance(node, ast.AST):
        return f"{type(node).__name__}:{node!r}"
    if isinstance(node, ast.AnnAssign) and not in_class:
        if node.value is None:
            return ""
        return serialised(ast.Assign(targets=[node.target], value=node.value))
    left_out = set(VERSION_DEPENDENT)
    if isinstance(node, ast.arg):
        left_out.add("annotation")
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        left_out.add("returns")
    fields = [
        f"{name}={serialised(value, isinstance(node, ast.ClassDef) and name == 'body')}"
        for name, value in ast.iter_fields(node)
        if name not in left_out and value is not None and value != []
    ]
    return f"{type(node).__name__}({','.join(fields)})"


def _is_bare_text(node: object) -> bool:
    """Whether a statement is a text and nothing else: a docstring, or a description below an assignment."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
