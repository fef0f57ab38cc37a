"""`eyedex index` with a table: columns, forms of text, paths, ids, and rows that are refused."""

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Index, Rejects, Run, colour_picture, contents, counts


class Table:
    """A CSV of six pictures beside it, to be spoiled and indexed."""

    def __init__(self, run: Run, data: Path, folder: Path) -> None:
        folder.mkdir()
        self._run = run
        self._data = data
        self.path = folder / "catalog.csv"
        self.rows = []
        for number in range(6):
            (folder / f"{number}.png").write_bytes(colour_picture(number))
            self.rows.append(
                {"item_id": f"id{number}", "image": f"{number}.png", "label": "AB"[number % 2],
                 "price": str(number)}
            )  # fmt: skip

    @property
    def text(self) -> str:
        columns = list(self.rows[0])
        lines = [columns, *([row[column] for column in columns] for row in self.rows)]
        return "".join(
            ",".join('"' + cell.replace('"', '""') + '"' for cell in line) + "\n" for line in lines
        )

    def write(self, text: str | bytes | None = None) -> None:
        content = self.text if text is None else text
        self.path.write_bytes(content.encode() if isinstance(content, str) else content)

    def index(self, *arguments: object) -> Any:
        return self._run(
            "index", self.path, "--data", self._data, "--encoder", "hsv", "--workers", 1, "--json",
            *arguments,
        )  # fmt: skip


@pytest.fixture
def table(run: Run, data: Path, tmp_path: Path) -> Table:
    return Table(run, data, tmp_path / "table")


def test_a_table_is_indexed_with_its_columns(run: Run, data: Path, table: Table) -> None:
    table.rows[0] |= {"label": "Home/Kitchen", "price": "3.50"}
    table.write()
    assert counts(table.index()) == (6, 0, 0, 0, 0)
    photo = table.path.parent / "0.png"
    best = run("search", photo, "--data", data, "-k", 1, "--json").json["neighbors"][0]
    assert best["item_id"] == "id0"
    assert best["label"] == "Home/Kitchen"
    assert best["attributes"] == {"price": 3.5}


def test_other_columns_can_be_named(table: Table) -> None:
    table.write(table.text.replace('"item_id","image","label"', '"one","two","three"'))
    refused = table.index()
    assert refused.code == 3
    ran = table.index("--id-col", "one", "--map", "image=two", "--label-from", "three")
    assert counts(ran) == (6, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("\n", "\n\n"),
    ],
    ids=["byte order mark", "CRLF", "CR", "no last line end", "empty lines"],
)
def test_forms_of_text_that_make_no_difference(table: Table, change: Callable[[str], str]) -> None:
    table.write(change(table.text))
    assert counts(table.index()) == (6, 0, 0, 0, 0)


def test_tabs_separate_a_tsv(table: Table) -> None:
    table.path = table.path.with_suffix(".tsv")
    table.write(table.text.replace(",", "\t"))
    assert counts(table.index()) == (6, 0, 0, 0, 0)


def test_a_header_alone_is_an_empty_catalog(table: Table) -> None:
    table.write(table.text.splitlines()[0] + "\n")
    ran = table.index()
    assert (ran.code, counts(ran)) == (0, (0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda text: b"", "empty"),
        (lambda text: b"\n\n", "empty"),
        (lambda text: text.replace("image", "a").replace("item_id", "b").encode(), "found: b, a"),
        (lambda text: (",".join(map(str, range(1_001))) + ",item_id,image\n").encode(), "1,000"),
    ],
    ids=["empty", "line ends only", "neither ids nor pictures", "too many columns"],
)
def test_tables_that_cannot_be_used_at_all_write_nothing(
    table: Table, data: Path, change: Callable[[str], bytes], word: str
) -> None:
    table.write(change(table.text.replace('"', "")))
    ran = table.index()
    assert ran.code == 3
    assert ran.out == ""
    assert '"code": "catalog_unusable"' in ran.err
    assert word in ran.err
    assert not (data / "catalog.sqlite").exists()


@pytest.mark.parametrize("at", [10, 9_000, 70_000])
def test_a_byte_that_is_no_text_is_named(table: Table, at: int) -> None:
    text = table.text + "".join(f'"x{number}","0.png","A","1"\n' for number in range(5_000))
    content = bytearray(text.encode())
    content[at] = 0x81
    table.write(bytes(content))
    ran = table.index()
    assert ran.code == 3
    assert f"byte {at}" in ran.err


