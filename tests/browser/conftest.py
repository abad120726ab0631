"""Fixtures: Chromium, and the site with its objects on disk or on S3."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from moziweb.manager.auth import passwords
from tests.audit_law import audit_law
from tests.once import Once
from tests.services.process import find_program
from tests.services.s3 import S3Server

from .site import Site, make_template, running_site

CHROMIUM_OPTIONS = [
    "--no-sandbox",  # not available to root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

OpenPage = Callable[..., Page]

expect.set_options(timeout=30_000)  # milliseconds: several workers share the processor


@pytest.fixture(autouse=True)
def _audit_law() -> Iterator[None]:
    """Every change by the application has an audit entry."""
    with audit_law():
        yield


@pytest.fixture(scope="module", autouse=True)
def _light_hashes() -> Iterator[None]:
    """Sets the cheapest argon2id parameters."""
    with pytest.MonkeyPatch.context() as patch:
        light = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(passwords, "_HASHER", light)
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium without windows, whose contexts take half the processor time."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_program("chromium-headless-shell"), args=CHROMIUM_OPTIONS
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """``open_page(width=1440, …)`` opens a page in a new browser context with these options.

    Service workers are blocked by default: their requests do not belong to a page.
    """
    contexts: list[BrowserContext] = []

    def open_(width: int = 1440, height: int = 900, **options: Any) -> Page:
        viewport: ViewportSize = {"width": width, "height": height}
        options = {"locale": "hu-HU", "service_workers": "block", **options}
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        return context.new_page()

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def shared_context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser context that keeps the files of the site."""
    context = browser.new_context(locale="hu-HU", service_workers="block")
    yield context
    context.close()


@pytest.fixture
def open_shared(shared_context: BrowserContext) -> Iterator[OpenPage]:
    """``open_shared(width=1440, …)`` opens a page in the context that tests share.

    For tests that store nothing in the browser and look at no request: a page of many posters takes
    half the processor time. Options are those of ``emulate_media``.
    """
    pages: list[Page] = []

    def open_(width: int = 1440, height: int = 900, **media: Any) -> Page:
        page = shared_context.new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(**media)
        return page

    yield open_
    for page in pages:
        page.close()


@pytest.fixture(scope="session")
def cold(demo_file: Path, once: Once) -> Path:
    """The template of a site without variants."""
    return once("cold", partial(make_template, demo_file))


@pytest.fixture(scope="session")
def ready(cold: Path, once: Once) -> Path:
    """The template of a site with all variants."""

    def make(folder: Path) -> None:
        folder.mkdir()
        with running_site(cold, folder) as site:
            site.make_posters()

    return once("ready", make)


@pytest.fixture(scope="session")
def site(ready: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site with its objects on disk and all variants."""
    with running_site(ready, tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def cold_site(cold: Path, tmp_path: Path) -> Iterator[Site]:
    """The site with its objects on disk and no variants yet."""
    with running_site(cold, tmp_path) as site:
        yield site


@pytest.fixture(scope="session")
def s3_site(
    ready: Path, s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The site with its objects on S3, publicly readable, and all variants."""
    with s3_server.bucket(acls=True) as bucket:
        storage = {**bucket.settings(), "storage.s3.acl": "public-read"}
        with running_site(ready, tmp_path_factory.mktemp("s3-site"), storage) as site:
            yield site
