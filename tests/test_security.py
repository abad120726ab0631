"""The policy: what nobody granted is denied, and a child is as open as its parents."""

from pyramid.authorization import DENY_ALL, Allow, Everyone

from moziweb.request import Request
from moziweb.security import VIEW, SecurityPolicy


class Node:
    """A resource with an ACL."""

    def __init__(self, acl: list[tuple[object, ...]], parent: "Node | None" = None) -> None:
        self.__acl__ = acl
        self.__parent__ = parent


OPEN = Node([(Allow, Everyone, VIEW)])


def permits(context: object, permission: str = VIEW) -> bool:
    return bool(SecurityPolicy().permits(Request.blank("/"), context, permission))


def test_what_is_granted_is_permitted_here_and_below() -> None:
    assert permits(OPEN)
    assert permits(Node([], OPEN))


def test_what_is_not_granted_is_denied() -> None:
    assert not permits(OPEN, "edit")
    assert not permits(Node([]))
    assert not permits(object())


def test_a_closed_resource_closes_what_is_below_it() -> None:
    assert not permits(Node([], Node([DENY_ALL], OPEN)))


def test_nobody_is_signed_in() -> None:
    policy, request = SecurityPolicy(), Request.blank("/")
    assert policy.identity(request) is policy.authenticated_userid(request) is None
    assert policy.principals(request) == (Everyone,)
    assert policy.remember(request, "somebody") == policy.forget(request) == []
