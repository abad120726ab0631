"""The site for ``storm``: unchanged, or with every variant invalidating the whole cache."""

from collections.abc import Iterable
from typing import Any

from moziweb import main as make_app
from moziweb.cache import StampStore, kind_of
from tests.registry import page_cache_of

RESET = "storm.reset"


def main(global_config: dict[str, str], **settings: str) -> Any:
    """Return the application; with ``storm.reset`` each stored variant empties the cache."""
    reset = settings.pop(RESET, "")
    app = make_app(global_config, **settings)
    if reset:
        reset_on_variants(page_cache_of(app.registry).cache.stamps)
    return app


def reset_on_variants(stamps: StampStore) -> None:
    """Make the publish of a variant invalidate everything."""
    publish = stamps.publish

    def reset(tags: Iterable[str]) -> None:
        published = frozenset(tags)
        publish(published)
        if any(kind_of(tag) == "variant" for tag in published):
            stamps.new_epoch()

    stamps.publish = reset  # type: ignore[method-assign]
