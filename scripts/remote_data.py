#!/usr/bin/env python3
"""Measures commands on an archive in object storage beside the same archive on the disk: time, memory, requests.

    scripts/remote_data.py HEMA ARCHIVE COPIES

The store is moto on this machine (`pip install "moto[server]"`). ARCHIVE is a plain tar; `hema data info` reads one
in which it is repeated COPIES times under other names. Prints Markdown tables, and fails where two results differ.
"""

import hashlib
import io
import logging
import os
import socket
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer


class Proxy:
    """Passes connections on, counts what comes back, and cuts each after `limit` bytes."""

    def __init__(self, target, limit=None):
        self.target, self.limit = target, limit
        self.requests = self.bytes = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            line, _ = self.listener.accept()
            self.requests += 1
            threading.Thread(target=self.serve, args=(line,), daemon=True).start()

    def serve(self, line):
        with line, socket.create_connection(self.target) as server:
            threading.Thread(target=self.upwards, args=(line, server), daemon=True).start()
            passed = 0
            try:
                while data := server.recv(1 << 16):
                    if self.limit and passed + len(data) > self.limit:
                        data = data[: self.limit - passed]
                    line.sendall(data)
                    passed += len(data)
                    self.bytes += len(data)
                    if passed == self.limit:
                        break
                # closing alone would leave it open: the other thread still listens
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @staticmethod
    def upwards(line, server):
        try:
            while data := line.recv(1 << 16):
                server.sendall(data)
        except OSError:
            pass


def repeated(archive, copies, out):
    """Writes an archive so many times, under other names. Gives the number of pictures."""
    pictures = 0
    with tarfile.open(archive) as source, tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as target:
        members = [(member, source.extractfile(member).read()) for member in source if member.isfile()]
        for copy in range(copies):
            for member, data in members:
                path = Path(member.name)
                if path.suffix.lower() not in (".jpg", ".png", ".tif", ".bmp"):
                    continue
                member = tarfile.TarInfo(str(path.with_name(f"{copy}-{path.name}")))
                member.size = len(data)
                target.addfile(member, io.BytesIO(data))
                pictures += 1
    return pictures


def run(hema, words, environment):
    """Runs a command. Gives what it writes, seconds, and the largest resident memory in MiB."""
    read, write = os.pipe()
    start = time.monotonic()
    process = os.fork()
    if process == 0:
        os.dup2(write, 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.close(read)
        os.execve(hema, [hema, *words], {**os.environ, **environment})
    os.close(write)
    largest = [0]
    threading.Thread(target=watch, args=(process, largest), daemon=True).start()
    digest = hashlib.sha256()
    with os.fdopen(read, "rb") as pipe:
        while data := pipe.read(1 << 20):
            digest.update(data)
    _, status = os.waitpid(process, 0)
    assert status == 0, (words, status)
    return digest.hexdigest(), time.monotonic() - start, largest[0] / 1024


def watch(process, largest):
    """Notes the largest resident memory of a process, in kB. What the kernel counts at its end has ours in it."""
    own = os.path.realpath("/proc/self/exe")
    try:
        while True:
            if os.path.realpath(f"/proc/{process}/exe") != own:
                text = Path(f"/proc/{process}/status").read_text()
                largest[0] = int(text.split("VmHWM:")[1].split()[0])
            time.sleep(0.02)
    except (OSError, IndexError):
        pass


def measure(hema, title, words, data, store, pictures):
    """Runs a command on an archive on the disk, in the store, and in the store behind lines that are cut."""
    size = data.stat().st_size
    print(f"\n{title}, {pictures} pictures, {size / 1e6:.1f} MB\n")
    print("| | images/s | largest memory, MiB | requests | bytes over the line / of the archive |")
    print("|---|--:|--:|--:|--:|")
    expected = None
    for name, limit in [("the disk", None), ("S3", 0), ("S3, every line cut after 3 MB", 3_000_000)]:
        if limit is None:
            environment, address, proxy = {}, str(data), None
        else:
            proxy, address = Proxy(store, limit), f"s3://lab/{data.name}"
            environment = {"AWS_ENDPOINT_URL_S3": proxy.address, "AWS_ACCESS_KEY_ID": "x",
                           "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "us-east-1", "NO_PROXY": "127.0.0.1"}
        result, seconds, memory = run(hema, [address if word == "DATA" else word for word in words], environment)
        expected = expected or result
        assert result == expected, name
        line = (f"{proxy.requests}", f"{proxy.bytes / size:.3f}") if proxy else ("", "")
        print(f"| {name} | {pictures / seconds:.0f} | {memory:.0f} | {line[0]} | {line[1]} |", flush=True)


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    hema, archive, copies = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        once, many = Path(folder) / "once.tar", Path(folder) / "many.tar"
        counts = [repeated(archive, 1, once), repeated(archive, copies, many)]
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        store = server.get_host_and_port()
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "us-east-1"}
        s3 = boto3.client("s3", endpoint_url="http://%s:%d" % store, **keys)
        s3.create_bucket(Bucket="lab")
        for data in (once, many):
            s3.upload_file(str(data), "lab", data.name)
        info = ["--json", "data", "info", "DATA"]
        measure(hema, "`hema data info` (lists all, decodes 500)", info, many, store, counts[1])
        measure(hema, "`hema predict builtin`", ["predict", "builtin", "DATA"], once, store, counts[0])
        server.stop()


main()
