"""Types of attributes from one table to the next: what is kept, and what does not fit it."""

from tests.cli.conftest import Feed, Index, Items


def test_a_type_that_refuses_every_row_is_not_remembered(
    index: Index, items: Items, feed: Feed
) -> None:
    table = feed("shop.csv", "item_id,image,brand,size", "a,0.png,Nike,7", "b,1.png,Puma,8")
    assert index(table, "--type", "brand=number", "--type", "size=text").json["rejected"] == 2
    ran = index(table)
    assert "note: read as it was said before: --type size=text\n" in ran.err
    assert ran.json["added"] == 2
    assert items()["a"]["attributes"] == {"brand": "Nike", "size": "7"}
    assert index(table, "--type", "brand=number").json["rejected"] == 2
    assert index(table).json["unchanged"] == 2


def test_a_type_that_was_remembered_stays_when_a_table_is_wrong_throughout(
    index: Index, feed: Feed
) -> None:
    table = feed("shop.csv", "item_id,image,size", "a,0.png,7")
    assert index(table, "--type", "size=number").json["added"] == 1
    feed("shop.csv", "item_id,image,size", "a,0.png,large")
    assert [index(table).json["rejected"] for _ in range(2)] == [1, 1]


def test_one_bad_price_changes_no_other(index: Index, items: Items, feed: Feed) -> None:
    header = "item_id,image,price"
    assert index(feed("a.csv", header, "a,0.png,10", "b,1.png,20")).code == 0
    (*_, report) = index(feed("b.csv", header, "a,0.png,9", "b,1.png,call us")).json["columns"]
    assert report["kind"] == "number"
    assert '1 of 2 cells does not fit, such as "call us", and stays text' in report["note"]
    prices = {item_id: item["attributes"]["price"] for item_id, item in items().items()}
    assert prices == {"a": 9, "b": "call us"}
    (*_, report) = index(feed("c.csv", header, "a,0.png,8", "b,1.png,19")).json["columns"]
    assert report["note"] is None
    assert items()["b"]["attributes"] == {"price": 19}
