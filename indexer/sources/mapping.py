"""Find the column of each field by its name, in the words that people use for it.

Names are compared without case, accents, spaces and punctuation. The field's own name comes first,
then its aliases in the order below.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from indexer.sources.options import FIELDS, SourceOptions
from search_engine.errors import SourceError
from search_engine.names import normal
from search_engine.near import near

PARENT = "parent"
"""Value of `--label-from` for the folder that contains a picture."""

ALIASES: Mapping[str, tuple[str, ...]] = {
    "item_id": (
        "item_id", "id", "sku", "item_number", "item_no", "item_code", "article_number",
        "article_no", "article_id", "article", "product_code", "product_number", "product_sku",
        "product_code_sku", "item_sku", "variant_sku", "part_number", "part_no", "stock_code",
        "catalog_number", "code",
        "Artikelnummer", "Artikelnr", "ArtNr", "Artikel ID", "Bestellnummer", "Bestellnr",
        "Produktnummer", "Produktcode", "Nummer", "Référence", "Réf", "Code article",
        "Code produit", "Numéro article", "Identifiant", "Referencia", "Código", "Código producto",
        "Código artículo", "Identificador", "Codice", "Codice articolo", "Codice prodotto",
        "Riferimento", "Artikelcode", "Código do produto", "handle", "asin", "mpn", "gtin", "ean",
        "upc", "isbn", "barcode", "key", "uid", "uuid",
        "custom_label",
    ),
    "image": (
        "image", "image_link", "image_url", "image_path", "image_file", "image_filename",
        "image_name", "image_src", "image_uri", "image_location", "main_image", "main_image_url",
        "primary_image", "primary_image_url", "product_image", "product_image_url",
        "product_image_file", "base_image", "cover_image", "featured_image", "file_name",
        "filename", "file_path", "filepath", "file", "path", "picture", "picture_url",
        "picture_path", "picture_link", "picture_file", "pic_url", "pic", "photo",
        "photo_url", "photo_path", "photo_link", "photo_file", "img", "img_url", "img_path",
        "img_src", "img_link", "images",
        "image_urls", "image_links", "pictures", "photos", "image_1", "picture_1", "photo_1",
        "thumbnail", "thumbnail_url", "Bild", "Bild URL", "Bildlink", "Bilddatei", "Bildpfad",
        "Bildname", "Bildadresse", "Bilder", "Produktbild", "Hauptbild", "Abbildung", "Foto",
        "Foto URL", "Dateiname", "Datei", "Pfad", "Image principale", "Lien image", "URL image",
        "Chemin image", "Fichier image", "Fichier", "Chemin", "Imagen", "URL imagen",
        "Enlace imagen", "Ruta imagen", "Imagen principal", "Imágenes", "Archivo", "Ruta",
        "Immagine", "URL immagine", "Link immagine", "Percorso immagine", "Immagini",
        "Nome file", "Percorso", "Afbeelding", "Imagem",
    ),
    "label": (
        "label", "labels", "category", "category_path", "category_name", "product_category",
        "product_type", "google_product_category", "categories", "class", "class_name",
        "class_label", "department", "Kategorie", "Kategorien", "Kategoriepfad", "Warengruppe",
        "Produktkategorie", "Produktgruppe", "Artikelgruppe", "Klasse", "Catégorie", "Catégories",
        "Classe", "Rayon", "Étiquette", "Categoría", "Categorías", "Clase", "Etiqueta", "Categoria",
        "Categorie", "Etichetta", "Categoria prodotto", "Categoría producto", "Catégorie produit",
    ),
    "product_id": (
        "product_id", "item_group_id", "group_id", "product_group_id", "parent_sku", "parent_id",
        "master_id", "master_sku", "style_id", "model_id", "Produkt ID", "Produktgruppen ID",
        "ID produit", "ID producto", "ID prodotto",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The columns of the fields, and notes about the choice.

    A field without a column is not in `columns`. `label_from_folder` takes labels from the folder
    that contains a picture.
    """

    columns: Mapping[str, str]
    notes: tuple[str, ...] = ()
    label_from_folder: bool = False


@lru_cache(maxsize=2**12)
def plain_name(name: str) -> str:
    """Normalise a name for comparison: `g:Image URL`, `image-url` and `ImageURL` are one."""
    decomposed = unicodedata.normalize("NFKD", name.strip().removeprefix("g:"))
    bare = "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
    return re.sub(r"[\W_]+", "", bare)


def names_any(field: str, cells: Iterable[object]) -> bool:
    """Return whether one of these cells is a name of the field."""
    return not _plain_aliases(field).keys().isdisjoint(plain_name(str(cell)) for cell in cells)


@lru_cache
def _plain_aliases(field: str) -> dict[str, None]:
    return dict.fromkeys(map(plain_name, ALIASES[field]))


