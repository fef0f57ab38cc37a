"""Collections: list, make, describe, delete; their labels, facets and trained classifiers."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.bodies import json_body
from api.cursors import page_of
from api.dependencies import NO_PARAMETERS, CollectionDep, EngineDep
from api.forms import JSON, field_names, read_body, text_value
from api.parameters import CURSOR, Parameters, as_sent, text, whole
from api.problems import Problem, responses
from api.request_names import with_requests
from api.schemas.collections import (
    ClassifierList,
    CollectionList,
    EncoderIdentity,
    NewCollection,
    classifier_json,
)
from api.schemas.collections import Collection as CollectionAnswer
from api.schemas.items import FacetsAnswer, LabelPage, facets_json, label_json
from api.security.access import GrantDep, require
from api.security.audit import note_of
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.filter_text import read_filter
from search_engine.catalog.labels import LabelQuery
from search_engine.catalog.patch_rows import count_patched
from search_engine.cursors import read_cursor
from search_engine.encoders.registry import reads_texts
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.indexes.live import describe_snapshot
from search_engine.names import check_label, normal

router = APIRouter(prefix="/v1/collections", tags=["collections"])

PAGE_LABELS, MAX_PAGE_LABELS = 100, 1_000

DELETE_COLLECTION = Parameters(
    as_sent("confirm", "the collection's name; needed where it has items")
)
LIST_LABELS = Parameters(
    text("under", "only this label path and what is below it", "Home/Kitchen"),
    text("q", "only labels with this text in them, in any case", "mug"),
    whole("limit", "labels to a page", PAGE_LABELS, 1, MAX_PAGE_LABELS),
    CURSOR,
)
LIST_FACETS = Parameters(
    text("fields", "names of fields, separated by commas", "color,brand", required=True),
    text("filter", "only items that fulfil it: a line, or JSON", "price < 30"),
)


@router.get(
    "",
    operation_id="listCollections",
    summary="All collections",
    responses=responses(422),
    dependencies=NO_PARAMETERS,
)
def list_collections(engine: EngineDep, grant: GrantDep) -> CollectionList:
    """Those that the key is for, by name, with size and encoder."""
    found = [each for each in engine.catalog.collections() if grant.covers(each.name)]
    return {"collections": [_describe(engine, each) for each in found]}


@router.post(
    "",
    status_code=201,
    operation_id="createCollection",
    summary="Make an empty collection",
    responses=responses(400, 409, 415, 422),
    dependencies=NO_PARAMETERS,
    openapi_extra=json_body(NewCollection),
)
async def create_collection(
    request: Request, engine: EngineDep, grant: GrantDep
) -> CollectionAnswer:
    """Named by lower-case letters, digits, - and _."""
    body = await read_body(request, NewCollection.__annotations__, kinds=(JSON,))
    name = text_value(body.values, "name")
    if name is None:
        raise ParameterError("missing", where="name")
    note_of(request).collection = name
    require(grant, "admin", (name,))
    made = await run_in_threadpool(engine.create_collection, name)
    return await run_in_threadpool(_describe, engine, made)


@router.get(
    "/{c}",
    operation_id="getCollection",
    summary="One collection",
    responses=responses(404, 422),
    dependencies=NO_PARAMETERS,
)
def get_collection(collection: CollectionDep, engine: EngineDep) -> CollectionAnswer:
    """Size, encoder, generation, its kind of index and recall, and changes since."""
    return _describe(engine, engine.catalog.collection(collection))


@router.delete(
    "/{c}",
    status_code=204,
    operation_id="deleteCollection",
    summary="Delete a collection",
    responses=responses(404, 409, 422, 503, 507),
    openapi_extra=DELETE_COLLECTION.openapi,
)
def delete_collection(request: Request, collection: CollectionDep, engine: EngineDep) -> Response:
    """With all its items, if the name is repeated as `confirm`; an empty one needs no word."""
    confirmed = DELETE_COLLECTION.read(request)["confirm"]
    if confirmed not in (None, collection):
        raise ParameterError("not the name of this collection", where="confirm", fix="repeat it")
    items = engine.catalog.count(engine.catalog.collection(collection))
    if items and confirmed is None:
        raise Problem(
            409,
            "not_confirmed",
            f"the collection has {items:,} items; "
            f"add ?confirm={collection} to the address to delete them with it",
        )
    engine.delete_collection(collection)
    return Response(status_code=204)


@router.get(
    "/{c}/labels",
    operation_id="listLabels",
    summary="Labels and how many items have them",
    responses=responses(404, 422),
    openapi_extra=LIST_LABELS.openapi,
)
def list_labels(request: Request, collection: CollectionDep, engine: EngineDep) -> LabelPage:
    """By label path, each with its first item as an example.

    `next_cursor` leads to the next page, null ends it.
    """
    values = LIST_LABELS.read(request)
    limit, cursor = values["limit"], values["cursor"]
    record = engine.catalog.collection(collection)
    under, containing = check_label(values["under"]), normal(values["q"] or "") or None
    question = {"collection": record.uid, "under": under, "q": containing}
    after = None if cursor is None else read_cursor(cursor, question, (str,))[0]
    found = engine.catalog.labels(record, LabelQuery(under, containing, after, limit + 1))
    labels, next_cursor = page_of(found, limit, lambda each: (each.label,), question)
    return {
        "labels": [label_json(collection, each) for each in labels],
        "next_cursor": next_cursor,
    }


@router.get(
    "/{c}/classifiers",
    operation_id="listClassifiers",
    summary="Trained classifiers",
    responses=responses(404, 422),
    dependencies=NO_PARAMETERS,
)
def list_classifiers(collection: CollectionDep, engine: EngineDep) -> ClassifierList:
    """By name and target: what `with` of classify can name.

    `items`, `encoder` and `seq` tell what each learned from, `held_out_accuracy` how many of the
    items it was right about without having seen them; null where none could be held out.
    `outdated` where items changed since.
    """
    return {
        "classifiers": [
            {**classifier_json(each.description), "outdated": each.stale}
            for each in engine.classifiers(collection=collection)
        ]
    }


@router.get(
    "/{c}/facets",
    operation_id="listFacets",
    summary="How many items have which value of some fields",
    responses=responses(404, 422),
    openapi_extra=LIST_FACETS.openapi,
)
def list_facets(request: Request, collection: CollectionDep, engine: EngineDep) -> FacetsAnswer:
    """Of the items that fulfil `filter`; `fields` are separated by commas."""
    values = LIST_FACETS.read(request)
    names = field_names(values["fields"], "fields")
    if not names:
        raise ParameterError("missing", where="fields", fix="give names, separated by commas")
    condition = read_filter(values["filter"])
    facets = engine.facets(names, filter=condition, collection=collection)
    warnings = engine.filter_warnings(condition, collection=collection)
    return {"facets": facets_json(facets), "warnings": [with_requests(each) for each in warnings]}


def _describe(engine: SearchEngine, collection: Collection) -> CollectionAnswer:
    live = engine.live(collection.name)
    index, answering = describe_snapshot(live.snapshot()), live.record
    return {
        "name": collection.name,
        "items": engine.catalog.count(collection),
        "unsearchable": len(engine.catalog.unsearchable(answering)),
        "encoder": encoder_identity(answering),
        "fields": engine.catalog.fields(collection),
        "patches": collection.patches or 0,
        "patched": engine.catalog.ask(lambda connection: count_patched(connection, answering)),
        "generation": index["generation"],
        "index": index["index"],
        "index_recall@10": index["index_recall@10"],
        "pending": index["pending"],
    }


def encoder_identity(collection: Collection) -> EncoderIdentity | None:
    """The encoder of a collection; None until something was indexed."""
    if collection.encoder is None:
        return None
    return {
        "name": collection.encoder,
        "fingerprint": collection.fingerprint,
        "dimension": collection.dimension,
        "reads_texts": reads_texts(collection.encoder),
    }
