"""Feeds in XML: what their records are, and what of them becomes a cell."""

from pathlib import Path

import pytest

from indexer.sources import Reject, SourceRow, open_source, xml_table
from indexer.sources.records import Record
from search_engine.errors import SourceError
from tests.cli.conftest import colour_picture
from tests.indexer.sources.tables import cells, rejects, written

RSS = """<?xml version="1.0"?>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel>
<title>Shop</title><link>https://shop.example</link>
<image><url>logo.png</url><title>Logo</title></image>
<item>
  <title>not this</title><g:title>Mug &amp; saucer</g:title><g:id>A1</g:id>
  <g:image_link>img/0.png</g:image_link>
  <g:additional_image_link>img/1.png</g:additional_image_link>
  <g:additional_image_link>img/2.png</g:additional_image_link>
  <g:price>19.90 EUR</g:price><g:product_type>Home &gt; Mugs</g:product_type>
  <g:product_type>Sale</g:product_type>
  <g:shipping><g:country>DE</g:country><g:price>4 EUR</g:price></g:shipping>
  <g:shipping><g:country>AT</g:country><g:price>5 EUR</g:price></g:shipping>
  <description><![CDATA[<p>Nice</p>]]></description>
</item>
<item><g:id>A2</g:id><g:image_link>img/3.png</g:image_link><g:price>5.00 EUR</g:price></item>
</channel></rss>
"""


def test_a_feed_of_google_merchant_is_a_catalog(tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    for number in range(4):
        (tmp_path / f"img/{number}.png").write_bytes(colour_picture(number))
    (tmp_path / "feed.xml").write_text(RSS)
    source = open_source(tmp_path / "feed.xml")
    rows = [row for row in source.rows() if isinstance(row, SourceRow)]
    assert [row.item_id for row in rows] == ["A1", "A1/2", "A1/3", "A2"]
    assert {row.label for row in rows} == {"Home/Mugs", None}
    assert rows[0].attributes == {
        "title": "Mug & saucer",
        "price": 19.9,
        "price_currency": "EUR",
        "shipping": '[{"country": "DE", "price": "4 EUR"}, {"country": "AT", "price": "5 EUR"}]',
        "description": "<p>Nice</p>",
    }
    assert "recognised as a Google Merchant feed" in source.notes


@pytest.mark.parametrize(
    ("content", "name", "found"),
    [
        ("<feed><entry><id>1</id><link href='x'/></entry></feed>", "entry", [["1", "x"]]),
        ("<a><b><id>1</id></b><b><id>2</id></b></a>", "b", [["1"], ["2"]]),
        ("<a><s><o id='1'><p>3</p></o><o id='2'/><o id='3'><p/></o></s></a>", "o",
         [["1", "3"], ["2", None], ["3", None]]),
        ("<a><item><d>all <b>of</b> it</d></item></a>", "item", [["all of it"]]),
        ("<a><item><s><w>3</w></s><t>a</t><t>b</t></item></a>", "item",
         [[{"w": "3"}, ["a", "b"]]]),
        ("<a><item><p c='EUR'>3</p><t n='a'>b</t><t n='c'/><l href='x'>y</l></item></a>", "item",
         [["3", "EUR", ["b", None], ["a", "c"], "y", "x"]]),
        ("<a><item><x><x><x><x><x>deep</x></x></x></x></x></item></a>", "item",
         [[{"x": {"x": "deep"}}]]),
    ],
)  # fmt: skip
def test_elements_become_cells(
    tmp_path: Path, content: str, name: str, found: list[list[object]]
) -> None:
    table = written(tmp_path / "feed", content)
    assert cells(table) == found
    assert table.notes == (f"read from XML: the records are its elements {name!r}",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1251", "iso-8859-5"])
def test_an_encoding_is_what_the_feed_says(tmp_path: Path, encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n<a><item><id>Кружка</id></item></a>'
    table = written(tmp_path / "feed.xml", text.encode(encoding))
    assert list(table.records()) == [Record(2, {"id": "Кружка"})]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<a><item><id>1</id>", "no element found"),
        ("<a><b>1</b></a>", "no list of products"),
        ("<a>\n<item><id>1</it></a>", "line 2"),
        ("<?xml version='1.0' encoding='klingon'?><a/>", "klingon"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a><item><id>&x;</id></item></a>', "declares entities"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a/>', "declares entities"),
        ("<a>" * 200, "nested deeper than 100 levels"),
        ("<item>", "no element found"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        written(tmp_path / "feed.xml", content)


def test_a_tag_without_an_end_is_not_scanned_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml_table, "CHUNK_BYTES", 1_000)
    monkeypatch.setattr(xml_table, "MAX_TOKEN_BYTES", 5_000)
    with pytest.raises(SourceError, match="does not end"):
        written(tmp_path / "feed.xml", "<a><!--" + "x" * 20_000 + "--><item><id>1</id></item></a>")


@pytest.mark.parametrize("much", ["x" * 2_000, "<b>1</b>" * 100, "<b/>" * 100])
def test_a_record_of_too_much_is_refused_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, much: str
) -> None:
    monkeypatch.setattr(xml_table, "MAX_RECORD_CHARS", 1_000)
    records = f"<item><id>1</id></item>\n<item><id>2</id>{much}</item>\n<item><id>3</id></item>"
    table = written(tmp_path / "feed.xml", f"<a>{records}</a>")
    found = [each for each in table.records() if not isinstance(each, Reject)]
    assert [each.cells["id"] for each in found] == ["1", "3"]
    assert rejects(table) == [(2, "bad_value")]


def test_an_external_document_type_is_not_read(tmp_path: Path) -> None:
    content = '<!DOCTYPE yml SYSTEM "shops.dtd"><yml><offer id="1"><name>A</name></offer></yml>'
    assert cells(written(tmp_path / "feed.xml", content)) == [["1", "A"]]
