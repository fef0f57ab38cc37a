"""The server and its collections: labels, values, trained classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.client.calls import Call, Pages, in_json, nothing, paged
from api.client.core import Addresses, path
from api.client.methods import iteration, operation
from api.schemas.collections import ClassifierList, Collection, CollectionList, EncoderList
from api.schemas.items import FacetsAnswer, Label, LabelPage
from api.schemas.overviews import (
    MapAnswer,
    MislabelledItem,
    MislabelledPage,
    Outlier,
    OutlierPage,
)
from api.schemas.quality import CalibrationAnswer, GenerationList
from api.schemas.server import Access, Alive, Ready


class CollectionOperations(Addresses):
    """Operations on collections as a whole."""

    @operation
    def healthz(self) -> Call[Alive]:
        """Whether the process is alive."""
        return Call("GET", "/healthz", in_json)

    @operation
    def readyz(self) -> Call[Ready]:
        """Whether queries can be answered; raises Unavailable while they cannot."""
        return Call("GET", "/readyz", in_json)

    @operation
    def get_access(self) -> Call[Access]:
        """What may be done with the key of this client, or without one."""
        return Call("GET", path("access"), in_json)

    @operation
    def list_encoders(self) -> Call[EncoderList]:
        """The encoders that a collection can have, the default first."""
        return Call("GET", path("encoders"), in_json)

    @operation
    def list_collections(self) -> Call[CollectionList]:
        """All collections."""
        return Call("GET", path("collections"), in_json)

    @operation
    def create_collection(self, name: str) -> Call[Collection]:
        """Make an empty collection."""
        return Call("POST", path("collections"), in_json, json={"name": name})

    @operation
    def get_collection(self, collection: str | None = None) -> Call[Collection]:
        """Size, encoder and index of a collection."""
        return Call("GET", self.at(collection), in_json)

    @operation
    def delete_collection(self, collection: str, *, confirm: str | None = None) -> Call[None]:
        """Delete a collection; `confirm` repeats its name where it has items."""
        return Call("DELETE", self.at(collection), nothing, query={"confirm": confirm})

    @operation
    def list_labels(
        self,
        *,
        under: str | None = None,
        q: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        collection: str | None = None,
    ) -> Call[LabelPage]:
        """A page of labels with how many items have them."""
        query = {"under": under, "q": q, "limit": limit, "cursor": cursor}
        return Call("GET", self.at(collection, "labels"), in_json, query=query)

    @iteration
    def labels(
        self,
        *,
        under: str | None = None,
        q: str | None = None,
        limit: int | None = None,
        collection: str | None = None,
    ) -> Pages[Label]:
        """All labels with how many items have them; `limit` is how many come at once."""
        query = {"under": under, "q": q, "limit": limit}
        return paged(Call("GET", self.at(collection, "labels"), in_json, query=query), "labels")

    @operation
    def list_facets(
        self,
        fields: Sequence[str],
        *,
        filter: Mapping[str, Any] | str | None = None,
        collection: str | None = None,
    ) -> Call[FacetsAnswer]:
        """How many items have which value of some fields."""
        query = {"fields": ",".join(fields), "filter": filter}
        return Call("GET", self.at(collection, "facets"), in_json, query=query)

    @operation
    def list_classifiers(self, collection: str | None = None) -> Call[ClassifierList]:
        """The trained classifiers, for `classifier` of classify."""
        return Call("GET", self.at(collection, "classifiers"), in_json)

    @operation
    def get_calibration(
        self, *, target: str | None = None, collection: str | None = None
    ) -> Call[CalibrationAnswer]:
        """What share of photos is answered, and how many answers are right, by confidence."""
        return Call("GET", self.at(collection, "calibration"), in_json, query={"target": target})

    @operation
    def list_generations(self, collection: str | None = None) -> Call[GenerationList]:
        """Published indexes, newest first, and the encoder before the last change."""
        return Call("GET", self.at(collection, "generations"), in_json)

    @operation
    def roll_back_collection(self, collection: str | None = None) -> Call[GenerationList]:
        """Go back to the index before; no item is lost."""
        return Call("POST", self.at(collection, "rollback"), in_json)

    @operation
    def list_mislabelled(
        self,
        *,
        target: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        collection: str | None = None,
    ) -> Call[MislabelledPage]:
        """A page of the items whose labels look wrong, as the last such job found them."""
        query = {"target": target, "limit": limit, "cursor": cursor}
        return Call("GET", self.at(collection, "mislabelled"), in_json, query=query)

    @iteration
    def mislabelled(
        self,
        *,
        target: str | None = None,
        limit: int | None = None,
        collection: str | None = None,
    ) -> Pages[MislabelledItem]:
        """All items whose labels look wrong; `limit` is how many come at once."""
        query = {"target": target, "limit": limit}
        call = Call("GET", self.at(collection, "mislabelled"), in_json, query=query)
        return paged(call, "suspects")

    @operation
    def list_outliers(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        collection: str | None = None,
    ) -> Call[OutlierPage]:
        """A page of the items that are unlike all others, as the last such job found them."""
        query = {"limit": limit, "cursor": cursor}
        return Call("GET", self.at(collection, "outliers"), in_json, query=query)

    @iteration
    def outliers(
        self, *, limit: int | None = None, collection: str | None = None
    ) -> Pages[Outlier]:
        """All items that are unlike all others; `limit` is how many come at once."""
        call = Call("GET", self.at(collection, "outliers"), in_json, query={"limit": limit})
        return paged(call, "suspects")

    @operation
    def get_map(
        self,
        *,
        sample: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        collection: str | None = None,
    ) -> Call[MapAnswer]:
        """A page of the points of the map, or of a sample, as the last such job laid them out."""
        query = {"sample": sample, "limit": limit, "cursor": cursor}
        return Call("GET", self.at(collection, "map"), in_json, query=query)
