"""Recommended encoders: what the table says is what the packages state, and they can be timed."""

import logging
from pathlib import Path

import pytest

from indexer.encoding_speed import rate_of
from search_engine.encoders.random_weights import save_random_weights
from search_engine.encoders.recommended import RECOMMENDED, Recommended
from search_engine.encoders.registry import create_encoder
from search_engine.encoders.torch_imports import import_open_clip, import_timm
from search_engine.errors import UnknownEncoderError
from tests.tiny_clip import NAME, save_tiny_clip


def of_family(family: str) -> list[Recommended]:
    return [one for one in RECOMMENDED if one.name.startswith(f"{family}:")]


@pytest.mark.parametrize("one", of_family("timm"), ids=lambda one: one.name)
def test_timm_states_the_same(one: Recommended) -> None:
    import torch

    timm, (_, _, name) = import_timm(), one.name.partition(":")
    stated = timm.get_pretrained_cfg(name, allow_unregistered=False)
    with torch.device("meta"):
        network = timm.create_model(name.partition(".")[0], num_classes=0)
    found = (stated.license, network.num_features, stated.input_size[1])
    assert found == (one.licence, one.dimension, one.size_px)


@pytest.mark.parametrize("one", of_family("open_clip"), ids=lambda one: one.name)
def test_open_clip_states_the_same(one: Recommended) -> None:
    open_clip = import_open_clip()
    architecture, _, tag = one.name.partition(":")[2].partition(".")
    stated = open_clip.get_model_config(architecture)
    assert (architecture, tag) in open_clip.list_pretrained()
    assert one.texts
    found = (stated["embed_dim"], stated["vision_cfg"]["image_size"])
    assert found == (one.dimension, one.size_px)


@pytest.mark.long
def test_a_network_without_its_weights_is_timed(tmp_path: Path) -> None:
    request = save_random_weights("timm:test_vit", tmp_path / "random.safetensors")
    assert rate_of(create_encoder(request)) > 0


def test_open_clip_is_quiet_and_leaves_logging_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    save_tiny_clip(tmp_path / "known")
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    save_random_weights(NAME, tmp_path / "random.safetensors")
    assert not logging.getLogger().handlers
    assert capfd.readouterr().err == ""


def test_what_is_no_network_has_no_random_weights(tmp_path: Path) -> None:
    with pytest.raises(UnknownEncoderError, match="no network of timm or OpenCLIP"):
        save_random_weights("hsv", tmp_path / "random.safetensors")
    assert not list(tmp_path.iterdir())
