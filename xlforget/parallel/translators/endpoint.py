"""One HTTP endpoint that speaks OpenAI's chat protocol: where it may be, how long it may take, how much it may say.

What is sent is personal data. So the endpoint is on this machine unless another is allowed; no redirect is followed, no
proxy stands between us and this machine; and no error holds anything of what was sent or came back.
"""

import ipaddress
import json
import time
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import SplitResult, urlsplit

from xlforget.errors import MachineError, UsageError

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Limits:
    """Seconds to connect, between two parts of an answer, and for one answer as a whole; bytes of an answer; tries.

    ``pause``: seconds before the second try, doubled for each further one; an endpoint may ask for up to ``longest_pause``.
    """

    connect: float = 5.0
    read: float = 60.0
    total: float = 180.0
    size: int = 1 << 20
    tries: int = 4
    pause: float = 0.5
    longest_pause: float = 30.0


@dataclass(frozen=True)
class Address:
    """A checked base URL. ``local``: on this machine."""

    url: str
    host: str
    local: bool


def check_address(url: str, *, allow_remote: bool) -> Address:
    """UsageError ENDPOINT: not an http(s) URL, one with a password in it, or a far one in clear; REMOTE_ENDPOINT: not allowed."""
    parts = _split(url)
    host = parts.hostname or ""
    near = _address(host)
    local = host == "localhost" or (near is not None and near.is_loopback)
    if not local and not allow_remote:
        raise UsageError(
            "The translation endpoint is not on this machine, and what it would be sent is personal data.",
            do="Use an endpoint on localhost, or add --allow-remote-translator if the request may leave this machine.",
            code="REMOTE_ENDPOINT",
        )
    if parts.scheme != "https" and not local and not (near is not None and near.is_private):
        _refuse("Over the internet it must be https")
    return Address(url.rstrip("/"), host, local)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        _refuse("It is not a URL")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        _refuse("It must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.query or parts.fragment:
        _refuse("It must hold no password, query or fragment")
    return parts


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _refuse(why: str) -> NoReturn:
    # The URL itself is not shown: it may hold a key.
    raise UsageError(
        f"The address of the translation endpoint cannot be used. {why}.",
        do="Give a base URL such as http://localhost:8000/v1.",
        code="ENDPOINT",
    ) from None


class Endpoint:
    """Posts JSON and gives the JSON that comes back. ``key``: sent as a bearer token."""

    def __init__(self, address: Address, limits: Limits, key: str = "") -> None:
        import httpx2

        self.address = address
        self._limits = limits
        self._client = httpx2.Client(
            headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            timeout=httpx2.Timeout(limits.read, connect=limits.connect),
            follow_redirects=False,
            trust_env=not address.local,  # proxies of the environment
        )

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Raises MachineError: ENDPOINT_DOWN, ENDPOINT_SLOW, ENDPOINT_REFUSED, ENDPOINT_ANSWER."""
        for attempt in range(self._limits.tries):
            last = attempt + 1 == self._limits.tries
            asked_for = self._once(path, body, last=last)
            if isinstance(asked_for, _Later):
                time.sleep(min(max(self._limits.pause * 2**attempt, asked_for.seconds), self._limits.longest_pause))
                continue
            return _json(asked_for)
        raise AssertionError("the last try returns or raises")

    def _once(self, path: str, body: dict[str, Any], *, last: bool) -> "bytes | _Later":
        import httpx2

        try:
            with self._client.stream("POST", f"{self.address.url}{path}", json=body) as response:
                if response.status_code in AGAIN and not last:
                    return _Later(_seconds(response.headers.get("Retry-After", "")))
                if response.status_code != 200:
                    _fail("ENDPOINT_REFUSED", f"answered with HTTP status {response.status_code}")
                return self._content(response)
        except httpx2.TimeoutException:
            if last:
                _fail("ENDPOINT_SLOW", "did not answer in time")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
            if last:
                _fail("ENDPOINT_DOWN", "cannot be reached, or broke off")
        return _Later(0.0)

    def _content(self, response: Any) -> bytes:
        """As it came: what was compressed, unasked, is not unpacked and so no JSON."""
        end = time.monotonic() + self._limits.total
        content = bytearray()
        for part in response.iter_raw():
            content += part
            if len(content) > self._limits.size:
                _fail("ENDPOINT_ANSWER", f"answered with more than {self._limits.size} bytes")
            if time.monotonic() > end:
                _fail("ENDPOINT_SLOW", "did not come to an end in time")
        return bytes(content)


@dataclass(frozen=True)
class _Later:
    """Try again, after the seconds that the endpoint asks for."""

    seconds: float


def _seconds(header: str) -> float:
    """Retry-After as seconds; its form as a date is left to our own pauses."""
    return float(header) if header.isascii() and header.isdigit() else 0.0


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        _fail("ENDPOINT_ANSWER", "answered with something that is not JSON")


def _fail(code: str, what: str) -> NoReturn:
    # From None: what is behind may quote the answer.
    raise MachineError(
        f"The translation endpoint {what}.",
        do="Check that the endpoint serves the OpenAI chat protocol and the model named, then run the command again.",
        code=code,
    ) from None
