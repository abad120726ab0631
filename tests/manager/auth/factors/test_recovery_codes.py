"""Recovery codes are used once, and stored as hashes."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.factors.models import RecoveryCode
from moziweb.manager.auth.factors.recovery_codes import (
    CODES,
    count_codes,
    delete_codes,
    make_codes,
    use_code,
)
from moziweb.manager.auth.models import User
from tests.conftest import NOW


def test_code_is_used_once(dbsession: Session, anna: User) -> None:
    codes = make_codes(dbsession, anna, now=NOW)
    assert len(set(codes)) == CODES
    assert not use_code(dbsession, anna, "", NOW)
    assert use_code(dbsession, anna, codes[3], NOW)
    assert not use_code(dbsession, anna, codes[3], NOW)
    assert count_codes(dbsession, anna.id) == CODES - 1


def test_code_is_recognised_however_it_is_typed(dbsession: Session, anna: User) -> None:
    codes = make_codes(dbsession, anna, now=NOW)
    assert use_code(dbsession, anna, f" {codes[0].upper().replace('-', ' ')} ", NOW)
    assert use_code(dbsession, anna, codes[1].replace("-", ""), NOW)


def test_new_codes_replace_the_old_ones(dbsession: Session, anna: User) -> None:
    old = make_codes(dbsession, anna, now=NOW)
    make_codes(dbsession, anna, now=NOW)
    assert count_codes(dbsession, anna.id) == CODES
    assert not use_code(dbsession, anna, old[0], NOW)
    delete_codes(dbsession, anna)
    assert count_codes(dbsession, anna.id) == 0


def test_neither_rows_nor_entries_have_codes(dbsession: Session, anna: User) -> None:
    codes = make_codes(dbsession, anna, now=NOW)
    use_code(dbsession, anna, codes[0], NOW)
    entries = dbsession.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [each.action for each in entries[1:]] == ["user.recovery_codes", "user.recovery_code"]
    assert entries[-1].changes == [{"field": "codes", "before": "", "after": "9"}]
    stored = str([vars(each) for each in entries])
    stored += str(dbsession.scalars(select(RecoveryCode.code_hash)).all())
    for code in codes:
        assert code not in stored
        assert code.replace("-", "") not in stored
