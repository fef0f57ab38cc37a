"""The size and the shape of the code: what a reader has to get through, and what goes in circles.

    python -m benchmarks.structure [--json] [--long N]

Lines, modules and functions of each package; how long they are; functions with many parameters;
modules and sub-packages that import each other; blocks of lines that stand in two places. Nothing
is imported, the files are only read. Imports count wherever they stand, also inside functions and
under `TYPE_CHECKING`, since a reader meets them all the same.
"""

import argparse
import ast
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).parents[1]
PACKAGES = ("search_engine", "indexer", "api", "benchmarks", "data", "tests")
NOT_MEASURED_WITH_THE_REST = ("tests",)
LONG_FUNCTION = 40
LONG_MODULE = 400
MANY_PARAMETERS = 7
BLOCK_LINES = 6
"""So many equal lines in two places are a block that was written twice."""

Graph = Mapping[str, set[str]]


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method: where it stands, how many lines it has and what it takes."""

    name: str
    lines: int
    parameters: int


@dataclass(frozen=True, slots=True)
class Module:
    """A module, read from its file."""

    name: str
    lines: int
    code: tuple[str, ...]
    functions: tuple[Function, ...]
    imports: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is of a package, and how long its pieces are, in lines."""

    lines: int
    modules: int
    median_module: float
    longest_module: str
    median_function: float
    ninety_percent_function: float
    longest_function: str
    long_functions: int
    many_parameters: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--long", type=int, default=10, help="how many of the longest to name")
    given = parser.parse_args()
    modules = read_modules(ROOT)
    found = structure(modules)
    print(json.dumps(found, indent=2) if given.json else as_text(found, modules, given.long))


def structure(modules: Mapping[str, Module]) -> dict[str, object]:
    """All figures, as values that JSON knows."""
    by_package = defaultdict(list)
    for module in modules.values():
        by_package[module.name.partition(".")[0]].append(module)
    product = [m for name, m in modules.items() if not name.startswith(NOT_MEASURED_WITH_THE_REST)]
    graph = {module.name: set(module.imports) for module in product}
    return {
        "all but tests": asdict(sizes(product)),
        **{package: asdict(sizes(by_package[package])) for package in by_package},
        "module_cycles": cycles(graph),
        "package_cycles": cycles(package_graph(graph)),
        "duplicated_blocks": [list(pair) for pair in duplicated_blocks(product)],
    }


def read_modules(root: Path, packages: Iterable[str] = PACKAGES) -> dict[str, Module]:
    """The modules of packages below a folder, by dotted name."""
    files = {
        _dotted(path.relative_to(root)): path
        for package in packages
        for path in sorted((root / package).rglob("*.py"))
    }
    return {name: _read(name, path, files) for name, path in files.items()}


def sizes(modules: Iterable[Module]) -> Sizes:
    """How much there is and how long the pieces are."""
    modules = sorted(modules, key=lambda module: module.lines)
    functions = sorted(
        (each for module in modules for each in module.functions), key=lambda each: each.lines
    )
    lengths = [each.lines for each in functions] or [0]
    return Sizes(
        lines=sum(module.lines for module in modules),
        modules=len(modules),
        median_module=median(module.lines for module in modules),
        longest_module=f"{modules[-1].name}: {modules[-1].lines}",
        median_function=median(lengths),
        ninety_percent_function=quantiles(lengths, n=10)[-1] if len(lengths) > 1 else lengths[0],
        longest_function=f"{functions[-1].name}: {functions[-1].lines}" if functions else "",
        long_functions=sum(length > LONG_FUNCTION for length in lengths),
        many_parameters=sum(each.parameters >= MANY_PARAMETERS for each in functions),
    )


def package_graph(graph: Graph) -> dict[str, set[str]]:
    """What the parts of each package import of each other: its sub-packages and its modules."""
    parts: dict[str, set[str]] = defaultdict(set)
    for name, imported in graph.items():
        for other in imported:
            mine, theirs = _part(name), _part(other)
            if mine != theirs and "." in mine and "." in theirs:
                parts[mine].add(theirs)
    return parts


def cycles(graph: Graph) -> list[list[str]]:
    """The groups that reach each other: strongly connected components of more than one node.

    R. Tarjan, "Depth-first search and linear graph algorithms", SIAM J. Computing 1, 1972; here by
    two walks, forwards and backwards, which is short and fast enough.
    """
    backwards: dict[str, set[str]] = defaultdict(set)
    for node, others in graph.items():
        for other in others:
            backwards[other].add(node)
    left, found = set(graph), []
    while left:
        start = min(left)
        circle = reached(start, graph, left) & reached(start, backwards, left)
        left -= circle
        if len(circle) > 1:
            found.append(sorted(circle))
    return found


