"""The page of a movie: its URL, its languages and the markup that scrapers read."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.models import (
    Audio,
    CreditRole,
    DatePrecision,
    Distributor,
    FieldProvenance,
    Movie,
    Premiere,
    StreamingService,
)
from moziweb.posters.models import PosterSource, PosterVariant, SourceState, VariantState
from moziweb.services import services_of, set_services
from tests.conftest import BASE_URL, QueryCounter
from tests.factories import (
    THURSDAY,
    add_genres,
    add_people,
    add_poster,
    add_trailer,
    make_movie,
    make_premiere,
    move_premiere,
    set_distributor,
)
from tests.site.scraper import PARAGRAPH, cards, items_after, json_ld, only, text_after

SYNOPSIS = "Egy férfi hazatér.\n\nAki várja, <nem> az, akinek hiszi. " + "Hosszú történet. " * 40


@pytest.fixture
def movie(dbsession: Session) -> Movie:
    """A movie with values in all fields."""
    movie = make_movie(
        dbsession,
        "Az ígéret földje",
        original_title="Promised Land",
        synopsis=SYNOPSIS,
        synopsis_en="A man comes home.",
        rating="12",
        countries=("HU", "US"),
        languages=("hu", "en"),
        imdb_id="tt0000001",
        tmdb_id=7,
    )
    set_distributor(dbsession, movie, "Fórum & Társa")
    add_genres(dbsession, movie, "Vígjáték/Comedy", "Krimi/Crime")
    add_people(dbsession, movie, CreditRole.DIRECTOR, "Enyedi Ildikó", "Tarr Béla")
    add_people(dbsession, movie, CreditRole.CAST, "Törőcsik Mari/Teréz", "Latinovits Zoltán")
    add_trailer(dbsession, movie, "abcDEF-_123")
    add_poster(dbsession, movie)
    make_premiere(dbsession, movie, THURSDAY, formats=("2D", "IMAX"))
    dbsession.commit()
    return movie


def movie_path(movie: Movie) -> str:
    return f"/movie/{movie.id}-{movie.slug}"


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_wrong_slug_redirects(app: TestApp, movie: Movie, prefix: str) -> None:
    for slug in ("", "-", "-wrong", "-az-igeret-foldje-", "-Az-Igeret", "-a%0ab"):
        response = app.get(f"{prefix}/movie/{movie.id}{slug}", status=301)
        assert response.location == f"{BASE_URL}{prefix}{movie_path(movie)}", slug


@pytest.mark.parametrize(
    "segment",
    [
        "0",
        "-1",
        "999999",
        "2147483648-x",
        "9223372036854775808-x",
        "1e3",
        "x",
        "1x",
        "%00",
        "%EF%BC%91",
        "%C2%B2",
    ],
)
def test_invalid_id_is_404(demo_app: TestApp, segment: str) -> None:
    demo_app.get(f"/movie/{segment}", status=404)
    demo_app.get(f"/movie/{'1' * 5000}", status=404)


def test_unpublished_movie_is_404(app: TestApp, dbsession: Session, movie: Movie) -> None:
    movie.published = False
    dbsession.commit()
    app.get(movie_path(movie), status=404)
    app.get(f"/movie/{movie.id}", status=404)


def test_markup_that_scrapers_read(app: TestApp, movie: Movie) -> None:
    html = app.get(movie_path(movie)).text
    assert only(re.compile("<h1>(.*?)</h1>"), html) == "Az ígéret földje"
    whole = [" ".join(paragraph.split()) for paragraph in SYNOPSIS.split("\n\n")]
    first = PARAGRAPH.search(html, html.index("</h1>"))
    assert first
    assert unescape(first[1]).split("\n\n") == whole
    assert html.index("</h1>") < first.start() < html.index("<strong>Forgalmazó:</strong>")
    assert text_after("Forgalmazó:", html) == "Fórum & Társa"
    assert text_after("Eredeti cím:", html) == "Promised Land"
    assert items_after("Rendező:", html) == ["Enyedi Ildikó", "Tarr Béla"]
    assert items_after("Főszereplők:", html) == ["Törőcsik Mari", "Latinovits Zoltán"]
    assert re.findall(r'<a class="movie-category"[^>]*>(.*?)</a>', html) == ["Vígjáték", "Krimi"]
    assert only(re.compile('<span class="movie-runtime">(.*?)</span>'), html) == "110 perc"
    assert only(re.compile('data-video-id="(.*?)"'), html) == "abcDEF-_123"
    full = rf'href="{BASE_URL}/poster/{movie.id}-az-igeret-foldje\.\d+\.webp"'
    assert re.search(full, html)


def test_pictures_are_absolute(app: TestApp, dbsession: Session, movie: Movie) -> None:
    """Programs that read pages do not resolve relative URLs. The backdrop is a picture, too."""
    source = dbsession.scalars(select(PosterSource)).one()
    dbsession.add(ready_poster(source.id, "small"))
    without = make_movie(dbsession, "Plakát nélkül")
    make_premiere(dbsession, without)
    dbsession.commit()
    for path in (movie_path(movie), "/week/2026-W34"):
        html = app.get(path).text
        assert '<div class="backdrop' in html
        found = re.findall(r'<img [^>]*\bsrc="([^"]*)"', html)
        assert len(found) > 1
        assert [each for each in found if not each.startswith(f"{BASE_URL}/")] == []
    (placeholder,) = app.get(movie_path(without)).html.select(".film-poster img")
    assert placeholder["src"].startswith(f"{BASE_URL}/static/no-poster.svg")
    assert f'src="{placeholder["src"]}"' in app.get("/week/2026-W34").text


def ready_poster(source_id: int, name: str) -> PosterVariant:
    """A stored variant of a poster, 370 pixels wide."""
    return PosterVariant(
        source_id=source_id,
        name=name,
        format="jpg",
        recipe_hash="0" * 64,
        source_sha256="0" * 64,
        state=VariantState.READY,
        bucket="",
        key="poster/kesz.jpg",
        width=370,
        height=555,
    )


def test_json_ld_is_complete(app: TestApp, movie: Movie) -> None:
    data = json_ld(app.get(movie_path(movie)).text)
    assert data["@type"] == "Movie"
    assert data["name"] == "Az ígéret földje"
    assert data["genre"] == ["Vígjáték", "Krimi"]
    assert data["duration"] == "PT1H50M"
    assert [each["name"] for each in data["director"]] == ["Enyedi Ildikó", "Tarr Béla"]
    assert [each["name"] for each in data["actor"]] == ["Törőcsik Mari", "Latinovits Zoltán"]
    assert data["description"] == " ".join(SYNOPSIS.split())
    assert data["image"].startswith(f"{BASE_URL}/poster/")
    assert data["datePublished"] == "2026-08-20"
    assert data["url"] == BASE_URL + movie_path(movie)
    assert data["inLanguage"] == ["hu", "en"]
    (trailer,) = data["trailer"]
    assert trailer["@type"] == "VideoObject"
    assert trailer["url"].endswith("abcDEF-_123")


def test_second_preview_is_the_square_variant(app: TestApp, movie: Movie) -> None:
    page = app.get(movie_path(movie))
    previews = {
        tag["property"]: tag["content"] for tag in page.html.find_all("meta", property=True)
    }
    assert previews["og:title"] == "Az ígéret földje"
    assert previews["og:url"] == BASE_URL + movie_path(movie)
    url = previews["og:image"]
    assert re.fullmatch(rf"{BASE_URL}/poster/[^/]*\.square\.jpg", url)
    assert (previews["og:image:width"], previews["og:image:height"]) == ("600", "600")
    assert (previews["og:site_name"], previews["og:locale"]) == ("moziweb", "hu_HU")
    assert previews["og:description"] == page.html.find("meta", {"name": "description"})["content"]


def test_sources_are_avif_then_webp_then_one_jpeg(app: TestApp, movie: Movie) -> None:
    picture = app.get(movie_path(movie)).html.find("picture")
    sources = picture.find_all("source")
    assert [source["type"] for source in sources] == ["image/avif", "image/webp"]
    for source, extension in zip(sources, ("avif", "webp"), strict=True):
        urls = [each.split()[0] for each in source["srcset"].split(", ")]
        assert len(urls) == 4
        assert all(path.endswith(f".{extension}") for path in urls)
    assert picture.img["src"].endswith(".thumb.jpg")
    assert "srcset" not in picture.img.attrs


def test_full_size_is_linked_at_its_own_variant(app: TestApp, movie: Movie) -> None:
    html = app.get(movie_path(movie)).text
    assert re.search(rf'href="{BASE_URL}/poster/[^"]*[.]full[.]webp"', html)


def test_variants_of_newer_recipes_wait_until_they_are_ready(
    app: TestApp, dbsession: Session, movie: Movie
) -> None:
    """A source that was made by an older release shows its old variants alone."""
    source = dbsession.scalars(select(PosterSource)).one()
    source.width, source.height, source.state = 2000, 3000, SourceState.READY

    def publish(name: str, width: int) -> None:
        dbsession.add(
            PosterVariant(
                source_id=source.id, name=name, format="webp", recipe_hash=name.ljust(64, "0"),
                source_sha256="0" * 64, state=VariantState.READY, bucket="",
                key=f"poster/{name}.webp", width=width, height=width * 3 // 2,
            )
        )  # fmt: skip
        dbsession.commit()

    def linked() -> tuple[list[str], list[str]]:
        html = app.get(movie_path(movie)).text
        (srcset,) = re.findall(r'type="image/webp" srcset="([^"]*)"', html)
        links = re.findall(r'href="[^"]*?([a-z]+)[.]webp"', html)
        return re.findall(r"([a-z]+)[.]webp", srcset), links

    for name, width in (("thumb", 370), ("poster", 780)):
        publish(name, width)
    assert linked() == (["thumb", "poster"], ["poster", "poster"])
    publish("medium", 540)
    publish("full", 1200)
    assert linked() == (["thumb", "medium", "poster"], ["poster", "full"])


def test_equal_widths_are_linked_once(app: TestApp, dbsession: Session, movie: Movie) -> None:
    source = dbsession.scalars(select(PosterSource)).one()
    source.width, source.height = 400, 600
    dbsession.commit()
    for srcset in re.findall(r'srcset="([^"]*)"', app.get(movie_path(movie)).text):
        widths = re.findall(r" ([0-9]+)w", srcset)
        assert widths == ["185", "370", "400"]


def test_paragraphs_of_the_synopsis_are_kept(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, synopsis=" Az  első\nsora.\r\n\r\n A második. ")
    dbsession.commit()
    paragraph = "Az első\n\nsora.\n\nA második."
    assert f'<p class="synopsis">{paragraph}</p>' in app.get(movie_path(movie)).text


def test_every_section_has_a_heading(app: TestApp, movie: Movie) -> None:
    html = app.get(movie_path(movie)).html
    sections = html.select("article section")
    names = [html.find(id=each["aria-labelledby"]) for each in sections]
    assert {each.name for each in names} == {"h2"}
    assert "Főszereplők" in [each.text for each in names]
    assert not html.select("[role=status]:is(h1, h2, h3)")


def test_movie_without_values_has_json_ld(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, runtime=None)
    dbsession.commit()
    data = json_ld(app.get(movie_path(movie)).text)
    assert data["@type"] == "Movie"
    assert {key: data[key] for key in ("genre", "director", "actor", "description")} == {
        "genre": [],
        "director": [],
        "actor": [],
        "description": "",
    }
    assert None not in data.values()
    assert "duration" not in data


def test_json_ld_is_escaped_in_script_element(app: TestApp, dbsession: Session) -> None:
    title = "</script><script>alert(1)</script><!-- & \u2028"
    movie = make_movie(dbsession, title, synopsis=title)
    dbsession.commit()
    html = app.get(movie_path(movie)).text
    assert json_ld(html)["name"] == title
    assert "<script>alert" not in html


def test_english_page_shows_original_title_first(app: TestApp, movie: Movie) -> None:
    html = app.get("/en" + movie_path(movie)).text
    assert only(re.compile("<h1>(.*?)</h1>"), html) == "Promised Land"
    assert "Az ígéret földje" in html
    for text in ("110 min", "Comedy", "Hungary", "English", "Not recommended under 12"):
        assert text in html
    assert json_ld(html)["description"] == "A man comes home."
    html = app.get(movie_path(movie)).text
    for text in ("Magyarország, Egyesült Államok", "magyar, angol"):
        assert text in html


def test_equal_titles_are_shown_once(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, "Solaris")
    dbsession.commit()
    assert "film-other-title" not in app.get(movie_path(movie)).text


def test_synopsis_in_other_language_has_lang(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, synopsis_en="Only in English.")
    dbsession.commit()
    html = app.get(movie_path(movie)).text
    assert '<p class="synopsis" lang="en">Only in English.</p>' in html
    assert "lang=" not in only(
        re.compile("(<p class=.synopsis.*?>)"), app.get("/en" + movie_path(movie)).text
    )


def test_premieres_show_their_history(app: TestApp, dbsession: Session, movie: Movie) -> None:
    streamed = make_premiere(dbsession, movie, THURSDAY + timedelta(days=90), service="MUBI")
    move_premiere(dbsession, streamed, THURSDAY + timedelta(days=100), "Felújítás.")
    vague = {"precision": DatePrecision.YEAR, "rerelease": True, "note": "Felújított kópia."}
    make_premiere(dbsession, movie, date(2030, 1, 1), **vague)
    dbsession.commit()
    html = app.get(movie_path(movie)).text
    for text in ("2026. augusztus 20.", "IMAX", "MUBI", "2026. november 28.", "Felújítás."):
        assert text in html
    assert "2026. november 18." in html  # the former date
    assert "2026. augusztus 1." in html  # the day of the change
    assert '<time datetime="2030">2030</time>' in html
    assert "Felújított kópia." in html


def test_hungarian_text_on_english_page_has_lang(
    app: TestApp, dbsession: Session, movie: Movie
) -> None:
    premiere = make_premiere(dbsession, movie, THURSDAY, note="Felújított kópia.")
    move_premiere(dbsession, premiere, THURSDAY + timedelta(days=7), "Technikai okok.")
    teaser, nameless = add_trailer(dbsession, movie), add_trailer(dbsession, movie)
    teaser.name, teaser.language, nameless.name = "Teaser", "en", ""
    dbsession.commit()
    hungarian, english = app.get(movie_path(movie)).text, app.get("/en" + movie_path(movie)).text
    for text in ("Felújított kópia.", "Technikai okok.", "Előzetes", "Az ígéret földje"):
        assert re.search(rf'lang="hu">{text}<', english), text
        assert not re.search(rf"lang=[^>]*>{text}<", hungarian), text
    assert '<span lang="en">Teaser</span>' in hungarian
    assert "<span>Teaser</span>" in english
    assert re.search(r"</svg>Trailer <", english)


def test_right_to_left_title_is_isolated(app: TestApp, movie: Movie) -> None:
    assert "<bdi>Promised Land</bdi>" in app.get(movie_path(movie)).text


def test_rating_formats_and_versions_link_the_premieres_of_the_month(
    app: TestApp, dbsession: Session, movie: Movie
) -> None:
    """Each page has the movie, by its canonical URL."""
    dbsession.scalars(select(Premiere)).one().audio = Audio.BOTH
    year = date(2027, 1, 1)
    make_premiere(dbsession, movie, year, precision=DatePrecision.YEAR, formats=("IMAX",))
    dbsession.commit()
    html = app.get(f"/en{movie_path(movie)}").html
    links = {link["href"]: link for link in html.select("main a[rel=nofollow]")}
    month = "/en/month/2026-08"
    assert set(links) == {
        f"{month}?rating=12", f"{month}?format=2D", f"{month}?format=IMAX",
        f"{month}?audio=dubbed", f"{month}?audio=subtitled", "/en/year/2027?format=IMAX",
    }  # fmt: skip
    assert links[f"{month}?rating=12"].text == "Not recommended under 12"
    (first, _second) = html.select(".premiere-what")
    assert " ".join(first.text.split()) == "Cinema · 2D · IMAX · dubbed · subtitled"
    for path in links:
        assert f"/en{movie_path(movie)}" in {card.href for card in cards(app.get(path).text)}


def test_movie_without_date_or_rating_links_no_premieres(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, rating="12")
    unrated = make_movie(dbsession)
    make_premiere(dbsession, unrated)
    dbsession.commit()
    for each in (movie, unrated):
        assert not app.get(movie_path(each)).html.select("main a[rel=nofollow]")


def test_future_premiere_leads(app: TestApp, dbsession: Session, movie: Movie) -> None:
    """The premiere of the fixture is today; the earliest one is long ago."""
    make_premiere(dbsession, movie, date(1999, 3, 4))
    make_premiere(dbsession, movie, THURSDAY + timedelta(days=70), service="MUBI")
    dbsession.commit()
    opening = app.get(movie_path(movie)).html.find(class_="film-opening")
    assert opening.time["datetime"] == "2026-08-20"
    assert app.get(movie_path(movie)).html.find(class_="kicker").a["href"] == "/week/2026-W34"
    set_services(
        app.app.registry,
        replace(services_of(app.app.registry), clock=lambda: datetime(2026, 10, 1, tzinfo=UTC)),
    )
    opening = app.get(movie_path(movie)).html.find(class_="film-opening")
    assert opening.time["datetime"] == "2026-10-29"
    assert "MUBI" in opening.text


def test_movie_without_premiere_has_no_lead(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession)
    dbsession.commit()
    assert app.get(movie_path(movie)).html.find(class_="film-opening") is None


def test_page_title_has_the_year(app: TestApp, dbsession: Session) -> None:
    for year in (2024, 2026):
        movie = make_movie(dbsession, "Dűne")
        make_premiere(dbsession, movie, date(year, 3, 1))
        dbsession.commit()
        assert f"<title>Dűne ({year}) · moziweb</title>" in app.get(movie_path(movie)).text


def test_description_is_cut_between_words(app: TestApp, movie: Movie) -> None:
    html = app.get(movie_path(movie)).text
    description = unescape(only(re.compile('<meta name="description" content="(.*?)"'), html))
    assert len(description) <= 161
    whole, head = " ".join(SYNOPSIS.split()), description.removesuffix("…")
    assert whole.startswith(head)
    assert not whole[len(head)].isalnum()


def test_ready_variant_is_linked_in_storage(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, "Kész")
    source = add_poster(
        dbsession,
        movie,
        state=SourceState.READY,
        width=2000,
        height=3000,
        dominant_colour="#ff0000",
        sketch="f00" * 11 + "24a",
    )
    dbsession.add(ready_poster(source.id, "thumb"))
    dbsession.commit()
    html = app.get(movie_path(movie)).text
    assert f'src="{BASE_URL}/objects/poster/kesz.jpg"' in html
    assert f"/poster/{movie.id}-kesz.{source.id}.webp 780w" in html
    assert "tone-500" in html
    assert html.count('height="1" fill="#f00"/>') == 11
    assert '<rect x="2" y="3" width="1" height="1" fill="#24a"/></svg>' in html


def test_each_source_is_credited_once(app: TestApp, dbsession: Session, movie: Movie) -> None:
    for field in ("title", "runtime"):
        dbsession.add(FieldProvenance(movie_id=movie.id, field=field, source="tmdb"))
    dbsession.commit()
    assert app.get("/en" + movie_path(movie)).text.count("uses the TMDB API") == 1


@pytest.mark.parametrize("people", [1, 30])
def test_movie_page_takes_eleven_queries(
    app: TestApp, dbsession: Session, query_counter: QueryCounter, people: int
) -> None:
    movie = make_movie(dbsession)
    others = [make_movie(dbsession) for _ in range(people)]
    for each in (movie, *others):
        add_genres(dbsession, each, "Dráma", "Krimi", "Háborús")
        add_people(dbsession, each, CreditRole.DIRECTOR, "Rendező")
        make_premiere(dbsession, each)
    add_people(dbsession, movie, CreditRole.CAST, *(f"Színész {n}" for n in range(people)))
    for n in range(people):
        make_premiere(dbsession, movie, THURSDAY + timedelta(days=n), service=f"Csatorna {n}")
        add_trailer(dbsession, movie, f"video{n}")
    add_poster(dbsession, movie)
    dbsession.commit()
    engine = services_of(app.app.registry).database.engine
    for path, number in ((movie_path(movie), 11), (f"/api/movie/{movie.id}", 6)):
        with query_counter(engine) as statements:
            app.get(path)
        assert len(statements) == number
    with query_counter(engine) as statements:
        app.get("/movie/999999-x", status=404)
    assert len(statements) == 1


def test_page_links_the_neighbours_in_its_week(app: TestApp, dbsession: Session) -> None:
    first, here, last = (make_movie(dbsession, name) for name in ("Az első", "Ez", "Utolsó"))
    for days, each in enumerate((first, here, last)):
        make_premiere(dbsession, each, THURSDAY + timedelta(days=days))
    dbsession.commit()
    links = app.get(movie_path(here)).html.find("nav", class_="film-neighbours").find_all("a")
    assert [(link["rel"], link["href"]) for link in links] == [
        (["prev"], movie_path(first)),
        (["next"], movie_path(last)),
    ]
    assert "A hét előző filmje Az első" in " ".join(links[0].text.split())
    assert not app.get(movie_path(first)).html.find("a", rel="prev")
    assert not app.get(movie_path(last)).html.find("a", rel="next")


def test_page_lists_movies_of_the_director_and_of_the_genre(
    app: TestApp, dbsession: Session
) -> None:
    here, directed, genre = (make_movie(dbsession, name) for name in ("Ez", "Rendezte", "Műfaj"))
    for each in (here, directed):
        add_people(dbsession, each, CreditRole.DIRECTOR, "Tarr Béla")
    for each in (here, genre):
        add_genres(dbsession, each, "Dráma/Drama")
        make_premiere(dbsession, each, THURSDAY)
    dbsession.commit()
    page = app.get("/en" + movie_path(here)).html
    sections = {each["id"]: each for each in page.find_all("section", class_="shelf")}
    assert {key: each.h2.text for key, each in sections.items()} == {
        "directors": "More films: Tarr Béla",
        "genre": "More films: Drama, August 2026",
    }
    cards = {key: [card["href"] for card in each.find_all("a", class_="movie")]
             for key, each in sections.items()}  # fmt: skip
    assert cards == {
        "directors": ["/en" + movie_path(directed)],
        "genre": ["/en" + movie_path(genre)],
    }
    assert sections["genre"].find("a", class_="more")["href"] == "/en/genre/drama"
    assert sections["directors"].find("a", class_="more")["href"].endswith("-tarr-bela")
    alone = app.get(movie_path(directed)).html
    assert not alone.find("section", id="genre")
    assert not alone.find("nav", class_="film-neighbours")


def where(app: TestApp, movie: Movie) -> list[tuple[str, str]]:
    label = app.get(movie_path(movie)).html.find("strong", string="Hol látható:")
    return [(link.text, link["href"]) for link in label.parent.find_all("a")] if label else []


def test_where_to_see_it(app: TestApp, dbsession: Session, movie: Movie) -> None:
    """Websites, or the page on the site of a service without one; nothing that is cancelled.

    The facts link the page of the distributor, which is not repeated.
    """
    distributor = dbsession.query(Distributor).one()
    assert f'href="/distributor/{distributor.id}-forum-tarsa"' in app.get(movie_path(movie)).text
    assert where(app, movie) == []
    make_premiere(dbsession, movie, THURSDAY + timedelta(days=90), service="MUBI")
    make_premiere(dbsession, movie, THURSDAY + timedelta(days=99), service="MUBI")
    distributor.website = "https://example.com/forum"
    dbsession.commit()
    assert where(app, movie) == [
        ("MUBI", "/service/mubi"),
        ("Fórum & Társa", "https://example.com/forum"),
    ]
    service = dbsession.query(StreamingService).one()
    service.website, distributor.website = "https://example.com/mubi", "javascript:alert(1)"
    dbsession.commit()
    assert where(app, movie) == [("MUBI", "https://example.com/mubi")]
    for premiere in dbsession.query(Premiere):
        premiere.cancelled_at = datetime(2026, 8, 1, tzinfo=UTC)
    dbsession.commit()
    assert where(app, movie) == []
