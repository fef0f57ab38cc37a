"""What the docstrings of a schema say of its fields; Python itself keeps those of classes only."""

import ast
import inspect
import pkgutil
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from typing_extensions import get_original_bases, is_typeddict

import api.schemas


@cache
def schemas() -> dict[str, type]:
    """Every TypedDict of `api.schemas` by its name."""
    found = {}
    for each in pkgutil.iter_modules(api.schemas.__path__, "api.schemas."):
        for name, declared in vars(import_module(each.name)).items():
            if is_typeddict(declared) and not name.startswith("_"):
                found[name] = declared
    return found


def field_texts(declared: Any) -> dict[str, str]:
    """The docstring below each field of a TypedDict, those of its bases too."""
    found: dict[str, str] = {}
    for base in get_original_bases(declared):
        if is_typeddict(base):
            found |= field_texts(base)
    return found | _texts_of(import_module(declared.__module__)).get(declared.__name__, {})


@cache
def _texts_of(module: ModuleType) -> dict[str, dict[str, str]]:
    tree = ast.parse(inspect.getsource(module))
    return {node.name: _below(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _below(declared: ast.ClassDef) -> dict[str, str]:
    found = {}
    for field, text in zip(declared.body, declared.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match text:
                case ast.Expr(ast.Constant(str(said))):
                    found[field.target.id] = " ".join(inspect.cleandoc(said).split())
    return found


def describe_fields(schema: dict[str, Any], declared: Any) -> None:
    """Give the properties of a schema the docstrings of its TypedDict, and take their titles away.

    A title would say the name again, with spaces. `declared` is None where the schema has no such
    type.
    """
    texts = field_texts(declared) if is_typeddict(declared) else {}
    for name, field in schema.get("properties", {}).items():
        field.pop("title", None)
        if name in texts:
            field["description"] = texts[name]
