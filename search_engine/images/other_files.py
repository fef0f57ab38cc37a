"""What a file is that is no picture we read, for the message that refuses it.

First bytes as in the WHATWG's MIME Sniffing Standard and the formats' own specifications.
"""

import re
from typing import NamedTuple

HEAD_BYTES = 1_024


class OtherFile(NamedTuple):
    """What a file is, and what to do about it."""

    name: str
    fix: str


AS_JPEG = "save it as JPEG or PNG first"
_NO_PICTURE = "get the picture again; what is there may be a shop's answer that it is gone"
_BY_START: dict[bytes, OtherFile] = {
    b"%PDF-": OtherFile("a PDF", "save its pages or pictures as JPEG or PNG first"),
    b"PK\x03\x04": OtherFile("a ZIP archive or office document", "unpack it first"),
    b"\x1f\x8b": OtherFile("a gzip archive", "unpack it first"),
    b"version https://git-lfs": OtherFile(
        "a pointer to a file that Git LFS keeps", "get the files with git lfs pull"
    ),
    b"8BPS": OtherFile("a Photoshop file", AS_JPEG),
    b"%!PS": OtherFile("PostScript", AS_JPEG),
    b"\xff\x0a": OtherFile("JPEG XL", AS_JPEG),
    b"\0\0\0\x0cJXL ": OtherFile("JPEG XL", AS_JPEG),
    b"\0\0\0\x0cjP  ": OtherFile("JPEG 2000", AS_JPEG),
    b"\0\0\1\0": OtherFile("a Windows icon", AS_JPEG),
}
_SVG = re.compile(rb"<(!doctype\s+)?svg[\s/>]", re.IGNORECASE)
_HTML = re.compile(
    rb"(<!--((?!-->).)*-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
BASE64 = ("/9j/", "iVBORw0KGgo", "R0lGOD", "UklGR")
"""How JPEG, PNG, GIF and WebP begin in base64."""
_DECODE = "give the bytes that it stands for, decoded"
_BASE64 = re.compile(rb"data:image/|" + b"|".join(map(re.escape, map(str.encode, BASE64))))
_VIDEO = re.compile(rb"....(ftyp(isom|iso\d|mp4\d|avc1|qt  |M4V )|moov|mdat)", re.DOTALL)


def other_file(data: bytes) -> OtherFile | None:
    """Return what bytes are that are no picture, or None where that is not known."""
    head = data[:HEAD_BYTES]
    for start, found in _BY_START.items():
        if head.startswith(start):
            return found
    if _VIDEO.match(head):
        return OtherFile("a video", "save one of its pictures as JPEG or PNG first")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _HTML.match(text):
        return OtherFile("a web page (HTML)", _NO_PICTURE)
    if text.startswith(b"<") and _SVG.search(text):
        return OtherFile("SVG", AS_JPEG)
    if text.startswith(b"<?xml"):
        return OtherFile("XML", _NO_PICTURE)
    if text.startswith((b"{", b"[")):
        return OtherFile("JSON", _NO_PICTURE)
    if _BASE64.match(text):
        return OtherFile("base64, not the picture itself", _DECODE)
    return None
