"""Error codes of sources, each with a message and a remedy for editors.

The codes are stable: they are stored in ``poster_source.error_code`` and appear in metrics and in
the output of the commands. docs/posters.md has the same table.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from pyramid.i18n import TranslationString

from moziweb.i18n import _
from moziweb.storage import StorageError, StorageMisconfigured

from ..fetching.errors import FetchCode
from ..imaging.errors import RejectCode


class ServiceCode(StrEnum):
    """Failures of neither the image (`RejectCode`) nor its server (`FetchCode`)."""

    ORIGINAL_MISSING = "original_missing"
    NO_KEY = "no_key"
    NO_READER = "no_reader"
    INVALID_SPEC = "invalid_spec"
    FONTS_MISSING = "fonts_missing"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    STORAGE_MISCONFIGURED = "storage_misconfigured"
    HOST_PAUSED = "host_paused"
    DATABASE_UNAVAILABLE = "database_unavailable"
    INTERNAL = "internal"


STORAGE_CODES: Final = frozenset(
    {ServiceCode.STORAGE_UNAVAILABLE, ServiceCode.STORAGE_MISCONFIGURED}
)

SourceCode = RejectCode | FetchCode | ServiceCode


class Meaning(NamedTuple):
    """The texts of a code: what is wrong, and what to do. Both are translated."""

    wrong: TranslationString
    remedy: TranslationString


_WRONG_BY_REMEDY: Final[Mapping[TranslationString, Mapping[SourceCode, TranslationString]]] = {
    _("Choose another file."): {
        RejectCode.UNIDENTIFIED: _("The file is not a picture."),
        FetchCode.BAD_ENCODING: _(
            "The other site sends the picture in an encoding that cannot be read."
        ),
        ServiceCode.INVALID_SPEC: _("The demo does not know how to draw this poster."),
    },
    _("Save it as JPEG, PNG, WebP, AVIF or GIF."): {
        RejectCode.UNSUPPORTED_FORMAT: _("The format of the picture is not supported."),
    },
    _("Export it for ordinary screens (SDR, sRGB), then upload it."): {
        RejectCode.HIGH_DYNAMIC_RANGE: _("The picture is for HDR screens only."),
    },
    _("Make it smaller, or choose another one."): {
        RejectCode.TOO_MANY_BYTES: _("The file is too large."),
        RejectCode.TOO_MANY_PIXELS: _("The picture has too many pixels."),
        RejectCode.TOO_LARGE_SIDE: _("The picture is too wide or too tall."),
        RejectCode.TOO_MUCH_MEMORY: _(
            "Reading the picture takes more memory than the site allows."
        ),
        RejectCode.OUT_OF_MEMORY: _("There was not enough memory for the picture."),
    },
    _("Export it again, then upload it."): {
        RejectCode.TOO_MANY_SCANS: _("The picture is encoded in a way that overloads the site."),
        RejectCode.TRUNCATED: _("The end of the file is missing."),
        RejectCode.DAMAGED: _("The file is damaged."),
        RejectCode.DECODER_FAILED: _("The picture could not be read."),
        RejectCode.TOO_MUCH_WORK: _("The picture takes too long to read."),
        RejectCode.DECODER_DIED: _("The picture crashed the program that reads it."),
    },
    _("Nothing needs to be done: it is retried automatically."): {
        RejectCode.DECODE_TIMEOUT: _("The picture was not ready in time."),
        FetchCode.HTTP_STATUS_5XX: _("The other site reports an error."),
        FetchCode.RATE_LIMITED: _("The other site asks us to try again later."),
        FetchCode.BAD_RESPONSE: _("The other site's answer is not valid."),
        FetchCode.TIMEOUT: _("The other site did not answer in time."),
        FetchCode.CONNECTION_FAILED: _("The other site cannot be reached."),
        FetchCode.TLS_FAILED: _("The certificate of the other site is not valid."),
        ServiceCode.STORAGE_UNAVAILABLE: _("The file store cannot be reached."),
        ServiceCode.HOST_PAUSED: _(
            "The other site or the file store has failed often: requests to it are paused."
        ),
        ServiceCode.DATABASE_UNAVAILABLE: _("The database cannot be reached."),
    },
    _("Correct the address."): {
        FetchCode.BAD_URL: _("This is not the address of a picture."),
        FetchCode.FORBIDDEN_ADDRESS: _("The address leads to a private network."),
        FetchCode.FORBIDDEN_PORT: _("The address has a port that is not allowed."),
        FetchCode.TOO_MANY_REDIRECTS: _("The address redirects too many times."),
        FetchCode.NOT_FOUND: _("There is no picture at the address."),
        FetchCode.HTTP_STATUS_4XX: _("The other site does not give us the picture."),
        FetchCode.NOT_AN_IMAGE: _("The address leads to a page, not to a picture."),
        FetchCode.DNS_FAILED: _("The name in the address is not known, or could not be looked up."),
    },
    _("Upload it again."): {
        ServiceCode.ORIGINAL_MISSING: _("The uploaded file is no longer in the file store."),
        ServiceCode.NO_KEY: _("It is not known where the uploaded file is kept."),
    },
    _("Ask the site's administrators; the log has the details."): {
        ServiceCode.NO_READER: _("This installation cannot read this kind of source."),
        ServiceCode.FONTS_MISSING: _("The fonts of the demo's posters are not installed."),
        ServiceCode.STORAGE_MISCONFIGURED: _(
            "The file store does not accept files: it is misconfigured."
        ),
        ServiceCode.INTERNAL: _("An unexpected error occurred."),
    },
}

ERROR_MEANINGS: Final[Mapping[str, Meaning]] = {
    code: Meaning(wrong, remedy)
    for remedy, texts in _WRONG_BY_REMEDY.items()
    for code, wrong in texts.items()
}
"""By code. ``too_many_bytes`` and ``truncated`` are codes of images and of servers alike."""


def meaning_of(code: str) -> Meaning:
    """The texts of a stored code; those of ``internal`` for a code of another release."""
    return ERROR_MEANINGS.get(code, ERROR_MEANINGS[ServiceCode.INTERNAL])


class SourceError(Exception):
    """A source could not be read.

    ``code`` is stable, stored with the source and counted. With ``permanent`` the source is not
    retried before it changes. ``retry_after`` is the server's, in seconds. ``detail`` is for logs:
    it may contain URLs and text of other servers.
    """

    def __init__(
        self,
        code: SourceCode,
        detail: str = "",
        *,
        permanent: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"the source could not be read: {code}")
        self.code = code
        self.detail = detail
        self.permanent = permanent
        self.retry_after = retry_after


def storage_code(error: StorageError) -> ServiceCode:
    """The stable code of a storage error."""
    if isinstance(error, StorageMisconfigured):
        return ServiceCode.STORAGE_MISCONFIGURED
    return ServiceCode.STORAGE_UNAVAILABLE
