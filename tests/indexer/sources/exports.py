"""Small exports in the layouts that shops have, and what a person would say is in them.

Everything is made here: delimiters and encodings of one table, columns of each type, layouts of
shops, headers of several languages, and ways to write the path of a picture.
"""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from tests.cli.conftest import colour_picture

PICTURES = tuple(f"img/{number:02}.png" for number in range(8))


@dataclass(frozen=True)
class Item:
    """What a person would say of an item: its picture's name, label, product and attributes."""

    picture: str
    label: str | None
    product_id: str | None
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Export:
    """A file of a shop, the pictures beside it, and the items in it."""

    name: str
    content: bytes
    items: Mapping[str, Item]
    pictures: Sequence[str] = PICTURES

    def write(self, folder: Path) -> Path:
        """Write it and its pictures into a folder; the path of the table."""
        for number, picture in enumerate(self.pictures):
            path = folder / picture
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(colour_picture(number))
        table = folder / self.name
        table.write_bytes(self.content)
        return table


Rows = Sequence[Sequence[Any]]


def delimited(
    rows: Rows,
    delimiter: str = ",",
    encoding: str = "utf-8",
    newline: str = "\n",
    quoting: Any = csv.QUOTE_MINIMAL,
    before: str = "",
) -> bytes:
    """Rows as a delimited text."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=newline, quoting=quoting)
    writer.writerows(rows)
    return (before + text.getvalue()).encode(encoding)


def json_objects(rows: Rows) -> list[dict[str, Any]]:
    """Rows as objects."""
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def parquet(rows: Rows) -> bytes:
    """Rows as a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(json_objects(rows)), buffer)
    return buffer.getvalue()


def workbook(rows: Rows) -> bytes:
    """Rows as the only sheet of a workbook."""
    import openpyxl

    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


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
        "prices that are not there": ("stock", ["5", "n/a", "NULL"], ["5", "n/a", "NULL"]),
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


MERCHANT = [
    ["id", "title", "link", "image_link", "additional_image_link", "availability", "price",
     "google_product_category", "product_type", "item_group_id", "gtin"],
    ["A1", "Mug", "https://shop.example/a1", PICTURES[0], f"{PICTURES[1]},{PICTURES[2]}",
     "in_stock", "19.90 EUR", "2169", "Home > Kitchen > Mugs", "G1", "04006381333931"],
    ["A2", "Mug, blue", "https://shop.example/a2", PICTURES[3], "", "in_stock", "1299.00 EUR",
     "2169", "Home > Kitchen > Mugs", "G1", "04006381333948"],
    ["B1", "Lamp", "https://shop.example/b1", PICTURES[4], "", "out_of_stock", "5.00 EUR",
     "Home & Garden > Lighting", "", "", ""],
]  # fmt: skip


def _merchant_items() -> dict[str, Item]:
    items = {}
    for row in MERCHANT[1:]:
        label = (row[8] or row[7]).replace(" > ", "/")
        attributes: dict[str, Any] = {
            "title": row[1], "link": row[2], "availability": row[5],
            "price": float(row[6].split()[0]), "price_currency": "EUR",
            "google_product_category": row[7],
        }  # fmt: skip
        if row[10]:
            attributes["gtin"] = row[10]
        pictures = [row[3], *filter(None, row[4].split(","))]
        for place, picture in enumerate(pictures, 1):
            item_id = row[0] if place == 1 else f"{row[0]}/{place}"
            items[item_id] = Item(picture, label, row[9] or None, attributes)
    return items


