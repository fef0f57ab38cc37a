"""Versions of packages below which strangers can do harm; a server does not start with them.

`pyproject.toml` asks for them too, but nothing keeps an environment as it was installed.
"""

import re
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType

from search_engine.errors import ParameterError

FLOORS: Mapping[str, str] = MappingProxyType(
    {
        "pillow": "13.0.0",  # CVE-2026-112403: heap overflows in the JPEG decoder
        "starlette": "1.3.1",  # CVE-2026-48710: forged Host; CVE-2025-62727; limits on forms
        "python-multipart": "0.0.27",  # CVE-2026-24486, CVE-2026-40347, CVE-2026-42561
        "h11": "0.16",  # CVE-2025-43859: request smuggling
        "torch": "2.10",  # CVE-2026-24747: weights_only could be got round
        "faiss-cpu": "1.15.1",  # limits while an index is read
        "pyarrow": "23.0.1",  # CVE-2023-47248, CVE-2026-25087
        "pillow-heif": "1.3.0",
        "ray": "2.54",  # CVE-2026-27482
    }
)
"""Of packages that Eyedex uses, those of extras too."""


def check_floors(installed: Callable[[str], str] = version) -> None:
    """Refuse packages that are too old; those that are not installed do no harm.

    Raises:
        ParameterError: One of them is.
    """
    for name, floor in FLOORS.items():
        try:
            found = installed(name)
        except PackageNotFoundError:
            continue
        if _numbers(found) < _numbers(floor):
            raise ParameterError(
                f"{name} {found} has known security holes",
                where="installed packages",
                fix=f"install {name} {floor} or newer",
            )


def _numbers(text: str) -> tuple[int, ...]:
    """The release of a version; pre-releases count as the release that they precede.

    Zeros at the end say nothing: 13.0 is 13.0.0.
    """
    found = re.match(r"\d+(\.\d+)*", text)
    numbers = [int(each) for each in found[0].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
