"""SQLite's functions, which statements are written with, in PostgreSQL's words.

Attributes are a column `facts` here, of the type JSONB (`postgresql_schema`). What is taken out of
it is one text of `sortable_values`, whatever kind it is of, and compared by code points.
"""

from typing import Any

from sqlalchemy import BindParameter, Column, Function
from sqlalchemy.dialects.postgresql.base import PGCompiler
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg

from search_engine.catalog.stored_types import JsonText, JsonValue

_BY_CODE_POINTS = ' COLLATE "C"'
_COMMA = "','"


class CatalogCompiler(PGCompiler_psycopg):
    """Compiles a statement for PostgreSQL; each method is one function, or columns of a type."""

    def visit_json_type_func(self, fn: Function[Any], **kw: Any) -> str:
        """The kind of an attribute, as SQLite calls it."""
        return f"(eyedex_kind({self._attribute(fn)}){_BY_CODE_POINTS})"

    def visit_json_extract_func(self, fn: Function[Any], **kw: Any) -> str:
        """The value of an attribute, sortable; or its JSON, if that is the type."""
        if isinstance(fn.type, JsonText):
            return f"({self._attribute(fn)})::text"
        return f"(eyedex_sortable({self._attribute(fn)}){_BY_CODE_POINTS})"

    def visit_json_valid_func(self, fn: Function[Any], **kw: Any) -> str:
        """PostgreSQL keeps no other JSON."""
        return "1"

    def visit_json_each_func(self, fn: Function[Any], **kw: Any) -> str:
        """The keys of a list that is given, or kinds and sortable values of a stored one."""
        (listed,) = fn.clauses
        if isinstance(listed, BindParameter):
            return f"eyedex_keys({self.process(listed)})"
        if isinstance(listed, Function):
            return f"eyedex_values({self._attribute(listed)})"
        return f"eyedex_values(CAST({self.process(listed)} AS jsonb))"

    def visit_julianday_func(self, fn: Function[Any], **kw: Any) -> str:
        """A moment as a number; NULL for a text that is none."""
        return f"eyedex_moment({self._plain(fn, 0)})"

    def visit_glob_func(self, fn: Function[Any], **kw: Any) -> str:
        """Whether a text has a form."""
        return f"eyedex_glob({self._plain(fn, 0)}, {self._plain(fn, 1)})"

    def visit_instr_func(self, fn: Function[Any], **kw: Any) -> str:
        """Where a text is in another."""
        return f"strpos({self._arguments(fn)})"

    def visit_casefold_func(self, fn: Function[Any], **kw: Any) -> str:
        """A text without the difference of small and capital letters."""
        return f"eyedex_casefold({self._arguments(fn)})"

    def visit_char_func(self, fn: Function[Any], **kw: Any) -> str:
        """A character that no text has; PostgreSQL has no NUL."""
        return "chr(1)"

    def visit_hex_func(self, fn: Function[Any], **kw: Any) -> str:
        """Bytes in hexadecimal digits."""
        return f"encode({self._arguments(fn)}, 'hex')"

    def visit_substr_func(self, fn: Function[Any], **kw: Any) -> str:
        """Some bytes."""
        content, start, count = (self.process(each) for each in fn.clauses)
        return f"substr({content}, CAST({start} AS integer), {count})"

    def visit_group_concat_func(self, fn: Function[Any], **kw: Any) -> str:
        """Values as one text."""
        value, *between = (self.process(each) for each in fn.clauses)
        return f"string_agg(CAST({value} AS text), {between[0] if between else _COMMA})"

    def visit_is_text_func(self, fn: Function[Any], **kw: Any) -> str:
        """Whether a column of texts has one."""
        return f"({self._arguments(fn)} IS NOT NULL)"

    def visit_column(self, column: Any, *args: Any, **kw: Any) -> str:
        """Values of lists are compared by code points too."""
        text = super().visit_column(column, *args, **kw)
        if isinstance(column.type, JsonValue) and not isinstance(column, Column):
            return f"({text}{_BY_CODE_POINTS})"
        return text

    def _attribute(self, fn: Function[Any]) -> str:
        attributes, path = fn.clauses
        facts = self.process(attributes).removesuffix("attributes") + "facts"
        return f"eyedex_at({facts}, {self.process(path)})"

    def _arguments(self, fn: Function[Any]) -> str:
        return ", ".join(self.process(each) for each in fn.clauses)

    def _plain(self, fn: Function[Any], number: int) -> str:
        """A text as it is, also where it comes out of attributes."""
        argument = list(fn.clauses)[number]
        text = self.process(argument)
        return f"substr({text}, 2)" if isinstance(argument.type, JsonValue) else text


assert issubclass(CatalogCompiler, PGCompiler)
