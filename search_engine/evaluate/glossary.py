"""Names of the measures, and one plain sentence on each.

The report uses them; comparisons and bars need to know which direction is better.
"""

from dataclasses import dataclass
from typing import Literal

Part = Literal["classes", "trust", "ranking", "serving", "unknown", "multilabel"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure explained for people; `{k}` in a text is the number behind the @ of its name.

    `for_one` is the sentence if that number is 1.
    """

    name: str
    title: str
    sentence: str
    part: Part
    lower_is_better: bool = False
    unit: Literal["share", "ms", "number"] = "share"
    for_one: str | None = None


MEASURES = (
    Measure(
        "accuracy", "Accuracy",
        "Of 100 photos, so many get exactly the right class; giving no answer counts as wrong.",
        "classes",
    ),
    Measure(
        "easy_accuracy", "Accuracy beside what looks alike",
        "The same where photos of one thing may find each other, as photos to come cannot.",
        "classes",
    ),
    Measure(
        "baseline_accuracy", "Always the same answer",
        "The accuracy of always naming the most frequent class: what is to be beaten.",
        "classes",
    ),
    Measure(
        "balanced_accuracy", "Balanced accuracy",
        "Accuracy when every class counts the same, however few photos of it there are.",
        "classes",
    ),
    Measure(
        "top5_accuracy", "Top-5 accuracy",
        "How often the right class is among the five with the most votes.",
        "classes",
    ),
    Measure(
        "macro_precision", "Precision, mean of the classes",
        "When a class is named, how often that is right; every class counts the same.",
        "classes",
    ),
    Measure(
        "macro_recall", "Recall, mean of the classes",
        "Of the photos of a class, the share that gets that class; every class counts the same.",
        "classes",
    ),
    Measure(
        "macro_f1", "F1, mean of the classes",
        "Precision and recall in one number, low as soon as one of them is; classes count alike.",
        "classes",
    ),
    Measure(
        "weighted_precision", "Precision, by size of class",
        "When a class is named, how often that is right; frequent classes count more.",
        "classes",
    ),
    Measure(
        "weighted_recall", "Recall, by size of class",
        "The share of photos that gets its class; frequent classes count more, which is accuracy.",
        "classes",
    ),
    Measure(
        "weighted_f1", "F1, by size of class",
        "Precision and recall in one number; frequent classes count more.",
        "classes",
    ),
    Measure(
        "hierarchical_precision", "Precision along the paths",
        "Of all parts of the predicted paths, the share that is right: a near miss costs little.",
        "classes",
    ),
    Measure(
        "hierarchical_recall", "Recall along the paths",
        "Of all parts of the true paths, the share that was predicted.",
        "classes",
    ),
    Measure(
        "hierarchical_f1", "F1 along the paths",
        "Precision and recall along the paths in one number.",
        "classes",
    ),
    Measure(
        "roc_auc", "ROC-AUC",
        "Of a photo of a class and one of another, how often the first has more votes for that "
        "class; 50 % is guessing.",
        "classes",
    ),
    Measure(
        "pr_auc", "PR-AUC",
        "Precision averaged over all recalls, mean of the classes: harder than ROC-AUC where "
        "classes are rare.",
        "classes",
    ),
    Measure(
        "coverage", "Coverage",
        "The share of photos that get an answer at all.",
        "trust",
    ),
    Measure(
        "answered_accuracy",
        "Accuracy of the answers",
        "Of the answers that are given, the share that is right, as far as each goes.",
        "trust",
    ),
    Measure(
        "ece", "Calibration error (ECE)",
        "How far the stated confidence is from how often it is right, on average; 0 % is honest.",
        "trust", lower_is_better=True,
    ),
    Measure(
        "ece_expected",
        "The same if perfect",
        "What even a perfectly honest confidence would show on so many photos, by chance alone.",
        "trust",
        lower_is_better=True,
    ),
    Measure(
        "brier", "Brier score",
        "The squared gap between confidence and outcome: small when answers are right and sure, "
        "or wrong and unsure.",
        "trust", lower_is_better=True, unit="number",
    ),
    Measure(
        "coverage_at_95", "Coverage at 95 % accuracy",
        "Keeping only the surest answers until 95 % of them are right: the share of photos that "
        "is left, and needs no second look.",
        "trust",
    ),
    Measure(
        "hit_rate", "Hit rate@{k}",
        "How often something of the same class is among the first {k} results.",
        "ranking",
        for_one="How often the first result is of the same class.",
    ),
    Measure(
        "precision", "Precision@{k}",
        "Of the first {k} results, the share that is of the same class.",
        "ranking",
        for_one="How often the first result is of the same class.",
    ),
    Measure(
        "recall", "Recall@{k}",
        "Of all items of the same class, the share that is among the first {k} results: low by "
        "nature where a class has more than {k} items.",
        "ranking",
        for_one="The share of all items of the same class that the first result is: low by nature.",
    ),
    Measure(
        "map", "mAP",
        "How far the items of the same class stand ahead of all others in the whole ranking; "
        "100 % means every one of them comes first.",
        "ranking",
    ),
    Measure(
        "map@", "mAP@{k}",
        "The same as mAP, looking at the first {k} results only.",
        "ranking",
    ),
    Measure(
        "ndcg", "nDCG",
        "Like mAP, but a place near the top counts a little more than one further down.",
        "ranking",
    ),
    Measure(
        "ndcg@", "nDCG@{k}",
        "Like nDCG, looking at the first {k} results only.",
        "ranking",
    ),
    Measure(
        "r_precision", "R-precision",
        "Looking at as many results as there are items of the class: the share that is of it.",
        "ranking",
    ),
    Measure(
        "mrr", "MRR",
        "One divided by the place of the first good result, on average: 100 % means it is always "
        "the first, 50 % the second.",
        "ranking",
    ),
    Measure(
        "index_recall", "Index recall@{k}",
        "Of the {k} truly most similar items, the share that the fast index finds too.",
        "serving",
        for_one="How often the fast index, too, puts the truly most similar item first.",
    ),
    Measure(
        "search_p50_ms", "Search time, typical",
        "Half of the searches in the index take less.",
        "serving", lower_is_better=True, unit="ms",
    ),
    Measure(
        "search_p95_ms", "Search time, slow",
        "Of 100 searches in the index, 95 take less.",
        "serving", lower_is_better=True, unit="ms",
    ),
    Measure(
        "photo_p50_ms", "Photo to results, typical",
        "Half of the photos are read, embedded and searched in less.",
        "serving", lower_is_better=True, unit="ms",
    ),
    Measure(
        "photo_p95_ms", "Photo to results, slow",
        "Of 100 photos, 95 are read, embedded and searched in less.",
        "serving", lower_is_better=True, unit="ms",
    ),
    Measure(
        "unknown_auroc", "Telling unknown classes (AUROC)",
        "Of a photo of a known class and one of a class the catalog lacks, how often the first is "
        "closer to the catalog; 50 % is guessing.",
        "unknown",
    ),
    Measure(
        "unknown_auroc_confidence", "The same, by confidence",
        "As before, telling them apart by the confidence of the answer.",
        "unknown",
    ),
    Measure(
        "unknown_auroc_familiarity",
        "The same, by both",
        "As before, by the similarity of the nearest item and the agreement of the votes together.",
        "unknown",
    ),
    Measure(
        "unknown_fpr@95", "Unknown let through",
        "Setting the bar so that 95 % of the known photos pass: the share of unknown ones that "
        "pass too.",
        "unknown", lower_is_better=True,
    ),
    Measure(
        "micro_precision", "Precision of values",
        "Of all values that were named, the share that is right.",
        "multilabel",
    ),
    Measure(
        "micro_recall", "Recall of values",
        "Of all values that pictures have, the share that was named.",
        "multilabel",
    ),
    Measure(
        "micro_f1", "F1 over all values",
        "Precision and recall in one number; frequent values count more.",
        "multilabel",
    ),
    Measure(
        "samples_f1", "F1, mean of the pictures",
        "How well each picture's own list of values was hit, on average.",
        "multilabel",
    ),
    Measure(
        "label_map", "mAP of values",
        "How far the pictures with a value stand ahead of those without it, mean of the values.",
        "multilabel",
    ),
)  # fmt: skip

_BY_NAME = {measure.name: measure for measure in MEASURES}


def describe(key: str) -> Measure | None:
    """Look up the measure of a key such as `accuracy` or `hit_rate@10`; None if unknown."""
    exact = _BY_NAME.get(key)
    if exact is not None:
        return exact
    name, at, k = key.partition("@")
    found = _BY_NAME.get(f"{name}@") or _BY_NAME.get(name)
    if found is None or not at or not k.isdigit():
        return None
    return Measure(
        key,
        found.title.format(k=k),
        found.for_one if k == "1" and found.for_one else found.sentence.format(k=k),
        found.part,
        found.lower_is_better,
        found.unit,
    )


def lower_is_better(key: str) -> bool:
    """Return whether lower values of a measure are better."""
    measure = describe(key)
    return measure is not None and measure.lower_is_better
