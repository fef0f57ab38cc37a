"""Labels as shops write them become paths, by the separator that the whole column uses."""

import pytest

from indexer.sources.label_paths import LabelEvidence, LabelPaths, label_notes, levels_of


def separator(*labels: str) -> str | None:
    evidence = LabelEvidence()
    for label in labels:
        evidence.take(label)
    return evidence.separator()


@pytest.mark.parametrize(
    ("labels", "mark"),
    [
        (["Home > Mugs", "Toys"], ">"),
        (["Home>Mugs"], ">"),
        (["Home >> Mugs"], ">>"),
        (["Home » Mugs"], "»"),
        (["Home | Mugs", "Home | Plates"], "|"),
        (["Home|Mugs"], "|"),
        (["Home > Mugs | Cups"], ">"),
        (["Monitors >24 inch", "Home > Mugs"], None),
        (["Home / Mugs"], None),
        (["Home/Mugs", "Toys"], None),
        ([">", "a > "], None),
    ],
)
def test_a_separator_is_used_throughout(labels: list[str], mark: str | None) -> None:
    assert separator(*labels) == mark


@pytest.mark.parametrize(
    ("cell", "levels"),
    [
        (["Home", "Mugs"], ["Home", "Mugs"]),
        ([["Sale"], ["Home", "Mugs"], ["Home", "Cups"]], ["Home", "Mugs"]),
        ("Home > Mugs", None),
        ([], None),
        (["Home", 3], None),
        ([["Home"], "Mugs"], None),
        ([{"name": "Mugs"}], None),
        (None, None),
    ],
)
def test_a_list_of_texts_has_the_levels_of_a_label(cell: object, levels: list[str] | None) -> None:
    assert levels_of(cell) == levels


def test_what_becomes_of_a_list_is_told() -> None:
    evidence = LabelEvidence()
    evidence.take_all([None, "Toys > Bears", ["Home", "Cups/Mugs"]])
    assert label_notes("category", evidence, evidence.separator()) == [
        'category: ["Home", "Cups/Mugs"] becomes the label Home/Cups - Mugs',
        'category: "Toys > Bears" becomes the label Toys/Bears',
    ]


@pytest.mark.parametrize(
    ("mark", "label", "path"),
    [
        (">", "Home > Kitchen > Mugs", "Home/Kitchen/Mugs"),
        (">", "Home > Cups/Mugs", "Home/Cups - Mugs"),
        (">", "Home > > Mugs", "Home/Mugs"),
        (None, "Home / Kitchen/Mugs", "Home/Kitchen/Mugs"),
        ("/", "Home / Mugs", "Home/Mugs"),
        (":", "Home:Mugs", "Home/Mugs"),
        (" - ", "Home - Mugs", "Home/Mugs"),
    ],
)
def test_labels_become_paths(mark: str | None, label: str, path: str) -> None:
    assert LabelPaths(mark).path(label) == path


def test_notes_say_what_became_of_labels() -> None:
    evidence = LabelEvidence()
    for label in ("Home > Mugs", "Home > Cups/Mugs", "Toys"):
        evidence.take(label)
    assert label_notes("category", evidence, ">") == [
        'category: "Home > Mugs" becomes the label Home/Mugs',
        "category: a slash within a level becomes a dash, as in Home/Cups - Mugs (1)",
    ]
    assert label_notes("category", evidence, "/") == []


def test_labels_with_other_separators_than_the_column_has_are_told() -> None:
    evidence = LabelEvidence()
    for label in ("Home » Mugs", "Home > Cups", "Home>Jugs", "Home/Plates"):
        evidence.take(label)
    assert label_notes("category", evidence, evidence.separator()) == [
        'category: > separates no levels, as in "Home > Cups" (2)',
        'category: "Home » Mugs" becomes the label Home/Mugs',
        "category: a slash within a level becomes a dash, as in Home - Plates (1)",
    ]


def test_a_mark_that_does_not_stand_as_a_separator_is_told() -> None:
    evidence = LabelEvidence()
    evidence.take_all(["Monitors >24 inch", "Home > Mugs"])
    (note,) = label_notes("category", evidence, evidence.separator())
    assert note.startswith("category: > separates no levels, as in ")
    assert note.endswith(" (2)")
