"""Numbers as people read them: with their noun, in units that fit."""

from collections.abc import Mapping

KILO = 1_000


def counted(number: int, noun: str) -> str:
    """`1 picture`, `2,000 pictures`, `2 categories`."""
    if number == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("ry") else f"{noun}s"
    return f"{number:,} {plural}"


def size(size_bytes: int) -> str:
    """`812 bytes`, `52 kB`, `5.6 MB`, `1.2 GB`."""
    if size_bytes < KILO:
        return counted(size_bytes, "byte")
    if size_bytes < KILO**2:
        return f"{size_bytes / KILO:.0f} kB"
    if size_bytes < KILO**3:
        return f"{size_bytes / KILO**2:.1f} MB"
    return f"{size_bytes / KILO**3:,.1f} GB"


def duration(seconds: float) -> str:
    """`0.2 s`, `42.0 s`, `3 min 12 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3_600:,} h {whole % 3_600 // 60} min"


def rejected(number: int, reasons: Mapping[str, int]) -> str:
    """`0 rejected`, `3 rejected: 2 corrupt_image, 1 bad_id`; the most frequent reason first."""
    most_first = sorted(reasons.items(), key=lambda reason: (-reason[1], reason[0]))
    named = ", ".join(f"{count:,} {code}" for code, count in most_first)
    return f"{number:,} rejected" + (f": {named}" if named else "")
