"""Data on other machines: what a path may be, an address may be too."""

import http.server
import threading
import zipfile

import numpy as np
import pytest

from hema_blood import HemaError


class Parts(http.server.BaseHTTPRequestHandler):
    """Gives parts of one file, to those who know the token."""

    file = b""

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if query != "token=secret":
            self.send_error(403)
            return
        start, _, end = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        start, end = int(start), min(int(end or len(self.file) - 1), len(self.file) - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{end}/{len(self.file)}")
        self.send_header("Content-Length", str(end + 1 - start))
        self.send_header("ETag", '"1"')
        self.end_headers()
        self.wfile.write(self.file[start : end + 1])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(some):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Parts)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_an_archive_at_an_address_is_read_there(model, some, server, tmp_path):
    archive = tmp_path / "cells.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in some:
            zipped.write(path, f"{path.parent.name}/{path.name}")
    Parts.file = archive.read_bytes()
    found, expected = model.classify(f"{server}/cells.zip?token=secret"), model.classify(archive)
    assert found.paths == expected.paths
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    with pytest.raises(HemaError, match="403") as caught:
        model.classify(f"{server}/cells.zip?token=guessed")
    assert "guessed" not in str(caught.value)
