"""Database servers that the programs refuse to use: the program logs why and exits."""
import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "supervisor"))

import mongo_wire  # noqa: E402

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
MODERN = {"ok": 1, "minWireVersion": 0, "maxWireVersion": 17, "logicalSessionTimeoutMinutes": 30,
          "maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000}


class Server:
    """A server that answers every command with one document, as for hello."""

    def __init__(self, **hello):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.hello = {**MODERN, **{k: v.replace("SELF", self.address) if isinstance(v, str) else v
                                   for k, v in hello.items()}}
        if "hosts" in self.hello:
            self.hello["hosts"] = [h.replace("SELF", self.address) for h in self.hello["hosts"]]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                while True:
                    head = mongo_wire.read_exactly(connection, 16)
                    length, number, _, kind = struct.unpack("<iiii", head)
                    mongo_wire.read_exactly(connection, length - 16)
                    body = mongo_wire.encode(self.hello)
                    if kind == OP_QUERY:
                        body, kind = struct.pack("<iqii", 0, 0, 0, 1) + body, OP_REPLY
                    else:
                        body = struct.pack("<i", 0) + b"\0" + body
                    connection.sendall(struct.pack("<iiii", len(body) + 16, 1, number, kind) + body)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def start(tmp_path, stack, uri):
    """taskwire-api with that URI."""
    env = {**os.environ, "MONGODB_URI": uri, "API_SOCKET": str(tmp_path / "api.sock"),
           "SIGNING_KEYS_FILE": str(stack.signing_keys_file)}
    return subprocess.Popen([pathlib.Path(stack.build) / "taskwire-api"], env=env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


PRIMARY = {"isWritablePrimary": True, "ismaster": True, "setName": "rs", "setVersion": 1,
           "hosts": ["SELF"], "me": "SELF", "primary": "SELF"}
SECONDARY = {**PRIMARY, "isWritablePrimary": False, "ismaster": False, "secondary": True,
             "hosts": ["SELF", "127.0.0.1:1"], "primary": "127.0.0.1:1"}


@pytest.mark.parametrize("hello, options, sentence", [
    ({"isWritablePrimary": True, "ismaster": True}, "", "standalone"),
    ({"isWritablePrimary": True, "ismaster": True}, "directConnection=true", "standalone"),
    (PRIMARY, "", "must say replicaSet=rs"),
    (SECONDARY, "directConnection=true", "names a secondary; the primary of rs is 127.0.0.1:1"),
])
def test_an_unsuitable_database_server_is_refused(tmp_path, stack, hello, options, sentence):
    with Server(**hello) as server:
        program = start(tmp_path, stack, f"mongodb://{server.address}/?{options}")
        words, _ = program.communicate(timeout=20)
    assert program.returncode == 1 and sentence in words, words


def test_a_long_transaction_lifetime_causes_a_warning(tmp_path, stack):
    with Server(**PRIMARY, transactionLifetimeLimitSeconds=60) as server:
        program = start(tmp_path, stack, f"mongodb://{server.address}/?directConnection=true")
        try:
            assert any("locked for up to 90 s" in line for line in program.stdout)
        finally:
            program.kill()
            program.communicate()
