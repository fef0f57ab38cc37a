"""The words of the page: each language has all of them, and the page has no others."""

import json
import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from api.page.frame import WEB
from api.page.settings import LANGUAGES
from indexer.change.report import Refusal
from search_engine.evaluate.paired import MEASURES
from search_engine.images.color_names import NAMES
from search_engine.maintenance import findings

WORDS = WEB / "words"
PARTS = ("", ".problems", ".search", ".catalog", ".review", ".classify", ".quality")
PLURALS = {"en": {"one", "other"}, "de": {"one", "other"}}
"""What `Intl.PluralRules` tells apart."""
PLACE = re.compile(r"\{(\w+)\}")
STRING = re.compile(r'"([a-z_]+(?:\.[\w-]+)+)"')
BUILT = re.compile(r"`([a-z_]+(?:\.\w+)*\.)\$\{|`([a-z_]+\.[a-z_]*)\$\{")

IMPORTED = re.compile(r'(?:from|import)\s*\(?"(\.[^"]+)"')
ELSEWHERE = ("color.", "count.")
"""Beginnings of words in a shared module, of which a view says some or none."""

Words = dict[str, str | dict[str, str]]


def words_of(language: str, part: str = "") -> Words:
    found: Words = json.loads((WORDS / f"{language}{part}.json").read_text(encoding="utf-8"))
    return found


def all_words(language: str = "en") -> Words:
    return {key: text for part in PARTS for key, text in words_of(language, part).items()}


def places(text: str | dict[str, str]) -> set[str]:
    forms = [text] if isinstance(text, str) else list(text.values())
    return {name for form in forms for name in PLACE.findall(form)}


def scripts() -> str:
    files = [*WEB.joinpath("js").rglob("*.js"), WEB / "index.html"]
    return "\n".join(each.read_text(encoding="utf-8") for each in files)


def test_there_are_files_of_each_language_and_no_others() -> None:
    expected = {f"{language}{part}.json" for language in LANGUAGES for part in PARTS}
    assert {each.name for each in WORDS.iterdir()} == expected


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_a_language_is_complete(language: str, part: str) -> None:
    english, other = words_of("en", part), words_of(language, part)
    assert list(other) == list(english), "the same keys in the same order"
    for key, text in english.items():
        assert places(other[key]) == places(text), key
        assert isinstance(other[key], dict) == isinstance(text, dict), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_have_a_form_for_every_number(language: str) -> None:
    for key, text in all_words(language).items():
        if isinstance(text, dict):
            assert set(text) == PLURALS[language], key
            assert all("count" in PLACE.findall(form) for form in text.values()), key
        else:
            assert text.strip(), key


def test_no_key_is_there_twice() -> None:
    assert len(all_words()) == sum(len(words_of("en", part)) for part in PARTS)


def test_every_word_is_used() -> None:
    """By its name, by a name put together from its beginning, or by the document."""
    text = scripts()
    used = set(STRING.findall(text)) | set(re.findall(r"\{\{([\w.]+)\}\}", text))
    built = {found for pair in BUILT.findall(text) for found in pair if found}
    idle = [
        key
        for key in all_words()
        if key not in used and not any(key.startswith(beginning) for beginning in built)
    ]
    assert idle == []


def modules_of(entry: Path) -> set[Path]:
    """A module with all that it ever loads."""
    found, waiting = set(), [entry]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            names = IMPORTED.findall(
                re.sub(r"/\*.*?\*/", "", one.read_text("utf-8"), flags=re.DOTALL)
            )
            waiting += [(one.parent / name).resolve() for name in names]
    return found


@pytest.mark.parametrize(
    ("view", "parts"),
    [
        ("search", ("", ".problems", ".search")),
        ("catalog", ("", ".problems", ".catalog", ".review")),
        ("classify", ("", ".problems", ".catalog", ".classify")),
        ("quality", ("", ".problems", ".catalog", ".quality")),
    ],
)
def test_a_view_loads_the_words_that_it_says(view: str, parts: tuple[str, ...]) -> None:
    loaded = {key for part in parts for key in words_of("en", part)}
    said = set()
    for module in modules_of(WEB / "js" / view / "view.js"):
        text = module.read_text("utf-8")
        begun = tuple(each for pair in BUILT.findall(text) for each in pair if each)
        said |= set(STRING.findall(text)) & set(all_words())
        said |= {key for key in all_words() if begun and key.startswith(begun)}
    assert [key for key in said - loaded if not key.startswith(ELSEWHERE)] == []


def test_what_things_are_counted_has_words() -> None:
    nouns = set(re.findall(r'\bcount\([^()]*(?:\([^()]*\)[^()]*)*, "(\w+)"\)', scripts()))
    assert nouns >= {"item", "result"}
    assert {f"count.{noun}" for noun in nouns} <= set(all_words())


def test_colors_of_pictures_have_words() -> None:
    named = {key.removeprefix("color.") for key in words_of("en", ".search") if "color." in key}
    assert named == set(NAMES)


def test_stages_of_jobs_have_words() -> None:
    """They have English names, which are what the API tells them by."""
    counted = re.compile(r'stage\("([a-z ]+)", ')
    found = set()
    for module in (WEB.parents[1] / "indexer").rglob("*.py"):
        text = module.read_text("utf-8")
        found |= set(counted.findall(text)) | set(
            re.findall(r'features\([^"()]+, "([a-z ]+)"\)', text)
        )
    named = {
        key.removeprefix("jobs.stage.") for key in words_of("en", ".catalog") if "stage." in key
    }
    assert named == {name.replace(" ", "_") for name in found}


def test_what_the_gate_refuses_for_has_words() -> None:
    codes = set(get_args(get_type_hints(Refusal)["code"]))
    quality = words_of("en", ".quality")
    assert {key for key in quality if ".reason." in key} == {
        f"improve.reason.{code}" for code in codes
    }
    columns = {"hit_rate@1": "first"}
    assert all(f"runs.column.{columns.get(name, name)}" in quality for name in MEASURES)


def test_no_sentence_stands_in_a_module() -> None:
    """Texts are looked up: a module has keys, and names of events and classes."""
    sentence = re.compile(r'"[A-Z][a-z]+(?: [a-z]+)+[^"]*"|`(?!Bearer)[A-Z][a-z]+ [^`]*`')
    found = []
    for module in WEB.joinpath("js").rglob("*.js"):
        if module.name in ("docs.js", "client.js", "search_client.js"):
            continue
        code = re.sub(
            r"/\*.*?\*/|//[^\n]*", "", module.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        found += [f"{module.name}: {text}" for text in sentence.findall(code)]
    assert found == []


def test_every_finding_of_a_check_is_said() -> None:
    """With the number that it has, and the codes are those that a check gives."""
    prefix = "health.found."
    said = {key.removeprefix(prefix) for key in all_words() if key.startswith(prefix)}
    assert said == {*get_args(findings.Code)}
    kinds = {key.removeprefix("health.of.") for key in all_words() if key.startswith("health.of.")}
    assert kinds == {"item", "collection", "file"}
