"""Filters as a line of text: `price < 30 and label under Home/Kitchen`.

    filter    = conjunction { "or" conjunction }
    conjunction = part { "and" part }
    part      = "not" part | "(" filter ")" | condition
    condition = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
              | field [ "not" ] ( "under" value | "in" "(" value { "," value } ")" | "exists" )

`==` is `=`, `<>` is `!=`, and words such as `AND` may have any case. A value in quotes, single or
double, is a text; what a bare one is, the field decides (`search_engine.catalog.filter_fit`). What
is read is the JSON form of `search_engine.catalog.filters`, which checks it.
"""

import re
from collections.abc import Mapping
from typing import Any

from search_engine.catalog.filters import Condition, Filter, Group, Word, parse_filter
from search_engine.errors import FilterError, ParameterError
from search_engine.near import shown

OPERATORS = {
    "=": "eq", "==": "eq", "!=": "ne", "<>": "ne", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"
}  # fmt: skip
OTHERWISE = {
    "is": "write {field} exists, or not {field} exists",
    "between": "write {field} >= 10 and {field} <= 20",
    **dict.fromkeys(
        ("like", "ilike", "contains", "startswith", "matches", "~"),
        "a filter compares whole values; q looks for words in texts",
    ),
    "": "write {field} exists, or {field} = true",
}
"""What other languages have behind a field, and how it is said here."""

JOINTS = {
    "&": "write and", "&&": "write and", ",": "write and", ";": "write and",
    "|": "write or", "||": "write or",
}  # fmt: skip
AS_NUMBER = "write numbers with a decimal point, and nothing between thousands: 1234.5"
GivenFilter = Filter | Mapping[str, Any] | str
"""A filter, its JSON form, or a line of text."""
MAX_TEXT = 4_096
MAX_DEPTH = 8

_TOKEN = re.compile(
    r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.|'')*'|<=|>=|!=|<>|==|[=<>(),]"""
    r"""|[^\s"'=<>!(),][^\s"=<>!(),]*)""",
    re.DOTALL,
)
_GLUED = re.compile(r"(?P<field>\w[^:~]*)(?P<sign>[:~])(?P<value>.+)", re.DOTALL)
_ESCAPED = {'"': re.compile(r"\\(.)", re.DOTALL), "'": re.compile(r"\\(.)|'(')", re.DOTALL)}

JsonFilter = dict[str, Any]


def read_filter(source: GivenFilter | None) -> Filter | None:
    """The filter that somebody gave, in whichever form: a line, JSON as text, or its value.

    Raises:
        FilterError: It says what is wrong, and where.
        ParameterError: It is an empty text, which nobody means to be no filter.
    """
    if source is None:
        return None
    if source == "":
        raise ParameterError("the filter is empty", where="filter", fix="give a condition")
    if isinstance(source, Condition | Group):
        return source
    return parse_filter_text(source) if isinstance(source, str) else parse_filter(source)


def require_filter(given: GivenFilter) -> Filter:
    """As `read_filter`, for what needs a filter.

    Raises:
        FilterError: As `read_filter`.
        ParameterError: It is empty.
    """
    parsed = read_filter(given)
    if parsed is None:
        raise ParameterError("the filter is empty", where="filter", fix="give a condition")
    return parsed


def parse_filter_text(text: str) -> Filter:
    """The filter that a line means; a line may be JSON, too.

    Raises:
        FilterError: It says what was expected, and where.
    """
    if text.lstrip().startswith(("{", "[")):
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
                start = len(text) - len(text[position:].lstrip())
                quote = text[start] in "\"'"
                what = "a quote that is not closed" if quote else "an odd character"
                raise _error(f"{what}: {shown(text[start:])}", start)
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
            fix = JOINTS.get(self._peek(), "put text that has spaces in quotes")
            raise self._unexpected("and, or, or the end", AS_NUMBER if self._in_number() else fix)

    def _in_number(self) -> bool:
        """Whether the next token is a comma within a number."""
        tokens, places = zip(*self._tokens[self._next - 1 : self._next + 2], strict=True)
        number = "".join(tokens)
        is_one = places[0] + len(number) == places[-1] + len(tokens[-1])
        return is_one and re.fullmatch(r"[-+]?[0-9.]+,[0-9.]+", number) is not None

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
        field = _unquoted(self._token("a field"))
        refused = self._take("not")
        if self._take("exists"):
            return {"field": field, "exists": not refused}
        if self._take("in"):
            found = {"field": field, "in": self._values()}
        elif self._take("under"):
            found = {"field": field, "under": _unquoted(self._token("a label"))}
        elif refused:
            raise self._unexpected("in, under or exists")
        else:
            return {"field": field, self._sign(field): self._value()}
        return {"all": [{"field": field, "exists": True}, {"not": found}]} if refused else found

    def _sign(self, field: str) -> str:
        for sign, operator in OPERATORS.items():
            if self._take(sign):
                return operator
        raise self._unexpected("= != < <= > >= in under or exists", self._otherwise(field))

    def _otherwise(self, field: str) -> str | None:
        """How to say here what was said behind a field, or in one word with it."""
        word = self._peek().lower()
        glued = None if word else _GLUED.fullmatch(field)
        if glued is not None:
            if glued["sign"] == ":":
                return f"write {shown(glued['field'])} = {shown(glued['value'])}"
            word = "~"
        fix = OTHERWISE.get(word)
        return None if fix is None else fix.format(field=shown(field))

    def _values(self) -> list[Any]:
        if not self._take("("):
            raise self._unexpected("(", "write the values as in (red, blue)")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._expect(")")
        return values

    def _value(self) -> str | Word:
        token = self._token("a value")
        return _unquoted(token) if token[0] in _ESCAPED else Word(token)

    def _token(self, what: str) -> str:
        token = self._peek()
        if not token or token in OPERATORS or token in "(),":
            raise self._unexpected(what)
        self._next += 1
        return token

    def _take(self, token: str) -> bool:
        taken = self._peek().lower() == token
        self._next += taken
        return taken

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise self._unexpected(token)

    def _peek(self) -> str:
        return self._tokens[self._next][0] if self._next < len(self._tokens) else ""

    def _position(self) -> int:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else self._end

    def _unexpected(self, wanted: str, fix: str | None = None) -> FilterError:
        found = shown(self._peek()) or "the end"
        return _error(f"expected {wanted}, found {found}", self._position(), fix)


def _unquoted(token: str) -> str:
    """The text that a token means."""
    escaped = _ESCAPED.get(token[0])
    if escaped is None:
        return token
    return escaped.sub(lambda match: match[match.lastindex or 0], token[1:-1])


def _error(what: str, position: int, fix: str | None = None) -> FilterError:
    return FilterError(
        what,
        where=f"filter, character {position + 1}",
        fix=fix or "for instance: price < 30 and label under Home/Kitchen",
    )
