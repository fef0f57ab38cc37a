"""The named colours products come in, and small colour arithmetic.

Colours are sRGB triples of 0 to 255. Nothing here knows about shapes or pictures.
"""

from typing import Final

Color = tuple[int, int, int]

WHITE: Final[Color] = (252, 251, 248)
BLACK: Final[Color] = (24, 24, 28)

PALETTE: Final[dict[str, Color]] = {
    "teal": (30, 132, 135),
    "red": (200, 48, 48),
    "mustard": (224, 168, 44),
    "navy": (36, 52, 98),
    "coral": (240, 118, 96),
    "sage": (142, 166, 128),
    "lilac": (170, 146, 204),
    "cream": (240, 228, 204),
    "sky blue": (116, 176, 220),
    "forest green": (38, 96, 66),
    "pink": (238, 156, 178),
    "charcoal": (62, 66, 74),
    "orange": (236, 126, 40),
    "terracotta": (188, 96, 68),
    "plum": (112, 48, 92),
    "white": (244, 243, 240),
    "black": (42, 42, 47),
    "grey": (150, 154, 160),
    "mint": (160, 214, 188),
    "cobalt": (38, 84, 184),
}

LEATHERS: Final[dict[str, Color]] = {
    "cognac": (164, 92, 44),
    "chestnut": (110, 62, 40),
    "black": (44, 42, 46),
    "tan": (200, 150, 98),
    "burgundy": (112, 34, 46),
    "olive": (104, 102, 58),
    "sand": (214, 190, 152),
    "navy": (40, 52, 88),
}

WOODS: Final[dict[str, Color]] = {
    "oak": (204, 160, 106),
    "walnut": (122, 80, 52),
    "maple": (232, 196, 142),
    "cherry": (168, 92, 60),
    "ebony": (66, 52, 48),
    "honey": (222, 150, 70),
    "sunburst": (196, 92, 40),
    "ash": (214, 196, 168),
}

DENIMS: Final[dict[str, Color]] = {
    "indigo": (48, 66, 112),
    "mid-blue": (84, 116, 164),
    "light blue": (144, 176, 208),
    "black": (46, 47, 54),
    "khaki": (186, 164, 120),
    "grey": (122, 126, 132),
    "olive": (100, 104, 70),
    "white": (232, 230, 224),
}

METALS: Final[dict[str, Color]] = {
    "black": (52, 52, 57),
    "steel": (178, 182, 188),
    "copper": (192, 112, 76),
    "red": (184, 44, 42),
    "graphite": (86, 90, 98),
    "teal": (34, 122, 126),
    "cream": (232, 220, 196),
    "blue": (52, 92, 150),
}

STEEL: Final[Color] = (190, 194, 200)
BRASS: Final[Color] = (206, 168, 92)
RUBBER: Final[Color] = (46, 46, 50)
OAK: Final[Color] = WOODS["oak"]

_LUMA: Final = (0.299, 0.587, 0.114)


def mix(first: Color, second: Color, share: float) -> Color:
    """The colour `share` of the way from the first to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return (red, green, blue)


def darker(color: Color, share: float = 0.3) -> Color:
    """The colour mixed towards black."""
    return mix(color, (10, 10, 16), share)


def lighter(color: Color, share: float = 0.3) -> Color:
    """The colour mixed towards white."""
    return mix(color, (255, 255, 255), share)


def luma(color: Color) -> float:
    """Perceived lightness, 0 (black) to 1 (white)."""
    return sum(weight * part for weight, part in zip(_LUMA, color, strict=True)) / 255.0
