"""Failed sign-ins are in the log and in the audit log, both bounded."""

import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import select
from webtest import TestApp

from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth import failed_sign_ins
from moziweb.manager.auth.failed_sign_ins import (
    MAX_WARNINGS,
    SIGN_IN_FAILED,
    UNKNOWN_NAME,
    WRONG_PASSWORD,
    RateLimit,
)
from moziweb.manager.auth.models import Role
from moziweb.services import services_of
from tests.manager.conftest import BOTH, NAMES, PASSWORD, Clock, sign_in

EDITOR = NAMES[Role.EDITOR]
NAME = "moziweb.manager.auth.failed_sign_ins"


@pytest.fixture(autouse=True)
def _new_limit() -> Iterator[None]:
    """A limit that other tests have not used up."""
    before = failed_sign_ins.log.filters[:]
    failed_sign_ins.log.filters[:] = [RateLimit(MAX_WARNINGS, 60)]
    yield
    failed_sign_ins.log.filters[:] = before


def entries(site: TestApp) -> list[tuple[str, str, str]]:
    """Action, subject and actor of the entries, without those of the fixtures."""
    with services_of(site.app.registry).database.read() as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    return [(r.action, r.subject_name, r.user_name) for r in rows if r.action != "user.add"]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == NAME]


@BOTH
def test_failed_sign_in_is_logged_and_in_the_audit(
    site: TestApp, admin: TestApp, caplog: pytest.LogCaptureFixture
) -> None:
    site.extra_environ["REMOTE_ADDR"] = "198.51.100.7"
    assert sign_in(site, EDITOR, "wrong").status_int == 403
    assert warnings(caplog) == [f"sign-in of {EDITOR!r} from 198.51.100.7 failed"]
    assert caplog.records[-1].levelname == "WARNING"
    assert entries(site)[-1] == (SIGN_IN_FAILED, EDITOR, "198.51.100.7")
    row = admin.get("/manager/audit").html.find("tbody").tr.text
    assert "198.51.100.7" in row
    assert EDITOR in row
    assert "sikertelen bejelentkezés" in row


def test_unknown_name_is_not_written(site: TestApp, caplog: pytest.LogCaptureFixture) -> None:
    assert sign_in(site, "my secret password\nanother line", "x").status_int == 403
    assert warnings(caplog)[0].startswith("sign-in of an unknown name from ")
    assert [each[:2] for each in entries(site)] == [(UNKNOWN_NAME, "")]
    assert "my secret" not in caplog.text


def test_wrong_present_password_is_reported(
    editor: TestApp, caplog: pytest.LogCaptureFixture
) -> None:
    form = editor.get("/manager/account").forms[2]
    form["current_password"], form["new_password"] = "wrong", "something else entirely"
    form.submit(status=403)
    assert f"wrong present password of {EDITOR!r}" in caplog.text
    assert entries(editor)[-1] == (WRONG_PASSWORD, EDITOR, EDITOR)


def test_success_is_no_failure(site: TestApp, caplog: pytest.LogCaptureFixture) -> None:
    assert sign_in(site, EDITOR, PASSWORD).status_int == 303
    assert warnings(caplog) == []
    assert [each[0] for each in entries(site)] == ["user.sign_in"]


def test_flood_is_bounded(
    site: TestApp,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(failed_sign_ins, "MAX_FAILED_ENTRIES", 8)
    for number in range(30):
        site.extra_environ["REMOTE_ADDR"] = f"198.51.100.{number // 6}"
        name = EDITOR if number % 2 else f"guess {number}"
        assert sign_in(site, name, "wrong").status_int in {403, 429}
    assert len(entries(site)) == 8
    assert len(warnings(caplog)) == MAX_WARNINGS
    clock.pass_(hours=1)
    assert sign_in(site, EDITOR, "wrong").status_int == 403
    assert len(entries(site)) == 9


def test_refused_attempt_is_only_logged(site: TestApp, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(6):
        answer = sign_in(site, EDITOR, "wrong")
    assert answer.status_int == 429
    assert "refused: too many failed attempts" in warnings(caplog)[-1]
    assert len(entries(site)) == 5


def test_limit_counts_what_it_drops() -> None:
    now = 0.0
    limit = RateLimit(2, 60, clock=lambda: now)

    def passed(text: str) -> str | None:
        record = logging.LogRecord("x", logging.WARNING, "", 0, "%s", (text,), None)
        return record.getMessage() if limit.filter(record) else None

    assert [passed(str(n)) for n in range(5)] == ["0", "1", None, None, None]
    now = 60.0
    assert passed("6") == "6 (and 3 warnings like this one before)"
    assert passed("7") == "7"
    assert passed("8") is None