@pytest.mark.parametrize("name", ["nothing", "nothing.csv", "notes.txt", "pipe.csv"])
def test_sources_that_are_no_catalog_are_refused(
    index: Index, tmp_path: Path, data: Path, name: str
) -> None:
    (tmp_path / "notes.txt").write_text("a,b\n")
    os.mkfifo(tmp_path / "pipe.csv")
    ran = index(tmp_path / name)
    assert ran.code == 3
    assert name in ran.err
    assert not data.exists()


def test_a_folder_takes_no_label_column(index: Index, folder: Path) -> None:
    assert index(folder, "--label-from", "kind").code == 3


def test_the_same_picture_twice_counts_once_and_another_is_refused(
    run: Run, data: Path, table: Table, rejects: Rejects
) -> None:
    table.rows.append({**table.rows[0]})
    table.rows.append({**table.rows[1], "image": "0.png"})
    table.write()
    ran = table.index()
    assert ran.code == 4
    assert counts(ran) == (6, 0, 1, 0, 1)
    (reject,) = rejects()
    assert reject["item_id"] == "id1"
    assert reject["code"] == "duplicate_id"
    assert reject["line"] == 9
    assert contents(run, data).startswith("6 ")


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ("../outside.png", "bad_path"),
        ("sub/../../outside.png", "bad_path"),
        ("./../table/../outside.png", "bad_path"),
        ("/etc/passwd", "bad_path"),
        ("~/photo.png", "bad_path"),
        ("~root/photo.png", "bad_path"),
        ("file:///etc/passwd", "url_denied"),
        ("http://127.0.0.1/photo.png", "url_denied"),
        ("\\\\server\\share\\a.png", "bad_path"),
        ("C:\\photos\\a.png", "bad_path"),
        ("nothing.png", "missing_file"),
        ("", "no_picture"),
        ("x" * 4_097, "bad_path"),
        ("x" * 300, "bad_path"),
        ("0.png/x", "bad_path"),
        (".", "corrupt_image"),
        ("sub", "corrupt_image"),
        ("pipe.png", "corrupt_image"),
        ("out.png", "bad_path"),
        ("zero.png", "bad_path"),
        ("loop.png", "bad_path"),
        ("dangling.png", "missing_file"),
    ],
)
def test_paths_that_lead_elsewhere_are_refused(
    table: Table, rejects: Rejects, image: str, code: str
) -> None:
    root = table.path.parent
    (root.parent / "outside.png").write_bytes(colour_picture(9))
    (root / "sub").mkdir()
    os.mkfifo(root / "pipe.png")
    (root / "out.png").symlink_to("../outside.png")
    (root / "zero.png").symlink_to("/dev/zero")
    (root / "loop.png").symlink_to("loop.png")
    (root / "dangling.png").symlink_to("nowhere.png")
    table.rows[3]["image"] = image
    table.write()
    ran = table.index()
    assert ran.code == 4
    assert counts(ran) == (5, 0, 0, 0, 1)
    assert [(each["line"], each["item_id"], each["code"]) for each in rejects()] == [
        (5, "id3", code)
    ]


def test_links_inside_the_root_are_followed(table: Table) -> None:
    (table.path.parent / "again.png").symlink_to("0.png")
    table.rows[3]["image"] = "again.png"
    table.write()
    assert counts(table.index()) == (6, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("item_id", "named"),
    [("", None), ("x" * 257, "x" * 256), ("é" * 129, "é" * 129), ("a\tb", "a\\tb"),
     ("a\u0085b", "a\\x85b"), ("\x7f", "\\x7f"), ("../up", "../up"), (" a ", " a "),
     ("a//b", "a//b")],
)  # fmt: skip
def test_ids_that_cannot_be_are_refused_by_name(
    table: Table, rejects: Rejects, item_id: str, named: str | None
) -> None:
    table.rows[3]["item_id"] = item_id
    table.write()
    ran = table.index()
    assert (ran.code, counts(ran)) == (4, (5, 0, 0, 0, 1))
    (reject,) = rejects()
    assert (reject["code"], reject["item_id"]) == ("bad_id", named)
    assert "the id" in reject["reason"]


