"""Small exports in the layouts that shops have, and what a person would say is in them.

Everything is made here: delimiters and encodings of one table, columns of each type, layouts of
shops, headers of several languages, and ways to write the path of a picture.
"""

import csv
import gzip
import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from tests.indexer.sources.export_files import (
    PICTURES,
    Export,
    Item,
    Rows,
    delimited,
    json_objects,
    parquet,
    workbook,
)
from tests.indexer.sources.shop_exports import SHOP_EXPORTS

TITLES = ("Küchenbecher", "Teller, groß", 'Lampe "Öhr"')
TABLE: Rows = [
    ["item_id", "image", "label", "title", "price"],
    *[
        [f"a{number}", PICTURES[number], label, TITLES[number], price]
        for number, (label, price) in enumerate(
            [("Küche/Becher", "19.90"), ("Küche/Teller", "5.00"), ("Licht", "249.00")]
        )
    ],
]
TYPED: Rows = [TABLE[0], *[[*row[:4], float(row[4])] for row in TABLE[1:]]]
TABLE_ITEMS = {
    row[0]: Item(row[1], row[2], None, {"title": row[3], "price": row[4]}) for row in TYPED[1:]
}


def _dresses() -> dict[str, Export]:
    """One table in the dresses that programs give it."""
    with_euro: Rows = [[*row[:4], row[4].replace(".", ",")] for row in TABLE]
    contents: dict[str, tuple[str, bytes]] = {
        "comma": ("t.csv", delimited(TABLE)),
        "semicolon with a mark": ("t.csv", delimited(TABLE, ";", "utf-8-sig", "\r\n")),
        "semicolon, Windows": ("t.csv", delimited(with_euro, ";", "cp1252", "\r\n")),
        "tab": ("t.tsv", delimited(TABLE, "\t")),
        "tab, UTF-16": ("t.txt", delimited(TABLE, "\t", "utf-16", "\r\n")),
        "tab, UTF-16, named CSV": ("t.csv", delimited(TABLE, "\t", "utf-16")),
        "bar": ("t.csv", delimited(TABLE, "|")),
        "all quoted": ("t.csv", delimited(TABLE, quoting=csv.QUOTE_ALL)),
        "sep=": ("t.csv", delimited(TABLE, ";", before="sep=;\r\n", newline="\r\n")),
        "gzip": ("t.csv.gz", gzip.compress(delimited(TABLE))),
        "old Mac": ("t.csv", delimited(TABLE, newline="\r")),
        "a trailing empty column": ("t.csv", delimited([[*row, ""] for row in TABLE], ";")),
        "JSON Lines": (
            "t.jsonl",
            "".join(json.dumps(one) + "\n" for one in json_objects(TYPED)).encode(),
        ),
        "JSON": ("t.json", json.dumps(json_objects(TYPED), ensure_ascii=False).encode()),
        "JSON with prices as texts": ("t.json", json.dumps(json_objects(TABLE)).encode()),
        "Parquet": ("t.parquet", parquet(TYPED)),
        "XLSX": ("t.xlsx", workbook(TYPED)),
    }
    return {name: Export(file, content, TABLE_ITEMS) for name, (file, content) in contents.items()}


def _columns(name: str, cells: Sequence[str], values: Sequence[Any]) -> Export:
    """A table with one column of these cells, that have these values."""
    rows = [[f"a{n}", PICTURES[n], cell] for n, cell in enumerate(cells)]
    items = {
        f"a{n}": Item(PICTURES[n], None, None, {} if value is None else {name: value})
        for n, value in enumerate(values)
    }
    return Export("t.csv", delimited([["sku", "image", name], *rows], ";"), items)


