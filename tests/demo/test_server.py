"""The server of the page: its routes, its port, how it starts and ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from page_client import PageClient, drawing, served

from deepdigits.core.errors import InputError

server = pytest.importorskip("deepdigits.demo.server", reason="pip install 'deepdigits[demo]'")

UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


@pytest.fixture(scope="module")
def page(data_folder) -> PageClient:
    return served()


def test_page_and_its_files_are_served_with_guarding_headers(page) -> None:
    index = page.send("GET", "/")
    assert index.status == 200 and index.headers["content-type"] == "text/html; charset=utf-8"
    assert index.body == (server.PAGE / "index.html").read_bytes()
    for name in ("page.css", "page.js", "pad.js", "prediction.js"):
        answer = page.send("GET", f"/page/{name}")
        assert answer.body == (server.PAGE / name).read_bytes()
        kind = "javascript" if name.endswith(".js") else "css"
        assert answer.headers["content-type"] == f"text/{kind}; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy and "*" not in policy
        assert answer.headers["x-frame-options"] == "DENY" and "server" not in answer.headers
    assert page.send("HEAD", "/").body == b""


def test_there_are_no_further_routes(page) -> None:
    app = server.build([])
    assert sorted(route.path for route in app.routes) == sorted(
        ["/", *(f"/page/{path.name}" for path in server.PAGE.iterdir())]
        + [f"/api/{name}" for name in ("predict", "predict_digit", "mistakes", "nets")]
    )


def test_localhost_is_a_name_of_the_server_too(page) -> None:
    host = f"localhost:{page.port}"
    origin = f"http://{host}"
    headers = {"Content_Type": "application/json", "Origin": origin, "Host": host}
    assert page.send("POST", "/api/nets", b"{}", **headers).status == 200


def test_link_of_another_site_may_open_the_page(page) -> None:
    visit = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert page.send("GET", "/", Sec_Fetch_Site="cross-site", **visit).status == 200


def test_mistakes_and_test_digits(page) -> None:
    found = json.loads(page.call("mistakes", net=0).body)
    assert len(found) == 40 and all(one["label"] != one["predicted"] for one in found)
    shown = json.loads(page.call("predict_digit", index=found[0]["index"]).body)
    assert shown["nets"][0]["text"] == found[0]["predicted"]
    assert shown["digits"][0]["crop"] == found[0]["crop"]


def test_program_of_the_docs_prints_the_predictions(page, tmp_path: Path, capsys) -> None:
    text = (Path(__file__).parents[2] / "docs" / "photos.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "drawing.png").write_bytes(drawing())
    exec(compile(code.replace("127.0.0.1:7860", page.host), "docs/photos.md", "exec"), {})
    assert capsys.readouterr().out == "mlp 1\n"


def test_answer_waits_for_no_acknowledgement(page, monkeypatch) -> None:
    has_delay = []
    made = server.LimitedConnection.connection_made

    def record(self, transport) -> None:
        connection = transport.get_extra_info("socket")
        has_delay.append(not connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        made(self, transport)

    monkeypatch.setattr(server.LimitedConnection, "connection_made", record)
    assert page.call("nets").status == 200
    assert has_delay == [False]


def test_taken_port_is_one_line(page) -> None:
    with pytest.raises(InputError, match=f"^port {page.port} is taken: choose another with --port"):
        server.listen([page.port])
    with pytest.raises(InputError, match="and those after it is taken"):
        server.listen([page.port, page.port])
    with server.listen([page.port, 0]) as listener:  # the next one is tried
        assert listener.getsockname()[0] == "127.0.0.1"


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_command(number: int, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "deepdigits", "demo", "mlp", "--port", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == f"a page to draw on: http://127.0.0.1:{port}/ (Ctrl-C ends it)\n"
        page = PageClient(port)
        assert page.call("nets").status == 200
        assert page.raw(b"no request\r\n\r\n").status == 400  # and nothing is printed
        assert page.predict(b"no image").status == 400
        assert page.raw(b"GET / HTTP/1.1\r\nHost: {host}\r\n" + UPGRADE).status == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert out == ""
    if number == signal.SIGINT:
        assert (process.returncode, err) == (130, "deepdigits: stopped by SIGINT\n")
    else:
        assert (process.returncode, err) == (-signal.SIGTERM, "")
