from collections.abc import Iterable
from typing import Any

Allow: str
Deny: str
Everyone: str
Authenticated: str
ALL_PERMISSIONS: Any
DENY_ALL: Any

class ACLHelper:
    def permits(self, context: Any, principals: Iterable[str], permission: str) -> Any: ...
