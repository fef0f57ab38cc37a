"""Decoding at its edges: memory that runs out, regions, what Pillow finds only late."""

import io
import os
from collections.abc import Callable
from multiprocessing.context import SpawnContext
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from search_engine.errors import (
    CorruptImageError,
    ImageError,
    ParameterError,
    TooComplexError,
    TooManyPixelsError,
    WorkerLostError,
)
from search_engine.images import (
    ImageLimits,
    Preprocessing,
    colour,
    confinement,
    decode_process,
    limits,
    parse_box,
    picture_bytes,
    rgb,
)
from search_engine.images.decode_pool import DecodePool
from search_engine.images.decode_process import DecodeProcess, process_context
from search_engine.images.decoder import Decoder, InlineDecoder, answers_of
from search_engine.images.geometry import PixelBox
from tests.images.pictures import encoded, jpeg, photo, png, with_orientation

LIMITS = ImageLimits()
SQUASH = Preprocessing(size_px=16, resize_px=16, fit="squash")
HALF = (0.0, 0.0, 0.5, 1.0)


@pytest.fixture(params=["in place", "in a pool"], scope="module")
def decoder(request: pytest.FixtureRequest) -> Any:
    if request.param == "in place":
        yield InlineDecoder(LIMITS)
        return
    with DecodePool(LIMITS, 2) as pool:
        yield pool


def test_every_kind_of_question_has_the_answer_of_decoding_in_place(decoder: Decoder) -> None:
    plain, data = InlineDecoder(LIMITS), jpeg()
    asked: list[Callable[[Decoder], Any]] = [
        lambda one: one.size(with_orientation(photo(), 6)),
        lambda one: one.render(data, 8, 75),
        lambda one: one.colors(data, HALF).names,
        lambda one: [each.pixels.tolist() for each in one.parts(data, SQUASH, [HALF, HALF])],
        lambda one: one.decode(data, SQUASH, HALF).pixels.tolist(),
        lambda one: one.check(),
    ]
    for ask in asked:
        assert ask(decoder) == ask(plain)


def test_what_cannot_be_decoded_is_an_answer_in_its_place(decoder: Decoder) -> None:
    given = [jpeg(), b"junk", png()]
    found = answers_of(decoder, lambda data: decoder.size(data), given)
    assert [type(each) for each in found[::2]] == [tuple, tuple]
    assert isinstance(found[1], ImageError)
    assert answers_of(decoder, lambda data: decoder.size(data), given[:1]) == found[:1]


@pytest.mark.parametrize(
    ("box", "size", "fits"),
    [("10px,0px,10px,20px", (20, 20), True), ("11px,0px,10px,20px", (20, 20), False)],
)
def test_a_region_in_pixels_lies_inside(box: str, size: tuple[int, int], fits: bool) -> None:
    found = parse_box(box)
    assert isinstance(found, PixelBox)
    if fits:
        assert found.fractions(size) == (0.5, 0.0, 0.5, 1.0)
        return
    with pytest.raises(ParameterError, match="20 x 20 pixels upright"):
        found.fractions(size)


