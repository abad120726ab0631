"""Texts that were asked for lately."""

from moziweb.site.page_cache.recent_texts import RecentTexts


def test_text_is_repeated_while_it_is_among_the_last_ones() -> None:
    texts = RecentTexts(max_texts=3)
    assert not texts.is_repeated("dune")
    assert texts.is_repeated("dune")
    assert [texts.is_repeated(text) for text in "ab"] == [False, False]
    assert texts.is_repeated("dune")
    assert [texts.is_repeated(text) for text in "cde"] == [False, False, False]
    assert not texts.is_repeated("dune")


def test_number_of_texts_is_bounded() -> None:
    texts = RecentTexts(max_texts=10)
    for number in range(1000):
        texts.is_repeated(str(number))
    assert len(texts) == 10
