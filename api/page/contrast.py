"""Colors that can be told apart, by the contrast of WCAG 2.2."""

DARK_SURFACE = "#1b1e1d"
"""What an accent stands on in the dark (`tokens.css`)."""
STEPS = 20


def contrast(one: str, other: str) -> float:
    """Ratio of luminance of two colors as `#rrggbb`, 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def for_the_dark(color: str, least: float) -> str:
    """A color made as much lighter as it takes to be read on a dark surface."""
    for step in range(STEPS + 1):
        lighter = mixed(color, "#ffffff", step / STEPS)
        if contrast(lighter, DARK_SURFACE) >= least:
            return lighter
    return "#ffffff"


def mixed(color: str, other: str, share: float) -> str:
    """A color with a share of another one."""
    pairs = zip(_parts(color), _parts(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _parts(color: str) -> list[int]:
    return [int(color[start : start + 2], 16) for start in (1, 3, 5)]


def _luminance(color: str) -> float:
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4
        for each in (part / 255 for part in _parts(color))
    ]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
