"""Links to the people, distributors and services that a search finds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from moziweb.i18n import _
from moziweb.movies.search_queries import NameKind, NameMatch
from moziweb.movies.slugs import slug_of

from ..context import PageContext
from ..urls import segment_of

_KINDS: Final = {
    NameKind.PERSON: _("Person"),
    NameKind.DISTRIBUTOR: _("Distributor"),
    NameKind.SERVICE: _("Streaming"),
}


@dataclass(frozen=True, slots=True)
class FoundName:
    """A link to the page of a name, and what it is the name of."""

    href: str
    text: str
    kind_text: str


def found_names(context: PageContext, rows: Iterable[NameMatch]) -> tuple[FoundName, ...]:
    """The links to ``rows``, in their order."""
    return tuple(
        FoundName(_href(context, row), row.name, context.formatter.translate(_KINDS[row.kind]))
        for row in rows
    )


def _href(context: PageContext, row: NameMatch) -> str:
    segment = row.slug or segment_of(row.row_id, slug_of(row.name))
    return context.urls.path(row.kind, **{row.kind: segment})
