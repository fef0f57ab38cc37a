"""What the executor asks of Ray and Ray Data, done in one process: no machine but this, and blocks
are finished in another order than they came."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

OFFERED = {"CPU": 4.0, "object_store_memory": 1e9}


class RayDouble:
    """Stands for both modules. `lost` blocks are begun again, as after the loss of a machine.

    `asked` is what the last round asked the cluster for.
    """

    DataContext = SimpleNamespace(get_current=SimpleNamespace)

    def __init__(self, store_bytes: float = 1e9, lost: int = 0) -> None:
        self.rounds = 0
        self.asked: dict[str, Any] = {}
        self._offered = {**OFFERED, "object_store_memory": store_bytes}
        self._lost = lost

    def nodes(self) -> list[dict[str, Any]]:
        return [{"NodeID": "here", "Alive": True, "Resources": self._offered}]

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(get_node_id=lambda: "here")

    def put(self, block: Any) -> Any:
        return block

    def ActorPoolStrategy(self, **sizes: int) -> dict[str, int]:  # noqa: N802 - Ray's name
        return sizes

    def from_arrow_refs(self, blocks: list[Any]) -> "Blocks":
        self.rounds += 1
        return Blocks(blocks, self._lost, self.asked)


class Blocks:
    def __init__(self, blocks: list[Any], lost: int, asked: dict[str, Any]) -> None:
        self._blocks, self._lost, self._asked = blocks, lost, asked

    def map_batches(
        self,
        worker: Callable[..., Callable[[dict[str, Any]], dict[str, list[str]]]],
        fn_constructor_args: tuple[Any, ...],
        **asked: Any,
    ) -> "Blocks":
        self._asked.update(asked)
        self._worker = worker(*fn_constructor_args)
        return self

    def iter_rows(self) -> Iterator[dict[str, str]]:
        for number, block in enumerate(reversed(self._blocks)):
            columns = {name: block.column(name).to_pylist() for name in block.column_names}
            for _ in range(1 + (number < self._lost)):
                told = self._worker(columns)
            yield {name: values[0] for name, values in told.items()}
