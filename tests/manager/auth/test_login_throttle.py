"""Limits on sign-in attempts hold across restarts and for concurrent attempts."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from webtest import TestApp

from moziweb.db import Database
from moziweb.manager.auth.login_throttle import (
    PER_ADDRESS,
    PER_NAME,
    PER_NAME_AND_ADDRESS,
    RECOGNISED_FOR,
    SHORT,
    Limit,
    LoginThrottle,
    forget_failures,
    network_of,
)
from moziweb.manager.auth.models import Role, SignInAttempt
from moziweb.services import services_of, set_services
from tests.conftest import NOW, running_app
from tests.manager.conftest import NAMES, PASSWORD, Clock, sign_in

OWNER = "192.0.2.1"


def attempts_at(database: Database, now: datetime = NOW) -> LoginThrottle:
    return LoginThrottle(database, lambda: now)


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
def test_each_limit(database: Database, names: str, addresses: str, limit: Limit) -> None:
    failures(database, names, addresses, limit.count)
    refused = attempts_at(database).begin(names.format("x"), addresses.format(250))
    assert timedelta() < refused.wait <= limit.window
    with database.read() as session:
        rows = session.scalar(select(func.count(SignInAttempt.id)))
    assert rows == limit.count  # refused attempts write nothing


def test_a_recognised_address_is_not_locked_out(database: Database) -> None:
    """Failures from everywhere, and from the owner's network with other names, do not count."""
    attempts = attempts_at(database)
    attempts.succeeded(attempts.begin("anna", OWNER))
    failures(database, "anna", "203.0.113.{}", PER_NAME.count)
    failures(database, "name {}", OWNER, PER_ADDRESS.count)
    assert attempts.begin("anna", "203.0.113.250").wait
    assert attempts.begin("béla", OWNER).wait
    failures(database, "anna", OWNER, PER_NAME_AND_ADDRESS.count)
    assert attempts.begin("anna", OWNER).wait  # the narrow limit still applies
    later = NOW + RECOGNISED_FOR - timedelta(minutes=1)
    for number in range(PER_NAME.count):
        assert not attempts_at(database, later).begin("anna", f"203.0.113.{number}").wait
    assert not attempts_at(database, later).begin("anna", OWNER).wait
    assert attempts_at(database, NOW + RECOGNISED_FOR).begin("anna", OWNER).wait


def test_forgetting_failures_ends_the_wait(database: Database) -> None:
    failures(database, "anna", OWNER, PER_NAME_AND_ADDRESS.count)
    failures(database, "béla", OWNER, PER_NAME_AND_ADDRESS.count)
    attempts = attempts_at(database)
    with database.write() as session:
        assert forget_failures(session, "anna") == PER_NAME_AND_ADDRESS.count
    assert not attempts.begin("anna", OWNER).wait
    assert attempts.begin("béla", OWNER).wait
    with database.write() as session:
        forget_failures(session)
    waiting = attempts.begin("béla", OWNER)
    assert not waiting.wait
    with database.write() as session:
        forget_failures(session)
    attempts.succeeded(waiting)  # its row is gone: no error


def test_expired_attempts_are_deleted(database: Database) -> None:
    failures(database, "name {}", "192.0.2.{}", 3)
    attempts_at(database, NOW + PER_NAME.window + timedelta(minutes=1)).begin("anna", OWNER)
    with database.read() as session:
        assert session.scalar(select(func.count(SignInAttempt.id))) == 1


def test_failures_elsewhere_do_not_lock_the_owner_out(database: Database) -> None:
    attempts = attempts_at(database)
    for _ in range(100):
        attempts.begin("anna", "203.0.113.9")
    assert not attempts.begin("anna", OWNER).wait


def test_refused_attempts_do_not_extend_the_wait(database: Database) -> None:
    failures(database, "anna", OWNER, PER_NAME_AND_ADDRESS.count)
    for minutes in (1, 5, 14):
        assert attempts_at(database, NOW + timedelta(minutes=minutes)).begin("anna", OWNER).wait
    assert not attempts_at(database, NOW + SHORT).begin("anna", OWNER).wait


def test_success_deletes_earlier_failures(database: Database) -> None:
    failures(database, "anna", OWNER, PER_NAME_AND_ADDRESS.count - 1)
    attempts = attempts_at(database)
    attempts.succeeded(attempts.begin("anna", OWNER))
    failures(database, "anna", OWNER, PER_NAME_AND_ADDRESS.count)


def test_concurrent_attempts_do_not_exceed_the_limit(database: Database) -> None:
    attempts = attempts_at(database)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: attempts.begin("anna", OWNER), range(24)))
    assert sum(not each.wait for each in found) == PER_NAME_AND_ADDRESS.count


def test_limits_survive_a_restart(local: dict[str, str], site: TestApp, clock: Clock) -> None:
    for _ in range(PER_NAME_AND_ADDRESS.count):
        assert sign_in(site, NAMES[Role.EDITOR], "a wrong password").status_int == 403
    with running_app(local) as restarted:
        set_services(
            restarted.app.registry, replace(services_of(restarted.app.registry), clock=clock)
        )
        refused = sign_in(restarted, NAMES[Role.EDITOR], PASSWORD)
        assert refused.status_int == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 900
        assert "15 perc" in refused.text
        clock.pass_(minutes=15)
        assert sign_in(restarted, NAMES[Role.EDITOR], PASSWORD).status_int == 303


def test_address_is_not_taken_from_a_header(site: TestApp) -> None:
    for number in range(PER_NAME_AND_ADDRESS.count):
        headers = {"X-Forwarded-For": f"198.51.100.{number}"}
        assert sign_in(site, "anna", "wrong", headers=headers).status_int == 403
    headers = {"X-Forwarded-For": "198.51.100.99"}
    assert sign_in(site, "anna", "wrong", headers=headers).status_int == 429


def test_wrong_current_passwords_are_counted(editor: TestApp) -> None:
    answers = []
    for password in ["wrong"] * PER_NAME_AND_ADDRESS.count + [PASSWORD]:
        form = editor.get("/manager/account").forms[2]
        form["current_password"], form["new_password"] = password, "something else entirely"
        answers.append(form.submit(status="*"))
    assert {each.status_int for each in answers[:-1]} == {403}
    assert answers[-1].status_int == 429
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 900
    assert "Túl sok próbálkozás" in answers[-1].text


def test_dictionary_attack_is_throttled(site: TestApp, clock: Clock) -> None:
    """Guesses at one name, from one address, as fast as possible."""
    let_through = 0
    for _quarter_of_an_hour in range(2):
        for _ in range(PER_NAME_AND_ADDRESS.count + 3):
            answer = sign_in(site, NAMES[Role.EDITOR], "password1234")
            let_through += answer.status_int == 403
            assert answer.status_int in (403, 429)
        clock.pass_(minutes=15)
    assert let_through == 2 * PER_NAME_AND_ADDRESS.count


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_ipv6_addresses_count_as_their_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_sign_in_with_a_passkey_recognises_the_address(database: Database) -> None:
    """As one with a password does: the wide limits do not apply there, and failures are deleted."""
    failures(database, "anna", OWNER, PER_NAME_AND_ADDRESS.count)
    attempts_at(database).recognise("anna", OWNER)
    failures(database, "other{}", OWNER, PER_ADDRESS.count)
    assert attempts_at(database).begin("bela", OWNER).wait
    assert not attempts_at(database).begin("anna", OWNER).wait
