"""The site as ``storm`` serves it: as it is, or with the seed's way of invalidating."""

from collections.abc import Iterable
from typing import Any

from moziweb import main as make_app
from moziweb.cache import StampStore, kind_of
from tests.registry import page_cache_of

RESET = "storm.reset"


def main(global_config: dict[str, str], **settings: str) -> Any:
    """The site's application; with ``storm.reset`` each variant that is saved empties the cache."""
    reset = settings.pop(RESET, "")
    app = make_app(global_config, **settings)
    if reset:
        reset_on_variants(page_cache_of(app.registry).cache.stamps)
    return app


def reset_on_variants(stamps: StampStore) -> None:
    """Have the publish of a variant invalidate everything, as in the story."""
    publish = stamps.publish

    def reset(tags: Iterable[str]) -> None:
        published = frozenset(tags)
        publish(published)
        if any(kind_of(tag) == "variant" for tag in published):
            stamps.new_epoch()

    stamps.publish = reset  # type: ignore[method-assign]
