"""Exports of shops in their own layouts, and what a person would say is in them."""

import json
from typing import Any

from tests.indexer.sources.export_files import PICTURES, Export, Item, Rows, delimited, json_objects

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


def _shopify_json() -> Export:
    mug = {
        "id": 11, "handle": "mug", "title": "Mug", "body_html": "<p>Nice</p>", "vendor": "ACME",
        "product_type": "Mugs", "tags": ["kitchen", "blue"], "status": "active",
        "options": [{"name": "Size", "values": ["S", "L"]}, {"name": "Color", "values": ["Blue"]}],
        "variants": [
            {"id": 1, "sku": "M-S", "price": "9.90", "option1": "S", "option2": "Blue"},
            {"id": 2, "sku": "M-L", "price": "12.90", "option1": "L", "option2": "Blue"},
        ],
        "images": [
            {"id": 5, "src": PICTURES[1], "position": 2},
            {"id": 6, "src": PICTURES[0], "position": 1},
            {"id": 7, "src": PICTURES[2], "position": 3},
        ],
        "image": {"id": 6, "src": PICTURES[0], "position": 1},
    }  # fmt: skip
    plate = {
        "id": 12, "handle": "plate", "title": "Plate", "vendor": "ACME", "product_type": "Plates",
        "tags": [], "status": "draft", "options": [{"name": "Title", "values": ["Default Title"]}],
        "variants": [{"id": 3, "sku": "P-1", "price": "5.00", "option1": "Default Title"}],
        "images": [{"id": 8, "src": PICTURES[4], "position": 1}], "image": None,
    }  # fmt: skip
    known = {
        "id": 11, "Title": "Mug", "Body (HTML)": "<p>Nice</p>", "Vendor": "ACME",
        "Tags": ["kitchen", "blue"], "Status": "active", "Variant SKU": ["M-S", "M-L"],
        "Variant Price": 9.9, "Size": ["S", "L"], "Color": "Blue",
    }  # fmt: skip
    items = {
        "mug" if n == 0 else f"mug/{n + 1}": Item(PICTURES[n], "Mugs", "mug", known)
        for n in range(3)
    }
    items["plate"] = Item(PICTURES[4], "Plates", "plate", {
        "id": 12, "Title": "Plate", "Vendor": "ACME", "Status": "draft", "Variant SKU": ["P-1"],
        "Variant Price": 5.0,
    })  # fmt: skip
    return Export("products.json", json.dumps({"products": [mug, plate]}).encode(), items)


def _woocommerce_json() -> Export:
    def named(*names: str) -> list[dict[str, Any]]:
        return [{"id": 9, "name": name, "slug": name.lower()} for name in names]

    products = [
        {"id": 44, "name": "V-Neck", "type": "simple", "sku": "vneck", "price": "9.90",
         "categories": named("Shirts, long", "Sale"), "tags": named("red"), "parent_id": 0,
         "images": [{"id": 1, "src": PICTURES[0]}, {"id": 2, "src": PICTURES[1]}],
         "attributes": [{"id": 6, "name": "Color", "options": ["Blue", "Green"]}]},
        {"id": 45, "name": "Cap", "type": "simple", "sku": "cap", "price": "16.00",
         "categories": named("Hats"), "tags": [], "parent_id": 0, "attributes": [],
         "images": [{"id": 3, "src": PICTURES[2]}]},
    ]  # fmt: skip
    vneck = {
        "Name": "V-Neck", "Type": "simple", "SKU": "vneck", "price": 9.9, "Tags": ["red"],
        "Color": ["Blue", "Green"], "All categories": ["Shirts, long", "Sale"],
    }  # fmt: skip
    cap = {
        "Name": "Cap", "Type": "simple", "SKU": "cap", "price": 16.0, "All categories": ["Hats"],
    }  # fmt: skip
    items = {
        "44": Item(PICTURES[0], "Shirts, long", "44", vneck),
        "44/2": Item(PICTURES[1], "Shirts, long", "44", vneck),
        "45": Item(PICTURES[2], "Hats", "45", cap),
    }
    return Export("products.json", json.dumps(products).encode(), items)


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


SHOP_EXPORTS: dict[str, Export] = {
    **_merchants(),
    "Shopify": _shopify(SHOPIFY_OLD, "products_export.csv"),
    "Shopify, new headers": _shopify(SHOPIFY_NEW, "products_export_1.csv"),
    "WooCommerce": _woocommerce(),
    "Shopify in JSON": _shopify_json(),
    "WooCommerce in JSON": _woocommerce_json(),
    "Product Search": _product_search(with_header=False),
    "Product Search with a header": _product_search(with_header=True),
    "Hugging Face imagefolder": _imagefolder(as_json=False),
    "Hugging Face imagefolder, JSON Lines": _imagefolder(as_json=True),
}
"""By name."""
