"""When something breaks inside: a bug says `bug` and nothing else, a cause gets its status."""

import logging
from pathlib import Path

import pytest

from api.cli.exits import Exit, exit_code
from api.problems import status_of
from indexer import upload_errors
from indexer.executors.base import ClusterUnavailableError
from indexer.report import PruneRefusedError
from search_engine import errors
from search_engine.catalog.store import Catalog
from search_engine.engine import SearchEngine
from search_engine.errors import MissingPictureError
from tests.api.asking import DEFAULT, CheckedClient, ask, assert_problem
from tests.images.pictures import jpeg

SECRET = "/secret/place"

CAUSES: dict[type[errors.EyedexError], tuple[str, int, Exit]] = {
    errors.EyedexError: ("error", 500, Exit.BUG),
    errors.InputError: ("bad_input", 422, Exit.USAGE),
    errors.ParameterError: ("bad_parameter", 422, Exit.USAGE),
    errors.FilterError: ("bad_filter", 422, Exit.USAGE),
    errors.UnknownFieldError: ("unknown_field", 422, Exit.USAGE),
    errors.ImageError: ("bad_image", 422, Exit.SOME_REJECTED),
    errors.EmptyFileError: ("empty_file", 422, Exit.SOME_REJECTED),
    errors.UnsupportedTypeError: ("unsupported_type", 415, Exit.SOME_REJECTED),
    errors.CorruptImageError: ("corrupt_image", 422, Exit.SOME_REJECTED),
    errors.TooManyBytesError: ("body_too_large", 413, Exit.SOME_REJECTED),
    errors.TooManyPixelsError: ("too_many_pixels", 422, Exit.SOME_REJECTED),
    errors.TooComplexError: ("too_complex", 422, Exit.SOME_REJECTED),
    errors.NoEmbeddingError: ("no_embedding", 422, Exit.SOME_REJECTED),
    MissingPictureError: ("not_found", 404, Exit.USAGE),
    errors.RowError: ("bad_row", 422, Exit.USAGE),
    errors.NotFoundError: ("not_found", 404, Exit.USAGE),
    errors.ItemNotFoundError: ("item_not_found", 404, Exit.USAGE),
    errors.ClassifierNotFoundError: ("classifier_not_found", 404, Exit.USAGE),
    errors.OverviewNotFoundError: ("overview_not_found", 404, Exit.USAGE),
    errors.CollectionNotFoundError: ("collection_not_found", 404, Exit.USAGE),
    errors.PictureNotFoundError: ("picture_not_found", 404, Exit.USAGE),
    errors.QueryExpiredError: ("query_expired", 404, Exit.USAGE),
    errors.JobNotFoundError: ("job_not_found", 404, Exit.USAGE),
    errors.JobFinishedError: ("job_finished", 409, Exit.USAGE),
    errors.TooManyJobsError: ("too_many_jobs", 409, Exit.USAGE),
    errors.SourceDeniedError: ("source_denied", 403, Exit.USAGE),
    upload_errors.UploadNotFoundError: ("upload_not_found", 404, Exit.USAGE),
    upload_errors.UploadError: ("bad_upload", 422, Exit.USAGE),
    upload_errors.UploadTooLargeError: ("upload_too_large", 413, Exit.USAGE),
    upload_errors.TooManyUploadsError: ("too_many_uploads", 409, Exit.USAGE),
    errors.CollectionExistsError: ("collection_exists", 409, Exit.USAGE),
    errors.ItemChangedError: ("item_changed", 412, Exit.USAGE),
    errors.MissingExtraError: ("missing_extra", 422, Exit.USAGE),
    errors.ExternalEncoderError: ("external_encoder", 422, Exit.USAGE),
    errors.SourceError: ("catalog_unusable", 422, Exit.CATALOG_UNUSABLE),
    PruneRefusedError: ("prune_refused", 422, Exit.CATALOG_UNUSABLE),
    errors.StorageError: ("storage", 503, Exit.STORAGE),
    errors.CorruptDataError: ("storage_corrupt", 503, Exit.STORAGE),
    errors.DamagedRecordError: ("storage_corrupt", 503, Exit.STORAGE),
    errors.DamagedPictureError: ("storage_corrupt", 503, Exit.STORAGE),
    errors.UnreadableAttributesError: ("storage_corrupt", 503, Exit.STORAGE),
    errors.OlderFormatError: ("older_format", 503, Exit.STORAGE),
    errors.NewerFormatError: ("newer_format", 503, Exit.STORAGE),
    errors.StorageFullError: ("storage_full", 507, Exit.STORAGE),
    errors.StorageBusyError: ("storage_busy", 503, Exit.STORAGE),
    errors.ReadOnlyError: ("read_only", 403, Exit.STORAGE),
    errors.DatabaseUnavailableError: ("database_unavailable", 503, Exit.STORAGE),
    errors.IndexUnavailableError: ("index_unavailable", 503, Exit.STORAGE),
    ClusterUnavailableError: ("cluster_unavailable", 503, Exit.STORAGE),
    errors.EngineClosedError: ("engine_closed", 503, Exit.STORAGE),
    errors.LockHeldError: ("lock_held", 503, Exit.LOCK_HELD),
    errors.EncoderError: ("encoder", 503, Exit.MODEL_MISMATCH),
    errors.UnknownEncoderError: ("unknown_encoder", 503, Exit.USAGE),
    errors.WeightsError: ("weights_unavailable", 503, Exit.MODEL_MISMATCH),
    errors.ModelMismatchError: ("model_mismatch", 503, Exit.MODEL_MISMATCH),
    errors.DimensionMismatchError: ("dimension_mismatch", 500, Exit.BUG),
    errors.ForkError: ("forked", 503, Exit.STORAGE),
    errors.WorkerLostError: ("worker_lost", 503, Exit.SOME_REJECTED),
}
"""Code, HTTP status and exit status of every cause."""


