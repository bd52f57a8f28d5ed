# SPDX-License-Identifier: GPL-2.0
"""Finds what Python 3.9 lacks in the tools by reading their syntax trees, so that no old Python is needed."""

import ast
from collections.abc import Iterator

OLDEST = (3, 9)

# Modules, and names in modules, classes and functions, that Python has got since, with the version. If a file uses such
# a name for something else, FINE lists it as an exception.
MODULES = {"tomllib": "3.11", "compression": "3.14", "annotationlib": "3.14"}
NAMES = {
    # functions and types
    "pairwise": "3.10", "batched": "3.12", "aiter": "3.10", "anext": "3.10", "bit_count": "3.10", "aclosing": "3.10",
    "NoneType": "3.10", "UnionType": "3.10", "EllipsisType": "3.10", "TypeAlias": "3.10", "TypeGuard": "3.10",
    "ParamSpec": "3.10", "Concatenate": "3.10", "KW_ONLY": "3.10", "get_annotations": "3.10", "orig_argv": "3.10",
    "stdlib_module_names": "3.10", "hardlink_to": "3.10", "linear_regression": "3.10", "correlation": "3.10",
    "covariance": "3.10", "EncodingWarning": "3.10", "is_typeddict": "3.10", "assertNoLogs": "3.10",
    "StrEnum": "3.11", "ReprEnum": "3.11", "UTC": "3.11", "file_digest": "3.11", "cbrt": "3.11", "exp2": "3.11",
    "Self": "3.11", "Never": "3.11", "LiteralString": "3.11", "assert_never": "3.11", "assert_type": "3.11",
    "reveal_type": "3.11", "NotRequired": "3.11", "ExceptionGroup": "3.11", "BaseExceptionGroup": "3.11",
    "add_note": "3.11", "enterContext": "3.11", "enterModuleContext": "3.11", "enterClassContext": "3.11",
    "TaskGroup": "3.11", "dataclass_transform": "3.11", "sumprod": "3.12", "override": "3.12", "kde": "3.13",
}
# Arguments that were added to functions since, by function.
ARGUMENTS = {
    "zip": {"strict": "3.10"}, "dataclass": {"slots": "3.10", "kw_only": "3.10", "match_args": "3.10"},
    "field": {"kw_only": "3.10"}, "glob": {"root_dir": "3.10"}, "iglob": {"root_dir": "3.10"},
    "bisect": {"key": "3.10"}, "bisect_left": {"key": "3.10"}, "bisect_right": {"key": "3.10"},
    "insort": {"key": "3.10"}, "Popen": {"process_group": "3.11"}, "fmean": {"weights": "3.11"},
    "TemporaryDirectory": {"ignore_cleanup_errors": "3.10", "delete": "3.12"}, "relative_to": {"walk_up": "3.12"},
    "write_text": {"newline": "3.10"}, "NamedTemporaryFile": {"delete_on_close": "3.12"},
}
# Names from MODULES and NAMES that are allowed, by file, because the file means something else or has a fallback.
FINE = {f"tools/{name}.py": {"tomllib"} for name in ("toml_reader", "checks/model", "checks/parity")}


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _unions(tree: ast.Module) -> Iterator[ast.AST]:
    """Return annotations written as X | Y in a file where annotations are evaluated."""
    if any(isinstance(node, ast.ImportFrom) and node.module == "__future__" and
           any(name.name == "annotations" for name in node.names) for node in ast.walk(tree)):
        return
    for node in ast.walk(tree):
        annotations = [getattr(node, name, None) for name in ("annotation", "returns")]
        for annotation in filter(None, annotations):
            yield from (each for each in ast.walk(annotation)
                        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.BitOr))


def _newer(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Return (line, what, since) for everything that is newer than OLDEST."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import):
            yield from ((line, each.name, MODULES[each.name]) for each in node.names if each.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            yield from ((line, each, MODULES[each]) for each in [node.module] if each in MODULES)
            yield from ((line, each.name, NAMES[each.name]) for each in node.names if each.name in NAMES)
        elif isinstance(node, ast.Attribute) and node.attr in NAMES:
            yield line, node.attr, NAMES[node.attr]
        elif isinstance(node, ast.Call):
            known = ARGUMENTS.get(_called(node), {})
            yield from ((line, f"{_called(node)}({each.arg}=)", known[each.arg])
                        for each in node.keywords if each.arg in known)
    yield from ((node.lineno, "a type X | Y", "3.10") for node in _unions(tree))   # type: ignore


def findings(name: str, text: str) -> list[str]:
    """Return one line for everything in @text, the content of file @name, that OLDEST lacks."""
    try:
        tree = ast.parse(text, name, feature_version=OLDEST)
    except SyntaxError as error:
        return [f"{name}:{error.lineno}: {error.msg}"]
    fine = FINE.get(name, set())
    return [f"{name}:{line}: {what} is new in Python {since}" for line, what, since in sorted(_newer(tree))
            if what not in fine]
