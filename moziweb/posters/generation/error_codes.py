"""Error codes of sources, each with a message and a remedy for editors.

The codes are stable: they are stored in ``poster_source.error_code`` and appear in metrics and in
the output of the commands. docs/posters.md has the same table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Meaning:
    """The texts of a code: what is wrong, and what to do. Both are translated."""

    wrong: TranslationString
    remedy: TranslationString


_SEND_ANOTHER: Final = _("Choose another file.")
_MAKE_SMALLER: Final = _("Make it smaller, or choose another one.")
_SEND_AGAIN: Final = _("Export it again, then upload it.")
_CORRECT: Final = _("Correct the address.")
_WAIT: Final = _("Nothing needs to be done: it is retried automatically.")
_ASK_TECHNICIANS: Final = _("Ask the site's administrators; the log has the details.")

MEANINGS: Final[Mapping[SourceCode, Meaning]] = MappingProxyType(
    {
        RejectCode.UNIDENTIFIED: Meaning(_("The file is not a picture."), _SEND_ANOTHER),
        RejectCode.UNSUPPORTED_FORMAT: Meaning(
            _("The format of the picture is not supported."),
            _("Save it as JPEG, PNG, WebP, AVIF or GIF."),
        ),
        RejectCode.TOO_MANY_BYTES: Meaning(_("The file is too large."), _MAKE_SMALLER),
        RejectCode.TOO_MANY_PIXELS: Meaning(_("The picture has too many pixels."), _MAKE_SMALLER),
        RejectCode.TOO_LARGE_SIDE: Meaning(
            _("The picture is too wide or too tall."), _MAKE_SMALLER
        ),
        RejectCode.TOO_MANY_SCANS: Meaning(
            _("The picture is encoded in a way that overloads the site."), _SEND_AGAIN
        ),
        RejectCode.TRUNCATED: Meaning(_("The end of the file is missing."), _SEND_AGAIN),
        RejectCode.DAMAGED: Meaning(_("The file is damaged."), _SEND_AGAIN),
        RejectCode.DECODER_FAILED: Meaning(_("The picture could not be read."), _SEND_AGAIN),
        RejectCode.OUT_OF_MEMORY: Meaning(
            _("There was not enough memory for the picture."), _MAKE_SMALLER
        ),
        RejectCode.TOO_MUCH_WORK: Meaning(_("The picture takes too long to read."), _SEND_AGAIN),
        RejectCode.DECODE_TIMEOUT: Meaning(_("The picture was not ready in time."), _WAIT),
        RejectCode.DECODER_DIED: Meaning(
            _("The picture crashed the program that reads it."), _SEND_AGAIN
        ),
        FetchCode.BAD_URL: Meaning(_("This is not the address of a picture."), _CORRECT),
        FetchCode.FORBIDDEN_ADDRESS: Meaning(
            _("The address leads to a private network."), _CORRECT
        ),
        FetchCode.FORBIDDEN_PORT: Meaning(
            _("The address has a port that is not allowed."), _CORRECT
        ),
        FetchCode.TOO_MANY_REDIRECTS: Meaning(_("The address redirects too many times."), _CORRECT),
        FetchCode.NOT_FOUND: Meaning(_("There is no picture at the address."), _CORRECT),
        FetchCode.HTTP_STATUS_4XX: Meaning(
            _("The other site does not give us the picture."), _CORRECT
        ),
        FetchCode.HTTP_STATUS_5XX: Meaning(_("The other site reports an error."), _WAIT),
        FetchCode.RATE_LIMITED: Meaning(_("The other site asks us to try again later."), _WAIT),
        FetchCode.NOT_AN_IMAGE: Meaning(
            _("The address leads to a page, not to a picture."), _CORRECT
        ),
        FetchCode.BAD_ENCODING: Meaning(
            _("The other site sends the picture in an encoding that cannot be read."),
            _SEND_ANOTHER,
        ),
        FetchCode.BAD_RESPONSE: Meaning(_("The other site's answer is not valid."), _WAIT),
        FetchCode.TIMEOUT: Meaning(_("The other site did not answer in time."), _WAIT),
        FetchCode.DNS_FAILED: Meaning(
            _("The name in the address is not known, or could not be looked up."), _CORRECT
        ),
        FetchCode.CONNECTION_FAILED: Meaning(_("The other site cannot be reached."), _WAIT),
        FetchCode.TLS_FAILED: Meaning(_("The certificate of the other site is not valid."), _WAIT),
        ServiceCode.ORIGINAL_MISSING: Meaning(
            _("The uploaded file is no longer in the file store."), _("Upload it again.")
        ),
        ServiceCode.NO_KEY: Meaning(
            _("It is not known where the uploaded file is kept."), _("Upload it again.")
        ),
        ServiceCode.NO_READER: Meaning(
            _("This installation cannot read this kind of source."), _ASK_TECHNICIANS
        ),
        ServiceCode.INVALID_SPEC: Meaning(
            _("The demo does not know how to draw this poster."), _SEND_ANOTHER
        ),
        ServiceCode.FONTS_MISSING: Meaning(
            _("The fonts of the demo's posters are not installed."), _ASK_TECHNICIANS
        ),
        ServiceCode.STORAGE_UNAVAILABLE: Meaning(_("The file store cannot be reached."), _WAIT),
        ServiceCode.STORAGE_MISCONFIGURED: Meaning(
            _("The file store does not accept files: it is misconfigured."), _ASK_TECHNICIANS
        ),
        ServiceCode.HOST_PAUSED: Meaning(
            _("The other site or the file store has failed often: requests to it are paused."),
            _WAIT,
        ),
        ServiceCode.DATABASE_UNAVAILABLE: Meaning(_("The database cannot be reached."), _WAIT),
        ServiceCode.INTERNAL: Meaning(_("An unexpected error occurred."), _ASK_TECHNICIANS),
    }
)
"""By code. ``too_many_bytes`` and ``truncated`` are codes of images and of servers alike."""


_BY_CODE: Final = MappingProxyType({str(code): meaning for code, meaning in MEANINGS.items()})


def meaning_of(code: str) -> Meaning:
    """The texts of a stored code; those of ``internal`` for a code of another release."""
    return _BY_CODE.get(code, MEANINGS[ServiceCode.INTERNAL])


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