def _types() -> dict[str, Export]:
    """Columns of each type, as shops write them."""
    columns: dict[str, tuple[str, Sequence[str], Sequence[Any]]] = {
        "codes with zeros": ("code", ["007", "12", "0"], ["007", "12", "0"]),
        "long codes": (
            "sscc",
            ["106141412345678900", "106141412345678901"],
            ["106141412345678900", "106141412345678901"],
        ),
        "codes like numbers": ("art", ["12E4", "3E10", "7700"], ["12E4", "3E10", "7700"]),
        "sizes": ("size", ["1.10", "1.1", "2.00"], ["1.10", "1.1", "2.00"]),
        "thousands": ("price", ["1,299.00", "899.00", "5.00"], [1299.0, 899.0, 5.0]),
        "German prices": ("Preis", ["1.299,00", "899,00", ""], [1299.0, 899.0, None]),
        "stock": ("stock", ["0", "12", "-1"], [0, 12, -1]),
        "true and false": ("sold", ["true", "FALSE", "True"], [True, False, True]),
        "yes and no": ("new", ["Yes", "no", ""], [True, False, None]),
        "ISO dates": ("since", ["2025-12-31", "2024-02-29"], ["2025-12-31", "2024-02-29"]),
        "instants": (
            "seen",
            ["2025-12-31T12:00:00+02:00", "2025-12-31T10:00:01Z"],
            ["2025-12-31T10:00:00Z", "2025-12-31T10:00:01Z"],
        ),
        "German dates": ("seit", ["31.12.2025", "01.02.2025"], ["2025-12-31", "2025-02-01"]),
        "American dates": ("since", ["12/31/2025", "01/02/2025"], ["2025-12-31", "2025-01-02"]),
        "prices that are not there": ("stock", ["5", "n/a", "NULL"], [5, None, None]),
        "texts": ("note", ["=1+1", "  spaced ", "a\nb"], ["=1+1", "  spaced ", "a\nb"]),
    }
    return {kind: _columns(*column) for kind, column in columns.items()}


def _money() -> Export:
    rows = [["sku", "image", "price"]]
    rows += [["a", PICTURES[0], "€ 1.299,00"], ["b", PICTURES[1], "€ 5,00"], ["c", PICTURES[2], ""]]
    return Export(
        "t.csv",
        delimited(rows, ";"),
        {
            "a": Item(PICTURES[0], None, None, {"price": 1299.0, "price_currency": "EUR"}),
            "b": Item(PICTURES[1], None, None, {"price": 5.0, "price_currency": "EUR"}),
            "c": Item(PICTURES[2], None, None, {}),
        },
    )


def _workbook_types() -> Export:
    rows: Rows = [
        ["SKU", "Image", "EAN", "In stock", "Since", "Sizes"],
        [1001, PICTURES[0], 4006381333931, True, datetime(2025, 12, 31), "S"],
        [1002, PICTURES[1], 4006381333948, False, date(2025, 1, 1), 38],
    ]
    known = [
        {"EAN": 4006381333931, "In stock": True, "Since": "2025-12-31", "Sizes": "S"},
        {"EAN": 4006381333948, "In stock": False, "Since": "2025-01-01", "Sizes": "38"},
    ]
    items = {f"100{n + 1}": Item(PICTURES[n], None, None, known[n]) for n in range(2)}
    return Export("t.xlsx", workbook(rows), items)


def _nested() -> Export:
    rows = [
        {"id": 1, "image": PICTURES[0], "size": {"w": 3, "h": 4.5}, "tags": ["a", "b"],
         "deep": {"x": {"y": 1}}, "code": 106141412345678901},
        {"id": 2, "image": PICTURES[1], "size": {"w": 5}, "tags": [], "deep": {"x": None},
         "code": 106141412345678902},
    ]  # fmt: skip
    return Export(
        "t.jsonl",
        "".join(json.dumps(row) + "\n" for row in rows).encode(),
        {
            "1": Item(PICTURES[0], None, None, {
                "size.w": 3, "size.h": 4.5, "tags": ["a", "b"], "deep.x": '{"y": 1}',
                "code": "106141412345678901",
            }),
            "2": Item(PICTURES[1], None, None, {
                "size.w": 5, "tags": [], "code": "106141412345678902",
            }),
        },
    )  # fmt: skip


