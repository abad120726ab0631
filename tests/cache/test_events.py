"""The listener of the events of the cache."""

from moziweb.cache.events import CacheEvents


def test_default_listener_accepts_every_event() -> None:
    silent = CacheEvents()
    tags = ("movie:1",)
    silent.served("pages", "hit")
    silent.rendered("pages", 0.1, ["k"])
    silent.stored("pages", 1)
    silent.not_stored("pages", "wrote")
    silent.corrupt("pages")
    silent.store_failed("pages", "get")
    silent.stamps_failed("resolve")
    silent.published(tags)
    silent.publish_failed(tags)
    silent.relayed(1)
