"""The policy: what nobody granted is denied, and a child is as open as its parents."""

from pyramid.authorization import DENY_ALL, Allow, Authenticated, Everyone
from pyramid.registry import Registry

from moziweb.request import Request
from moziweb.security import VIEW, Identity, SecurityPolicy
from moziweb.services import Services, set_services


class Node:
    """A resource with an ACL."""

    def __init__(self, acl: list[tuple[object, ...]], parent: "Node | None" = None) -> None:
        self.__acl__ = acl
        self.__parent__ = parent


OPEN = Node([(Allow, Everyone, VIEW)])


def request_of(identity: Identity | None = None) -> Request:
    request = Request.blank("/")
    request.registry = Registry()
    set_services(request.registry, Services(identify=lambda _request: identity))
    return request


def permits(context: object, permission: str = VIEW, identity: Identity | None = None) -> bool:
    return bool(SecurityPolicy().permits(request_of(identity), context, permission))


def test_what_is_granted_is_permitted_here_and_below() -> None:
    assert permits(OPEN)
    assert permits(Node([], OPEN))


def test_what_is_not_granted_is_denied() -> None:
    assert not permits(OPEN, "edit")
    assert not permits(Node([]))
    assert not permits(object())


def test_a_closed_resource_closes_what_is_below_it() -> None:
    assert not permits(Node([], Node([DENY_ALL], OPEN)))


def test_a_stranger_is_everyone() -> None:
    policy, request = SecurityPolicy(), request_of()
    assert policy.identity(request) is None
    assert policy.authenticated_userid(request) is None
    assert policy.principals(request) == (Everyone,)
    assert policy.remember(request, "somebody") == policy.forget(request) == []


def test_where_nothing_identifies_everybody_is_a_stranger() -> None:
    request = Request.blank("/")
    request.registry = {}
    assert SecurityPolicy().principals(request) == (Everyone,)


def test_who_is_identified_has_their_principals() -> None:
    anna = Identity("7", ("role:editor",))
    policy, request = SecurityPolicy(), request_of(anna)
    assert policy.authenticated_userid(request) == "7"
    assert policy.principals(request) == (Everyone, Authenticated, "role:editor")
    assert permits(Node([(Allow, "role:editor", "edit")]), "edit", anna)
    assert not permits(Node([(Allow, "role:admin", "edit")]), "edit", anna)
