from moziweb.demo.chance import generator


def test_the_same_seed_gives_the_same_chance_in_any_process() -> None:
    """A figure from another process: Python's own hash would give another one every time."""
    assert generator("tt1", "premiere").randrange(10**9) == 438000432
    assert generator("tt1", "premiere").random() == generator("tt1", "premiere").random()


def test_words_are_not_run_together() -> None:
    assert generator("tt1", "2").random() != generator("tt12").random()
