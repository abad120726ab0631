"""Every answer belongs to its request; ``make soak`` asks 100,000 times."""

from tests.soak.pairing import run

REQUESTS = 3_000


def test_every_answer_belongs_to_its_request() -> None:
    pairs = run(REQUESTS)
    assert pairs.wrong == []
    assert pairs.answers >= REQUESTS
    assert REQUESTS / 4 < pairs.hits < REQUESTS * 3 / 4
