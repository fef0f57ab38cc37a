"""The verbs `eyedex rerank ...`: a better order of results, learned from feedback."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.exits import Exit
from api.cli.options import CollectionOption, DataOption, JsonOption, open_engine
from api.cli.recording import recorded, told
from api.cli.terminal.output import print_json, print_table
from api.cli.terminal.wording import counted

if TYPE_CHECKING:
    from search_engine.search.rerank.learned import Reranker

rerank = typer.Typer(
    help="Learn the order of results from feedback.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@rerank.command("learn")
def learn(
    data: DataOption = None,
    collection: CollectionOption = "default",
    force: Annotated[
        bool, typer.Option("--force", help="Use it even if it is not found better.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only measure what it would bring.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Learn an order from what people chose; searches have it with `--rerank learned`.

    What is learned has to prove itself on queries that it did not learn from, and is refused when
    it is not better. `eyedex rerank undo` goes back.
    """
    from indexer.feedback.reranking import learn_reranker

    with (
        open_engine(data) as engine,
        recorded(engine.settings, collection, "rerank", dry_run=dry_run, force=force) as running,
    ):
        learned = learn_reranker(
            engine, collection, force=force, dry_run=dry_run, stage=told(running)
        )
        running.result = learned.summary()
    if as_json:
        print_json(learned.summary())
    else:
        _print(learned.reranker)
        print(_said(learned.judged.accepted, learned.used, dry_run))
    if not (learned.used or dry_run):
        raise typer.Exit(Exit.BELOW_BAR)


@rerank.command("undo")
def undo(
    data: DataOption = None, collection: CollectionOption = "default", as_json: JsonOption = False
) -> None:
    """Go back to the order that was learned before, or to none."""
    from indexer.feedback.reranking import reranker_json, undo_learning

    with open_engine(data) as engine:
        former = undo_learning(engine, collection)
    if as_json:
        print_json({"current": reranker_json(former)})
    else:
        print("the order before is in use again" if former else "no learned order is in use")


@rerank.command("show")
def show(
    data: DataOption = None, collection: CollectionOption = "default", as_json: JsonOption = False
) -> None:
    """Show the learned order that is in use, if there is one."""
    from indexer.feedback.reranking import learned_order, reranker_json

    with open_engine(data) as engine:
        found = learned_order(engine, collection)
    if as_json:
        print_json({"current": reranker_json(found)})
    elif found is None:
        print("no learned order is in use")
    else:
        _print(found)


def _print(reranker: "Reranker") -> None:
    standing, facts = reranker.facts["standing"], reranker.facts
    print_table(("feature", "weight"), [(n, round(w, 3)) for n, w in reranker.weights.items()])
    low, high = standing["difference"]
    print(
        f"what was chosen stood before {standing['before']:.3f} of what was shown beside it on "
        f"held-out queries, and stands before {standing['after']:.3f} now "
        f"(95 % of samples: {low:+.3f} to {high:+.3f}); "
        f"{counted(facts['impressions'], 'visit')}, {facts['queries']:,} queries"
    )


def _said(accepted: bool, used: bool, dry_run: bool) -> str:
    if used:
        return "searches have it with rerank=learned" + ("" if accepted else " (not found better)")
    return "it is better" if accepted and dry_run else "it is not found better, and is not used"
