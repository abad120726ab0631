"""Passkeys (WebAuthn): registration and sign-in, with the library ``webauthn``.

Each passkey is discoverable and verifies its user (PIN, fingerprint), so it signs in without a name
and a password. The library is imported at first use: it and its cryptography take 15 MB.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ...audit.log import Actor, record
from ..models import User
from .models import Passkey

log = logging.getLogger(__name__)

RP_NAME: Final = "moziweb"

MAX_CREDENTIAL: Final = 20_000
"""Characters of a credential's JSON; authenticators send a few hundred."""

MAX_PASSKEYS: Final = 20
"""Passkeys of one user."""


class PasskeyError(Exception):
    """The response of an authenticator is malformed, unknown or does not verify."""


class PasswordNeeded(PasskeyError):
    """The passkey does not sign in alone: the password was changed, see ``needs_password``."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The site as authenticators know it: its host name and its origin."""

    id: str
    origin: str

    @classmethod
    def of_url(cls, base_url: str) -> "RelyingParty | None":
        """Returns the site of ``site.base_url``.

        None if browsers have no passkeys there: for an IP address, or without HTTPS.
        """
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        is_local = host == "localhost" or host.endswith(".localhost")
        if not host or _is_address(host) or (parts.scheme != "https" and not is_local):
            return None
        return cls(host, f"{parts.scheme}://{parts.netloc}")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def registration_options(
    site: RelyingParty, user: User, known: Sequence[Passkey], challenge: str
) -> str:
    """Returns the JSON for ``navigator.credentials.create()``."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=site.id,
        rp_name=RP_NAME,
        user_name=user.name,
        user_id=user_handle(user.id),
        challenge=challenge.encode(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(each.credential_id) for each in known],
    )
    return options_to_json(options)


def sign_in_options(site: RelyingParty, challenge: str) -> str:
    """Returns the JSON for ``navigator.credentials.get()``; the browser offers its passkeys."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import UserVerificationRequirement

    options = generate_authentication_options(
        rp_id=site.id,
        challenge=challenge.encode(),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def challenge_in(credential: str) -> str:
    """Returns the challenge that an authenticator's response is for. Raises ``PasskeyError``.

    The caller ends it, and passes it on to ``register`` or ``verify_sign_in``.
    """
    with _verifying():
        client_data = json.loads(_bytes_of(_parsed(credential)["response"]["clientDataJSON"]))
        return _bytes_of(client_data["challenge"]).decode("ascii")


def register(
    session: Session,
    site: RelyingParty,
    user: User,
    name: str,
    credential: str,
    challenge: str,
    *,
    now: datetime,
) -> None:
    """Stores the passkey of an authenticator's response. Raises ``PasskeyError``."""
    from webauthn import verify_registration_response

    with _verifying():
        verified = verify_registration_response(
            credential=_parsed(credential),
            expected_challenge=challenge.encode(),
            expected_rp_id=site.id,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    if _find(session, verified.credential_id) is not None:
        raise PasskeyError("the passkey is registered already")
    passkey = Passkey(
        user_id=user.id,
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        name=name,
        created_at=now,
    )
    session.add(passkey)
    by, changes = Actor(user.id, user.name), [("name", "", name)]
    record(session, by, "user.passkey_add", user.audit_subject, now, changes)


def verify_sign_in(
    session: Session,
    site: RelyingParty,
    credential: str,
    challenge: str,
    now: datetime,
    *,
    password_of: int | None = None,
) -> tuple[User, Passkey]:
    """Returns the user and the passkey of an authenticator's response, and stores its counter.

    ``password_of`` is the id of the user whose password the browser has sent in a first step.
    Raises ``PasskeyError``, also if the counter is not above the stored one (a cloned
    authenticator), and ``PasswordNeeded``. Locks the passkey until the end of the transaction.
    """
    from webauthn import verify_authentication_response

    with _verifying():
        parsed = _parsed(credential)
        credential_id = _bytes_of(parsed["rawId"])
        handle = parsed["response"].get("userHandle")
    passkey = _find(session, credential_id)
    if passkey is None:
        raise PasskeyError("the passkey is unknown")
    with _verifying():
        if handle is not None and _bytes_of(handle) != user_handle(passkey.user_id):
            raise PasskeyError("the passkey is of another user")
        verified = verify_authentication_response(
            credential=parsed,
            expected_challenge=challenge.encode(),
            expected_rp_id=site.id,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    if passkey.needs_password and passkey.user_id != password_of:
        raise PasswordNeeded("the password was changed, and the passkey was not checked since")
    passkey.sign_count, passkey.used_at = verified.new_sign_count, now
    return session.get_one(User, passkey.user_id), passkey


def require_usable(session: Session, passkey: Passkey) -> None:
    """Reads a passkey again that ``verify_sign_in`` has returned in another transaction.

    The user is locked. Raises ``PasskeyError`` if it was removed or needs the password since.
    """
    needs = session.scalar(select(Passkey.needs_password).where(Passkey.id == passkey.id))
    if needs not in {False, passkey.needs_password}:
        raise PasskeyError("the passkey has changed since it was verified")


def remove_passkey(session: Session, user: User, passkey_id: int, *, now: datetime) -> None:
    """Removes a passkey of the user, if it is there."""
    passkey = session.get(Passkey, passkey_id)
    if passkey is not None and passkey.user_id == user.id:
        session.delete(passkey)
        changes = [("name", passkey.name, "")]
        by = Actor(user.id, user.name)
        record(session, by, "user.passkey_remove", user.audit_subject, now, changes)


def keep_passkeys(session: Session, user: User, *, now: datetime) -> None:
    """Lets the passkeys of the user, who has checked them, sign in without the password again."""
    which = Passkey.user_id == user.id, Passkey.needs_password
    names = session.scalars(select(Passkey.name).where(*which).order_by(Passkey.id)).all()
    if names:
        session.execute(update(Passkey).where(*which).values(needs_password=False))
        by, changes = Actor(user.id, user.name), [("name", "", ", ".join(names))]
        record(session, by, "user.passkeys_keep", user.audit_subject, now, changes)


def user_handle(user_id: int) -> bytes:
    """Returns what an authenticator stores for a user. It has no personal data."""
    return f"moziweb-{user_id}".encode()


def _find(session: Session, credential_id: bytes) -> Passkey | None:
    query = select(Passkey).where(Passkey.credential_id == credential_id).with_for_update()
    return session.scalar(query)


def _parsed(credential: str) -> dict[str, Any]:
    if len(credential) > MAX_CREDENTIAL:
        raise PasskeyError("the response is too long")
    parsed = json.loads(credential)
    if not isinstance(parsed, dict):
        raise PasskeyError("the response is no object")
    return parsed


def _bytes_of(text: str) -> bytes:
    from webauthn import base64url_to_bytes

    return base64url_to_bytes(text)


@contextmanager
def _verifying() -> Iterator[None]:
    """Raises ``PasskeyError`` for a malformed response. Do not query the database in the block.

    The library raises many kinds of errors for such a response.
    """
    try:
        yield
    except PasskeyError:
        raise
    except Exception as error:
        log.info("a passkey was refused: %s: %s", type(error).__name__, error)
        raise PasskeyError("the response does not verify") from error
