"""The source of templates as it is compiled."""

import re

from jinja2 import Environment
from webtest import TestApp

from moziweb.site.template_source import WithoutIndentation

INDENTATION = re.compile("^[ \t]{2,}", re.MULTILINE)


def test_pages_have_no_indentation(demo_app: TestApp) -> None:
    for path in ("/", "/about", "/manager/sign-in"):
        assert not INDENTATION.findall(demo_app.get(path).text)


def test_texts_stay_separate_and_lines_keep_their_numbers() -> None:
    sources = [
        "<p>\n  {# a note #}\n\t<b>{{ x }}</b>  <i>\n   </i>\n</p>",
        "<p>\n  <a>1</a>\n  {% if x %}\n    <a>2</a>\n  {% endif %}\n  <a>3</a>\n</p>",
        "<p>{{ x }}{% if x %}<a>2</a>{% endif %}\n  <a>3</a></p>",
        "<p>{{ x }}{% if x %}\n  {% if x %}\n  <a>2</a>{% endif %}\n  {% endif %}\n  </p>",
        "<p>{{ x }}{# a note #}\n  {{ x }}\n  {%- if x %}\n    <a>1</a>{% endif %}\n  </p>",
        "<p>{{ x }}\n  {# of\n    two lines #}\n  <a>1</a>\n  {#- another #}\n  <a>2</a></p>",
        "<p>{% set y %}1{% endset %}\n  {% if x %}\n  {{ y }}{% endif %}</p>",
        "<p>{% for y in x %}\n  {{ y }}{% if x %}b{% endif %}\n{% endfor %}\n</p>",
        "<p>\n  a{% if not x %}!{% endif %}\n{% if not x %}\n  b\n{% endif %}\n  c</p>",
        "{% macro y() %}\n  {{ x }}{% endmacro %}<p>1{{ y() }}</p>",
    ]
    for source in sources:
        usual = Environment(trim_blocks=True, lstrip_blocks=True, autoescape=True)
        without = usual.overlay(extensions=[WithoutIndentation])
        assert without.preprocess(source).count("\n") == source.count("\n")
        expected = usual.from_string(source).render(x="aa")
        page = without.from_string(source).render(x="aa")
        assert page.split() == expected.split()
        assert not INDENTATION.search(page)


def test_values_are_not_changed() -> None:
    environment = Environment(autoescape=True, extensions=[WithoutIndentation])
    template = environment.from_string("<pre>\n  {{ x }}</pre>")
    assert template.render(x="a\n  b") == "<pre>\na\n  b</pre>"
