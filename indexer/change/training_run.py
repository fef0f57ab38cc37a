"""Training runs: a folder with pixels, a note of their origin, and the state of the training.

The pictures are decoded once, to a file of pixels. An interrupted run leaves the folder, and the
next run with the same pictures, labels and plan continues from it.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from indexer.change.request import Stage
from indexer.decode_window import decoded_batches
from search_engine.adapt.batches import Augmented, Draw, Pictures, batches, loader_processes
from search_engine.adapt.objectives import ClassProxies, Objective, TwoViews
from search_engine.adapt.plan import TrainingPlan
from search_engine.adapt.trainable import make_trainable
from search_engine.adapt.training import Batches, HeldOutPictures, train
from search_engine.allocator import keep_freed_memory
from search_engine.collections.labelled import Labelled, take
from search_engine.encoders.base import Encoder
from search_engine.encoders.cnn import CnnEncoder
from search_engine.encoders.projection import project
from search_engine.encoders.projection_learning import learn
from search_engine.engine import SearchEngine
from search_engine.errors import PictureNotFoundError
from search_engine.evaluate.splits import product_groups
from search_engine.images import DecodedImage
from search_engine.images.decode_pool import DecodePool
from search_engine.maintenance.staging import check_space
from search_engine.records import Codes, Keys, Pixels, Vectors

START_SHRINKAGE = 0.2
MARGIN = 8 / 7
"""How much larger than the encoder's input to keep pictures that it squashes, for random crops."""
ITEMS_A_PART = 1_024
FEATURES_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Task:
    """What to learn from: the labelled items, or all items as one class each if none has a label.

    `held` has the rows that are held out of some trainings each, no row twice; `labelled` tells
    whether there are labels.
    """

    gallery: Labelled
    codes: Codes
    held: tuple[Codes, ...]
    labelled: bool

    def without(self, *held: Codes) -> Codes:
        """The rows but these."""
        return np.setdiff1d(
            np.arange(len(self.codes)), np.concatenate([*held, ()]).astype(np.int64)
        )


@dataclass(frozen=True, slots=True)
class Networks:
    """The weights files of a trained network, and of those which judge it.

    For each part that was held out, but for such as no training did without, `judging` has the mean
    of the trainings that did. A single one of these is the network itself.
    """

    weights: bytes
    judging: tuple[bytes, ...]