def map_columns(
    names: Sequence[str],
    options: SourceOptions,
    layout: Mapping[str, str] | None = None,
    where: str = "",
    look: Callable[[str | None], Sequence[str]] = lambda _: (),
) -> ColumnMapping:
    """Choose the columns of the fields.

    The user's choice (`--map`, `--label-from`) comes first, then a shop's layout, then what the
    collection remembers, then the names.

    Args:
        names: The names of the table's columns.
        options: What the user chose, and what the collection remembers.
        layout: The columns of fields in the layout of a shop's export.
        where: The table, for messages.
        look: Finds columns of pictures by their cells, given the one whose name means pictures.

    Raises:
        SourceError: A named column does not exist, or neither ids nor pictures have a column.
    """
    said = _said(names, options, where)
    taken: dict[str, str | None] = {**(layout or {}), **said}
    notes: list[str] = []
    for field in FIELDS:
        if field not in taken:
            taken[field] = _remembered(field, names, options, where) or _named(
                field, names, taken, notes
            )
    given = {**options.known_columns, **(layout or {}), **said}
    if "image" not in given and (taken["item_id"] or taken["product_id"]):
        taken["image"] = _seen(look, taken, notes) or taken["image"]
    columns = {field: column for field, column in taken.items() if column}
    if "item_id" not in columns and "image" not in columns and "product_id" in columns:
        columns["item_id"] = columns["product_id"]
        notes.append(f"there are neither ids nor pictures: {columns['item_id']!r} is the id")
    _check(columns, names, where)
    notes += _told(columns)
    return ColumnMapping(columns, tuple(notes), options.label_from == PARENT)


def _said(names: Sequence[str], options: SourceOptions, where: str) -> dict[str, str]:
    """Return the columns that the user chose; an empty name means none."""
    said = {field: normal(column) for field, column in options.columns.items()}
    for field in said:
        if field not in FIELDS:
            fix = f"known: {', '.join(FIELDS)}"
            raise SourceError(f"there is no field {field!r}", where="--map", fix=fix)
    if options.label_from == PARENT:
        said["label"] = ""
    elif options.label_from is not None:
        said["label"] = normal(options.label_from)
    return {
        field: _existing(field, column, names, where) if column else ""
        for field, column in said.items()
    }


def _existing(field: str, column: str, names: Sequence[str], where: str) -> str:
    """Return the column as the table spells it."""
    if column in names:
        return column
    alike = [name for name in names if plain_name(name) == plain_name(column)]
    if len(alike) == 1:
        return alike[0]
    close = near(column, names)
    meant = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
    raise SourceError(
        f"there is no column {column!r} for {field}",
        where=where,
        fix=f"{meant}found: {_listed(names)}",
    )


def _remembered(field: str, names: Sequence[str], options: SourceOptions, where: str) -> str | None:
    """Return the column remembered for the field, if the table has it, as it must for ids."""
    column = options.known_columns.get(field)
    if not column or column in names:
        return column
    alike = [name for name in names if plain_name(name) == plain_name(column)]
    if len(alike) == 1:
        return alike[0]
    if field == "item_id":
        raise SourceError(
            f"there is no column {column!r}, which the collection's ids come from",
            where=where,
            fix=f"--map item_id=COLUMN names another; found: {_listed(names)}",
        )
    return None


def _named(
    field: str, names: Sequence[str], taken: Mapping[str, str | None], notes: list[str]
) -> str | None:
    """Return the column whose name means the field: the first in the order of ALIASES."""
    free = [name for name in names if name not in taken.values()]
    if field in free:
        return field
    by_plain: dict[str, list[str]] = {}
    for name in free:
        by_plain.setdefault(plain_name(name), []).append(name)
    found = [name for alias in _plain_aliases(field) for name in by_plain.get(alias, [])]
    if len(found) > 1 and plain_name(found[0]) != plain_name(field):
        others = ", ".join(map(repr, found[1:4]))
        notes.append(
            f"{field} is the column {found[0]!r}; --map {field}=... takes {others} instead"
        )
    return found[0] if found else None


def _seen(
    look: Callable[[str | None], Sequence[str]], taken: Mapping[str, str | None], notes: list[str]
) -> str | None:
    """Return the column that has pictures by its cells, and is of no other field."""
    seen = [column for column in look(taken["image"]) if column not in taken.values()]
    if not seen:
        return None
    others = f"; --map image=... takes {', '.join(map(repr, seen[1:4]))} instead"
    notes.append(f"{seen[0]!r} has the pictures{others if len(seen) > 1 else ''}")
    return seen[0]


def _check(columns: Mapping[str, str], names: Sequence[str], where: str) -> None:
    if "item_id" in columns or "image" in columns:
        return
    raise SourceError(
        "the header has no column of ids and none of pictures",
        where=where,
        fix=(
            "expected item_id (or id, sku, ...) and image (or image_link, file_name, ...); "
            f"--map item_id=COLUMN and --map image=COLUMN name them; found: {_listed(names)}"
        ),
    )


def _told(columns: Mapping[str, str]) -> list[str]:
    if "image" not in columns:
        return ["the table has no column of pictures: it changes what is known of items"]
    if "item_id" not in columns:
        return [f"the table has no column of ids: the path in {columns['image']!r} is the id"]
    return []


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20])[:300] or "none"
