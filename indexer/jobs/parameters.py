"""What each kind of job can be told, declared once: read strictly, and described in OpenAPI."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from indexer.declared import Calibrating, Clustering, Evaluating, Indexing, Switching, Tuning
from indexer.sources import SourceOptions
from search_engine.errors import ParameterError
from search_engine.near import shown

Text = Annotated[str, Field(min_length=1, max_length=256)]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class UploadSource(_Given):
    """What was uploaded before."""

    upload: Annotated[Text, Field(description="Id of an upload of the same collection.")]


class PathSource(_Given):
    """Files on the server, below one of the directories of EYEDEX_SOURCES."""

    path: Annotated[
        str,
        Field(min_length=1, max_length=4096, description="A folder, a table or an archive."),
    ]


def _is_upload(given: Any) -> str:
    if isinstance(given, Mapping):
        return "path" if "path" in given else "upload"
    return "path" if isinstance(given, PathSource) else "upload"


JobSource = Annotated[
    Annotated[UploadSource, Tag("upload")] | Annotated[PathSource, Tag("path")],
    Discriminator(_is_upload),
]


class _Reading(_Given):
    """How a source is read; what is not said is found out, or was said before."""

    label_from: Annotated[
        Text | None, Field(description="`parent` (the sub-folder), or a column.")
    ] = None
    map: Annotated[
        dict[str, str], Field(description="Columns of item_id, image, label, product_id by field.")
    ] = {}
    type: Annotated[dict[str, str], Field(description="Types of columns by name.")] = {}
    label_separator: Annotated[
        Text | None, Field(description="What stands between the levels of a label.")
    ] = None
    delimiter: Annotated[
        Text | None, Field(description="What stands between the cells of a CSV file.")
    ] = None
    encoding: Annotated[Text | None, Field(description="Encoding of a CSV file.")] = None
    sheet: Annotated[Text | None, Field(description="Sheet of a workbook to read.")] = None
    include: Annotated[list[str], Field(description="Only files of a folder with such paths.")] = []
    exclude: Annotated[list[str], Field(description="No files of a folder with such paths.")] = []

    def reading(self) -> SourceOptions:
        """The same as options of a source."""
        return SourceOptions(
            label_from=self.label_from,
            columns=self.map,
            types=self.type,
            label_separator=self.label_separator,
            delimiter=self.delimiter,
            encoding=self.encoding,
            sheet=self.sheet,
            include=tuple(self.include),
            exclude=tuple(self.exclude),
        )


class IndexJob(_Reading, Indexing):
    """Bring the collection to the state of a catalog, as `eyedex index`; it is made if missing."""

    kind: Literal["index"]
    source: JobSource


class TuneJob(_Given, Tuning):
    """Adapt the encoder to the collection's own labels, as `eyedex tune`."""

    kind: Literal["tune"]


class SwitchJob(_Given, Switching):
    """Give the collection another encoder, as `eyedex switch`."""

    kind: Literal["switch"]
    encoder: Annotated[Text | None, Field(description="The new encoder; none with `undo`.")] = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.encoder is None) != self.undo:
            raise ValueError("give the new encoder, or undo, one of them")
        return self


class RerankJob(_Given):
    """Learn the order of results from feedback, as `eyedex rerank learn`.

    The result tells how it was judged, and whether searches have it with `rerank=learned`.
    """

    kind: Literal["rerank"]
    force: Annotated[bool, Field(description="Use it even if it is not found better.")] = False
    dry_run: Annotated[bool, Field(description="Only measure what it would bring.")] = False
    undo: Annotated[
        bool, Field(description="Go back to the order that was learned before, or to none.")
    ] = False


class CalibrateJob(_Given, Calibrating):
    """Learn how far the votes can be trusted, as `eyedex calibrate`."""

    kind: Literal["calibrate"]


class EvaluateJob(_Reading, Evaluating):
    """Measure search and vote on labelled photos, as `eyedex evaluate`."""

    kind: Literal["evaluate"]
    source: Annotated[
        JobSource | None,
        Field(
            description="Labelled photos; without it each item, from which its product is hidden."
        ),
    ] = None
    report: Annotated[
        bool, Field(description="Write a report: the file `report.html` of the job.")
    ] = False


class ClusterJob(_Given, Clustering):
    """Group the items by looks, as `eyedex cluster`; the file `clusters.csv` of the job has all."""

    kind: Literal["cluster"]


class DuplicatesJob(_Given):
    """Find items that show the same, as `eyedex duplicates`.

    The file `duplicates.jsonl` of the job has a line for each group: `tier` and `items`.
    """

    kind: Literal["duplicates"]
    min_score: Annotated[
        float | None,
        Field(
            ge=0.5,
            le=1,
            description="Items at least so similar look alike: a cosine; if it is left out 0.9, of "
            "features of several layers 0.95.",
        ),
    ] = None


class ColorsJob(_Given):
    """Find the dominant colours of pictures whose colours are unknown, as `eyedex colors`."""

    kind: Literal["colors"]