def _merchants() -> dict[str, Export]:
    spaced = [[name.replace("_", " ") for name in MERCHANT[0]], *MERCHANT[1:]]
    renamed = {name: name.replace("_", " ") for name in MERCHANT[0]}
    items = _merchant_items()
    with_spaces = {
        key: Item(
            one.picture,
            one.label,
            one.product_id,
            {renamed.get(name, name): value for name, value in one.attributes.items()},
        )
        for key, one in items.items()
    }
    return {
        "Google Merchant": Export("feed.txt", delimited(MERCHANT, "\t"), items),
        "Google Merchant as CSV": Export("feed.csv", delimited(MERCHANT), items),
        "Google Merchant with spaces": Export("feed.tsv", delimited(spaced, "\t"), with_spaces),
    }


SHOPIFY_OLD = [
    "Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published",
    "Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value", "Variant SKU",
    "Variant Grams", "Variant Price", "Variant Barcode", "Image Src", "Image Position",
    "Variant Image", "Status",
]  # fmt: skip
SHOPIFY_NEW = [
    "URL handle", "Title", "Description", "Vendor", "Product category", "Type", "Tags",
    "Published on online store", "Option1 name", "Option1 value", "Option2 name", "Option2 value",
    "SKU", "Weight value (grams)", "Price", "Barcode", "Product image URL", "Image position",
    "Variant image URL", "Status",
]  # fmt: skip


def _shopify(header: list[str], name: str) -> Export:
    kitchen = "Home & Garden > Kitchen"
    rows = [
        header,
        ["mug", "Mug", "<p>Nice</p>", "ACME", kitchen, "Mugs", "kitchen, blue", "TRUE",
         "Size", "S", "Color", "Blue", "M-S", "300", "9.90", "", PICTURES[1], "2", PICTURES[3],
         "active"],
        ["mug", "", "", "", "", "", "", "", "", "L", "", "Blue", "M-L", "500", "12.90", "",
         PICTURES[0], "1", "", ""],
        ["mug", *[""] * 15, PICTURES[2], "3", "", ""],
        ["plate", "Plate", "", "ACME", kitchen, "", "", "FALSE", "Title", "Default Title", "", "",
         "P-1", "800", "5.00", "", PICTURES[4], "1", "", "draft"],
    ]  # fmt: skip
    title, body, vendor, category, tags, published = (header[n] for n in (1, 2, 3, 4, 6, 7))
    sku, grams, price, status = (header[n] for n in (12, 13, 14, 19))
    mug = {
        title: "Mug", body: "<p>Nice</p>", vendor: "ACME", category: kitchen,
        tags: ["kitchen", "blue"], published: True, sku: ["M-S", "M-L"], grams: 300, price: 9.9,
        status: "active", "Size": ["S", "L"], "Color": "Blue",
    }  # fmt: skip
    plate = {
        title: "Plate", vendor: "ACME", category: kitchen, published: False, sku: ["P-1"],
        grams: 800, price: 5.0, status: "draft",
    }  # fmt: skip
    items = {
        "mug" if n == 0 else f"mug/{n + 1}": Item(PICTURES[n], "Mugs", "mug", mug) for n in range(4)
    }
    items["plate"] = Item(PICTURES[4], "Home & Garden/Kitchen", "plate", plate)
    return Export(name, delimited(rows), items)


