"""Refuse every network address but this machine's own. Python imports this file at start-up.

On PYTHONPATH (tests/conftest.py puts it there), so that a notebook which reaches for the network
fails in the cell that does it, on a machine with a network as on one without.
"""

import ipaddress
import socket
import sys


class NetworkBlocked(OSError):
    """The tests run offline."""


def _is_local(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host).is_loopback
    except ValueError:
        return host == socket.gethostname()


def _refuse(event: str, arguments: tuple) -> None:
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if not _is_local(host):
        raise NetworkBlocked(f"the tests run offline, and something asked for {host!r}")


sys.addaudithook(_refuse)
