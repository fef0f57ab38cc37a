"""Convert untrusted bytes to upright sRGB pictures at the size an encoder wants.

Whatever the header tells (type, bytes, pixels, scans) is checked before a pixel is decoded.
`search_engine.images.decode_pool` decodes in separate processes.
"""

from search_engine.images.color_names import PictureColors
from search_engine.images.files import read_file
from search_engine.images.geometry import (
    FORMER_EDITIONS,
    Box,
    PixelBox,
    Preprocessing,
    crop_box,
    parse_box,
)
from search_engine.images.given import GivenPicture, picture_bytes
from search_engine.images.heif import readable_heif
from search_engine.images.limits import (
    CATALOG_FORMATS,
    CATALOG_SETTING,
    MAX_RESTART_MARKERS,
    UPLOAD_FORMATS,
    ImageLimits,
    sniff_format,
)
from search_engine.images.pixels import (
    PICTURE_QUALITY,
    THUMBNAIL_QUALITY,
    DecodedImage,
    colored,
    decode_colors,
    decode_parts,
    decode_pixels,
    render_jpeg,
    upright_size,
)
from search_engine.images.rgb import load_rgb

__all__ = [
    "CATALOG_FORMATS",
    "CATALOG_SETTING",
    "FORMER_EDITIONS",
    "MAX_RESTART_MARKERS",
    "PICTURE_QUALITY",
    "THUMBNAIL_QUALITY",
    "UPLOAD_FORMATS",
    "Box",
    "DecodedImage",
    "GivenPicture",
    "ImageLimits",
    "PictureColors",
    "PixelBox",
    "Preprocessing",
    "colored",
    "crop_box",
    "decode_colors",
    "decode_parts",
    "decode_pixels",
    "load_rgb",
    "parse_box",
    "picture_bytes",
    "read_file",
    "readable_heif",
    "render_jpeg",
    "sniff_format",
    "upright_size",
]
