"""pytest plugin: WebTest parses a page once, and not again the text of each of its forms."""

from typing import Any

from bs4 import Tag
from webtest import Form, TestResponse

from .measured import untraced


def pytest_configure() -> None:
    """Replace how WebTest finds the forms of a page."""
    TestResponse._parse_forms = _parse_forms


class ParsedForm(Form):  # type: ignore[misc]
    """A form of a parsed page. ``linked``: the ids of forms with fields outside of them."""

    def __init__(self, response: TestResponse, element: Tag, linked: set[Any]) -> None:
        self.response, self.html = response, element
        attributes = element.attrs
        self.action = attributes.get("action", "")
        self.method = attributes.get("method", "GET")
        self.enctype = attributes.get("enctype", "application/x-www-form-urlencoded")
        found = attributes.get("id")
        # With an id WebTest looks through the whole page.
        self.id = found if found in linked else None
        self._parse_fields()
        self.id = found

    @property
    def text(self) -> str:
        """The markup."""
        return str(self.html)


@untraced
def _parse_forms(response: TestResponse) -> None:
    page = response.html
    linked = {field["form"] for field in page.find_all(form=True)}
    found: dict[Any, ParsedForm] = {}
    response._forms_indexed = found
    for index, element in enumerate(page("form")):
        found[index] = form = ParsedForm(response, element, linked)
        if form.id:
            found[form.id] = form
