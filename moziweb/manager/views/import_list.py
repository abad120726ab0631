"""An uploaded list: its encoding and its columns are confirmed before its import."""

from typing import Any

from pyramid.httpexceptions import HTTPBadRequest
from pyramid.i18n import TranslationString
from pyramid.response import Response

from moziweb.i18n import _
from moziweb.movies.importers.encodings import ENCODINGS
from moziweb.movies.importers.file_readers import ListSample
from moziweb.movies.importers.headings import LIST_COLUMNS
from moziweb.movies.importers.list_formats import ListReading, remembered_reading, sample_of
from moziweb.movies.importers.problems import ImportRefused
from moziweb.request import Request

from ..auth.sessions import require_user
from ..imports.form_data import chosen_for_headings
from ..imports.lists import (
    check_choice,
    chosen_columns,
    heading_rows,
    names_of_lists,
    reading_of,
    start_list_import,
)
from ..imports.models import ImportUpload
from ..web.forms import one_line
from ..web.layout import manager_view, page_frame
from ..web.params import or_404, text_param
from ..web.redirects import SeeOther
from ..web.resources import EDIT, ImportListResource
from .imports import LIST_ROUTE, start_runner, url_check


@manager_view("import_list", permission=EDIT, renderer="import_list", method="GET")
def uploaded_list(request: Request) -> dict[str, Any]:
    """The start of a list, its encoding, and a column for each heading."""
    upload = _upload(request)
    reading = reading_of(request.dbsession, upload)
    try:
        return _page(request, upload, reading, sample_of(upload.data, reading))
    except ImportRefused as error:  # an encoding in which it is no list
        recognised = ListReading(reading.name, date_format=reading.date_format)
        sample = sample_of(upload.data, recognised)
        return _page(request, upload, recognised, sample, problem=error.text)


@manager_view("import_list", permission=EDIT, renderer="import_list", method="POST")
def confirm_list(request: Request) -> dict[str, Any] | Response:
    """Reads the start again with another encoding, or starts the import with these columns."""
    upload, action = _upload(request), request.POST.get("do")
    if action not in {"read", "preview"}:
        raise HTTPBadRequest
    name = one_line(text_param(request.POST, "list"))[:30]
    encoding = text_param(request.POST, "encoding")
    is_other_list = action == "read" and name != upload.list_name
    upload.list_name, upload.encoding = name, encoding if encoding in ENCODINGS else ""
    here = SeeOther(request.route_path(LIST_ROUTE, upload=upload.id))
    if is_other_list:
        upload.columns = None
        upload.date_format = remembered_reading(request.dbsession, name).date_format
        return here
    upload.date_format = text_param(request.POST, "date_format")[:40]
    try:
        sample = sample_of(upload.data, ListReading(encoding=upload.encoding))
    except ImportRefused:  # the page says why
        return here
    chosen = chosen_for_headings(request.POST, len(sample.headings))
    upload.columns = chosen_columns(sample, chosen)
    return here if action == "read" else _preview(request, upload, sample, chosen)


def _preview(
    request: Request, upload: ImportUpload, sample: ListSample, chosen: list[str]
) -> dict[str, Any] | Response:
    by, now = require_user(request).actor, request.services.clock()
    reading = reading_of(request.dbsession, upload)
    try:
        check_choice(chosen)
        job = start_list_import(request.dbsession, by, upload, reading, url_check(request), now)
    except ImportRefused as error:
        request.response.status_int = 422
        return _page(request, upload, reading, sample, problem=error.text, chosen=chosen)
    return start_runner(request, job)


def _page(
    request: Request,
    upload: ImportUpload,
    reading: ListReading,
    sample: ListSample,
    *,
    problem: TranslationString | str = "",
    chosen: list[str] | None = None,
) -> dict[str, Any]:
    rows = heading_rows(sample, is_confirmed=upload.columns is not None)
    return {
        "page": page_frame(request, _("How the list is read"), "manager.imports"),
        "upload": upload,
        "reading": reading,
        "encoding": sample.encoding,
        "encodings": ENCODINGS,
        "guessed": sample.guessed,
        "rows": rows,
        "chosen": [row.column for row in rows] if chosen is None else chosen,
        "columns": LIST_COLUMNS,
        "list_names": names_of_lists(request.dbsession),
        "problem": str(request.localizer.translate(problem)),
    }


def _upload(request: Request) -> ImportUpload:
    context: ImportListResource = request.context
    return or_404(request.dbsession.get(ImportUpload, context.upload_id))
