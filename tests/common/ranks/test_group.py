"""What is dealt out among processes, and put together again."""

import pytest

from common.ranks import group


@pytest.mark.parametrize("things", [range(7), range(6), range(1), []])
def test_what_is_dealt_is_put_together_in_order(things, monkeypatch):
    monkeypatch.setattr(group, "count", lambda: 3)
    hands = []
    for rank in range(3):
        monkeypatch.setattr(group, "rank", lambda rank=rank: rank)
        with group.dealing():
            hands.append([str(thing) for thing in group.dealt(things)])
    assert abs(len(hands[0]) - len(hands[2])) <= 1
    monkeypatch.setattr(group, "each", lambda _: hands)
    with group.dealing():
        assert group.collected(hands[0]) == list(map(str, things))


def test_one_process_has_all():
    with group.dealing():
        assert group.collected(list(group.dealt("abc"))) == ["a", "b", "c"]
    assert group.same("a") == "a"
    assert group.each("a") == ["a"]
