"""A FastCGI client that can stop or break off anywhere within a request, as nginx does when it is killed."""
import socket
import struct

BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6
RECORD_MAX = 65528


def record(kind, content=b""):
    return struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content


def pair(name, value):
    name, value = name.encode(), str(value).encode()
    return struct.pack(">II", len(name) | 1 << 31, len(value) | 1 << 31) + name + value


class Request:
    """One request on a connection of its own to a program's socket; the body is sent piece by piece."""

    def __init__(self, path, method, target, length, headers):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        self.socket.connect(path)
        values = {"REQUEST_METHOD": method, "REQUEST_URI": target, "CONTENT_LENGTH": length, "REMOTE_ADDR": "127.0.0.1",
                  **{"HTTP_" + k.upper().replace("-", "_"): v for k, v in headers.items() if k != "Content-Type"},
                  "CONTENT_TYPE": headers.get("Content-Type", "")}
        self.socket.sendall(record(BEGIN, struct.pack(">HB5x", 1, 1)) +
                            record(PARAMS, b"".join(pair(k, v) for k, v in values.items())) + record(PARAMS))

    def send(self, data):
        for at in range(0, len(data), RECORD_MAX):
            self.socket.sendall(record(STDIN, data[at:at + RECORD_MAX]))
        return self

    def reply(self):
        """Ends the body; the status and the body of the reply."""
        self.socket.sendall(record(STDIN))
        out = b""
        while True:
            head = self._exactly(8)
            _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", head)
            content = self._exactly(length + padding)[:length]
            if kind == END:
                break
            out += content
        self.close()
        head, _, body = out.partition(b"\r\n\r\n")
        return int(head.split(b"Status: ")[1][:3]), body

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError("the program has closed the connection")
            data += more
        return data

    def close(self):
        self.socket.close()