@pytest.mark.parametrize("box", ["1px,1px,0px,1px", "1px,1px,1px", "-1px,0px,1px,1px"])
def test_a_region_in_pixels_has_four_sides(box: str) -> None:
    with pytest.raises(ParameterError, match="four whole numbers of pixels"):
        parse_box(box)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), TooComplexError),
        (RuntimeError("odd"), CorruptImageError),
        (TooManyPixelsError("large"), TooManyPixelsError),
    ],
)
def test_whatever_pillow_raises_has_a_name(
    error: Exception, kind: type[ImageError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its decoders raise what they like; so they are made to here."""

    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(rgb, "_loaded", fail)
        with pytest.raises(kind):
            rgb.load_rgb(jpeg(), LIMITS)
    monkeypatch.setattr(limits, "_opened", fail)
    if isinstance(error, RuntimeError):
        with pytest.raises(CorruptImageError):
            limits.open_checked(jpeg(), LIMITS)
        error = Image.DecompressionBombError("large")
        with pytest.raises(TooManyPixelsError):
            limits.open_checked(jpeg(), LIMITS)


def test_exif_that_cannot_be_read_turns_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    image = photo()

    def broken() -> None:
        raise SyntaxError("not an Exif block")

    monkeypatch.setattr(image, "getexif", broken)
    assert not rgb.lies_on_its_side(image)


def test_numbers_beyond_16_bits_are_scaled_and_not_cut() -> None:
    deep = Image.fromarray(np.array([[0, 100_000], [200_000, 400_000]], dtype=np.int32))
    shown, _ = rgb.to_rgb(deep, None)
    assert np.asarray(shown)[..., 0].tolist() == [[0, 64], [128, 255]]
    floats = Image.fromarray(np.array([[0.0, np.nan], [0.5, 1.0]], dtype=np.float32))
    shown, _ = rgb.to_rgb(floats, None)
    assert np.asarray(shown)[..., 0].tolist() == [[0, 0], [128, 255]]
    bright = Image.fromarray(np.array([[0.0, 5.0], [10.0, 20.0]], dtype=np.float32))
    shown, _ = rgb.to_rgb(bright, None)
    assert np.asarray(shown)[..., 0].tolist() == [[0, 64], [128, 255]]


def test_a_process_that_cannot_be_started_leaves_no_pipe_open() -> None:
    class Broken:
        def __init__(self) -> None:
            self._context = process_context()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._context, name)

        def Process(self, **_: object) -> Any:  # noqa: N802
            raise OSError("no process can be started")

    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="no process"):
        DecodeProcess(Broken())  # type: ignore[arg-type]
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_decoder_is_closed_once_and_for_all() -> None:
    with DecodePool(LIMITS, 1) as pool:
        pool.check()
    with pytest.raises(WorkerLostError, match="closed"):
        pool.submit([jpeg()], SQUASH)
    InlineDecoder(LIMITS).close()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_grey_picture_with_a_profile_of_colours(kind: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encoded(photo().convert("L"), kind, icc_profile=profile)
    shown, notes = rgb.load_rgb(data, LIMITS)
    assert (shown.mode, notes) == ("RGB", ())


def test_processes_belong_to_the_parent_after_a_fork() -> None:
    with DecodePool(LIMITS, 1) as pool:
        pool.size(jpeg())
        inherited = [*pool._children]
        pool.after_fork(torn=False)
        assert pool.pids == []
        assert pool.size(jpeg()) == photo().size
        assert len(pool.pids) == 1
        for child in inherited:
            assert child.is_alive()
            child.end()


def test_a_forked_process_starts_its_own_by_spawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fork server is its parent's."""
    monkeypatch.setattr(decode_process, "_home", lambda: 1)
    assert type(process_context()) is SpawnContext


@pytest.mark.parametrize("with_colors", [False, True])
def test_many_are_decoded_in_place_as_in_a_pool(decoder: Decoder, with_colors: bool) -> None:
    good, bad = decoder.submit([jpeg(), b"junk"], SQUASH, with_colors).result(timeout=60)
    assert not isinstance(good, Exception)
    assert (good.colors is not None) == with_colors
    assert isinstance(bad, ImageError)


def test_a_picture_that_breaks_off_when_it_is_read_is_corrupt() -> None:
    whole = png()
    with pytest.raises(CorruptImageError):
        picture_bytes(Image.open(io.BytesIO(whole[: len(whole) // 2])), LIMITS)


def test_a_profile_that_makes_all_colours_one_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    monkeypatch.setattr(colour, "LEAST_RANGE", 256)  # as if these were
    colour._conversion.cache_clear()
    shown, notes = rgb.to_rgb(photo(), profile)
    colour._conversion.cache_clear()
    assert notes == (rgb.COLOUR_PROFILE_IGNORED,)
    assert np.array_equal(np.asarray(shown), np.asarray(photo()))


def test_heic_is_opened_by_what_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is an extra, here one that reads none."""
    registered: list[str] = []
    monkeypatch.setattr(limits, "register_heif", lambda: registered.append("HEIF"))
    heic = b"\x00\x00\x00\x18ftypheic" + bytes(40)
    with pytest.raises(CorruptImageError):
        limits.open_checked(heic, ImageLimits(formats=("HEIF",)))
    assert registered == ["HEIF"]


def test_a_decoder_that_will_be_confined_loads_what_reads_heic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registered: list[str] = []
    monkeypatch.setattr(confinement, "readable_heif", lambda: ("HEIF",))
    monkeypatch.setattr(confinement, "register_heif", lambda: registered.append("HEIF"))
    confinement.load_decoders.__wrapped__()
    assert registered == ["HEIF"]


def test_where_the_kernel_cannot_confine_nothing_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "can_confine", lambda: False)
    assert confinement.confine() is False


def test_a_picture_without_pixels_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow refuses most of them by itself."""
    monkeypatch.setattr(limits, "_opened", lambda *_: Image.new("L", (0, 5)))
    with pytest.raises(CorruptImageError, match="no pixels"):
        limits.open_checked(jpeg(), LIMITS)
