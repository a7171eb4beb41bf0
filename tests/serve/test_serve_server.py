"""What the server lets others do: pages of strangers, foreign names, other files."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

STRANGER = "http://evil.example"


def ask(address: str, method: str, path: str, body: str = "", **headers: str) -> HTTPResponse:
    place = address.removeprefix("http://")
    connection = HTTPConnection(place, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {"Host": place, **headers}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body.encode())
    return connection.getresponse()


def test_it_answers_under_the_names_of_this_machine_only(address: str) -> None:
    port = address.rpartition(":")[2]
    for name in ("127.0.0.1", "localhost"):
        assert ask(address, "GET", "/config", Host=f"{name}:{port}").status == 200
    for name in ("evil.example", "127.0.0.1.evil.example", "169.254.169.254"):
        assert ask(address, "GET", "/config", Host=f"{name}:{port}").status == 400


def test_pages_of_strangers_cannot_use_it(address: str) -> None:
    """Browsers ask first whether JSON may be sent, and send plain text without asking."""
    body = json.dumps({"data": [], "fn_index": 0, "session_hash": "x"})
    asked = ask(address, "OPTIONS", "/gradio_api/queue/join", Origin=STRANGER,
                Access_Control_Request_Method="POST",
                Access_Control_Request_Headers="content-type")  # fmt: skip
    assert asked.getheader("access-control-allow-origin") is None
    sent = ask(address, "POST", "/gradio_api/queue/join", body, Origin=STRANGER,
               Content_Type="text/plain")  # fmt: skip
    assert sent.status == 422
    for path in ("/config", "/gradio_api/info"):
        assert ask(address, "GET", path, Origin=STRANGER).getheader(
            "access-control-allow-origin"
        ) is None  # fmt: skip


@pytest.mark.parametrize("name", ["/etc/passwd", "runs/first/config.yaml", "../../etc/passwd"])
def test_no_file_is_given_out(address: str, home: Path, name: str) -> None:
    path = name if name.startswith("/") else str(home / name)
    assert ask(address, "GET", f"/gradio_api/file={path}").status in (403, 404)


def test_it_listens_at_this_machine_only(address: str) -> None:
    port = int(address.rpartition(":")[2])
    listening = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                listening.append(local.partition(":")[0])
    assert listening == ["0100007F"]  # 127.0.0.1


def test_no_event_is_part_of_a_public_api(address: str) -> None:
    found = json.loads(ask(address, "GET", "/gradio_api/info").read())
    assert not found["named_endpoints"]
