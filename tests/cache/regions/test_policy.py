"""The policy of a region."""

import dataclasses

from moziweb.cache.regions.policy import Policy


def test_policies_are_compared_by_value() -> None:
    policy = Policy(60)
    assert dataclasses.replace(policy, grace=0) != policy
    assert policy == Policy(60)
