"""Filters as a line of text, for the command line: `price < 30 and label under Home/Kitchen`.

    filter    = conjunction { "or" conjunction }
    conjunction = part { "and" part }
    part      = "not" part | "(" filter ")" | condition
    condition = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" | "under" ) value
              | field "in" "(" value { "," value } ")"
              | field "exists"

A value in quotes is a text; a bare one is a number, true or false if it looks like one, else a
text. What is read is the JSON form of `search_engine.filters`, which checks it.
"""

import re
from typing import Any

from search_engine.errors import FilterError
from search_engine.filters import Filter, parse_filter

OPERATORS = {"=": "eq", "!=": "ne", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
MAX_TEXT = 4_096
MAX_DEPTH = 8

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|<=|>=|!=|[=<>(),]|[^\s"=<>!(),]+)')
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")

JsonFilter = dict[str, Any]


def parse_filter_text(text: str) -> Filter:
    """The filter that a line means; a line may be JSON, too.

    Raises:
        FilterError: It says what was expected, and where.
    """
    if text.lstrip().startswith("{"):
        return parse_filter(text)
    if len(text) > MAX_TEXT:
        raise FilterError(f"the filter is longer than {MAX_TEXT:,} characters", where="filter")
    parser = _Parser(text)
    parsed = parser.filter(depth=1)
    parser.end()
    return parse_filter(parsed)


class _Parser:
    """Recursive descent over the tokens; each method reads one rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, int]] = []
        self._next = 0
        position = 0
        text = text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise _error("a quote that is not closed, or an odd character", position)
            self._tokens.append((match[1], match.start(1)))
            position = match.end()
        self._end = len(text)

    def filter(self, depth: int) -> JsonFilter:
        parts = [self._conjunction(depth)]
        while self._take("or"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else {"any": parts}

    def end(self) -> None:
        if self._next < len(self._tokens):
            raise _error("expected and, or, or the end", self._position())

    def _conjunction(self, depth: int) -> JsonFilter:
        parts = [self._part(depth)]
        while self._take("and"):
            parts.append(self._part(depth))
        return parts[0] if len(parts) == 1 else {"all": parts}

    def _part(self, depth: int) -> JsonFilter:
        if depth > MAX_DEPTH:
            raise _error(f"nested deeper than {MAX_DEPTH}", self._position())
        if self._take("not"):
            return {"not": self._part(depth + 1)}
        if self._take("("):
            inside = self.filter(depth + 1)
            self._expect(")")
            return inside
        return self._condition()

    def _condition(self) -> JsonFilter:
        field = self._text("a field")
        if self._take("exists"):
            return {"field": field, "exists": True}
        if self._take("in"):
            return {"field": field, "in": self._values()}
        if self._take("under"):
            return {"field": field, "under": self._text("a label")}
        for sign, operator in OPERATORS.items():
            if self._take(sign):
                return {"field": field, operator: self._value()}
        raise _error("expected = != < <= > >= in under or exists", self._position())

    def _values(self) -> list[Any]:
        self._expect("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._expect(")")
        return values

    def _value(self) -> Any:
        quoted = self._peek().startswith('"')
        text = self._text("a value")
        if quoted:
            return text
        if text in ("true", "false"):
            return text == "true"
        return float(text) if _NUMBER.fullmatch(text) else text

    def _text(self, what: str) -> str:
        token = self._peek()
        if not token or token in OPERATORS or token in "(),":
            raise _error(f"expected {what}", self._position())
        self._next += 1
        return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token

    def _take(self, token: str) -> bool:
        taken = self._peek() == token
        self._next += taken
        return taken

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise _error(f"expected {token}", self._position())

    def _peek(self) -> str:
        return self._tokens[self._next][0] if self._next < len(self._tokens) else ""

    def _position(self) -> int:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else self._end


def _error(what: str, position: int) -> FilterError:
    return FilterError(
        what,
        where=f"filter, character {position + 1}",
        fix="for instance: price < 30 and label under Home/Kitchen",
    )
