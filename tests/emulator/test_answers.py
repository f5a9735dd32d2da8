"""The memory of answers already made."""

from harvester.emulator.answers import Answer, AnswerCache


def _answer(size: int) -> Answer:
    return Answer(b"x" * size)


def test_the_least_recently_asked_for_goes_first() -> None:
    """Beyond its limit in bytes, the cache drops what was not asked for the longest."""
    cache = AnswerCache(100)
    for name in "abc":
        cache.put(name, _answer(30))
    assert cache.get("a") is not None
    cache.put("d", _answer(30))
    assert [name for name in "abcd" if cache.get(name)] == ["a", "c", "d"]
    cache.put("e", _answer(90))
    assert [name for name in "abcde" if cache.get(name)] == ["e"]


def test_an_answer_put_again_counts_once() -> None:
    """The size is that of the answers held, whatever was put before."""
    cache = AnswerCache(100)
    for _ in range(10):
        cache.put("a", _answer(60))
    cache.put("b", _answer(40))
    assert cache.get("a") == _answer(60)
    assert cache.get("b") == _answer(40)


def test_what_is_larger_than_the_limit_is_not_held() -> None:
    """One large answer does not stay, and no limit is no memory."""
    cache = AnswerCache(0)
    cache.put("a", _answer(1))
    assert cache.get("a") is None
