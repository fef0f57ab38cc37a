"""Which items a text of a list's search field means: by pieces of ids, and by beginnings of words.

An id is looked for as it is written, in any case: `0123` finds `sku-0123`. Labels, names and other
texts are found by their words (`words`), all of them, each as a beginning: `red mu` finds a red
mug. Case and diacritics do not matter there.
"""

from sqlalchemy import bindparam, func

from search_engine.catalog.dialects.word_queries import WordQuestion, has_words
from search_engine.catalog.key_queries import Either, KeyQuery, Rows
from search_engine.catalog.tables import items
from search_engine.catalog.words import MAX_WORDS, beginnings

_BETWEEN = func.char(0)
"""Between texts that are looked at together; no text that is looked for has it."""


def text_in_items(text: str) -> KeyQuery:
    """The items whose id or product id has the text, or whose texts have words that begin so."""
    ids = items.c.item_id.concat(_BETWEEN).concat(func.coalesce(items.c.product_id, ""))
    in_ids = Rows(func.instr(func.casefold(ids), text.casefold()) > 0)
    words = beginnings(text)
    if not 1 <= len(words) <= MAX_WORDS:
        return in_ids
    question = bindparam(None, " AND ".join(words), WordQuestion())
    return Either((in_ids, Rows(has_words(items.c.key, question))))
