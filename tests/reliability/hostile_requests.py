"""Requests that the page never makes, as bytes, with the status that refuses each.

`{host}` is the server's own name and port.
"""

from page_client import drawing, encoded
from PIL import Image
from test_hostile_images import IMAGES

JSON = {"Content-Type": "application/json"}
PNG = {"Content-Type": "image/png"}


def http(
    line: str, *headers: tuple[str, str], host: str | None = "{host}", body: bytes = b""
) -> bytes:
    """A request as bytes."""
    named = [*([("Host", host)] if host else []), *headers]
    if body:
        named.append(("Content-Length", str(len(body))))
    return "\r\n".join([line, *(f"{n}: {v}" for n, v in named), "\r\n"]).encode() + body


def post(path: str, body: bytes = b"{}", headers: dict[str, str] = JSON, **more: str) -> bytes:
    named = {**headers, **{name.replace("_", "-"): value for name, value in more.items()}}
    return http(f"POST {path} HTTP/1.1", *named.items(), body=body)


def get(path: str, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return http(f"GET {path} HTTP/1.1", *named.items())


HOSTS = ("evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "[::1]", "{host}.evil.org")
HOSTS += ("localhost", "evil.example@{host}", "{host}, evil.example", "0.0.0.0", "localhost.")
ORIGINS = ("null", "http://evil.example", "http://localhost:1", "https://{host}", "http://{host}0")
ORIGINS += ("http://{host}.evil.example", "file://", "http://127.0.0.1", "", "http://{host}, null")
FROM_SITES = {
    **{f"host {h}": (403, http("GET / HTTP/1.1", host=h)) for h in HOSTS},
    **{f"origin {o}": (403, post("/api/nets", Origin=o)) for o in ORIGINS},
    "two hosts": (400, http("GET / HTTP/1.1", ("Host", "evil.example"))),
    "no host": (403, http("GET / HTTP/1.0", host=None)),
    "two origins": (
        403,
        http(
            "POST /api/nets HTTP/1.1", ("Origin", "http://{host}"), ("Origin", "null"), body=b"{}"
        ),
    ),
    "a site without an origin": (403, post("/api/nets", Sec_Fetch_Site="cross-site")),
    "another port": (403, post("/api/nets", Sec_Fetch_Site="same-site")),
    "a script": (403, get("/page/page.js", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")),
    "a frame": (
        403,
        get("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="iframe"),
    ),
    "a form": (
        403,
        post(
            "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document"
        ),
    ),
    "a preflight": (403, http("OPTIONS /api/predict HTTP/1.1", ("Origin", "http://evil.example"))),
    "another address in the line": (404, get("http://evil.example/")),
}
FORMS = ("text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded")
TYPES = {
    **{f"type {kind}": (415, post("/api/nets", Content_Type=kind)) for kind in (*FORMS, "", "x")},
    **{f"image {kind}": (415, post("/api/predict", Content_Type=kind)) for kind in FORMS},
    "JSON as an image": (415, post("/api/predict")),
    "compressed": (415, post("/api/nets", Content_Encoding="gzip")),
}
FIELDS = (b"", b"{", b"[" * 999, b'{"a":' * 150, b"[]", b"null", b'"net"', b"\xff\xfe", b"{}{}")
FIELDS += ('{"net": 0}'.encode("utf-16"), b"{}", b'{"index": 0}', b'{"net": 0, "net2": 0}')
VALUES = ("-1", "1", "9" * 900, "1e99", "0.0", "NaN", "Infinity", "true", '"0"', "null", "[0]")
BODIES = {
    **{f"fields {body[:20]!r}": (400, post("/api/mistakes", body)) for body in FIELDS},
    **{f"net {v[:9]}": (400, post("/api/mistakes", b'{"net": %b}' % v.encode())) for v in VALUES},
    **{
        f"index {value}": (400, post("/api/predict_digit", b'{"index": %b}' % value.encode()))
        for value in ("-1", "10000", "2147483648", "NaN", "[]")
    },
    "a field too many": (400, post("/api/nets", b'{"net": 0}')),
    **{
        f"selected {value}": (400, post(f"/api/predict?{value}", drawing(), PNG))
        for value in ("selected=1.5", "selected=-2", "selected=9999999999", "selected=", "net=0")
    },
    "selected in Arabic": (400, post("/api/predict?selected=%D9%A1", drawing(), PNG)),
}
FILES = {
    "another format": encoded(Image.new("L", (50, 50)), "JPEG"),
    "frames": encoded(
        Image.new("L", (9, 9)), "GIF", save_all=True, append_images=[Image.new("L", (9, 9), 9)] * 9
    ),
    "wide WebP": encoded(Image.new("L", (16_383, 9_000)), "WEBP", lossless=True, method=0),
    **{name: content for name, content in IMAGES.items() if content},
}
PICTURES = {
    f"picture: {name}": (400, post("/api/predict", content, PNG)) for name, content in FILES.items()
}
METHODS = {
    **{
        f"{method} a call": (405, http(f"{method} /api/nets HTTP/1.1"))
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")
    },
    "POST the page": (405, post("/")),
    "a tunnel": (404, http("CONNECT evil.example:443 HTTP/1.1")),
    "a web socket": (
        405,
        get("/api/nets", Connection="Upgrade", Upgrade="websocket", Sec_WebSocket_Version="13"),
    ),
}
PATHS = ("/gradio_api/upload", "/upload", "/docs", "/openapi.json", "/api", "/api/nets/", "/page/")
PATHS += ("/page/../server.py", "/page/%2e%2e/server.py", "/page/..%2fserver.py", "//page/page.js")
PATHS += ("/page//etc/passwd", "/page/page.js%00", "/page/%ff", "/PAGE/page.js", "/favicon.ico")
ROUTES = {f"path {path}": (404, get(path)) for path in PATHS}
CHUNKS = ("POST /api/nets HTTP/1.1", ("Transfer-Encoding", "chunked"), *JSON.items())
LARGE = "300000000"
PROTOCOL = {
    "a long body": (413, post("/api/nets", bytes(2_000))),
    "a promise of 300 MB": (413, post("/api/predict", b"", PNG, Content_Length=LARGE)),
    "300 MB to upload": (404, post("/gradio_api/upload", b"", PNG, Content_Length=LARGE)),
    "chunks": (413, http(*CHUNKS) + b"800\r\n" + bytes(2_048) + b"\r\n"),
    "a length of 5,000 figures": (400, post("/api/nets", b"", Content_Length="9" * 5_000)),
    "a negative length": (400, post("/api/nets", b"", Content_Length="-1")),
    "two lengths": (400, post("/api/nets", b"{}", Content_length="1")),
    "headers without an end": (400, get("/", X_Long="x" * 100_000).rstrip()),
    "HTTP/2": (403, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
}
REQUESTS = {
    **FROM_SITES,
    **TYPES,
    **BODIES,
    **PICTURES,
    **METHODS,
    **ROUTES,
    **PROTOCOL,
}
