"""Hash the pictures of items that were indexed before there were hashes."""

from collections.abc import Mapping

from search_engine.catalog.hash_rows import put_hashes
from search_engine.catalog.store import Catalog
from search_engine.images import DecodedImage
from search_engine.images.decoder import Decoder, answers_of
from search_engine.images.spectrum import PREPROCESSING
from search_engine.records import CatalogItem


def hash_pictures(
    catalog: Catalog, collection_id: int, decoder: Decoder, pictures: Mapping[int, bytes]
) -> int:
    """Store the hashes of pictures by key, in one transaction; says how many could be decoded.

    Items that were removed meanwhile, or have another picture, are passed over.
    """
    before = catalog.by_keys([*pictures])
    outcomes = answers_of(
        decoder, lambda data: decoder.decode(data, PREPROCESSING), [*pictures.values()]
    )
    hashes = {
        key: each.picture_hash
        for key, each in zip(pictures, outcomes, strict=True)
        if isinstance(each, DecodedImage)
    }
    if hashes:
        with catalog.write() as writer:
            now = catalog.by_keys([*hashes])
            kept = {key: each for key, each in hashes.items() if _same(before, now, key)}
            put_hashes(writer, collection_id, kept)
    return len(hashes)


def _same(before: Mapping[int, CatalogItem], now: Mapping[int, CatalogItem], key: int) -> bool:
    return key in before and key in now and before[key].content_hash == now[key].content_hash
