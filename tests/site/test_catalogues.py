"""The message catalogues have every text of the site, translated, and no other text."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from babel.messages.pofile import read_po
from pyramid.config import Configurator
from pyramid.i18n import make_localizer
from pyramid.interfaces import ITranslationDirectories

from moziweb.i18n import DOMAIN, LOCALES
from tests.services.process import run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The texts that Babel extracts from code and templates according to babel.cfg."""
    template = tmp_path_factory.mktemp("texts") / "messages.pot"
    babel = [sys.executable, "-m", "babel.messages.frontend", "-q"]
    keys = ["-k", "Setting:3"]
    run(
        [*babel, "extract", "-F", "babel.cfg", *keys, "-o", str(template), "."],
        cwd=ROOT,
        check=True,
    )
    with template.open("rb") as lines:
        return read_po(lines)


@pytest.fixture(params=LOCALES)
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    """The catalogue of each language."""
    path = ROOT / "moziweb" / "locale" / request.param / "LC_MESSAGES" / f"{DOMAIN}.po"
    with path.open("rb") as lines:
        return read_po(lines, locale=request.param, domain=DOMAIN)


def test_catalogue_has_exactly_the_texts_of_the_code(texts: Catalog, catalogue: Catalog) -> None:
    assert ids(catalogue) == ids(texts)
    assert not catalogue.obsolete


def test_every_text_is_translated(catalogue: Catalog) -> None:
    for message in messages(catalogue):
        assert all(forms(message)), message.id
        assert not message.fuzzy, message.id


def test_placeholders_survive_translation(catalogue: Catalog) -> None:
    errors = [str(error) for _, found in catalogue.check() for error in found]
    assert errors == []


def test_english_text_equals_message_id() -> None:
    path = ROOT / "moziweb" / "locale" / "en" / "LC_MESSAGES" / f"{DOMAIN}.po"
    with path.open("rb") as lines:
        english = read_po(lines, locale="en", domain=DOMAIN)
    assert [each.id for each in messages(english) if each.string != each.id] == []


def test_compiled_catalogue_equals_source(catalogue: Catalog) -> None:
    """The compiled catalogues, built at installation, are up to date."""
    with Configurator() as config:
        config.include("moziweb.i18n")
    folders = config.registry.queryUtility(ITranslationDirectories)
    served = make_localizer(str(catalogue.locale), folders).translations
    for message in messages(catalogue):
        if isinstance(message.id, str):
            assert served._domains[DOMAIN]._catalog[message.id] == message.string
            continue
        for number, form in enumerate(forms(message)):
            assert served._domains[DOMAIN]._catalog[message.id[0], number] == form


def messages(catalogue: Catalog) -> Iterator[Message]:
    """The messages without the header."""
    return (message for message in catalogue if message.id)


def ids(catalogue: Catalog) -> set[object]:
    """The message ids, with the singular of plural messages."""
    return {message.id for message in messages(catalogue)}


def forms(message: Message) -> tuple[str, ...]:
    """The plural forms of a translation."""
    if isinstance(message.string, str):
        return (message.string,)
    return tuple(message.string or ("",))
