"""The encoder of an indexing run: as asked, else the collection's own, else the default."""

from dataclasses import replace

from indexer.change.automatic import NEVER, read_note
from indexer.executors.recipe import EncoderRecipe, MadeEncoder
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.collections.encoders import plain_fingerprint, with_projection
from search_engine.encoders.base import Encoder
from search_engine.encoders.external import refuse_pictures
from search_engine.encoders.registry import (
    DEFAULT_ENCODER,
    EncoderRequest,
    can_have_layers,
    create_encoder,
    create_with_layers,
)
from search_engine.engine import SearchEngine
from search_engine.errors import ModelMismatchError


def make_encoder(
    asked: EncoderRequest, collection: Collection, engine: SearchEngine, is_to_learn: bool
) -> MadeEncoder:
    """Make the encoder of a run.

    Args:
        asked: What is asked for; without a name the collection's own encoder.
        collection: Whose items are embedded.
        engine: What knows how, and keeps exported networks.
        is_to_learn: Whether to compute features of several layers, to learn from.

    Raises:
        ModelMismatchError: The collection has embeddings of another one.
        EncoderError: It cannot be made.
    """
    options = _options(asked, collection)
    wanted = replace(
        asked,
        name=asked.name or collection.encoder or DEFAULT_ENCODER,
        runtime=engine.settings.runtime,
        cache=engine.catalog.paths.encoders,
        keep=asked.keep and not engine.catalog.read_only,
        fingerprint=plain_fingerprint(collection, engine.catalog),
    ).with_options(options)
    encoder = _encoder(wanted, options, collection, engine.catalog, is_to_learn)
    return MadeEncoder(encoder, EncoderRecipe.of(encoder, wanted), options)


def _encoder(
    wanted: EncoderRequest,
    options: dict[str, str],
    collection: Collection,
    catalog: Catalog,
    is_to_learn: bool,
) -> Encoder:
    if is_to_learn and can_have_layers(wanted) and _never_learned(catalog, collection):
        layered = create_with_layers(wanted)
        if collection.fingerprint in (None, layered.spec.fingerprint):
            return layered
    plain = create_encoder(wanted)
    encoder = with_projection(refuse_pictures(plain), options, catalog)
    if collection.fingerprint not in (None, encoder.spec.fingerprint):
        raise ModelMismatchError(
            f"the collection holds embeddings of {collection.encoder} "
            f"({collection.fingerprint}), not of {encoder.spec.name} ({encoder.spec.fingerprint})",
            where=f"collection {collection.name}",
            fix="leave out --encoder, --weights and --pooling; `eyedex switch` changes the encoder",
        )
    return encoder


def _never_learned(catalog: Catalog, collection: Collection) -> bool:
    if collection.fingerprint is None:
        return True
    note = read_note(catalog, collection)
    return note is not None and note.seq == NEVER


def _options(asked: EncoderRequest, collection: Collection) -> dict[str, str]:
    """What is needed to make the same encoder again: as asked, else as the collection has it."""
    if asked.name in ("", collection.encoder):
        kept = {str(name): str(value) for name, value in collection.encoder_options.items()}
        return {**kept, **asked.options}
    return asked.options
