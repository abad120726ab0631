"""A movie's posters in the manager: preview, save, choose, focus, regenerate, errors."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select
from webtest import TestApp

from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.models import Role
from moziweb.posters.generation.result import GenerationStatus
from moziweb.posters.models import PosterSource, SourceKind, SourceState
from moziweb.posters.recipes import RECIPES
from moziweb.services import services_of
from tests.manager.conftest import Clock, csrf_of, signed_in
from tests.manager.movie_forms import last_entry, make_movie
from tests.posters.pictures import encoded, photograph, quarters, with_segment

PAGE = b"<html><script>alert(1)</script></html>"


@pytest.fixture
def movie(site: TestApp) -> int:
    return make_movie(site)


def posters(movie: int) -> str:
    return f"/manager/movies/{movie}/posters"


def send(browser: TestApp, path: str, **fields: Any) -> Any:
    """Submits one of the forms."""
    file = fields.pop("file", None)
    files = [("file", *file)] if file else None
    token = {"csrf_token": csrf_of(browser)}
    return browser.post(path, {**token, **fields}, upload_files=files, status="*")


def upload(browser: TestApp, movie: int, data: bytes, name: str = "plakát.jpg") -> Any:
    return send(browser, posters(movie), do="upload", file=(name, data))


def previewed(browser: TestApp, movie: int, data: bytes, name: str = "plakát.jpg") -> str:
    """The URL of an uploaded picture's preview."""
    answer = upload(browser, movie, data, name)
    assert answer.status_int == 303, answer.text
    location: str = answer.location
    return location


def saved(browser: TestApp, movie: int, data: bytes, do: str = "save") -> int:
    """The source id of an uploaded and saved picture with its variants."""
    answer = send(browser, previewed(browser, movie, data), do=do)
    assert answer.status_int == 303, answer.text
    source = sources(browser)[-1].id
    assert (
        services_of(browser.app.registry).posters.ensure_variants(source).status
        is GenerationStatus.MADE
    )
    return source


def sources(browser: TestApp) -> list[PosterSource]:
    with services_of(browser.app.registry).database.read() as session:
        return list(session.scalars(select(PosterSource).order_by(PosterSource.id)))


def entries(browser: TestApp) -> int:
    with services_of(browser.app.registry).database.read() as session:
        return session.scalar(select(func.count()).select_from(AuditEntry)) or 0


def words(page: Any) -> str:
    return str(page.html.find("main").get_text(" ", strip=True))


def problem(page: Any) -> str:
    return str(page.html.find(role="alert").get_text(" ", strip=True))


def test_all_variants_are_previewed_before_saving(editor: TestApp, movie: int) -> None:
    before = entries(editor)
    original = encoded(quarters(800, 1200))
    page = editor.get(previewed(editor, movie, original))
    shown = [each["src"] for each in page.html.select(".variants img")]
    assert len(shown) == len(RECIPES)
    for recipe, path in zip(RECIPES, shown, strict=True):
        answer = editor.get(path)
        assert answer.content_type == recipe.mime
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.body != original
        with Image.open(BytesIO(answer.body)) as made:
            assert made.size == recipe.fitted_size(800, 1200)
    assert sources(editor) == []
    assert entries(editor) == before


def test_saved_upload_is_the_poster_and_is_audited(editor: TestApp, movie: int) -> None:
    place = previewed(editor, movie, encoded(quarters()))
    answer = send(editor, place, do="save").follow()
    assert "A plakátot elmentettük" in answer.text
    (source,) = sources(editor)
    assert (source.kind, source.chosen) == (SourceKind.UPLOAD, True)
    assert last_entry(editor).action == "poster.add"
    assert last_entry(editor).subject_id == movie
    assert send(editor, place, do="save").status_int == 404  # a second click saves nothing
    assert len(sources(editor)) == 1
    assert "készül" in words(answer) or "még nem készült el" in words(answer)


def test_discarded_picture_is_deleted(editor: TestApp, movie: int) -> None:
    place = previewed(editor, movie, encoded(quarters()))
    preview = editor.get(place).html.select_one(".variants img")["src"]
    assert place in editor.get(posters(movie)).text
    send(editor, place, do="discard").follow()
    assert editor.get(place, status="*").status_int == 404
    assert editor.get(preview, status="*").status_int == 404
    assert place not in editor.get(posters(movie)).text
    assert sources(editor) == []


