"""Parse numbers and amounts of money as people write them in tables.

A number has a decimal point (`1,299.00`) or a decimal comma (`1.299,00`). This module says which of
them a cell allows; `found_types` decides for a column from all its cells.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

MAX_DIGITS = 15
"""Digits that a float keeps exactly."""

DecimalSign = Literal[".", ","]

SIGNS = {
    "€": "EUR", "£": "GBP", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₴": "UAH", "₪": "ILS",
    "₫": "VND", "฿": "THB", "₱": "PHP", "zł": "PLN", "Kč": "CZK", "R$": "BRL", "US$": "USD",
    "CA$": "CAD", "C$": "CAD", "AU$": "AUD", "A$": "AUD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD",
    "NT$": "TWD", "MX$": "MXN", "S/": "PEN", "Fr.": "CHF", "Ft": "HUF", "Rp": "IDR", "lei": "RON",
    "円": "JPY", "元": "CNY", "원": "KRW", "₦": "NGN", "руб.": "RUB", "руб": "RUB", "грн": "UAH",
    "лв.": "BGN", "лв": "BGN", "$": "$", "¥": "¥", "￥": "¥", "₨": "Rs", "Rs.": "Rs", "Rs": "Rs",
    "kr": "kr", "kr.": "kr", "Kr": "kr", "KR": "kr",
}  # fmt: skip
"""Currency signs and what they are stored as; `$` and others of several countries are kept."""

CODES = (
    "AED", "ARS", "AUD", "BGN", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EGP",
    "EUR", "GBP", "HKD", "HRK", "HUF", "IDR", "ILS", "INR", "ISK", "JPY", "KES", "KRW", "KWD",
    "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "PEN", "PHP", "PKR", "PLN", "QAR", "RON", "RSD",
    "RUB", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH", "USD", "UYU", "VND", "ZAR",
)  # fmt: skip

PLAIN_NUMBER = re.compile(r"(?:0|[1-9]\d*)(?:\.(\d+))?", re.ASCII)
"""Non-negative numbers as programs write them; the group has the decimals."""

_SPACES = r"\u0020\u00a0\u202f"
_WITH_POINT = re.compile(
    rf"-?(?:0|[1-9]\d*|[1-9]\d{{0,2}}(?:(?P<group>[,'’{_SPACES}])\d{{3}})(?:(?P=group)\d{{3}})*)"
    r"(?:\.(?P<decimals>\d+))?",
    re.ASCII,
)
_WITH_COMMA = re.compile(
    rf"-?(?:0|[1-9]\d*|[1-9]\d{{0,2}}(?:(?P<group>[.'’{_SPACES}])\d{{3}})(?:(?P=group)\d{{3}})*)"
    r"(?:,(?P<decimals>\d+))?",
    re.ASCII,
)
_IN_LAKHS = re.compile(
    r"-?[1-9]\d?(?P<group>,)\d{2}(?:,\d{2})*,\d{3}(?:\.(?P<decimals>\d+))?", re.ASCII
)
"""As in India, `1,23,456.00`: of two digits each above the thousands."""
_STORED = {
    **{code: code for code in CODES},
    **{code.lower(): code for code in ("EUR", "USD", "GBP", "CHF")},  # `4 pen` is not money
    **SIGNS,
}
_CURRENCY = "|".join(re.escape(one) for one in sorted(_STORED, key=len, reverse=True))
_AMOUNT = re.compile(
    rf"(?P<minus>-?)[{_SPACES}]*(?P<before>{_CURRENCY})?[{_SPACES}]*"
    rf"(?P<number>-?\d[\d.,'’{_SPACES}]*?)[{_SPACES}]*(?P<after>{_CURRENCY})?",
    re.ASCII,
)
_NO_CENTS = re.compile(r"(?<=\d)[.,][-–—]{1,2}(?=\D*$)")
"""How prices without cents end, as in `CHF 5.–` and `12,- €`."""

_UNGROUP = str.maketrans("", "", "'’ \u00a0\u202f")


class Numeral(NamedTuple):
    """The ways to read a cell as a number.

    `point` and `comma` are the numbers of digits after a decimal point or comma, None if the cell
    cannot be read that way. `padded` cells end in a zero after the decimal sign, which a number
    does not keep; `amount` cells have separators of thousands and decimals, as only sums of money
    have.
    """

    point: int | None
    comma: int | None
    padded: bool = False
    amount: bool = False
    currency: str | None = None

    def decimals(self, sign: DecimalSign) -> int | None:
        """Return the number of digits after this decimal sign, if the cell can be read with it."""
        return self.point if sign == "." else self.comma


@lru_cache(maxsize=2**14)
def numeral(text: str) -> Numeral | None:
    """Return the ways to read a trimmed text as a number; None if there are none.

    Leading zeros, a plus sign, an exponent and more than 15 digits mark a code, not a number.
    """
    whole = _NO_CENTS.sub("", text)
    number, currency = _without_currency(whole)
    if sum(map(str.isdecimal, number)) > MAX_DIGITS:
        return None
    lakhs = _IN_LAKHS.fullmatch(number)
    point = lakhs or _WITH_POINT.fullmatch(number)
    comma = _WITH_COMMA.fullmatch(number)
    found = [match for match in (point, comma) if match]
    if not found or (number[0] == "-" and not number.strip("-0.,")):
        return None
    grouped = any(match["group"] for match in found)
    with_decimals = (
        any(match["decimals"] for match in found if match["group"]) if grouped else False
    )
    spaced = any((match["group"] or "").isspace() for match in found)
    if (spaced or lakhs) and not with_decimals and currency is None:
        return None  # `75 001` may as well be a code, `1,23,456` a list
    return Numeral(
        len(point["decimals"] or "") if point else None,
        len(comma["decimals"] or "") if comma else None,
        padded=number.endswith("0") and any(match["decimals"] for match in found),
        amount=with_decimals or currency is not None or whole != text,
        currency=currency,
    )


@lru_cache(maxsize=2**14)
def parse_number(text: str, sign: DecimalSign = ".") -> int | float | None:
    """Parse a number with this decimal sign; None if the text is not one."""
    form = numeral(text)
    if form is None or form.decimals(sign) is None:
        return None
    digits = _without_currency(_NO_CENTS.sub("", text))[0].translate(_UNGROUP)
    digits = digits.replace(",", "") if sign == "." else digits.replace(".", "").replace(",", ".")
    return float(digits) if "." in digits else int(digits)


def _without_currency(text: str) -> tuple[str, str | None]:
    """Split off the currency that precedes or follows a number."""
    if text[-1:].isdecimal() and text[:1].isdecimal():
        return text, None
    match = _AMOUNT.fullmatch(text)
    if match is None or bool(match["before"]) == bool(match["after"]):
        return text, None
    if match["minus"] and match["number"].startswith("-"):
        return text, None
    return match["minus"] + match["number"], _STORED[match["before"] or match["after"]]
