"""Former ids and slugs lead to the rows that have their movies now."""

from sqlalchemy.orm import Session

from moziweb.movies.former_addresses import (
    former_addresses,
    id_key,
    keep_address,
    keys_of,
    successor,
)
from moziweb.movies.models import FormerAddress, Genre, Person
from moziweb.movies.movie_rows import named_or_slugged, service_id


def test_a_former_key_leads_to_a_row(dbsession: Session) -> None:
    person, genre = Person(name="Egy"), Genre(slug="uj", name="Új", name_en="New")
    dbsession.add_all([person, genre])
    dbsession.flush()
    keep_address(dbsession, person, id_key(900))
    keep_address(dbsession, genre, "regi")
    dbsession.flush()
    assert successor(dbsession, Person, "#900") is person
    assert successor(dbsession, Genre, "regi") is genre
    assert list(keys_of(genre)) == [id_key(genre.id), "uj"]
    assert list(keys_of(person)) == [id_key(person.id)]
    for key in ("#901", "nincs", "#900\0", "Nagy", "x" * 41, "", "#"):
        assert successor(dbsession, Person, key) is None, key
    # It leads to nothing as long as the row does not exist.
    dbsession.delete(person)
    dbsession.flush()
    assert successor(dbsession, Person, "#900") is None


def test_a_key_has_one_row(dbsession: Session) -> None:
    first, second = Person(name="Egy"), Person(name="Kettő")
    dbsession.add_all([first, second])
    dbsession.flush()
    made, is_new = keep_address(dbsession, first, "#900")
    assert is_new
    dbsession.flush()
    again, is_new = keep_address(dbsession, second, "#900")
    assert (again, is_new) == (made, False)
    dbsession.flush()
    assert former_addresses(dbsession, first) == []
    assert former_addresses(dbsession, second) == [made]


def test_importers_find_a_renamed_genre_and_service(dbsession: Session) -> None:
    """By name, by slug, or by a former slug: so that a list does not add them again."""
    genre = Genre(slug="komedia", name="Vígjáték", name_en="Comedy")
    dbsession.add(genre)
    dbsession.flush()
    dbsession.add(FormerAddress(table_name="genre", key="krimi", row_id=genre.id))
    number = service_id(dbsession, "HBO Max")
    dbsession.flush()
    for name, slug in (("Vígjáték", "x"), ("Komédia", "komedia"), ("Krimi", "krimi")):
        assert named_or_slugged(dbsession, Genre, name, slug) is genre
    assert named_or_slugged(dbsession, Genre, "Dráma", "drama") is None
    assert service_id(dbsession, "hbo max") == number
