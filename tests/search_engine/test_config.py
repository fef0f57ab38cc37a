"""Settings from an environment, and where things live."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from search_engine.config import Settings
from search_engine.errors import ParameterError
from search_engine.images import CATALOG_FORMATS, UPLOAD_FORMATS, readable_heif
from search_engine.storage.paths import DataPaths


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("EYEDEX_DATA", "/srv/shop", "data", Path("/srv/shop")),
        ("EYEDEX_RUNTIME", "torch", "runtime", "torch"),
        ("EYEDEX_WORKERS", "3", "workers", 3),
        ("EYEDEX_BATCH_SIZE", "16", "batch_size", 16),
        ("EYEDEX_LOCK_WAIT_S", "0", "lock_wait_s", 0.0),
        ("EYEDEX_MAX_BYTES", "1000", "max_bytes", 1000),
        ("EYEDEX_MAX_PIXELS", "5000", "max_pixels", 5000),
        ("EYEDEX_UPLOAD_HEIF", "true", "upload_heif", True),
        ("EYEDEX_CATALOG_MAX_BYTES", "2000", "catalog_max_bytes", 2000),
        ("EYEDEX_CATALOG_MAX_PIXELS", "6000", "catalog_max_pixels", 6000),
        ("EYEDEX_ALLOWED_HOSTS", "shop.example", "allowed_hosts", "shop.example"),
    ],
)
def test_every_setting_can_come_from_the_environment(
    variable: str, text: str, field: str, value: object
) -> None:
    assert getattr(Settings.from_env({variable: text}), field) == value


def test_defaults_hold_in_an_empty_environment_and_other_variables_are_ignored() -> None:
    assert Settings.from_env({}) == Settings.from_env({"PATH": "/bin", "HOME": "/"}) == Settings()


def test_an_argument_wins_over_the_environment_unless_it_is_none() -> None:
    environ = {"EYEDEX_WORKERS": "3", "EYEDEX_BATCH_SIZE": "7"}
    settings = Settings.from_env(environ, workers=5, batch_size=None)
    assert (settings.workers, settings.batch_size) == (5, 7)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("EYEDEX_RUNTIME", "onnx"),
        ("EYEDEX_WORKERS", "0"),
        ("EYEDEX_WORKERS", "257"),
        ("EYEDEX_WORKERS", "many"),
        ("EYEDEX_BATCH_SIZE", "-1"),
        ("EYEDEX_BATCH_SIZE", "1.5"),
        ("EYEDEX_LOCK_WAIT_S", "-0.1"),
        ("EYEDEX_LOCK_WAIT_S", "nan"),
        ("EYEDEX_MAX_BYTES", ""),
        ("EYEDEX_DATA", ""),
        ("EYEDEX_ALLOWED_HOSTS", ""),
        *(
            (name, text)
            for name in ("EYEDEX_WORKERS", "EYEDEX_LOCK_WAIT_S")
            for text in ("1_0", " 5", "5\n", "٣", "0x10", "inf", "1e999")
        ),
        ("EYEDEX_MAX_PIXELS", "1e12"),
    ],
)
def test_a_bad_value_is_refused_by_name(variable: str, text: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Settings.from_env({variable: text})
    assert f"{variable} is {text!r}" in caught.value.what
    default = getattr(Settings(), variable.removeprefix("EYEDEX_").lower())
    assert caught.value.fix == f"without it {default} is used"


@pytest.mark.parametrize(
    ("variable", "fix"),
    [("EYEDEX_COLOUR", "known: EYEDEX_DATA, "), ("EYEDEX_WORKER", "did you mean EYEDEX_WORKERS?")],
)
def test_an_unknown_name_is_refused_with_those_that_are_known(variable: str, fix: str) -> None:
    with pytest.raises(ParameterError, match=f"there is no setting {variable}") as caught:
        Settings.from_env({variable: "2"})
    assert caught.value.fix is not None
    assert caught.value.fix.startswith(fix)


def test_scripts_may_say_where_the_command_is() -> None:
    assert Settings.from_env({"EYEDEX_BIN": "/srv/bin"}) == Settings.from_env({})


def test_what_kubernetes_says_of_a_service_called_eyedex_is_no_setting() -> None:
    told = {
        "EYEDEX_SERVICE_HOST": "10.96.0.7",
        "EYEDEX_SERVICE_PORT": "80",
        "EYEDEX_SERVICE_PORT_HTTP": "80",
        "EYEDEX_PORT": "tcp://10.96.0.7:80",
        "EYEDEX_PORT_80_TCP": "tcp://10.96.0.7:80",
        "EYEDEX_PORT_80_TCP_ADDR": "10.96.0.7",
        "EYEDEX_PORT_80_TCP_PORT": "80",
        "EYEDEX_PORT_80_TCP_PROTO": "tcp",
        "EYEDEX_QDRANT_SERVICE_HOST": "10.96.0.8",
        "EYEDEX_QDRANT_PORT": "tcp://10.96.0.8:6333",
    }
    assert Settings.from_env(told) == Settings.from_env({})
    with pytest.raises(ParameterError, match="there is no setting EYEDEX_PORT"):
        Settings.from_env({"EYEDEX_PORT": "8000"})


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().workers = 2


def test_limits_follow_the_settings_and_strangers_may_send_fewer_formats() -> None:
    settings = Settings(
        max_bytes=10, max_pixels=20, catalog_max_bytes=30, catalog_max_pixels=150_000_000
    )
    upload, catalog = settings.upload_limits(), settings.catalog_limits()
    assert (upload.max_bytes, upload.max_pixels) == (10, 20)
    assert (catalog.max_bytes, catalog.max_jpeg_pixels) == (30, 150_000_000)
    assert catalog.max_pixels == 100_000_000
    assert Settings(catalog_max_pixels=50).catalog_limits().max_pixels == 50
    assert upload.formats == UPLOAD_FORMATS
    assert catalog.formats == CATALOG_FORMATS + readable_heif()
    assert set(UPLOAD_FORMATS) < set(CATALOG_FORMATS)


def test_heic_and_avif_may_be_sent_only_where_that_is_set() -> None:
    assert Settings(upload_heif=True).upload_limits().formats == UPLOAD_FORMATS + readable_heif()


def test_everything_lives_below_the_data_directory() -> None:
    paths = DataPaths(Path("/data"))
    places = [paths.catalog, paths.lock, paths.encoders, paths.rejects("shoes")]
    places += [paths.index("shoes"), paths.index_run_lock("shoes")]
    assert len(set(places)) == len(places)
    assert all(place.is_relative_to("/data") for place in places)