def _woocommerce() -> Export:
    rows = [
        ["ID", "Type", "SKU", "Name", "Published", "Categories", "Tags", "Images", "Parent",
         "Regular price", "Attribute 1 name", "Attribute 1 value(s)", "Attribute 1 visible",
         "Attribute 1 global"],
        ["44", "variable", "vneck", "V-Neck", "1", "Sale, Clothing > Shirts", "red",
         f"{PICTURES[0]}, {PICTURES[1]}", "", "", "Color", "Blue, Green", "1", "1"],
        ["45", "simple", "cap", "Cap", "1", "Clothing > Hats", "", PICTURES[2], "", "16", "Color",
         "Red", "1", "1"],
        ["46", "variation", "vneck-blue", "V-Neck - Blue", "1", "", "", PICTURES[3], "vneck", "20",
         "Color", "Blue", "", "1"],
        ["47", "variation", "vneck-green", "V-Neck - Green", "1", "", "", "", "id:44", "20",
         "Color", "Green", "", "1"],
    ]  # fmt: skip
    shirts = ["Sale", "Clothing/Shirts"]
    vneck = {
        "Type": "variable", "SKU": "vneck", "Name": "V-Neck", "Published": 1, "Tags": ["red"],
        "Color": ["Blue", "Green"], "All categories": shirts,
    }  # fmt: skip
    cap = {
        "Type": "simple", "SKU": "cap", "Name": "Cap", "Published": 1, "Regular price": 16,
        "Color": ["Red"], "All categories": ["Clothing/Hats"],
    }  # fmt: skip
    blue = {
        "Type": "variation", "SKU": "vneck-blue", "Name": "V-Neck - Blue", "Published": 1,
        "Regular price": 20, "Color": ["Blue"],
    }  # fmt: skip
    items = {
        "44": Item(PICTURES[0], "Clothing/Shirts", "44", vneck),
        "44/2": Item(PICTURES[1], "Clothing/Shirts", "44", vneck),
        "45": Item(PICTURES[2], "Clothing/Hats", "45", cap),
        "46": Item(PICTURES[3], "Clothing/Shirts", "44", blue),
    }
    return Export("wc-product-export.csv", delimited(rows, encoding="utf-8-sig"), items)


def _product_search(with_header: bool) -> Export:
    names = ["image-uri", "image-id", "product-set-id", "product-id", "product-category",
             "product-display-name", "labels", "bounding-poly"]  # fmt: skip
    rows = [
        [PICTURES[0], "", "all", "p1", "homegoods-v2", "Mug", "style=a,color=blue", ""],
        [PICTURES[1], "", "all", "p1", "homegoods-v2", "Mug", "style=a,color=blue", ""],
        [PICTURES[2], "im3", "all", "p2", "homegoods-v2", "Plate", "color=red,color=white", ""],
    ]
    mug = {"product-set-id": "all", "product-display-name": "Mug", "style": "a", "color": ["blue"]}
    plate = {
        "product-set-id": "all", "product-display-name": "Plate", "color": ["red", "white"],
    }  # fmt: skip
    items = {
        "p1": Item(PICTURES[0], "homegoods-v2", "p1", mug),
        "p1/2": Item(PICTURES[1], "homegoods-v2", "p1", mug),
        "im3": Item(PICTURES[2], "homegoods-v2", "p2", plate),
    }
    return Export("import.csv", delimited([names, *rows] if with_header else rows), items)


def _imagefolder(as_json: bool) -> Export:
    rows: Rows = [
        ["file_name", "text", "label"],
        [PICTURES[0], "a red mug", "mug"],
        [PICTURES[1], "a plate", "plate"],
    ]
    lines = "".join(json.dumps(one) + "\n" for one in json_objects(rows)).encode()
    items = {row[0]: Item(row[0], row[2], None, {"text": row[1]}) for row in rows[1:]}
    if as_json:
        return Export("metadata.jsonl", lines, items)
    return Export("metadata.csv", delimited(rows), items)


EXPORTS: dict[str, Export] = {
    **_dresses(),
    **_types(),
    **_languages(),
    **_references(),
    **_labels(),
    **_merchants(),
    "money": _money(),
    "typed workbook": _workbook_types(),
    "nested JSON": _nested(),
    "a comma in a name": _a_comma_in_a_name(),
    "numbered pictures": _numbered(),
    "Shopify": _shopify(SHOPIFY_OLD, "products_export.csv"),
    "Shopify, new headers": _shopify(SHOPIFY_NEW, "products_export_1.csv"),
    "WooCommerce": _woocommerce(),
    "Product Search": _product_search(with_header=False),
    "Product Search with a header": _product_search(with_header=True),
    "Hugging Face imagefolder": _imagefolder(as_json=False),
    "Hugging Face imagefolder, JSON Lines": _imagefolder(as_json=True),
}
"""By name."""
