"""The network of OpenCLIP that reads texts; it runs in torch, float32."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from search_engine import forks
from search_engine.encoders.base import unit_rows
from search_engine.encoders.torch_imports import import_open_clip
from search_engine.errors import MissingExtraError, ParameterError
from search_engine.records import Vectors

KEPT = 4_096
"""Embeddings of recent texts: labels, and words while somebody types, are asked for again."""


class TextTower:
    """Reads texts; built when the first one is to be read. Thread-safe."""

    def __init__(self, architecture: str, name: str, build: Callable[[], Any]) -> None:
        """`build` makes the whole network; `name` is that of its encoder, for errors."""
        self._architecture = architecture
        self._name = name
        self._build = build
        self._torn = False
        self._begin()
        forks.follow(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._recent: OrderedDict[str, Vectors] = OrderedDict()

    def before_fork(self) -> None:
        """See Follower."""

    def after_fork(self, torn: bool) -> None:
        """See Follower."""
        self._torn = torn
        self._begin()

    @property
    def logit_scale(self) -> float:
        """See TextEncoder."""
        with forks.gate, self._lock:
            return float(self._network.logit_scale.exp())

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See TextEncoder."""
        forks.check_whole(self._torn)
        with forks.gate, self._lock:
            new = [text for text in dict.fromkeys(texts) if text not in self._recent]
            found = {**self._recent, **dict(zip(new, self._encoded(new), strict=True))}
            for text in texts:
                self._recent.pop(text, None)
                self._recent[text] = found[text]
            while len(self._recent) > KEPT:
                self._recent.popitem(last=False)
            return np.concatenate(
                [np.empty((0, self._width), np.float32), *(found[text] for text in texts)]
            )

    def _encoded(self, texts: Sequence[str]) -> list[Vectors]:
        """Rows (1, D)."""
        if not texts:
            return []
        import torch

        for text in texts:
            self._check(text)
        with torch.inference_mode():
            features = self._network.encode_text(self._tokenizer(list(texts)))
        rows = unit_rows(features.float().numpy())
        return [row[None] for row in rows]

    def _check(self, text: str) -> None:
        """Refuse a text whose end would not be read.

        Raises:
            ParameterError: It is too long, or there are no words.
        """
        if not text.strip():
            raise ParameterError(
                "there are no words in the text", where="text", fix="say something"
            )
        tokenizer = self._tokenizer
        inner = getattr(tokenizer, "tokenizer", None)
        read = tokenizer.encode(text) if inner is None else inner(text)["input_ids"]
        most = tokenizer.context_length - (
            2 if inner is None else 0
        )  # where begin and end are told
        if len(read) > most:
            raise ParameterError(
                f"the text has {len(read):,} tokens, and {self._name} reads {most:,}",
                where="text",
                fix="say it in fewer words",
            )

    @cached_property
    def _network(self) -> Any:
        network = self._build()
        del network.visual  # pictures are seen elsewhere
        return network

    @cached_property
    def _tokenizer(self) -> Any:
        try:
            return import_open_clip().get_tokenizer(self._architecture)
        except ImportError as error:
            raise MissingExtraError(
                f"{self._name} splits texts by a package that is not installed: {error.name}",
                fix="pip install transformers sentencepiece, or take an encoder that needs none, "
                "such as open_clip:ViT-B-32.laion2b_s34b_b79k",
            ) from error

    @property
    def _width(self) -> int:
        return int(import_open_clip().get_model_config(self._architecture)["embed_dim"])
