"""A taskwire-api that commits but never publishes, as if every worker were killed in between.

It uses the stack's database and a Redis that does not exist, and is called over FastCGI without nginx.
"""
import contextlib
import json
import os
import pathlib
import shlex
import socket
import struct
import subprocess

from client import eventually


def _pair(name, value):
    return b"".join(struct.pack(">I", len(x) | 1 << 31) for x in (name, value)) + name + value


def _record(kind, body=b""):
    return struct.pack(">BBHHBB", 1, kind, 1, len(body), 0, 0) + body


class SilentApi:
    def __init__(self, path):
        self.path = str(path)

    def listening(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.path) == 0

    def request(self, method, target, token, document):
        """Status and JSON of the answer."""
        body = json.dumps(document).encode()
        params = {"REQUEST_METHOD": method, "REQUEST_URI": target, "QUERY_STRING": "",
                  "CONTENT_TYPE": "application/merge-patch+json" if method == "PATCH" else "application/json",
                  "CONTENT_LENGTH": str(len(body)), "HTTP_AUTHORIZATION": "Bearer " + token, "REMOTE_ADDR": "127.0.0.1"}
        pairs = b"".join(_pair(k.encode(), v.encode()) for k, v in params.items())
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(self.path)
            s.sendall(_record(1, struct.pack(">HB5x", 1, 0)) + _record(4, pairs) + _record(4) + _record(5, body)
                      + _record(5))
            out = self.read(s)
        head, _, text = out.partition(b"\r\n\r\n")
        status = int(head.split(b"Status: ")[1][:3]) if b"Status: " in head else 200
        return status, json.loads(text)

    @staticmethod
    def read(s):
        """What the application writes, up to the end of the request."""
        out, file = b"", s.makefile("rb")
        while len(head := file.read(8)) == 8:
            _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", head)
            body = file.read(length + padding)[:length]
            if kind == 6:
                out += body
            elif kind == 3:
                break
        return out


@contextlib.contextmanager
def unpublishing_api(stack, folder):
    lines = (stack.data / "env").read_text().splitlines()
    settings = dict(shlex.split(line)[0].split("=", 1) for line in lines)
    path = folder / "api.sock"
    env = {**os.environ, **settings, "API_SOCKET": str(path), "API_PROCESSES": "1",
           "API_THREADS": "4", "REDIS_URL": f"unix://{folder}/nowhere.sock"}
    with open(folder / "api.log", "wb") as log:
        process = subprocess.Popen([pathlib.Path(stack.build) / "taskwire-api"], env=env, stderr=log, stdout=log)
    try:
        api = SilentApi(path)
        eventually(api.listening, within=10, what="the api that does not publish")
        yield api
    finally:
        process.terminate()
        process.wait(15)
