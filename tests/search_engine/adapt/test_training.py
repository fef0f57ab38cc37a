"""Training on a small network: it learns, keeps time, goes on after an interruption."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from search_engine.adapt.objectives import ClassProxies, TwoViews
from search_engine.adapt.plan import TrainingPlan
from search_engine.adapt.trainable import Trainable, accepted_sides, make_trainable
from search_engine.adapt.training import HeldOutPictures, Trained, train
from search_engine.encoders.projection import project
from search_engine.encoders.projection_learning import learn
from search_engine.records import Codes, Pixels

pytestmark = pytest.mark.long

SIDE_PX, CLASSES, COUNT = 24, 3, 48
STEPS = 120
PLAN = TrainingPlan(
    members=1,
    epochs=10**9,
    batch_size=12,
    learning_rate=1e-2,
    warm_up=1e-9,
    averaging=0.9,
)


class Small(nn.Module):
    """A convolution with normalisation on small maps, as all networks have them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.trunk = nn.Sequential(
            nn.AvgPool2d(8), nn.Conv2d(3, 16, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 8, 1)
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Features (N, 8)."""
        found: torch.Tensor = self.trunk(pixels.permute(0, 3, 1, 2).float() / 255).mean(dim=(2, 3))
        return found


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Several only wait for each other on so small a network."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pictures() -> tuple[Pixels, Codes]:
    """Classes differ by a little in colour; brightness is the louder noise."""
    random = np.random.default_rng(0)
    codes = np.arange(COUNT) % CLASSES
    colours = np.eye(3)[codes] * 30 + random.uniform(40, 200, (COUNT, 1))
    noise = random.normal(0, 5, (COUNT, SIDE_PX, SIDE_PX, 3))
    pixels = np.clip(colours[:, None, None] + noise, 0, 255).astype(np.uint8)
    return pixels, codes


Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]


def stream(pixels: Pixels, size: int, views: int = 1) -> Batches:
    random = np.random.default_rng(1)
    samples = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    for _ in range(STEPS):
        rows = torch.from_numpy(random.integers(0, len(pixels), size))
        yield rows, samples[rows][:, None].expand(-1, views, -1, -1, -1)


def vectors(module: nn.Module, pixels: Pixels) -> torch.Tensor:
    with torch.no_grad():
        return nn.functional.normalize(module.eval()(torch.from_numpy(pixels)))


def proxies(network: Trainable, pictures: tuple[Pixels, Codes], plan: TrainingPlan) -> ClassProxies:
    pixels, codes = pictures
    known = vectors(network.module, pixels).numpy()
    ((mean, matrix),) = learn(known, codes, (0.3,))
    projected = project(known, mean, matrix)
    middles = np.stack([projected[codes == code].mean(axis=0) for code in range(CLASSES)])
    return ClassProxies(mean, matrix, middles, codes, plan)


def trained(
    pictures: tuple[Pixels, Codes],
    folder: Path,
    plan: TrainingPlan = PLAN,
    batches: Batches | None = None,
    told: list[int] | None = None,
) -> tuple[Trainable, dict[str, torch.Tensor]]:
    network = make_trainable(Small(), SIDE_PX)
    found = train(
        network,
        proxies(network, pictures, plan),
        [batches or stream(pictures[0], plan.batch_size)],
        plan,
        folder / "state.pt",
        [HeldOutPictures(*pictures)],
        (told if told is not None else []).append,
    )
    assert len(found.judging) == 1
    return network, found.weights


def spread(found: torch.Tensor, codes: Codes) -> float:
    """How much nearer pictures are to their own class than to others, in cosines."""
    same = torch.from_numpy(codes[:, None] == codes)
    cosines = found @ found.T
    return float(cosines[same].mean() - cosines[~same].mean())


def test_classes_part_and_the_weights_given_are_those_of_the_network(
    pictures: tuple[Pixels, Codes], tmp_path: Path
) -> None:
    before = spread(vectors(Small(), pictures[0]), pictures[1])
    network, weights = trained(pictures, tmp_path)
    found = vectors(network.module, pictures[0])
    assert spread(found, pictures[1]) > before + 0.04
    again = Small()
    again.trunk.load_state_dict(weights)
    assert torch.allclose(vectors(again, pictures[0]), found, atol=1e-3)


def test_it_takes_the_time_that_it_is_given(pictures: tuple[Pixels, Codes], tmp_path: Path) -> None:
    told: list[int] = []
    endless = itertools.cycle(stream(pictures[0], PLAN.batch_size))
    trained(pictures, tmp_path, replace(PLAN, minutes=1 / 60), endless, told)
    assert sum(told) == 1
    assert torch.load(tmp_path / "state.pt", weights_only=True)["clock"][1] >= 1.0


def test_an_interrupted_training_goes_on_where_it_was(
    pictures: tuple[Pixels, Codes], tmp_path: Path
) -> None:
    def interrupted() -> Batches:
        yield from itertools.islice(stream(pictures[0], PLAN.batch_size), 5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(pictures, tmp_path, batches=interrupted())
    before = torch.load(tmp_path / "state.pt", weights_only=True)
    assert before["clock"][0] == 5
    trained(pictures, tmp_path)
    after = torch.load(tmp_path / "state.pt", weights_only=True)
    assert after["clock"][0] == 5 + STEPS
    assert after["optimizer"]["state"][0]["step"] == after["clock"][0]


def test_one_that_is_done_is_not_done_again(pictures: tuple[Pixels, Codes], tmp_path: Path) -> None:
    endless = itertools.cycle(stream(pictures[0], PLAN.batch_size))
    plan = replace(PLAN, minutes=0.02)
    _, first = trained(pictures, tmp_path, plan, endless)

    nothing: Batches = iter(())
    _, again = trained(pictures, tmp_path, plan, nothing)
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_another_plan_starts_anew(pictures: tuple[Pixels, Codes], tmp_path: Path) -> None:
    trained(pictures, tmp_path)
    trained(pictures, tmp_path, replace(PLAN, seed=1))
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["clock"][0] == STEPS


def test_several_trainings_become_their_mean(
    pictures: tuple[Pixels, Codes], tmp_path: Path
) -> None:
    def of(members: int) -> tuple[Batches, dict[str, torch.Tensor]]:
        endless = itertools.cycle(stream(pictures[0], PLAN.batch_size))
        (tmp_path / str(members)).mkdir()
        plan = replace(PLAN, members=members, epochs=5, mixed=0.0, scales=(1.0,))
        return endless, trained(pictures, tmp_path / str(members), plan, endless)[1]

    rest, first = of(1)
    _, mean = of(2)
    plan = replace(PLAN, epochs=5, mixed=0.0, scales=(1.0,))
    _, second = trained(pictures, tmp_path, plan, rest)
    state = torch.load(tmp_path / "2" / "state.pt", weights_only=True)
    assert state["soups"][0]["members"] == 2
    for name, tensor in mean.items():
        middle = (first[name] + second[name]) / 2
        assert torch.allclose(tensor.float(), middle, atol=1e-5), name


def test_trainings_see_the_pictures_in_different_sizes(
    pictures: tuple[Pixels, Codes], tmp_path: Path
) -> None:
    network = make_trainable(Small(), SIDE_PX)
    sides: list[int] = []
    network.module.register_forward_hook(lambda _, pixels, __: sides.append(pixels[0].shape[1]))
    plan = replace(PLAN, members=3, epochs=5, scales=(1.0, 0.7))  # of 20 steps
    start = proxies(network, pictures, plan)
    sides.clear()
    endless = itertools.cycle(stream(pictures[0], PLAN.batch_size))
    train(network, start, [endless], plan, tmp_path / "state.pt")
    assert sides[:2] == [24, 16]  # tried whether it can
    assert sides[2:] == [24] * 20 + [16] * 20 + [24] * 20


def test_trainings_learn_from_the_streams_in_turn(
    pictures: tuple[Pixels, Codes], tmp_path: Path
) -> None:
    plan = replace(PLAN, members=4, epochs=5, mixed=0.0, scales=(1.0, 0.7))  # of 20 steps
    sides: list[tuple[str, int]] = []

    def told(name: str) -> Batches:
        for batch in itertools.cycle(stream(pictures[0], PLAN.batch_size)):
            sides.append((name, 0))
            yield batch

    def see(module: nn.Module, pixels: tuple[torch.Tensor], found: torch.Tensor) -> None:
        if sides and not sides[-1][1]:
            sides[-1] = (sides[-1][0], pixels[0].shape[1])

    def both(folder: Path, plan: TrainingPlan, streams: list[Batches]) -> Trained:
        folder.mkdir()
        network = make_trainable(Small(), SIDE_PX)
        network.module.register_forward_hook(see)
        return train(network, proxies(network, pictures, plan), streams, plan, folder / "state.pt")

    found = both(tmp_path / "both", plan, [told("one"), told("other")])
    assert sides == [
        each
        for one in (("one", 24), ("other", 16), ("one", 16), ("other", 24))
        for each in [one] * 20
    ]
    alone = both(tmp_path / "one", replace(plan, members=2), [told("one")])
    first, second = found.judging
    assert all(torch.equal(first[name], alone.weights[name]) for name in first)
    assert any(not torch.equal(found.weights[name], first[name]) for name in first)
    for name, mean in found.weights.items():
        if mean.is_floating_point() and "running" not in name:
            middle = (first[name].float() + second[name].float()) / 2
            assert torch.allclose(mean.float(), middle, atol=1e-5), name


class Picky(Small):
    """A network that accepts no other pictures than those of its own size."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        if pixels.shape[1] != SIDE_PX:
            raise AssertionError("wrong side")
        return super().forward(pixels)


def test_a_network_of_one_size_sees_that_only() -> None:
    assert accepted_sides(make_trainable(Picky(), SIDE_PX), (1.0, 0.7)) == [SIDE_PX]


def test_a_training_that_makes_it_worse_is_left_out_and_the_last(
    pictures: tuple[Pixels, Codes], tmp_path: Path
) -> None:
    def spoilt(good: int) -> Batches:
        for number, (rows, pixels) in enumerate(itertools.cycle(stream(pictures[0], 12))):
            yield (rows, pixels) if number < good else ((rows + 1) % COUNT, pixels)

    plan = replace(PLAN, epochs=STEPS * PLAN.batch_size / COUNT)
    (tmp_path / "alone").mkdir()
    _, alone = trained(pictures, tmp_path / "alone", plan, spoilt(STEPS))
    _, found = trained(pictures, tmp_path, replace(plan, members=3), spoilt(STEPS))
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert (state["soups"][0]["members"], state["trainings"][1]) == (1, True)
    assert all(torch.equal(found[name], alone[name]) for name in alone)


@pytest.mark.parametrize(("scales", "trainings"), [((1.0,), 1), ((1.0, 0.7), 2)])
def test_another_training_begins_where_there_is_time_for_one_of_its_size(
    pictures: tuple[Pixels, Codes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scales: tuple[float, ...],
    trainings: int,
) -> None:
    network, clock = make_trainable(Small(), SIDE_PX), [0.0]

    def take_time(_: nn.Module, pixels: tuple[torch.Tensor], __: torch.Tensor) -> None:
        clock[0] += (pixels[0].shape[1] / SIDE_PX) ** 2

    plan = replace(PLAN, members=9, epochs=5, mixed=0.0, scales=scales, minutes=0.5)  # of 20 steps
    start = proxies(network, pictures, plan)
    network.module.register_forward_hook(take_time)
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    endless = itertools.cycle(stream(pictures[0], PLAN.batch_size))
    train(network, start, [endless], plan, tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert (state["soups"][0]["members"], state["trainings"][1]) == (trainings, True)


def test_without_labels_pictures_are_told_from_each_other(
    pictures: tuple[Pixels, Codes], tmp_path: Path
) -> None:
    plan = replace(PLAN, batch_size=16)
    network = make_trainable(Small(), SIDE_PX)
    before = vectors(network.module, pictures[0])
    train(
        network,
        TwoViews(COUNT, plan),
        [stream(pictures[0], plan.batch_size // 2, views=2)],
        plan,
        tmp_path / "state.pt",
    )
    after = vectors(network.module, pictures[0])
    others = ~torch.eye(COUNT, dtype=torch.bool)
    assert float((after @ after.T)[others].mean()) < float((before @ before.T)[others].mean()) - 0.1
