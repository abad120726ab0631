"""Readers of uploads and of external images."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest

from moziweb.posters.fetching.errors import NO_VALIDATORS, FetchCode, FetchError, Validators
from moziweb.posters.generation.error_codes import ServiceCode, SourceError
from moziweb.posters.generation.readers import (
    ChangeReader,
    SourceBytes,
    UploadReader,
    UrlReader,
)
from moziweb.storage import ObjectNotFound, StorageError


@dataclass(frozen=True)
class Location:
    """A source."""

    url: str | None = None
    key: str | None = None


class StubStorage:
    """Objects by key; a value that is an exception is raised."""

    def __init__(self, **objects: bytes | Exception) -> None:
        self.objects = objects

    def get(self, key: str) -> bytes:
        found = self.objects.get(key, ObjectNotFound(key))
        if isinstance(found, Exception):
            raise found
        return found


class StubFetcher:
    """Returns or raises ``answer``, and keeps what was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[str, Validators]] = []

    def fetch(self, url: str, validators: Validators) -> Any:
        self.asked.append((url, validators))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


FETCHED = SourceBytes(b"fetched", Validators('"1"'))


def uploads(**objects: Any) -> UploadReader:
    return UploadReader(StubStorage(**objects))  # type: ignore[arg-type]


def urls(fetcher: StubFetcher, **objects: Any) -> UrlReader:
    return UrlReader(fetcher, StubStorage(**objects))  # type: ignore[arg-type]


def test_upload_is_read_from_storage() -> None:
    read = uploads(original=b"image").read(Location(key="original"))
    assert read == SourceBytes(b"image", NO_VALIDATORS)
    assert read.sha256 == sha256(b"image").hexdigest()


@pytest.mark.parametrize(
    ("location", "code", "permanent"),
    [
        (Location(), ServiceCode.NO_KEY, True),
        (Location(key="none"), ServiceCode.ORIGINAL_MISSING, True),
    ],
)
def test_upload_without_an_original_is_a_permanent_failure(
    location: Location, code: str, permanent: bool
) -> None:
    with pytest.raises(SourceError) as caught:
        uploads().read(location)
    assert (caught.value.code, caught.value.permanent) == (code, permanent)


@pytest.mark.parametrize("reader", ["upload", "url"])
def test_storage_that_fails_is_a_temporary_failure(reader: str) -> None:
    broken = StorageError("down")
    opened = uploads(key=broken) if reader == "upload" else urls(StubFetcher(FETCHED), key=broken)
    with pytest.raises(SourceError) as caught:
        opened.read(Location(url="https://image.example/a", key="key"))
    assert not caught.value.permanent


def test_previewed_image_is_read_from_storage_and_its_host_is_not_asked() -> None:
    fetcher = StubFetcher(FETCHED)
    read = urls(fetcher, preview=b"previewed").read(Location("https://image.example/a", "preview"))
    assert read.body == b"previewed"
    assert fetcher.asked == []


@pytest.mark.parametrize("key", [None, "gone"])
def test_image_without_a_preview_is_fetched(key: str | None) -> None:
    fetcher = StubFetcher(FETCHED)
    assert urls(fetcher).read(Location("https://image.example/a", key)) == FETCHED
    assert fetcher.asked == [("https://image.example/a", NO_VALIDATORS)]


def test_unchanged_image_is_none_and_the_validators_are_sent() -> None:
    fetcher = StubFetcher(None)
    reader = urls(fetcher, preview=b"previewed")
    location = Location("https://image.example/a", "preview")
    assert reader.read_changed(location, Validators('"1"')) is None
    assert fetcher.asked == [("https://image.example/a", Validators('"1"'))]


def test_not_modified_without_validators_is_a_bad_response() -> None:
    with pytest.raises(SourceError) as caught:
        urls(StubFetcher(None)).read(Location("https://image.example/a"))
    assert caught.value.code == FetchCode.BAD_RESPONSE


def test_failure_of_the_fetcher_keeps_its_properties() -> None:
    failure = FetchError(FetchCode.BAD_RESPONSE, "why", permanent=True, retry_after=7.0)
    with pytest.raises(SourceError) as caught:
        urls(StubFetcher(failure)).read(Location("https://image.example/a"))
    error = caught.value
    assert (error.code, error.permanent, error.retry_after) == (FetchCode.BAD_RESPONSE, True, 7.0)


def test_only_urls_can_be_asked_for_changes() -> None:
    assert isinstance(urls(StubFetcher(None)), ChangeReader)
    assert not isinstance(uploads(), ChangeReader)
