"""The page's server asks nothing of the network: a guard in its process sees every connection."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("gradio", reason="pip install 'deepdigits[demo]'")

# An audit hook is told of each call before the operating system is, from whatever thread and
# library, and cannot be taken out again. What it raises refuses the call. Where the server
# does not switch it off, Gradio 6.31 names api.gradio.app and huggingface.co here.
GUARDED = """
import base64, io, json, sys, time
from ipaddress import ip_address

outside, inside = [], []

def here(host):
    if host in (None, "", "localhost") or isinstance(host, int):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

def guard(event, args):
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
from deepdigits.loading import load

address = server.launch(server.build([load("mlp"), load("cnn")]), None, wait=False).rstrip("/")

def get(path, *data):
    body = json.dumps({"data": data}).encode() if data else None
    request = urllib.request.Request(address + path, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()

page = Image.new("L", (300, 300), 255)
ImageDraw.Draw(page).line((150, 60, 150, 240), fill=0, width=24)
content = io.BytesIO()
page.save(content, "PNG")
url = "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
for path in ("/", "/page/page.js", "/page/page.css", "/gradio_api/info"):
    get(path)
look = json.loads(get("/gradio_api/run/look", url, -1))["data"][0]
mistakes = json.loads(get("/gradio_api/run/mistakes", 0))["data"][0]
time.sleep(3)  # what is sent, is sent by a thread of its own
seen = list(outside)
for name in ("example.org", "192.0.2.1"):  # the guard itself, at last
    try:
        urllib.request.urlopen(f"http://{name}", timeout=5)
    except OSError:
        pass
print(json.dumps({
    "outside": seen, "guard": outside[len(seen):], "inside": inside,
    "text": [net["text"] for net in look["nets"]], "mistakes": len(mistakes),
}))
"""


def test_nothing_is_asked_of_elsewhere_from_start_to_answer(data_folder) -> None:
    command = [sys.executable, "-W", "ignore", "-c", GUARDED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["outside"] == []
    assert ["socket.bind", "127.0.0.1"] in told["inside"]
    assert {host for event, host in told["inside"] if event == "socket.bind"} == {"127.0.0.1"}
    assert told["text"] == ["1", "1"] and told["mistakes"] > 0  # it did answer
    assert {host for _, host in told["guard"]} == {"example.org", "192.0.2.1"}
