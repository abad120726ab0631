"""Guessing is slow: limits on attempts, whatever restarts and however many come at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from webtest import TestApp

from moziweb.db import Database
from moziweb.manager.attempts import (
    PER_ADDRESS,
    PER_NAME,
    PER_NAME_AND_ADDRESS,
    WINDOW,
    Attempts,
    network_of,
)
from moziweb.manager.models import Role
from tests.conftest import NOW, running_app

from .conftest import NAMES, PASSWORD, Clock, sign_in

OWNER = "192.0.2.1"


def attempts_at(database: Database, now: datetime = NOW) -> Attempts:
    return Attempts(database, lambda: now)


def failures(database: Database, names: str, addresses: str, count: int) -> None:
    attempts = attempts_at(database)
    for number in range(count):
        assert not attempts.begin(names.format(number), addresses.format(number)).wait, number


@pytest.mark.parametrize(
    ("names", "addresses", "limit"),
    [
        ("anna", OWNER, PER_NAME_AND_ADDRESS),
        ("name {}", OWNER, PER_ADDRESS),
        ("anna", "203.0.113.{}", PER_NAME),
    ],
)
def test_each_limit(database: Database, names: str, addresses: str, limit: int) -> None:
    failures(database, names, addresses, limit)
    refused = attempts_at(database).begin(names.format("x"), addresses.format(250))
    assert timedelta() < refused.wait <= WINDOW


def test_a_stranger_does_not_lock_the_owner_out(database: Database) -> None:
    attempts = attempts_at(database)
    for _ in range(100):
        attempts.begin("anna", "203.0.113.9")
    assert not attempts.begin("anna", OWNER).wait


def test_waiting_helps_and_trying_meanwhile_does_not_harm(database: Database) -> None:
    failures(database, "anna", OWNER, PER_NAME_AND_ADDRESS)
    for minutes in (1, 5, 14):
        assert attempts_at(database, NOW + timedelta(minutes=minutes)).begin("anna", OWNER).wait
    assert not attempts_at(database, NOW + WINDOW).begin("anna", OWNER).wait


def test_success_forgets_what_failed_before(database: Database) -> None:
    failures(database, "anna", OWNER, PER_NAME_AND_ADDRESS - 1)
    attempts = attempts_at(database)
    attempts.succeeded(attempts.begin("anna", OWNER))
    failures(database, "anna", OWNER, PER_NAME_AND_ADDRESS)


def test_of_many_at_once_no_more_are_let_through(database: Database) -> None:
    attempts = attempts_at(database)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: attempts.begin("anna", OWNER), range(24)))
    assert 0 < sum(not each.wait for each in found) <= PER_NAME_AND_ADDRESS


def test_a_restart_forgets_nothing(local: dict[str, str], site: TestApp, clock: Clock) -> None:
    for _ in range(PER_NAME_AND_ADDRESS):
        assert sign_in(site, NAMES[Role.EDITOR], "a wrong password").status_int == 403
    with running_app(local) as restarted:
        restarted.app.registry["clock"] = clock
        refused = sign_in(restarted, NAMES[Role.EDITOR], PASSWORD)
        assert refused.status_int == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 900
        assert "15 perc" in refused.text
        clock.pass_(minutes=15)
        assert sign_in(restarted, NAMES[Role.EDITOR], PASSWORD).status_int == 303


def test_the_address_is_not_what_a_header_says(site: TestApp) -> None:
    for number in range(PER_NAME_AND_ADDRESS):
        headers = {"X-Forwarded-For": f"198.51.100.{number}"}
        assert sign_in(site, "anna", "wrong", headers=headers).status_int == 403
    headers = {"X-Forwarded-For": "198.51.100.99"}
    assert sign_in(site, "anna", "wrong", headers=headers).status_int == 429


def test_guessing_the_present_password_is_counted_too(editor: TestApp) -> None:
    for number in range(PER_NAME_AND_ADDRESS + 1):
        form = editor.get("/manager/account").forms[2]
        form["current_password"] = PASSWORD if number == PER_NAME_AND_ADDRESS else "wrong"
        form["new_password"] = "something else entirely"
        assert form.submit(status="*").status_int == 403


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_what_an_address_is_counted_as(address: str, network: str) -> None:
    assert network_of(address) == network
