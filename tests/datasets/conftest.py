"""A web server on this machine that serves files, redirects, and misbehaves on request."""

from __future__ import annotations

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


class Site:
    """The answers of the server, by path: bytes, or a function of the request handler."""

    def __init__(self, url):
        self.url, self.pages = url, {}

    def serve(self, content, path="/data.zip"):
        self.pages[path] = content
        return self.url + path

    def announce_more(self, content, path="/short.zip"):
        """Serve content under a Content-Length that is 100 bytes too large."""

        def page(request):
            request.send_response(200)
            request.send_header("Content-Length", str(len(content) + 100))
            request.end_headers()
            request.wfile.write(content)

        return self.serve(page, path)

    def redirect(self, location, path="/moved.zip"):
        def page(request):
            request.send_response(302)
            request.send_header("Location", location)
            request.send_header("Content-Length", "0")
            request.end_headers()

        return self.serve(page, path)

    def drip(self, path="/slow.zip"):
        """Serve a kilobyte every 20 ms, for 10 s."""

        def page(request):
            request.send_response(200)
            request.end_headers()
            for _ in range(500):
                request.wfile.write(bytes(1024))
                time.sleep(0.02)

        return self.serve(page, path)

    def stall(self, path="/stall.zip"):
        """Accept the request and answer nothing for half a second."""
        return self.serve(lambda request: time.sleep(0.5), path)

    def stream(self, content, path="/stream.zip"):
        """Serve content without saying how long it is."""

        def page(request):
            request.send_response(200)
            request.end_headers()
            request.wfile.write(content)

        return self.serve(page, path)


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            page = site.pages.get(self.path)
            try:
                if page is None:
                    self.send_error(404)
                elif callable(page):
                    page(self)
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(page)))
                    self.end_headers()
                    self.wfile.write(page)
            except ConnectionError:  # the client has seen enough
                pass

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def real_data():
    """Return the folder of the real batch files.

    Skip the test where the variable is not set, fail where its folder holds no data.
    """
    named = os.environ.get("OVERPARAM_TF_DATA")
    if not named:
        pytest.skip("OVERPARAM_TF_DATA is not set")
    folder = Path(named)
    folder = folder if (folder / "batch1.dat").exists() else folder / "gas_sensor"
    assert (folder / "batch10.dat").exists(), f"OVERPARAM_TF_DATA={named} holds no gas sensor data"
    return folder