def _languages() -> dict[str, Export]:
    """Headers as people of several languages write them."""
    headers = {
        "English": ["SKU", "Image URL", "Category"],
        "English, other words": ["Item No.", "file_name", "class"],
        "feed": ["ID", "image_link", "product_type"],
        "German": ["Artikelnummer", "Bild", "Kategorie"],
        "German, other words": ["Art.-Nr.", "Bilddatei", "Warengruppe"],
        "French": ["Référence", "Photo", "Catégorie"],
        "Spanish": ["Código", "Imagen", "Categoría"],
        "Italian": ["Codice articolo", "Immagine", "Categoria"],
    }
    body = [["x1", PICTURES[0], "Home/Mugs"], ["x2", PICTURES[1], "Home/Plates"]]
    items = {row[0]: Item(row[1], row[2], None, {}) for row in body}
    return {
        language: Export("t.csv", delimited([header, *body]), items)
        for language, header in headers.items()
    }


def _references() -> dict[str, Export]:
    """Ways to write the path of a picture."""
    written = {
        "Windows paths": (["img\\00.png", ".\\img\\01.png"], [[0], [1]]),
        "queries": (["img/00.png?v=123", "img/01.png#x"], [[0], [1]]),
        "percent": (["img/0%30.png", "./img/01.png"], [[0], [1]]),
        "upper case": (["img/00.PNG", "img/01.png"], [[0], [1]]),
        "comma lists": (["img/00.png, img/01.png", "img/02.png"], [[0, 1], [2]]),
        "bars": (["img/00.png|img/01.png|img/02.png", "img/03.png"], [[0, 1, 2], [3]]),
    }
    exports = {}
    for name, (cells, numbers) in written.items():
        rows = [["id", "image", "kind"], *[[f"p{n}", cell, "k"] for n, cell in enumerate(cells)]]
        items = {}
        for n, views in enumerate(numbers):
            product = f"p{n}" if len(views) > 1 else None
            for place, number in enumerate(views, 1):
                item_id = f"p{n}" if place == 1 else f"p{n}/{place}"
                items[item_id] = Item(PICTURES[number], None, product, {"kind": "k"})
        exports[name] = Export("t.csv", delimited(rows, ";"), items)
    return exports


def _a_comma_in_a_name() -> Export:
    pictures = ("img/a, b.jpg", "img/c.jpg")
    rows = [["id", "image"], ["x", pictures[0]], ["y", pictures[1]]]
    items = {"x": Item(pictures[0], None, None, {}), "y": Item(pictures[1], None, None, {})}
    return Export("t.csv", delimited(rows), items, pictures)


def _numbered() -> Export:
    rows = [["id", "Bild 1", "Bild 2", "Bild 3"], ["x", PICTURES[0], "", PICTURES[1]]]
    items = {"x": Item(PICTURES[0], None, "x", {}), "x/2": Item(PICTURES[1], None, "x", {})}
    return Export("t.csv", delimited(rows, ";"), items)


def _labels() -> dict[str, Export]:
    """Paths of labels with other separators."""
    written = {
        "label with >": (["Home > Kitchen > Mugs", "Home"], ["Home/Kitchen/Mugs", "Home"]),
        "label with bare >": (["Home>Kitchen", "Home>Bath"], ["Home/Kitchen", "Home/Bath"]),
        "label with >>": (["Home >> Kitchen", "Toys"], ["Home/Kitchen", "Toys"]),
        "label with |": (["Home|Kitchen", "Home|Cups/Mugs"], ["Home/Kitchen", "Home/Cups - Mugs"]),
        "label with spaced slash": (["Home / Kitchen", "Toys"], ["Home/Kitchen", "Toys"]),
        "label with a stray >": (["Monitors >24 inch", "TV"], ["Monitors >24 inch", "TV"]),
    }
    exports = {}
    for name, (cells, labels) in written.items():
        rows = [["id", "image", "category"]]
        rows += [[f"x{n}", PICTURES[n], cell] for n, cell in enumerate(cells)]
        items = {f"x{n}": Item(PICTURES[n], label, None, {}) for n, label in enumerate(labels)}
        exports[name] = Export("t.csv", delimited(rows), items)
    return exports


EXPORTS: dict[str, Export] = {
    **_dresses(),
    **_types(),
    **_languages(),
    **_references(),
    **_labels(),
    "money": _money(),
    "typed workbook": _workbook_types(),
    "nested JSON": _nested(),
    "a comma in a name": _a_comma_in_a_name(),
    "numbered pictures": _numbered(),
    **SHOP_EXPORTS,
}
"""By name."""