def test_unsaved_picture_expires_after_a_week(
    site: TestApp, editor: TestApp, movie: int, clock: Clock
) -> None:
    place = previewed(editor, movie, encoded(quarters()))
    clock.pass_(days=7, minutes=1)  # gc removes the original a day later
    editor = signed_in(site, Role.EDITOR)
    assert send(editor, place, do="save").status_int == 404
    assert place not in editor.get(posters(movie)).text
    assert sources(editor) == []


def test_previews_are_for_their_user_and_their_movie(
    site: TestApp, editor: TestApp, anonymous: TestApp, movie: int
) -> None:
    other = make_movie(site, "Másik film")
    place = previewed(editor, movie, encoded(quarters()))
    preview = f"{place}/poster.jpg"
    assert editor.get(preview).status_int == 200
    assert anonymous.get(preview, status="*").status_int == 303
    assert signed_in(site, Role.ADMIN).get(preview, status="*").status_int == 404
    assert editor.get(preview.replace(f"/{movie}/", f"/{other}/"), status="*").status_int == 404
    for wrong in ("poster.gif", "poster", "original.jpg", "..%2Fposter.jpg"):
        assert editor.get(f"{place}/{wrong}", status="*").status_int == 404
    moved = place.replace(f"/{movie}/", f"/{other}/")
    assert send(editor, moved, do="save").status_int == 404
    assert sources(editor) == []


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (PAGE, "nem kép"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "nem kép|fajta"),
        (b"", "nem kép"),
        (b"\xff\xd8\xff" + PAGE, "hib|nem kép|sérült|vége"),
        (encoded(photograph(80, 120))[:900], "vége|sérült"),
    ],
    ids=["HTML", "SVG", "nothing", "HTML as JPEG", "half a JPEG"],
)
def test_invalid_picture_is_explained(editor: TestApp, movie: int, data: bytes, text: str) -> None:
    answer = upload(editor, movie, data)
    assert answer.status_int == 422
    assert any(each in problem(answer) for each in text.split("|")), problem(answer)
    assert sources(editor) == []
    assert "Megnézve" not in answer.text


def test_too_large_file_is_refused_with_the_limit(
    site: TestApp, editor: TestApp, movie: int
) -> None:
    most = services_of(site.app.registry).posters.limits.bytes
    answer = upload(editor, movie, encoded(quarters()) + bytes(most))
    assert answer.status_int == 422
    assert "túl nagy" in problem(answer)
    assert "15 MB" in problem(answer)


def test_polyglot_is_served_as_a_picture_only(editor: TestApp, movie: int) -> None:
    data = with_segment(encoded(quarters()), 0xFE, PAGE) + PAGE
    page = editor.get(previewed(editor, movie, data, "kép.html"))
    for shown in page.html.select(".variants img"):
        answer = editor.get(shown["src"])
        assert answer.content_type.startswith("image/")
        assert b"<script" not in answer.body


def test_no_file_and_no_known_action(editor: TestApp, movie: int) -> None:
    assert send(editor, posters(movie), do="upload").status_int == 422
    assert send(editor, posters(movie), do="drop table").status_int == 400
    assert send(editor, posters(movie + 9), do="upload", file=("a", PAGE)).status_int == 404


def test_file_name_is_escaped(editor: TestApp, movie: int) -> None:
    name = "<img src=x onerror=alert(1)>.jpg"
    place = previewed(editor, movie, encoded(quarters()), name)
    for path in (place, posters(movie)):
        page = editor.get(path)
        assert "<img src=x" not in page.text
        assert name in words(page)
    send(editor, place, do="save")
    assert "<img src=x" not in editor.get("/manager/audit").text


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("javascript:alert(1)", "nem egy kép címe"),
        ("http://127.0.0.1:1/a.jpg", ""),
        ("file:///etc/passwd", "nem egy kép címe"),
        ("http://a.example/" + "a" * 2000, "nem egy kép címe"),
        ("https://a.example:22/a.jpg", "nem engedélyezett port"),
        ("https://a.example:8443/a.jpg", "nem engedélyezett port"),
        ("https://[a.example/a.jpg", "nem egy kép címe"),
    ],
)
def test_unusable_url_is_refused(editor: TestApp, movie: int, url: str, text: str) -> None:
    answer = send(editor, posters(movie), do="url", url=url)
    assert answer.status_int == 422
    assert problem(answer)
    assert sources(editor) == []


