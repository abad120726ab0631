"""Converts the catalogue's English names of genres, countries and languages to the model's values.

Genres get a Hungarian name, from which their slug is made. Countries are ISO 3166-1 alpha-2 codes.
Languages are ISO 639-1 codes, or ISO 639-2 and 639-3 codes if there is no shorter one; invented
languages are ``art``. A test checks that no word of the catalogue is missing.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from moziweb.movies.genres import GENRES

from .errors import DemoError

COUNTRIES: Final[Mapping[str, str]] = {
    "Afghanistan": "AF",
    "Argentina": "AR",
    "Australia": "AU",
    "Austria": "AT",
    "Belarus": "BY",
    "Belgium": "BE",
    "Brazil": "BR",
    "Canada": "CA",
    "Chile": "CL",
    "Colombia": "CO",
    "Croatia": "HR",
    "Czech Republic": "CZ",
    "Denmark": "DK",
    "Egypt": "EG",
    "Estonia": "EE",
    "Finland": "FI",
    "France": "FR",
    "Germany": "DE",
    "Greece": "GR",
    "Hong Kong": "HK",
    "Hungary": "HU",
    "Iceland": "IS",
    "India": "IN",
    "Indonesia": "ID",
    "Iran": "IR",
    "Ireland": "IE",
    "Israel": "IL",
    "Italy": "IT",
    "Japan": "JP",
    "Latvia": "LV",
    "Luxembourg": "LU",
    "Mexico": "MX",
    "Netherlands": "NL",
    "New Zealand": "NZ",
    "Nigeria": "NG",
    "Norway": "NO",
    "Palestine": "PS",
    "Paraguay": "PY",
    "People's Republic of China": "CN",
    "Peru": "PE",
    "Philippines": "PH",
    "Poland": "PL",
    "Portugal": "PT",
    "Romania": "RO",
    "Russia": "RU",
    "Serbia": "RS",
    "Singapore": "SG",
    "Slovenia": "SI",
    "South Africa": "ZA",
    "South Korea": "KR",
    "Spain": "ES",
    "Sweden": "SE",
    "Switzerland": "CH",
    "Taiwan": "TW",
    "Thailand": "TH",
    "Turkey": "TR",
    "United Arab Emirates": "AE",
    "United Kingdom": "GB",
    "United States": "US",
    "Wales": "GB",
}

LANGUAGES: Final[Mapping[str, str]] = {
    "Afrikaans": "af",
    "American English": "en",
    "Arabic": "ar",
    "Bosnian": "bs",
    "Cantonese": "yue",
    "Chinese": "zh",
    "Corsican": "co",
    "Croatian": "hr",
    "Danish": "da",
    "Dutch": "nl",
    "English": "en",
    "Estonian": "et",
    "Finnish": "fi",
    "French": "fr",
    "Georgian": "ka",
    "German": "de",
    "Greek": "el",
    "Guarani": "gn",
    "Hebrew": "he",
    "Hindi": "hi",
    "Hungarian": "hu",
    "Icelandic": "is",
    "Indonesian": "id",
    "Isan": "tts",
    "Italian": "it",
    "Japanese": "ja",
    "Korean": "ko",
    "Latin": "la",
    "Mandarin": "zh",
    "Modern Greek": "el",
    "Māori": "mi",
    "Na'vi": "art",
    "Norwegian": "no",
    "Persian": "fa",
    "Polish": "pl",
    "Portuguese": "pt",
    "Putonghua": "zh",
    "Quechua": "qu",
    "Romanian": "ro",
    "Russian": "ru",
    "Serbian": "sr",
    "Slovak": "sk",
    "Slovene": "sl",
    "Somali": "so",
    "Spanish": "es",
    "Standard Chinese": "zh",
    "Swahili": "sw",
    "Swedish": "sv",
    "Swiss German": "gsw",
    "Tagalog": "tl",
    "Tamil": "ta",
    "Thai": "th",
    "Tibetan": "bo",
    "Turkish": "tr",
    "Ukrainian": "uk",
    "Yiddish": "yi",
    "Yue Chinese": "yue",
    "parseltongue": "art",
}


class UnknownWordError(DemoError, LookupError):
    """A word of the catalogue is missing in this vocabulary."""


def country_codes(names: Iterable[str]) -> tuple[str, ...]:
    """ISO codes in the same order, each once."""
    return _translated(names, COUNTRIES)


def language_codes(names: Iterable[str]) -> tuple[str, ...]:
    """ISO codes in the same order, each once."""
    return _translated(names, LANGUAGES)


def hungarian_genre(name: str) -> str:
    """The Hungarian name of a genre."""
    return _translated([name], GENRES)[0]


def _translated(names: Iterable[str], table: Mapping[str, str]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(table[name] for name in names))
    except KeyError as error:
        raise UnknownWordError(f"no word of the demo's vocabulary: {error.args[0]!r}") from None
