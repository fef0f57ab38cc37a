"""Findings and advice in plain words, for readers who do not know the measures."""

from collections import Counter
from collections.abc import Iterator

from search_engine.evaluate import classification
from search_engine.evaluate.evaluation import SURE, Evaluation
from search_engine.evaluate.results import Answers
from search_engine.evaluate.run import Run
from search_engine.evaluate.stress.run import ADVERSARIAL, Stress, StressRow

FEW_PICTURES = 10
FEW_LABELS = 5
LOW_RECALL = 0.7
CLEAR_GAP = 0.03
CLEAR_DROP = 0.05


def summary(run: Run) -> list[str]:
    """Return the findings, most important first, one or two sentences each."""
    return [*_classes(run), *_strangers(run), *_ranking(run), *_trust(run.found), *_further(run)]


def advice(run: Run) -> list[str]:
    """Suggest what would improve the figures."""
    found = run.found.answers
    if found is None:
        return []
    return [*_rare_classes(run, found), *_mixed_up(run), *_bar_to_set(run), *_hard_photos(run)]


def percent(value: float, decimals: int = 0) -> str:
    """Format a share in percent, with a non-breaking space."""
    return f"{value * 100:.{decimals}f}\u00a0%"


def _classes(run: Run) -> Iterator[str]:
    measures, count = run.measures, run.measures["queries"]
    if run.found.answers is None:
        yield (
            f"{percent(measures['accuracy'])} of {count:,} pictures got exactly their values. Of "
            f"the values that were named, {percent(measures['micro_precision'])} are right; of "
            f"those that the pictures have, {percent(measures['micro_recall'])} were named."
        )
        return
    right, holding = int(run.found.answers.correct.sum()), int(run.found.answers.holds.sum())
    text = f"{right:,} of {count:,} photos ({percent(measures['accuracy'])}) got the right class."
    if span := run.intervals.get("accuracy"):
        text += (
            f" With other photos of the same kind, expect between {percent(span.low)} and "
            f"{percent(span.high)}."
        )
    if holding > right:
        text += f" {percent((holding - right) / count)} more got one that is right but less exact."
    frequent, _ = Counter(run.found.answers.truth).most_common(1)[0]
    yield (
        f"{text} Always answering “{frequent}” would be right in "
        f"{percent(measures['baseline_accuracy'])}."
    )


def _strangers(run: Run) -> Iterator[str]:
    count = run.measures.get("not_in_catalog", 0)
    if not count:
        return
    named = "; ".join(str(one).replace("`", "") for one in run.unknown_labels[:FEW_LABELS])
    more = len(run.unknown_labels) - FEW_LABELS
    yield (
        f"{count:,} photos have a label that the catalog does not have, and are left out of all "
        f"other figures; {run.measures['not_in_catalog_refused']:,} of them were rightly refused. "
        f"{named}{f', and {more:,} more' if more > 0 else ''}."
    )


def _ranking(run: Run) -> Iterator[str]:
    first, ten = run.measures["hit_rate@1"], run.measures["hit_rate@10"]
    if first is None:
        yield "No photo has anything of its class in the catalog, so there is no ranking to judge."
        return
    yield (
        f"For {percent(first)} of the photos the very first result is of the same class; for "
        f"{percent(ten)} at least one of the first ten is."
    )


def _trust(found: Evaluation) -> Iterator[str]:
    if found.answers is None or not found.answers.answered.any():
        return
    answered = found.answers.answered
    sure = float(found.answers.confidence[answered].mean())
    right = float(found.answers.holds[answered].mean())
    if abs(sure - right) < CLEAR_GAP:
        yield (
            f"On average the stated confidence is honest: {percent(sure)} stated, "
            f"{percent(right)} right."
        )
    else:
        how = "too sure of itself" if sure > right else "more often right than it says"
        yield f"The system is {how}: {percent(sure)} stated on average, {percent(right)} right."
    kept = classification.coverage_of(found.answers).coverage_at(SURE)
    if kept > 0:
        yield (
            f"Keeping only the surest answers, {percent(kept)} of the photos can be classified "
            f"with {percent(SURE)} of them right; the others are for a second look."
        )
    else:
        yield f"No bar on the confidence makes {percent(SURE)} of the answers right."