class MislabelledJob(_Given):
    """List the items whose label their neighbors contradict, as `eyedex mislabelled`.

    `GET /v1/collections/{c}/mislabelled` reads the list.
    """

    kind: Literal["mislabelled"]
    target: Annotated[Text, Field(description="label, product_id or an attribute.")] = "label"


class OutliersJob(_Given):
    """List the items that are unlike all others, as `eyedex outliers`.

    `GET /v1/collections/{c}/outliers` reads the list.
    """

    kind: Literal["outliers"]


class MapJob(_Given):
    """Lay out the items in a plane, as `eyedex map`; `GET /v1/collections/{c}/map` reads it."""

    kind: Literal["map"]
    clusters: Annotated[
        int | None, Field(ge=2, description="How many; by default the root of half the items.")
    ] = None


class SnapshotJob(_Given):
    """Save everything that is stored, of all collections: the file `snapshot.tar` of the job."""

    kind: Literal["snapshot"]


class CheckJob(_Given):
    """Verify everything that is stored, of all collections, as `eyedex check`.

    The result also tells of pictures that are missing, and of the room on the disk.
    """

    kind: Literal["check"]


class ExportJob(_Given):
    """Write the embeddings for other programs: files `embeddings.*` of the job."""

    kind: Literal["export"]
    form: Annotated[
        Literal["npy", "parquet"], Field(description="npy has a .json of records beside it.")
    ] = "npy"
    filter: Annotated[
        str | dict[str, Any] | None, Field(description="Only items that fulfil it.")
    ] = None


JobRequest = (
    IndexJob
    | TuneJob
    | SwitchJob
    | CalibrateJob
    | EvaluateJob
    | ClusterJob
    | DuplicatesJob
    | ColorsJob
    | MislabelledJob
    | OutliersJob
    | MapJob
    | SnapshotJob
    | CheckJob
    | ExportJob
    | RerankJob
)
KIND_NAMES: tuple[str, ...] = tuple(
    get_args(model.model_fields["kind"].annotation)[0] for model in get_args(JobRequest)
)
MODELS: Mapping[str, type[_Given]] = dict(zip(KIND_NAMES, get_args(JobRequest), strict=True))
FIRST = ("kind", "source")
"""Of the fields of a kind where they are listed."""
FIELD_NAMES = tuple(dict.fromkeys(n for model in MODELS.values() for n in model.model_fields))
"""All that any kind can be told."""
REQUEST: TypeAdapter[JobRequest] = TypeAdapter(Annotated[JobRequest, Field(discriminator="kind")])


def read_job(given: Mapping[str, Any]) -> JobRequest:
    """The request of a job, checked.

    Raises:
        ParameterError: A name is unknown or a value cannot be, naming the first.
    """
    try:
        return REQUEST.validate_python(dict(given))
    except ValidationError as error:
        raise _flaw(given, error) from None


def _flaw(given: Mapping[str, Any], error: ValidationError) -> ParameterError:
    """What is wrong first, and what could be."""
    found = error.errors(include_url=False, include_input=False, include_context=True)[0]
    kind = given.get("kind")
    if found["type"].startswith("union_tag") and "source" not in found["loc"]:
        return ParameterError("not a kind of job", where="kind", fix=f"one of {_all_kinds()}")
    path = _place(found["loc"], str(kind))
    where = shown(".".join(path))
    if found["type"] == "extra_forbidden":
        if len(path) > 1:
            fix = "give an upload or a path, one of them"
            return ParameterError("there is no such parameter", where=where, fix=fix)
        known = [name for name in MODELS[str(kind)].model_fields if name != "kind"]
        near = get_close_matches(path[-1], known, 1)
        fix = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        return ParameterError("there is no such parameter", where=where, fix=fix)
    if found["type"] in ("model_type", "model_attributes_type", "dict_type"):
        return ParameterError("not an object", where=where)
    if found["type"] == "missing":
        remedy = "give the upload or the path that is to be indexed"
        return ParameterError("missing", where=where, fix=remedy if path == ["source"] else None)
    message = found["msg"].removeprefix("Value error, ")
    return ParameterError(message[:1].lower() + message[1:], where=where or None)


def _place(loc: tuple[int | str, ...], kind: str) -> list[str]:
    """Names that lead to a value, without those by which pydantic tells alternatives apart."""
    path = [str(part) for part in loc]
    if path[:1] == [kind]:
        del path[0]
    if path[:1] == ["source"] and len(path) > 1 and path[1] in ("path", "upload"):
        del path[1]
    return path


def _all_kinds() -> str:
    return ", ".join(KIND_NAMES)


def request_schema(ref_template: str) -> dict[str, Any]:
    """The JSON schema of what `read_job` takes; models have titles, their fields have none.

    Args:
        ref_template: Where the schema of a `{model}` is.
    """
    schema = REQUEST.json_schema(ref_template=ref_template)
    for model in schema["$defs"].values():
        fields = model["properties"]
        model["properties"] = {n: fields[n] for n in sorted(fields, key=lambda n: n not in FIRST)}
        for field in fields.values():
            field.pop("title", None)
    return schema
