from collections.abc import Callable, Iterator

class MultipartError(ValueError): ...
class ParserError(MultipartError): ...
class ParserLimitReached(MultipartError): ...

class MultipartSegment:
    name: str
    filename: str | None

class PushMultipartParser:
    def __init__(
        self,
        boundary: str | bytes,
        content_length: int = -1,
        max_header_size: int = ...,
        max_header_count: int = ...,
        max_segment_size: float = ...,
        max_segment_count: float = ...,
        header_charset: str = "utf8",
        strict: bool = False,
    ) -> None: ...
    def parse_blocking(
        self, read: Callable[[int], bytes], chunk_size: int = ...
    ) -> Iterator[MultipartSegment | bytes | None]: ...

def parse_options_header(header: str) -> tuple[str, dict[str, str]]: ...