def _further(run: Run) -> Iterator[str]:
    recall = run.measures.get("index_recall@10")
    if recall is not None and recall < 1:
        yield f"The fast index finds {percent(recall, 1)} of the ten truly nearest items."
    if run.unknown is not None:
        yield (
            f"With {len(run.unknown.classes)} classes taken out of the catalog, a photo of a known "
            "class is closer to it than one of an unknown class in "
            f"{percent(run.unknown.auroc)} of all pairs ({percent(0.5)} would be guessing)."
        )
    if run.stress is not None:
        yield from _under_stress(run.stress)
    if run.comparison is not None:
        yield _compared(run)


def _under_stress(found: Stress) -> Iterator[str]:
    worst = max(_mishaps(found), key=lambda row: row.drop)
    yield (
        f"Of the difficulties tried, “{worst.name}” hurts most: accuracy falls from "
        f"{percent(found.accuracy)} to {percent(worst.accuracy)} ({worst.amount})."
    )
    attacks = [row for row in found.rows if row.family == ADVERSARIAL]
    if attacks:
        lowest = min(attacks, key=lambda row: row.accuracy)
        yield (
            "Changes too small to be seen, computed by somebody who knows the encoder, bring it "
            f"to {percent(lowest.accuracy)}: do not rely on it where people want to deceive it."
        )


def _mishaps(found: Stress) -> list[StressRow]:
    """Return the difficulties that happen to photos, without the attack."""
    return [row for row in found.rows if row.family != ADVERSARIAL]


def _compared(run: Run) -> str:
    assert run.comparison is not None
    by_name = {one.measure: one for one in run.comparison.differences}
    one = by_name.get("accuracy")
    if one is None:
        return f"Compared with {run.comparison.name}, no measure is in both runs."
    told = {
        "better": "That is more than chance explains: better.",
        "worse": "That is more than chance explains: worse.",
        "no clear difference": "Chance alone could have done that.",
        "not tested": "Whether that is chance, the earlier run does not tell.",
    }[one.verdict]
    return (
        f"Compared with {run.comparison.name}, accuracy went from {percent(one.before, 1)} to "
        f"{percent(one.now, 1)}. {told}"
    )


def _rare_classes(run: Run, found: Answers) -> Iterator[str]:
    pictures = Counter(label for label in run.found.gallery.labels if label)
    poor = [
        one.label
        for one in classification.per_class(found)
        if pictures[one.label] < FEW_PICTURES and one.recall < LOW_RECALL
    ]
    if poor:
        named = ", ".join(f"“{label}”" for label in poor[:5]) + (", …" if len(poor) > 5 else "")
        yield (
            f"Add pictures: {len(poor)} of the classes that are found in fewer than "
            f"{percent(LOW_RECALL)} of the cases have fewer than {FEW_PICTURES} in the catalog "
            f"({named})."
        )


def _mixed_up(run: Run) -> Iterator[str]:
    if run.confusions:
        worst = run.confusions[0]
        yield (
            f"Look at “{worst.truth}” taken for “{worst.predicted}” ({worst.count} photos) below: "
            "are the labels right, and do these classes look different at all?"
        )


def _bar_to_set(run: Run) -> Iterator[str]:
    assert run.found.answers is not None
    curve = classification.coverage_of(run.found.answers)
    good = curve.accuracy >= SURE
    if good.any() and not good.all():
        bar = float(curve.threshold[good].min())
        yield (
            f"To be right in {percent(SURE)} of the answers, accept those with a confidence of at "
            f"least {bar:.2f}."
        )


def _hard_photos(run: Run) -> Iterator[str]:
    if run.stress is None:
        return
    slight = [row for row in _mishaps(run.stress) if row.strength == 0 and row.drop > CLEAR_DROP]
    if slight:
        row = max(slight, key=lambda one: one.drop)
        yield (
            f"Even slight trouble of the kind “{row.name}” ({row.amount}) costs "
            f"{row.drop * 100:.0f} points: ask for photos without it, or crop them."
        )
