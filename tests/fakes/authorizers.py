"""Who may do what on a Jupyter server."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth import Authorizer
from jupyter_server.auth.identity import IdentityProvider, User


class ReadsOnly(Authorizer):
    """Lets everybody who has logged in look at everything, and nobody do anything."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return action == "read"


class NoVerbs(Authorizer):
    """Lets everybody who has logged in do everything but what is ours to do."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return resource != "mlops" or action == "read"


class ByName(IdentityProvider):
    """Takes everybody who has the token for whom he says that he is."""

    async def get_user_token(self, handler: Any) -> User | None:
        user = await super().get_user_token(handler)
        name = handler.request.headers.get("X-Name", "nobody")
        return user if user is None else User(username=name, name=name)
