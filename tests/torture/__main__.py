"""Measure the goals of reliability and print what was reached; fail if one was missed.

`python -m tests.torture --scale 0.1 --only G1 G6` makes a tenth of the tries of two of them.
"""

import argparse
import secrets
import sys
import time
import traceback

from tests.torture.goals import Goal, Reached, all_goals

ROW = "{:<5} {:<9} {:>8} {}"


def main() -> int:
    """Measure what the arguments ask for; the exit code is 1 if a target was missed."""
    asked = _arguments()
    seed = secrets.randbelow(2**31) if asked.seed is None else asked.seed
    goals = [each for each in all_goals() if not asked.only or each.name in asked.only]
    if not goals:
        print("no goal of that name", file=sys.stderr)
        return 2
    print(f"seed {seed}, scale {asked.scale:g}", flush=True)
    rows = []
    for goal in goals:
        print(f"{goal.name} ...", file=sys.stderr, flush=True)
        rows.append((goal, *_measured(goal, asked.scale, seed)))
    print(ROW.format("goal", "", "seconds", "target | reached"))
    for goal, reached, seconds in rows:
        told = f"{goal.target} | {reached.figures}"
        print(ROW.format(goal.name, "reached" if reached.ok else "MISSED", f"{seconds:.1f}", told))
    return 0 if all(reached.ok for _, reached, _ in rows) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.torture")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the published tries")
    parser.add_argument("--seed", type=int, help="repeat the tries of an earlier run")
    parser.add_argument("--only", nargs="+", metavar="GOAL", help="names of goals, as G1")
    return parser.parse_args()


def _measured(goal: Goal, scale: float, seed: int) -> tuple[Reached, float]:
    """What a goal came to and how long that took; a goal that breaks off is missed."""
    started = time.monotonic()
    try:
        reached = goal.measure(scale, seed)
    except Exception as error:  # noqa: BLE001 - the other goals are still measured
        traceback.print_exc()
        reached = Reached(False, f"broke off: {type(error).__name__}: {error}"[:200])
    return reached, time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
