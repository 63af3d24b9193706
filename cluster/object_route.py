"""Pre-signed requests to the object store under the API's own address (docs/adr/0060).

A browser, or a client on another machine, reaches only the API's port. A pre-signed URL of the store is therefore handed
out as `/objects/...` of the API. HAProxy, or the API itself, puts back the host that was signed and forwards the request
unchanged; the store checks the signature, which covers method, host, path, query and length.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from cluster.storage.settings import S3Settings

PREFIX: Final = "/objects"
"""First part of the path of a pre-signed request under the API's address."""
METHODS: Final = ("GET", "PUT")
SIGNATURE: Final = "X-Amz-Signature"
"""Query parameter without which a request is not pre-signed."""
NOT_SIGNED: Final = "not_signed"
"""Code of the refusal of a request that is not pre-signed for the platform's bucket."""
NOT_SIGNED_DETAIL: Final = (
    "Only the pre-signed URLs that the API gives work here; they are for GET or PUT of one object."
)
FORWARDED: Final = ("Content-Length", "Content-Type", "If-Range", "Range")
"""Headers of a request that the store needs; all others stay behind, above all the caller's credentials."""
RETURNED: Final = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "ETag",
    "Last-Modified",
)
"""Headers of the store's answer that clients need."""
ADDED: Final[Mapping[str, str]] = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every answer: what users stored must not run as a page of the API's origin."""

_BACKEND: Final = """\
backend objects from door
    acl is_presigned url_param({signature}) -m found
    acl is_presigned_method method {methods}
    acl is_of_bucket path_beg {prefix}{path}
    http-request return status 403 content-type application/problem+json string '{refusal}' \
unless is_presigned is_presigned_method is_of_bucket
    # The store answers as if it had been asked directly, so that the signature of host and path is valid.
    http-request replace-path {prefix}(/.*) \\1
    http-request set-header Host {host}
    http-request del-header {others} -m reg
    # The embedded store answers 200 to a range; browsers play and seek only with 206.
    http-response set-status 206 if {{ status 200 }} {{ res.hdr(Content-Range) -m found }}
    http-response del-header {store_headers} -m reg
{added}
    server store {host}
"""
_OTHERS: Final = "^(authorization|cookie|origin|referer|x-.*|forwarded|via|sec-.*|accept-language|user-agent)$"
_STORE_HEADERS: Final = "^(access-control-.*|x-amz-.*|server|set-cookie|vary)$"


def haproxy_backend(store: S3Settings, refusal: str) -> str:
    """HAProxy's backend for pre-signed requests; empty if the API has to forward them.

    HAProxy looks a name up only when it starts, and the addresses of large stores change, so it forwards only to a store at
    an IP address without TLS, such as the embedded one.

    Args:
        store: the object store.
        refusal: JSON of the problem for requests that are not pre-signed.
    """
    url = urlsplit(store.endpoint_url or "")
    if url.scheme != "http" or url.path.strip("/") or not _is_address(url.hostname):
        return ""
    return _BACKEND.format(
        signature=SIGNATURE,
        methods=" ".join(METHODS),
        prefix=PREFIX,
        path=f"/{store.bucket}/",
        host=url.netloc,
        refusal=refusal,
        others=_OTHERS,
        store_headers=_STORE_HEADERS,
        added="\n".join(f'    http-response set-header {name} "{value}"' for name, value in ADDED.items()),
    )


def _is_address(host: str | None) -> bool:
    try:
        return bool(ip_address(host or ""))
    except ValueError:
        return False
