"""Reads audit entries, of one subject or of all, the latest first."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.db.planner_hints import NoIndex
from moziweb.db.types import parse_id
from moziweb.i18n import _

from .entry_filter import EntryFilter
from .models import AuditEntry

EVERY_ENTRY: Final = EntryFilter()

ENTRIES_PER_PAGE: Final = 50

ACTIONS: Final = {
    "film.create": _("created"),
    "film.edit": _("edited"),
    "film.import": _("imported"),
    "demo.load": _("demo films added"),
    "film.publish": _("put on the site"),
    "film.unpublish": _("taken off the site"),
    "film.undo": _("change taken back"),
    "film.delete": _("deleted"),
    "film.restore": _("brought back"),
    "person.create": _("person made"),
    "genre.create": _("genre made"),
    "distributor.create": _("distributor made"),
    "service.create": _("streaming service made"),
    "service.delete": _("streaming service deleted"),
    "service.restore": _("streaming service brought back"),
    "person.delete": _("person deleted"),
    "person.restore": _("person brought back"),
    "genre.delete": _("genre deleted"),
    "genre.restore": _("genre brought back"),
    "distributor.delete": _("distributor deleted"),
    "distributor.restore": _("distributor brought back"),
    "person.edit": _("person edited"),
    "person.merge": _("another person merged into it"),
    "person.merged": _("person merged"),
    "person.undo": _("change of a person taken back"),
    "genre.edit": _("genre edited"),
    "genre.merge": _("another genre merged into it"),
    "genre.merged": _("genre merged"),
    "genre.undo": _("change of a genre taken back"),
    "distributor.edit": _("distributor edited"),
    "distributor.merge": _("another distributor merged into it"),
    "distributor.merged": _("distributor merged"),
    "distributor.undo": _("change of a distributor taken back"),
    "service.edit": _("streaming service edited"),
    "service.merge": _("another streaming service merged into it"),
    "service.merged": _("streaming service merged"),
    "service.undo": _("change of a streaming service taken back"),
    "bin.empty": _("removed for good"),
    "poster.add": _("given a poster"),
    "poster.choose": _("given another poster"),
    "poster.shown": _("its new poster is shown"),
    "poster.focus": _("given another focal point"),
    "poster.delete": _("poster deleted"),
    "poster.restore": _("poster brought back"),
    "poster.regenerate": _("posters regenerated"),
    "posters.retry": _("failed posters tried again"),
    "cache.purge": _("purged from the cache"),
    "cache.warm": _("pages warmed"),
    "cache.warm_stop": _("warming stopped"),
    "user.add": _("added"),
    "user.role": _("given another role"),
    "user.invite": _("given an invitation link"),
    "user.reset_link": _("given a link for a new password"),
    "user.password_block": _("old password blocked"),
    "user.password": _("given a new password"),
    "user.disable": _("disabled"),
    "user.enable": _("enabled"),
    "user.sign_in": _("signed in"),
    "user.sign_in_passkey": _("signed in with a passkey"),
    "user.sign_in_failed": _("sign-in failed"),
    "user.unknown_name": _("sign-in with an unknown name failed"),
    "user.wrong_password": _("wrong present password"),
    "user.wrong_code": _("wrong code after the right password"),
    "user.recovery_code": _("signed in with a recovery code"),
    "user.recovery_codes": _("given new recovery codes"),
    "user.totp_on": _("authenticator app added"),
    "user.totp_off": _("authenticator app removed"),
    "user.passkey_add": _("passkey added"),
    "user.passkey_remove": _("passkey removed"),
    "user.passkeys_keep": _("passkeys checked and kept"),
    "user.second_factor_reset": _("second factors reset"),
    "user.sign_out_everywhere": _("signed out everywhere"),
}
"""Display names of actions."""


def latest_entries(
    session: Session,
    *,
    subjects: Collection[str] = (),
    subject_id: int | None = None,
    before: int | None = None,
    limit: int = ENTRIES_PER_PAGE,
    where: EntryFilter = EVERY_ENTRY,
) -> Sequence[AuditEntry]:
    """Returns the latest entries with an id below ``before``, of the given subjects.

    One query.
    """
    query = select(AuditEntry).where(*where.conditions())
    query = query.order_by(AuditEntry.id.desc()).limit(limit)
    if subjects:
        # For several kinds, SQLite would otherwise sort all entries, instead of scanning the ids
        # backwards until the page is full.
        kind = AuditEntry.subject if len(subjects) == 1 else NoIndex(AuditEntry.subject)
        query = query.where(kind.in_(subjects))
    if subject_id is not None:
        query = query.where(AuditEntry.subject_id == subject_id)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return session.scalars(query).all()


def entry_in_effect(session: Session, text: str) -> AuditEntry | None:
    """Returns the entry with the id ``text``, such as that of a save, unless it was taken back."""
    entry_id = parse_id(text)
    entry = session.get(AuditEntry, entry_id) if entry_id else None
    return entry if entry is not None and is_in_effect(session, entry.id) else None


def is_in_effect(session: Session, entry_id: int) -> bool:
    """Whether no change has taken this one back, or that was taken back itself."""
    query = select(AuditEntry.id).where(AuditEntry.undoes == entry_id)
    undone = session.scalar(query.order_by(AuditEntry.id.desc()).limit(1))
    return undone is None or not is_in_effect(session, undone)
