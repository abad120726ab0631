"""Publishes variants: first their objects are uploaded, then their rows are written.

An object's key (`recipes.object_key`) depends on its content alone, so uploading it again
overwrites it with equal bytes. The rows are written in the transaction that ends the lease.
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

from ..imaging.values import EncodedImage
from ..models import PosterVariant, VariantState
from ..recipes import object_key
from .leases import SourceLease

CACHE_CONTROL: Final = "max-age=290304000, public, immutable"
"""Cache-Control of variants: their URL changes when their bytes do."""


@dataclass(frozen=True, slots=True)
class UploadedVariant:
    """A variant and its object in storage."""

    image: EncodedImage
    stored: StoredObject


def upload(
    storage: Storage, lease: SourceLease, sha256: str, image: EncodedImage, *, resend: bool = True
) -> UploadedVariant:
    """Store a variant of the content ``sha256``; raises ``StorageError``.

    With ``resend`` off, an identical object of an earlier run that died is not sent again.
    """
    key = object_key(lease.movie_id, lease.slug, sha256, image.recipe)
    put = partial(
        storage.put, key, image.data, content_type=image.mime, cache_control=CACHE_CONTROL
    )
    stored = put(if_absent=not resend)
    if not resend and not _is_identical(stored, image):
        stored = put()
    return UploadedVariant(image, stored)


def _is_identical(stored: StoredObject, image: EncodedImage) -> bool:
    """Whether an object has our bytes, by its ETag (the MD5 of S3), and our headers.

    In a bucket that encrypts with its own key the ETag is no MD5, so objects never match there.
    """
    md5 = hashlib.md5(image.data, usedforsecurity=False).hexdigest()
    found = stored.size, stored.etag, stored.content_type, stored.cache_control
    return found == (len(image.data), md5, image.mime, CACHE_CONTROL)


def publish(
    session: Session,
    source_id: int,
    sha256: str,
    uploaded: Sequence[UploadedVariant],
    hashes: frozenset[str],
    now: datetime,
) -> None:
    """Write ready rows, and supersede those of other content or recipes, which have successors."""
    _write_rows(session, source_id, sha256, uploaded, now)
    session.flush()
    is_current = (PosterVariant.source_sha256 == sha256) & PosterVariant.recipe_hash.in_(hashes)
    others = update(PosterVariant).where(
        PosterVariant.source_id == source_id,
        PosterVariant.state == VariantState.READY,
        ~is_current,
    )
    session.execute(
        others.values(state=VariantState.SUPERSEDED, superseded_at=now),
        # This transaction publishes their successors under the same tags.
        execution_options={"synchronize_session": False, TAGS_OPTION: ()},
    )


def _write_rows(
    session: Session,
    source_id: int,
    sha256: str,
    uploaded: Sequence[UploadedVariant],
    now: datetime,
) -> None:
    """Write ready rows; a superseded row of the same content and key becomes ready again.

    A ready row of the same variant under another key is superseded: cached pages may link it.
    """
    query = select(PosterVariant).where(
        PosterVariant.source_id == source_id, PosterVariant.source_sha256 == sha256
    )
    rows = {(row.name, row.recipe_hash, row.key): row for row in session.scalars(query)}
    new_keys = {(one.image.recipe.name, one.image.recipe.hash): one.stored.key for one in uploaded}
    for (name, recipe_hash, key), row in rows.items():
        if row.state is VariantState.READY and new_keys.get((name, recipe_hash), key) != key:
            row.state, row.superseded_at = VariantState.SUPERSEDED, now
    for image, stored in ((one.image, one.stored) for one in uploaded):
        recipe = image.recipe
        found = rows.get((recipe.name, recipe.hash, stored.key))
        if found is None:
            found = PosterVariant(source_id=source_id, source_sha256=sha256, created_at=now)
            session.add(found)
        found.name, found.format, found.recipe_hash = recipe.name, recipe.format, recipe.hash
        found.bucket, found.key, found.mime = stored.bucket, stored.key, image.mime
        found.width, found.height, found.bytes = image.width, image.height, len(image.data)
        found.state, found.superseded_at = VariantState.READY, None
