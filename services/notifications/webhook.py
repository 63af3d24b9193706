"""Send a notification as a signed request to its user's webhook.

Signatures follow https://www.standardwebhooks.com, which existing libraries verify: `webhook-signature` is `v1,` and
the base64 of HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`; the key is the base64-decoded text after
`whsec_` in the secret. A receiver that rejects old timestamps is safe from replays; equal ids are one notification.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import uuid
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import httpcore

from cluster.public_network import AddressRefusedError, CheckedBackend, IpNetwork, TimeOverError, url_fault
from services.settings import Settings

SECRET_PREFIX: Final = "whsec_"
_CONNECT_S: Final = 5.0
_MOST_S: Final = 10.0
"""Time limit of a whole attempt, in seconds, even if the response trickles in."""


class WebhookError(Exception):
    """Delivery failed; a retry may succeed."""


class WebhookRefusedError(WebhookError):
    """Delivery failed permanently: a retry would not be accepted, or not be sent."""


def secret_of(settings: Settings, user_id: uuid.UUID, nonce: str) -> str:
    """The secret of a webhook, derived from the platform's: read access to the database is not enough to sign.

    A new `LIM_SECRET_KEY` changes the secrets; users must then set their webhooks again.
    """
    key = settings.secret_key.get_secret_value().encode()
    made = hmac.new(key, f"webhook/{user_id}/{nonce}".encode(), hashlib.sha256).digest()
    return SECRET_PREFIX + base64.b64encode(made).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Value of the header `webhook-signature`."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def post(url: str, secret: str, message_id: str, body: bytes, networks: Sequence[IpNetwork] = ()) -> None:
    """Send once; redirects are not followed, and only the status of the response is read.

    Raises:
        WebhookRefusedError: the address is not public, or answers 410 (gone).
        WebhookError: no answer, or one that is not 2xx.
    """
    fault = url_fault(url)
    if fault is not None:
        raise WebhookRefusedError(f"the address {fault}")
    timestamp = int(time.time())
    headers = [
        ("Host", urlsplit(url).netloc),
        ("User-Agent", "less-is-more"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
        ("webhook-id", message_id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", signature(secret, message_id, timestamp, body)),
    ]
    timeouts = {"connect": _CONNECT_S, "read": _MOST_S, "write": _MOST_S, "pool": 1.0}
    backend = CheckedBackend(networks, time.monotonic() + _MOST_S)
    try:
        with (
            httpcore.ConnectionPool(network_backend=backend, max_connections=1, retries=0) as pool,
            pool.stream("POST", url, headers=headers, content=body, extensions={"timeout": timeouts}) as answer,
        ):
            status = answer.status
    except AddressRefusedError as error:
        raise WebhookRefusedError(str(error)) from None
    except TimeOverError as error:
        raise WebhookError(f"does not answer within {_MOST_S:.0f} s") from error
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        raise WebhookError(f"does not answer: {str(error) or type(error).__name__}") from error
    if status == 410:
        raise WebhookRefusedError("answers 410: it is gone")
    if not 200 <= status < 300:
        redirects = "; redirects are not followed" if 300 <= status < 400 else ""
        raise WebhookError(f"answers {status}{redirects}")
