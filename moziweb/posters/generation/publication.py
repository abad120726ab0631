"""From variants that were made to what pages link: first the objects, then the rows.

The objects' keys are known before they are made, so whoever uploads a second time overwrites them
with equal bytes. The rows are written in the transaction that ends the claim.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moziweb.cache import TAGS_OPTION
from moziweb.storage import Storage, StoredObject

from ..imaging.variants import EncodedImage
from ..models import PosterVariant, VariantState
from ..recipes import object_key
from .leases import SourceLease

CACHE_CONTROL: Final = "max-age=290304000, public, immutable"
"""What variants are served with: their address changes when their bytes do."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A variant, and where it stands in storage."""

    image: EncodedImage
    stored: StoredObject


def upload(
    storage: Storage, claim: SourceLease, sha256: str, image: EncodedImage, *, resend: bool = True
) -> Uploaded:
    """Store a variant of the content ``sha256``; raises ``StorageError``.

    With ``resend`` off, what somebody who was killed has stored already is not sent again, if it is
    as it should be.
    """
    key = object_key(claim.movie_id, claim.slug, sha256, image.recipe)
    put = partial(
        storage.put, key, image.data, content_type=image.mime, cache_control=CACHE_CONTROL
    )
    stored = put(if_absent=not resend)
    if not resend and not _is_right(stored, image):
        stored = put()
    return Uploaded(image, stored)


def _is_right(stored: StoredObject, image: EncodedImage) -> bool:
    """Whether it has our bytes, by the sum that S3 tells of them, and our headers.

    Where the sum is another's (of a bucket that encrypts by a key of its own), it never has.
    """
    ours = hashlib.md5(image.data, usedforsecurity=False).hexdigest()
    told = stored.size, stored.etag, stored.content_type, stored.cache_control
    return told == (len(image.data), ours, image.mime, CACHE_CONTROL)


def publish(
    session: Session,
    source_id: int,
    sha256: str,
    uploaded: Sequence[Uploaded],
    wanted: frozenset[str],
    now: datetime,
) -> None:
    """Have pages link what was uploaded, and nothing but the recipes ``wanted`` (their hashes)."""
    _record(session, source_id, sha256, uploaded, now)
    _supersede(session, source_id, sha256, wanted, now)


def _record(
    session: Session, source_id: int, sha256: str, uploaded: Sequence[Uploaded], now: datetime
) -> None:
    """Ready rows for what was uploaded; a row of this content and key that was retired comes back.

    What was ready under another key is retired: pages in others' caches may link it still.
    """
    rows = select(PosterVariant).where(
        PosterVariant.source_id == source_id, PosterVariant.source_sha256 == sha256
    )
    known = {(row.name, row.recipe_hash, row.key): row for row in session.scalars(rows)}
    made = {(one.image.recipe.name, one.image.recipe.hash): one.stored.key for one in uploaded}
    for (name, hash_, key), old in known.items():
        if old.state is VariantState.READY and made.get((name, hash_), key) != key:
            old.state, old.superseded_at = VariantState.SUPERSEDED, now
    for image, stored in ((one.image, one.stored) for one in uploaded):
        recipe = image.recipe
        row = known.get((recipe.name, recipe.hash, stored.key))
        if row is None:
            row = PosterVariant(source_id=source_id, source_sha256=sha256, created_at=now)
            session.add(row)
        row.name, row.format, row.recipe_hash = recipe.name, recipe.format, recipe.hash
        row.bucket, row.key, row.mime = stored.bucket, stored.key, image.mime
        row.width, row.height, row.bytes = image.width, image.height, len(image.data)
        row.state, row.superseded_at = VariantState.READY, None


def _supersede(
    session: Session, source_id: int, sha256: str, wanted: frozenset[str], now: datetime
) -> None:
    """Retire what was ready of another content or an older recipe: all successors are ready."""
    session.flush()
    current = (PosterVariant.source_sha256 == sha256) & PosterVariant.recipe_hash.in_(wanted)
    session.execute(
        update(PosterVariant)
        .where(
            PosterVariant.source_id == source_id,
            PosterVariant.state == VariantState.READY,
            ~current,
        )
        .values(state=VariantState.SUPERSEDED, superseded_at=now),
        # Their successors are published in this transaction, under the same tags.
        execution_options={"synchronize_session": False, TAGS_OPTION: ()},
    )