def reached(start: str, graph: Graph, among: set[str]) -> set[str]:
    """The nodes that can be walked to, the first one included."""
    seen, waiting = {start}, [start]
    while waiting:
        for other in graph.get(waiting.pop(), ()):
            if other in among and other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def duplicated_blocks(modules: Iterable[Module]) -> list[tuple[str, str]]:
    """Pairs of places, `module:line`, that share six or more lines of code, the longest once."""
    places: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for module in modules:
        numbered = [(number, text) for number, text in enumerate(module.code, 1) if text]
        for start in range(len(numbered) - BLOCK_LINES + 1):
            block = numbered[start : start + BLOCK_LINES]
            places[tuple(text for _, text in block)].append((module.name, block[0][0]))
    pairs = sorted({tuple(found[:2]) for found in places.values() if len(found) > 1})
    return [(f"{a}:{x}", f"{b}:{y}") for (a, x), (b, y) in _first_of_runs(pairs)]


def as_text(found: Mapping[str, object], modules: Mapping[str, Module], longest: int) -> str:
    """The figures as a table, with the longest pieces by name."""
    lines = [f"{'':22}{'lines':>8}{'modules':>9}{'function: median, 90 %, longest':>60}"]
    for name, each in found.items():
        if isinstance(each, dict):
            shape = f"{each['median_function']:g}, {each['ninety_percent_function']:g}"
            lines.append(
                f"{name:22}{each['lines']:8,}{each['modules']:9,}   {shape}, "
                f"{each['longest_function']}; over {LONG_FUNCTION} lines "
                f"{each['long_functions']}, {MANY_PARAMETERS} or more parameters "
                f"{each['many_parameters']}"
            )
    for name in ("module_cycles", "package_cycles", "duplicated_blocks"):
        listed = found[name]
        assert isinstance(listed, list)
        lines.append(f"\n{name.replace('_', ' ')}: {len(listed)}")
        lines += [f"  {', '.join(each)}" for each in listed]
    product = [m for name, m in modules.items() if not name.startswith(NOT_MEASURED_WITH_THE_REST)]
    functions = [each for module in product for each in module.functions]
    lengths = {
        "modules": [(module.lines, module.name) for module in product],
        "functions": [(each.lines, each.name) for each in functions],
    }
    for title, pieces in lengths.items():
        lines.append(f"\nlongest {title}")
        lines += [f"  {count:4} {name}" for count, name in sorted(pieces, reverse=True)[:longest]]
    return "\n".join(lines)


def _read(name: str, path: Path, files: Mapping[str, Path]) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    return Module(
        name=name,
        lines=text.count("\n"),
        code=tuple(_code_lines(text, tree)),
        functions=tuple(_functions(name, tree)),
        imports=frozenset(_imports(tree, files)) - {name},
    )


def _functions(module: str, tree: ast.AST, inside: str = "") -> Iterator[Function]:
    for node in ast.iter_child_nodes(tree):
        name = getattr(node, "name", None)
        below = f"{inside}.{name}" if isinstance(name, str) else inside
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            taken = node.args
            count = len(taken.posonlyargs) + len(taken.args) + len(taken.kwonlyargs)
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Function(f"{module}{below}", lines, count)
        yield from _functions(module, node, below)


def _imports(tree: ast.AST, files: Mapping[str, Path]) -> Iterator[str]:
    """Modules of ours that are imported anywhere in the code, the most exact name of each."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                exact = f"{node.module}.{alias.name}"
                if exact in files or node.module in files:
                    yield exact if exact in files else node.module


def _code_lines(text: str, tree: ast.AST) -> list[str]:
    """Lines without indentation; empty where there is an import, a docstring or a comment."""
    lines = [line.strip() for line in text.splitlines()]
    for node in ast.walk(tree):
        if _is_text(node) or isinstance(node, ast.Import | ast.ImportFrom):
            assert isinstance(node, ast.stmt)
            first, last = node.lineno, node.end_lineno or node.lineno
            lines[first - 1 : last] = [""] * (last - first + 1)
    return ["" if line.startswith("#") else line for line in lines]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _first_of_runs(
    pairs: Iterable[tuple[tuple[str, int], ...]],
) -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
    """Of pairs that go on line by line, the first: they are one block longer than the least."""
    ends: Counter[tuple[str, str]] = Counter()
    for (one, line), (other, place) in pairs:
        if line > ends[one, other] + BLOCK_LINES or ends[one, other] == 0:
            yield (one, line), (other, place)
        ends[one, other] = line


def _part(name: str) -> str:
    return ".".join(name.split(".")[:2])


def _dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


if __name__ == "__main__":
    main()