@pytest.mark.parametrize(
    "item_id",
    ["007", "😀", "אבג", "..up", "9223372036854775808", "=cmd()", "' OR 1=1--", "x" * 256, "a b"],
)
def test_ids_are_kept_as_they_are(run: Run, data: Path, table: Table, item_id: str) -> None:
    table.rows[0]["item_id"] = item_id
    table.write()
    assert counts(table.index()) == (6, 0, 0, 0, 0)
    photo = table.path.parent / "0.png"
    best = run("search", photo, "--data", data, "-k", 1, "--json").json["neighbors"][0]
    assert best["item_id"] == item_id


def test_ids_are_one_in_nfc(run: Run, data: Path, table: Table) -> None:
    table.rows[0]["item_id"] = "cafe\u0301"
    table.write()
    table.index()
    table.rows[0]["item_id"] = unicodedata.normalize("NFC", "cafe\u0301")
    table.write()
    assert counts(table.index()) == (0, 0, 6, 0, 0)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("id9,0.png,A", "ragged_row"),
        ("id9,0.png,A,1,2", "ragged_row"),
        ("id9", "ragged_row"),
        ("id9,0.png,A\x00,1", "bad_value"),
        ("id9,0.png," + "x" * (2**20 + 1) + ",1", "bad_value"),
    ],
    ids=["too few", "too many", "one", "NUL", "larger than 1 MiB"],
)
def test_rows_of_the_wrong_form_are_refused(
    table: Table, rejects: Rejects, line: str, code: str
) -> None:
    head, *others = table.text.splitlines()
    table.write("\n".join([head, others[0], line, *others[1:]]) + "\n")
    ran = table.index()
    assert (ran.code, counts(ran)) == (4, (6, 0, 0, 0, 1))
    assert [(each["line"], each["code"]) for each in rejects()] == [(3, code)]


def test_a_quote_that_is_never_closed_costs_its_own_row_only(
    table: Table, rejects: Rejects
) -> None:
    lines = table.text.replace('"', "").splitlines()
    lines[4] = 'id3,"3.png,A,3'
    table.write("\n".join(lines) + "\n")
    ran = table.index()
    assert (ran.code, counts(ran)) == (4, (5, 0, 0, 0, 1))
    assert rejects()[0]["code"] == "missing_file"


@pytest.mark.parametrize("price", ["NaN", "inf", "1e999", "١٢", "1_000", "0x10", "free", "9" * 400])
def test_a_cell_that_is_no_number_makes_a_column_of_text(
    run: Run, data: Path, table: Table, price: str
) -> None:
    table.rows += [
        {"item_id": f"more{number}", "image": "0.png", "label": "A", "price": "5"}
        for number in range(12)
    ]
    table.rows[3]["price"] = price
    table.write()
    assert counts(table.index()) == (18, 0, 0, 0, 0)
    photo = table.path.parent / "3.png"
    best = run("search", photo, "--data", data, "-k", 1, "--json").json["neighbors"][0]
    assert best["attributes"] == {"price": price}


def test_cells_that_look_like_formulas_are_stored_as_they_are(
    run: Run, data: Path, table: Table
) -> None:
    for row, text in zip(
        table.rows, ("=1+1", "+a", "-b", "@c", "<script>", "{{7*7}}"), strict=True
    ):
        row["note"] = text
    table.write()
    assert counts(table.index()) == (6, 0, 0, 0, 0)
    photo = table.path.parent / "0.png"
    best = run("search", photo, "--data", data, "-k", 1, "--json").json["neighbors"][0]
    assert best["attributes"]["note"] == "=1+1"


def test_a_changed_label_costs_no_encoding(run: Run, data: Path, table: Table) -> None:
    table.write()
    table.index()
    table.rows[2]["label"] = "Other"
    table.rows[3]["price"] = "77"
    table.write()
    ran = table.index()
    assert counts(ran) == (0, 2, 4, 0, 0)
    assert ran.json["encoded"] == 0
    wanted = '{"any": [{"field": "label", "eq": "Other"}, {"field": "price", "eq": 77}]}'
    photo = table.path.parent / "0.png"
    found = run("search", photo, "--data", data, "--filter", wanted, "--json").json["neighbors"]
    assert {one["item_id"] for one in found} == {"id2", "id3"}