def test_affected_pages_are_shown_before_choosing(editor: TestApp, movie: int) -> None:
    first = saved(editor, movie, encoded(quarters()))
    second = saved(editor, movie, encoded(photograph(80, 120)), do="add")
    assert [each.chosen for each in sources(editor)] == [True, False]
    asked = send(editor, posters(movie), do="effects", source=str(second))
    assert asked.html.select_one(".affected")
    assert [each.chosen for each in sources(editor)] == [True, False]
    send(editor, posters(movie), do="choose", source=str(second))
    assert [(each.id, each.chosen) for each in sources(editor)] == [(first, False), (second, True)]
    entry = last_entry(editor)
    assert entry.action == "poster.choose"
    assert entry.changes == [{"field": "poster", "before": f"#{first}", "after": f"#{second}"}]


def test_a_click_sets_the_focal_point_that_the_square_shows(editor: TestApp, movie: int) -> None:
    place = previewed(editor, movie, encoded(quarters(800, 1200)))
    square = editor.get(f"{place}/square.jpg").body
    click = {"spot.x": "93", "spot.y": "0", "w": "185", "h": "278"}
    assert send(editor, place, do="focus", **click).status_int == 303
    moved = editor.get(f"{place}/square.jpg").body
    assert moved != square
    send(editor, place, do="focus", x="50", y="50")
    assert editor.get(f"{place}/square.jpg").body == square
    send(editor, place, do="focus", x="50", y="0")
    send(editor, place, do="save")
    (source,) = sources(editor)
    assert (source.focal_x, source.focal_y) == (0.5, 0.0)


def test_the_focal_point_of_a_saved_picture(editor: TestApp, movie: int) -> None:
    source = str(saved(editor, movie, encoded(quarters())))
    form = {"do": "focus", "source": source}
    assert send(editor, posters(movie), **form, x="25", y="75").status_int == 303
    (now,) = sources(editor)
    assert (now.focal_x, now.focal_y, now.state) == (0.25, 0.75, SourceState.PENDING)
    assert last_entry(editor).changes[0]["after"] == "25%, 75%"
    for wrong in (
        {"x": "101", "y": "0"},
        {"x": "nan", "y": "0"},
        {"x": "-1", "y": "0"},
        {"spot.x": "9", "spot.y": "9", "w": "1", "h": "1"},
        {"spot.x": "0", "spot.y": "0", "w": "9", "h": "9"},
    ):
        assert send(editor, posters(movie), **form, **wrong).status_int == 422, wrong
    (now,) = sources(editor)
    assert (now.focal_x, now.focal_y) == (0.25, 0.75)


def test_one_source_or_all_are_regenerated(editor: TestApp, movie: int) -> None:
    one = saved(editor, movie, encoded(quarters()))
    other = saved(editor, movie, encoded(photograph(80, 120)), do="add")
    saved(editor, movie, encoded(photograph(120, 80)), do="add")
    pending, ready = SourceState.PENDING, SourceState.READY
    send(editor, posters(movie), do="again", source=str(one))
    assert [each.state for each in sources(editor)] == [pending, ready, ready]
    send(editor, posters(movie), do="again", source=[str(one), str(other)])
    assert [each.state for each in sources(editor)] == [pending, pending, ready]
    page = send(editor, posters(movie), do="all-again").follow()
    assert {each.state for each in sources(editor)} == {SourceState.PENDING}
    assert last_entry(editor).action == "poster.regenerate"
    assert len(last_entry(editor).changes) == 3
    assert page.html.select_one("#live[hx-trigger]")
    assert send(editor, posters(movie), do="again").status_int == 422


def test_source_of_another_movie_is_not_found(site: TestApp, editor: TestApp, movie: int) -> None:
    source = str(saved(editor, movie, encoded(quarters())))
    other, before = make_movie(site, "Másik film"), entries(editor)
    for do in ("choose", "effects", "again"):
        assert send(editor, posters(other), do=do, source=source).status_int == 404, do
    moved = send(editor, posters(other), do="focus", source=source, x="1", y="1")
    assert moved.status_int == 404
    assert send(editor, posters(movie), do="choose", source="999999").status_int == 404
    assert entries(editor) == before


def test_failure_of_a_source_is_explained(site: TestApp, editor: TestApp, movie: int) -> None:
    with services_of(site.app.registry).database.write() as session:
        failed = PosterSource(
            kind=SourceKind.URL, movie_id=movie, url="https://a.example/a.jpg", attempts=3,
            state=SourceState.FAILED, error_code="not_found",
        )  # fmt: skip
        session.add(failed)
    text = words(editor.get(posters(movie)))
    assert "A megadott címen nincs kép." in text
    assert "not_found" in text
    english = words(editor.get(f"/en{posters(movie)}"))
    assert "There is no picture at the address." in english
