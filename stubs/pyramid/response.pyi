from typing import Any

from webob.response import Response as _Response

class Response(_Response): ...

class FileResponse(Response):
    def __init__(
        self,
        path: str,
        request: Any = ...,
        cache_max_age: int | None = ...,
        content_type: str | None = ...,
        content_encoding: str | None = ...,
    ) -> None: ...

class FileIter:
    def __init__(self, file: Any, block_size: int = ...) -> None: ...
