"""Where weights come from, and what is refused."""

import hashlib
import os
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search_engine.encoders.base import Encoder
from search_engine.encoders.registry import (
    EncoderRequest,
    create_encoder,
    list_families,
    list_variants,
)
from search_engine.encoders.torch_imports import import_torchvision
from search_engine.errors import UnknownEncoderError, WeightsError
from tests.contract.conftest import save_weights

NETWORK = "squeezenet1_1"
NAME = f"torchvision:{NETWORK}"
CNN_NAMES = (NAME, "efficientnet_lite0")

WeightsOf = Callable[[str], Path]


def create(name: str = NAME, weights: Path | None = None, download: bool = False) -> Encoder:
    return create_encoder(
        EncoderRequest(name, weights=weights, runtime="torch-float32", download=download)
    )


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def published(network: str = NETWORK) -> Any:
    return import_torchvision().models.get_model_weights(network).DEFAULT.value


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache; the folder where torch keeps weights files."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def mirror(tmp_path: Path, weights_of: WeightsOf, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The network's weights, published under a file:// address."""
    weights = weights_of(NETWORK)
    path = tmp_path / f"{NETWORK}-{sha256(weights)[:8]}.pth"
    shutil.copy(weights, path)
    monkeypatch.setattr(published(), "url", path.as_uri())
    return path


def test_missing_weights_name_the_file_its_place_and_the_remedy(hub: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        create()
    file_name = published().url.rpartition("/")[2]
    assert caught.value.where == str(hub / file_name)
    assert caught.value.fix is not None
    assert published().url in caught.value.fix
    assert "--download" in caught.value.fix
    assert not hub.exists()


def test_weights_in_the_hub_cache_are_used(hub: Path, weights_of: WeightsOf) -> None:
    hub.mkdir(parents=True)
    shutil.copy(weights_of(NETWORK), hub / published().url.rpartition("/")[2])
    assert create().spec.weights_sha256 == sha256(weights_of(NETWORK))


def test_weights_are_downloaded_when_that_is_allowed(hub: Path, mirror: Path) -> None:
    with pytest.raises(WeightsError):
        create()
    assert create(download=True).spec.weights_sha256 == sha256(mirror)
    mirror.unlink()
    assert create().spec.weights_sha256 == sha256(hub / mirror.name)


def test_a_download_that_does_not_match_its_hash_is_refused(hub: Path, mirror: Path) -> None:
    mirror.write_bytes(mirror.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="could not be fetched"):
        create(download=True)
    assert list(hub.iterdir()) == []


def test_a_download_that_fails_names_the_address_and_the_remedy(hub: Path, mirror: Path) -> None:
    mirror.unlink()
    with pytest.raises(WeightsError, match="could not be fetched") as caught:
        create(download=True)
    assert caught.value.where == mirror.as_uri()
    assert str(hub / mirror.name) in str(caught.value.fix)


def test_every_published_file_carries_the_hash_that_downloads_are_checked_by() -> None:
    families = {family.name: family for family in list_families()}
    names = [name.partition(":")[2] for name in list_variants(families["torchvision"])]
    urls = [published(name).url for name in names]
    assert len(names) > 70
    assert [url for url in urls if not re.search(r"-[0-9a-f]{8,}\.pth$", url)] == []


def test_other_weights_are_another_encoder(tmp_path: Path, weights_of: WeightsOf) -> None:
    other = save_weights(NETWORK, tmp_path / "other.pth", seed=1)
    one = create(weights=weights_of(NETWORK)).spec
    assert one.fingerprint != create(weights=other).spec.fingerprint
    assert one.fingerprint == create(weights=weights_of(NETWORK)).spec.fingerprint


@pytest.mark.parametrize("name", CNN_NAMES)
def test_weights_of_another_architecture_are_refused(name: str, weights_of: WeightsOf) -> None:
    with pytest.raises(WeightsError) as caught:
        create(name, weights_of("resnet18"))
    assert caught.value.where == str(weights_of("resnet18"))


@pytest.mark.parametrize("name", CNN_NAMES)
@pytest.mark.parametrize(
    "content", [[1, 2], {"epoch": 3}, {"state_dict": {}}, {1: 2}, None, {}], ids=repr
)
def test_a_file_that_holds_no_state_dict_is_refused(
    tmp_path: Path, name: str, content: object
) -> None:
    import torch

    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError) as caught:
        create(name, path)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("name", CNN_NAMES)
@pytest.mark.parametrize("junk", [b"", b"not weights", b"PK\x03\x04" + bytes(100)])
def test_a_file_of_junk_is_refused(tmp_path: Path, name: str, junk: bytes) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(junk)
    with pytest.raises(WeightsError, match="can be read safely"):
        create(name, path)


@pytest.mark.parametrize("name", CNN_NAMES)
def test_cut_off_weights_are_refused(tmp_path: Path, name: str, weights_of: WeightsOf) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(weights_of(NETWORK).read_bytes()[:-5_000])
    with pytest.raises(WeightsError):
        create(name, path)


class _Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("name", CNN_NAMES)
@pytest.mark.parametrize("container", ["zip", "legacy", "pickle"])
def test_a_pickle_with_code_is_refused_and_never_run(
    tmp_path: Path, name: str, container: str
) -> None:
    import torch

    marker, path = tmp_path / "ran", tmp_path / "weights.pth"
    if container == "pickle":
        path.write_bytes(pickle.dumps({"layer": _Hostile(marker)}))
    else:
        torch.save(
            {"layer": _Hostile(marker)}, path, _use_new_zipfile_serialization=container == "zip"
        )
    with pytest.raises(WeightsError, match="can be read safely"):
        create(name, path)
    assert not marker.exists()


@pytest.mark.parametrize("name", CNN_NAMES)
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / "absent.pth", tmp_path):
        with pytest.raises(WeightsError, match="cannot be read") as caught:
            create(name, path)
        assert caught.value.where == str(path)


def test_an_encoder_without_weights_takes_none(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="has no weights"):
        create("hsv", tmp_path / "weights.pth")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ":",
        "nonsense",
        "torchvision",
        "torchvision:",
        "torchvision:nonsense",
        "torchvision:quantized_resnet18",
        "torchvision:r3d_18",
        "hsv:fine",
        "efficientnet_lite0:x",
        "HSV",
    ],
)
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownEncoderError) as caught:
        create(name)
    assert caught.value.fix
