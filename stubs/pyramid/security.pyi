class Allowed:
    def __bool__(self) -> bool: ...

class Denied:
    def __bool__(self) -> bool: ...

NO_PERMISSION_REQUIRED: str
