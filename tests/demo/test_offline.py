"""The server of the page uses no network and no disk: a guard in its process checks each call."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("uvicorn", reason="pip install 'deepdigits[demo]'")

# An audit hook is called before each system call, from any thread and library, and cannot be
# removed. If it raises, the call is refused.
GUARDED = """
import io, json, os, sys
from ipaddress import ip_address

outside, inside, written = [], [], []
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT

def here(host):
    if host in (None, "", "localhost") or isinstance(host, int):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

def guard(event, args):
    if event == "open" and args[2] & WRITES or event in ("os.mkdir", "os.rename", "shutil.move"):
        written.append(str(args[0]))
        return
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"):
        address = args[1]
        if not isinstance(address, tuple):
            return  # of a pair of sockets in this process
        host = address[0]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = args[0].decode() if isinstance(args[0], bytes) else args[0]
    else:
        return
    (inside if here(host) else outside).append([event, str(host)])
    if not here(host):
        raise OSError(f"refused: {event} {host}")

sys.addaudithook(guard)

import urllib.request
from PIL import Image, ImageDraw
from deepdigits.demo import server
from deepdigits.inference.load import load

address = server.launch(server.build([load("mlp"), load("cnn")]), None, wait=False).rstrip("/")

def get(path, data=None, kind="application/json"):
    request = urllib.request.Request(address + path, data, {"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()

page = Image.new("L", (300, 300), 255)
ImageDraw.Draw(page).line((150, 60, 150, 240), fill=0, width=24)
content = io.BytesIO()
page.save(content, "PNG")
for path in ("/", "/page/page.js", "/page/page.css"):
    get(path)
written.clear()
result = json.loads(get("/api/predict", content.getvalue(), "image/png"))
try:
    get("/gradio_api/upload", bytes(20_000_000), "multipart/form-data; boundary=x")
except OSError:
    pass  # refused
by_request = list(written)
open(os.devnull, "w").close()  # a test of the guard itself
assert written == [*by_request, os.devnull]
mistakes = json.loads(get("/api/mistakes", b'{"net": 0}'))
before = list(outside)
for name in ("example.org", "192.0.2.1"):  # at last a test of the guard itself
    try:
        urllib.request.urlopen(f"http://{name}", timeout=5)
    except OSError:
        pass
print(json.dumps({
    "outside": before, "written": by_request, "guard": outside[len(before):], "inside": inside,
    "text": [net["text"] for net in result["nets"]], "mistakes": len(mistakes),
}))
"""


def test_no_other_host_is_called_from_start_to_prediction(data_folder) -> None:
    command = [sys.executable, "-W", "ignore", "-c", GUARDED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["outside"] == [] and result["written"] == []
    assert ["socket.bind", "127.0.0.1"] in result["inside"]
    assert {host for event, host in result["inside"] if event == "socket.bind"} == {"127.0.0.1"}
    assert result["text"] == ["1", "1"] and result["mistakes"] > 0  # the server works
    assert {host for _, host in result["guard"]} == {"example.org", "192.0.2.1"}
