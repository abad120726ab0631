"""The security policy: ACLs of resources and principals of requests."""

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


def test_granted_permission_applies_to_the_resource_and_its_children() -> None:
    assert permits(OPEN)
    assert permits(Node([], OPEN))


def test_permission_that_is_not_granted_is_denied() -> None:
    assert not permits(OPEN, "edit")
    assert not permits(Node([]))
    assert not permits(object())


def test_denied_permission_applies_to_children() -> None:
    assert not permits(Node([], Node([DENY_ALL], OPEN)))


def test_anonymous_request_has_only_everyone() -> None:
    policy, request = SecurityPolicy(), request_of()
    assert policy.identity(request) is None
    assert policy.authenticated_userid(request) is None
    assert policy.principals(request) == (Everyone,)
    assert policy.remember(request, "anna") == policy.forget(request) == []


def test_requests_are_anonymous_without_identify() -> None:
    request = Request.blank("/")
    request.registry = {}
    assert SecurityPolicy().principals(request) == (Everyone,)


def test_identified_user_has_their_principals() -> None:
    anna = Identity("7", ("role:editor",))
    policy, request = SecurityPolicy(), request_of(anna)
    assert policy.authenticated_userid(request) == "7"
    assert policy.principals(request) == (Everyone, Authenticated, "role:editor")
    assert permits(Node([(Allow, "role:editor", "edit")]), "edit", anna)
    assert not permits(Node([(Allow, "role:admin", "edit")]), "edit", anna)
