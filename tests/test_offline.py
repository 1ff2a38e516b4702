"""The tests and the notebooks' kernels cannot reach the network, but can reach this machine."""

import socket
import subprocess
import sys
import urllib.request

import pytest

ATTEMPTS = {
    "urllib.request.urlopen('http://example.org', timeout=5)": True,
    "socket.create_connection(('192.0.2.1', 80), timeout=5)": True,
    "socket.getaddrinfo('example.org', 80)": True,
    "socket.getaddrinfo('localhost', 80)": False,
}


@pytest.mark.parametrize(("attempt", "blocked"), ATTEMPTS.items())
def test_in_a_child_process_as_in_a_kernel(attempt, blocked):
    code = f"import socket, urllib.request\n{attempt}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ("the tests run offline" in run.stderr) == blocked == (run.returncode != 0)


def test_in_this_process():
    with pytest.raises(OSError, match="the tests run offline"):
        socket.create_connection(("192.0.2.1", 80), timeout=5)
    with pytest.raises(OSError, match="the tests run offline"):
        urllib.request.urlopen("http://example.org", timeout=5)
    server = socket.create_server(("127.0.0.1", 0))
    with server, socket.create_connection(server.getsockname(), timeout=5):
        pass
