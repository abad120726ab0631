"""Parameters of queries and forms."""

from webob.multidict import MultiDict

from moziweb.manager.web.params import id_params, text_param, text_params
from tests.hostile_ids import MALFORMED_IDS


def test_texts_are_trimmed_and_files_are_left_out() -> None:
    fields = MultiDict([("a", " x "), ("file", object()), ("a", "y"), ("a", object())])
    assert [text_param(fields, name) for name in ("file", "missing")] == ["", ""]
    assert text_params(fields, "a") == [" x ", "y"]
    assert text_param(MultiDict(a=" x "), "a") == "x"


def test_malformed_ids_are_ids_that_no_row_has() -> None:
    fields = MultiDict([("id", text) for text in ("7", *MALFORMED_IDS, "8")])
    assert id_params(fields, "id") == [7, *(0 for _ in MALFORMED_IDS), 8]