def tree(kind: type[errors.EyedexError]) -> set[type[errors.EyedexError]]:
    """A class and all below it."""
    return {kind}.union(*(tree(below) for below in kind.__subclasses__()))


def make(kind: type[errors.EyedexError]) -> errors.EyedexError:
    if issubclass(kind, errors.RowError):
        return kind("bad_row", "it is broken")
    if issubclass(kind, errors.DamagedRecordError):  # names an item or a collection, no place
        return kind("it is broken", fix="mend it")
    return kind("it is broken", where=SECRET, fix="mend it")


def test_every_cause_has_its_code_status_and_exit() -> None:
    assert tree(errors.EyedexError) == set(CAUSES)
    for kind, (code, status, leaves_with) in CAUSES.items():
        error = make(kind)
        assert (error.code, status_of(error), exit_code(error)) == (code, status, leaves_with)


def test_codes_are_unique() -> None:
    """But what is missing or damaged is so whatever it is."""
    kinds = {
        MissingPictureError,
        errors.DamagedRecordError,
        errors.DamagedPictureError,
        errors.UnreadableAttributesError,
    }
    codes = [code for kind, (code, _, _) in CAUSES.items() if kind not in kinds]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", CAUSES, ids=lambda kind: kind.__name__)
def test_every_cause_is_answered_with_its_status(
    client: CheckedClient, monkeypatch: pytest.MonkeyPatch, kind: type[errors.EyedexError]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise make(kind)

    monkeypatch.setattr(SearchEngine, "search_many", fail)
    code, status, _ = CAUSES[kind]
    response = ask(client, jpeg())
    body = assert_problem(response, status, code)
    if status >= 500 and not issubclass(kind, errors.DamagedRecordError):
        assert SECRET not in response.text
        assert "broken" not in body["detail"]
    else:
        assert "it is broken" in body["detail"]
    assert ("retry-after" in response.headers) == (status == 503)


def test_a_bug_says_bug_and_nothing_else(
    client: CheckedClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"secret words from {SECRET}")

    monkeypatch.setattr(SearchEngine, "search_many", fail)
    with caplog.at_level(logging.ERROR):
        response = ask(client, jpeg())
    body = assert_problem(response, 500, "bug")
    assert "secret" not in response.text
    assert body["detail"] == "something is wrong on our side"
    (record,) = [each for each in caplog.records if each.exc_info]
    assert body["request_id"] in record.getMessage()
    monkeypatch.undo()
    assert ask(client, jpeg()).status_code == 200


def test_a_bug_in_a_plain_route_has_the_same_shape(
    client: CheckedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Catalog, name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(Catalog, "collection", fail)
    assert_problem(client.get(DEFAULT), 500, "bug")


@pytest.mark.sqlite_only("damages the file")
def test_a_damaged_database_is_a_storage_problem_not_a_bug(tmp_path: Path) -> None:
    with CheckedClient(tmp_path / "data") as client:
        client.post("/v1/collections", json={"name": "default"})
        engine: SearchEngine = client.app.state.engine  # type: ignore[attr-defined]
        engine.catalog._database.readers.dispose()
        for file in (tmp_path / "data").glob("catalog.sqlite*"):
            file.write_bytes(b"\x00" * 8_192)
        response = client.get("/v1/collections")
        assert response.status_code == 503
        assert response.json()["code"].startswith("storage")
