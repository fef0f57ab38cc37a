"""Choose the encoder for pictures of a collection: its own, or the default one."""

import threading

from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.encoders.base import Encoder
from search_engine.encoders.external import refuse_pictures
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.encoders.runtime import RuntimeChoice
from search_engine.errors import ExternalEncoderError


class CollectionEncoders:
    """Encoders of collections; the default one is loaded on first use. Thread-safe."""

    def __init__(self, catalog: Catalog, runtime: RuntimeChoice) -> None:
        self._catalog = catalog
        self._runtime = runtime
        self._default: Encoder | None = None
        self._making = threading.Lock()

    def of(self, live: LiveCollection) -> Encoder:
        """Return the collection's own encoder, or the default one while it has none.

        Raises:
            ModelMismatchError: The encoder that can be loaded did not make the stored embeddings.
        """
        return live.encoder() or self._made()

    def for_pictures(self, live: LiveCollection, option: str | None = None) -> Encoder:
        """Do the same as `of`, for encoding pictures, which an option may need.

        Raises:
            ExternalEncoderError: The collection's embeddings are made elsewhere.
        """
        return refuse_pictures(self.of(live), option)

    def for_pictures_if_any(
        self, live: LiveCollection, has_pictures: bool
    ) -> Encoder | ExternalEncoderError | None:
        """As `for_pictures`, where one of many things may be a picture; None where none is."""
        try:
            return self.for_pictures(live) if has_pictures else None
        except ExternalEncoderError as error:
            return error

    def _made(self) -> Encoder:
        with self._making:
            if self._default is None:
                self._default = create_encoder(
                    EncoderRequest(
                        DEFAULT_ENCODER,
                        runtime=self._runtime,
                        cache=self._catalog.paths.encoders,
                        keep=not self._catalog.read_only,
                    )
                )
            return self._default
