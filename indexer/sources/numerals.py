"""Numbers and amounts of money as people write them in tables.

A number is written with a decimal point (`1,299.00`) or with a decimal comma (`1.299,00`). Which of
both a cell can be is told here; which of both a column is, `columns` decides from all its cells.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

MAX_DIGITS = 15
"""So many digits a float keeps exactly."""

DecimalSign = Literal[".", ","]

SIGNS = {
    "€": "EUR", "£": "GBP", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₴": "UAH", "₪": "ILS",
    "₫": "VND", "฿": "THB", "₱": "PHP", "zł": "PLN", "Kč": "CZK", "R$": "BRL", "US$": "USD",
    "CA$": "CAD", "C$": "CAD", "AU$": "AUD", "A$": "AUD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD",
    "Fr.": "CHF", "Ft": "HUF", "$": "$", "¥": "¥", "kr": "kr", "kr.": "kr", "Kr": "kr", "KR": "kr",
}  # fmt: skip
"""Signs of currencies and what they are stored as: `$` and others of several countries stay."""

CODES = (
    "AED", "ARS", "AUD", "BGN", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EGP",
    "EUR", "GBP", "HKD", "HRK", "HUF", "IDR", "ILS", "INR", "ISK", "JPY", "KES", "KRW", "KWD",
    "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "PEN", "PHP", "PKR", "PLN", "QAR", "RON", "RSD",
    "RUB", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH", "USD", "UYU", "VND", "ZAR",
)  # fmt: skip

PLAIN_NUMBER = re.compile(r"(?:0|[1-9]\d*)(?:\.(\d+))?", re.ASCII)
"""As programs write numbers that are not negative; the group has the decimals."""

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
_STORED = {
    **{code: code for code in CODES},
    **{code.lower(): code for code in ("EUR", "USD", "GBP", "CHF")},  # `4 pen` is no money
    **SIGNS,
}
_CURRENCY = "|".join(re.escape(one) for one in sorted(_STORED, key=len, reverse=True))
_AMOUNT = re.compile(
    rf"(?P<minus>-?)[{_SPACES}]*(?P<before>{_CURRENCY})?[{_SPACES}]*"
    rf"(?P<number>-?\d[\d.,'’{_SPACES}]*?)[{_SPACES}]*(?P<after>{_CURRENCY})?",
    re.ASCII,
)
_UNGROUP = str.maketrans("", "", "'’ \u00a0\u202f")


class Numeral(NamedTuple):
    """How a cell can be read as a number.

    `point` and `comma` are the digits after the decimal sign if that is a point or a comma, None
    where the cell cannot be read so. `padded` cells end in a zero after the decimal sign, which a
    number does not keep; `amount` cells have signs between thousands and decimals, as only sums of
    money have.
    """

    point: int | None
    comma: int | None
    padded: bool = False
    amount: bool = False
    currency: str | None = None

    def decimals(self, sign: DecimalSign) -> int | None:
        """Digits after the decimal sign, if the cell can be read with it."""
        return self.point if sign == "." else self.comma


@lru_cache(maxsize=2**14)
def numeral(text: str) -> Numeral | None:
    """How a text without space around it can be read as a number; None where it is none.

    Leading zeros, a plus sign, an exponent and more than 15 digits mark a code, not a number.
    """
    number, currency = _without_currency(text)
    if sum(map(str.isdecimal, number)) > MAX_DIGITS:
        return None
    point = _WITH_POINT.fullmatch(number)
    comma = _WITH_COMMA.fullmatch(number)
    found = [match for match in (point, comma) if match]
    if not found or (number[0] == "-" and not number.strip("-0.,")):
        return None
    grouped = any(match["group"] for match in found)
    with_decimals = (
        any(match["decimals"] for match in found if match["group"]) if grouped else False
    )
    spaced = any((match["group"] or "").isspace() for match in found)
    if spaced and not with_decimals and currency is None:
        return None  # `75 001` is as likely a code
    return Numeral(
        len(point["decimals"] or "") if point else None,
        len(comma["decimals"] or "") if comma else None,
        padded=number.endswith("0") and any(match["decimals"] for match in found),
        amount=with_decimals or currency is not None,
        currency=currency,
    )


@lru_cache(maxsize=2**14)
def parse_number(text: str, sign: DecimalSign = ".") -> int | float | None:
    """The number that a text is with this decimal sign; None where it is none."""
    form = numeral(text)
    if form is None or form.decimals(sign) is None:
        return None
    digits = _without_currency(text)[0].translate(_UNGROUP)
    digits = digits.replace(",", "") if sign == "." else digits.replace(".", "").replace(",", ".")
    return float(digits) if "." in digits else int(digits)


def _without_currency(text: str) -> tuple[str, str | None]:
    """The number as it is written, and the currency that stands before or after it."""
    if text[-1:].isdecimal() and text[:1].isdecimal():
        return text, None
    match = _AMOUNT.fullmatch(text)
    if match is None or bool(match["before"]) == bool(match["after"]):
        return text, None
    if match["minus"] and match["number"].startswith("-"):
        return text, None
    return match["minus"] + match["number"], _STORED[match["before"] or match["after"]]