class TrainingRun:
    """The folder of a run: pixels, a note of their origin, and the state of the training."""

    def __init__(
        self,
        engine: SearchEngine,
        folder: Path,
        network: CnnEncoder,
        plan: TrainingPlan,
        stage: Stage,
    ) -> None:
        self._engine, self.folder, self._network = engine, folder, network
        self._plan, self._stage = plan, stage
        wanted = network.spec.preprocessing
        side = wanted.resize_px if wanted.fit == "crop" else round(wanted.size_px * MARGIN)
        self._whole = replace(wanted, size_px=side, resize_px=side)
        self._pictures = Pictures(folder / "pixels", 0, side)

    def open(self, task: Task) -> Task:
        """Read the pictures, unless an earlier run of the same task did.

        Returns:
            The task with the items whose pictures could be read.
        """
        identity, note = self._identity(task), self.folder / "run.json"
        kept = _noted(note, identity)
        if kept is None:
            self.clear()
            self.folder.mkdir(mode=0o700, parents=True)
            kept = self._read(task.gallery.keys)
            note.write_text(json.dumps({"identity": identity, "kept": kept}))
        self._pictures = replace(self._pictures, count=len(kept))
        return _narrowed(task, np.array(kept, dtype=np.int64))

    def clear(self) -> None:
        """Delete the run's files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _identity(self, task: Task) -> str:
        digest = hashlib.sha256()
        about = [self._network.spec.fingerprint, asdict(self._whole), asdict(self._plan)]
        digest.update(json.dumps(about).encode())
        for rows in (task.gallery.keys, task.codes, *task.held):
            digest.update(np.ascontiguousarray(rows, dtype=np.int64).tobytes())
        return digest.hexdigest()

    def _read(self, keys: Keys) -> list[int]:
        """Decode pictures into the file of pixels; return the positions of those that decoded."""
        settings, side = self._engine.settings, self._whole.size_px
        check_space(self.folder, len(keys) * side * side * 3)
        kept: list[int] = []
        with (
            DecodePool(settings.catalog_limits(), settings.workers) as decoder,
            self._pictures.file.open("wb") as file,
            self._stage("reading pictures", len(keys)) as advance,
        ):
            originals = self._originals(keys)
            for batch in decoded_batches(decoder, self._whole, settings.batch_size, originals):
                for place, one in batch:
                    if isinstance(one, DecodedImage):
                        file.write(np.ascontiguousarray(one.pixels).tobytes())
                        kept.append(place)
                advance(len(batch))
        return kept

    def _originals(self, keys: Keys) -> Iterator[tuple[int, bytes]]:
        """Yield positions in `keys` and the pictures that still exist."""
        for start in range(0, len(keys), ITEMS_A_PART):
            part = keys[start : start + ITEMS_A_PART].tolist()
            found = self._engine.catalog.by_keys(part)
            for place, key in enumerate(part, start):
                if key in found:
                    with suppress(PictureNotFoundError):
                        yield place, self._engine.original(found[key])

    def trained(self, task: Task) -> Networks:
        """Train the network on the task, in turn without each part that is held out."""
        from safetensors.torch import save

        keep_freed_memory()
        size_px, plan = self._network.spec.preprocessing.size_px, self._plan
        objective = self._objective(task)
        kept = [task.without(part) for part in task.held] or [task.without()]
        streams = [self._batches(task, rows, objective.views) for rows in kept]
        held = [HeldOutPictures(self._centres(part), task.codes[part]) for part in task.held]
        with self._stage("training", int(60 * plan.minutes)) as advance:
            found = train(
                make_trainable(self._network.source.build(), size_px),
                objective,
                streams,
                plan,
                self.folder / "state.pt",
                held,
                advance,
            )
        return Networks(save(found.weights), tuple(map(save, found.judging)))

    def _batches(self, task: Task, rows: Codes, views: int) -> Batches:
        plan, size_px = self._plan, self._network.spec.preprocessing.size_px
        return batches(
            Augmented(self._pictures, size_px, views),
            Draw(rows, task.codes, product_groups(task.gallery), plan.seed),
            plan.batch_size // views,
            loader_processes(),
            plan.seed,
        )

    def _objective(self, task: Task) -> Objective:
        if not task.labelled:
            return TwoViews(len(task.codes), self._plan)
        vectors = self.features(self._network, "looking at the pictures")
        rest, codes = task.without(*task.held), task.codes
        ((mean, matrix),) = learn(vectors[rest], codes[rest], (START_SHRINKAGE,), likeness_share=0)
        projected = project(vectors, mean, matrix)
        members = [projected[rest[codes[rest] == code]] for code in range(int(codes.max()) + 1)]
        proxies = np.stack([each.mean(axis=0) for each in members])
        return ClassProxies(mean, matrix, proxies, codes, self._plan)

    def features(self, encoder: Encoder, what: str) -> Vectors:
        """Return embeddings (N, D) of the pictures by an encoder of the same preprocessing."""
        count = self._pictures.count
        found = np.empty((count, encoder.spec.dimension), dtype=np.float32)
        with self._stage(what, count) as advance:
            for start in range(0, count, FEATURES_AT_ONCE):
                rows = np.arange(start, min(start + FEATURES_AT_ONCE, count))
                found[rows] = encoder.encode(self._centres(rows))
                advance(len(rows))
        return found

    def _centres(self, rows: Codes) -> Pixels:
        """Return pictures at the encoder's size, cropped from the middle of those in the file."""
        size_px, side = self._network.spec.preprocessing.size_px, self._whole.size_px
        inner = slice((side - size_px) // 2, (side - size_px) // 2 + size_px)
        return np.ascontiguousarray(self._pictures.pixels()[rows][:, inner, inner])


def _noted(note: Path, identity: str) -> list[int] | None:
    """Return the positions of the pictures that an earlier run of the same task read."""
    try:
        found: Any = json.loads(note.read_text())
    except (OSError, ValueError):
        return None
    return list(found["kept"]) if found.get("identity") == identity else None


def _narrowed(task: Task, kept: Codes) -> Task:
    """Return the task with only these rows."""
    codes = np.arange(len(kept))
    if task.labelled:
        codes = np.unique(task.codes[kept], return_inverse=True)[1]
    held = tuple(np.flatnonzero(np.isin(kept, part)) for part in task.held)
    return Task(take(task.gallery, kept), codes, held, task.labelled)
