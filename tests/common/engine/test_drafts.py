"""When the page of a training that goes on is written anew."""

from common.engine.drafts import Drafts


def test_the_page_of_a_training_is_renewed_as_long_as_it_takes_little_of_the_time(monkeypatch):
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    drafts, written = Drafts(), []
    for epoch in range(1, 101):
        now += 1.0
        if drafts.due(now):
            written.append(epoch)
            with drafts.counted():
                now += 0.5
    assert written[:3] == [1, 20, 29]
    assert drafts.spent == 0.5 * len(written) <= 0.05 * now
