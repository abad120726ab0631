from moziweb.demo.chance import generator


def test_generator_is_the_same_in_every_process() -> None:
    """The number is from another process; Python's `hash` would differ between processes."""
    assert generator("tt1", "premiere").randrange(10**9) == 438000432
    assert generator("tt1", "premiere").random() == generator("tt1", "premiere").random()


def test_words_of_the_seed_are_separated() -> None:
    assert generator("tt1", "2").random() != generator("tt12").random()
