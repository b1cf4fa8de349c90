"""Just enough of MongoDB's wire protocol (OP_MSG and a few BSON types) to check whether a server on loopback
is up, and to make a new mongod the only member of its replica set."""

import socket
import struct


def encode(document):
    body = b"".join(encode_item(k.encode(), v) for k, v in document.items())
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def encode_item(name, value):
    if isinstance(value, bool):
        return b"\x08" + name + b"\0" + bytes([value])
    if isinstance(value, int):
        return b"\x10" + name + b"\0" + struct.pack("<i", value)
    if isinstance(value, str):
        text = value.encode() + b"\0"
        return b"\x02" + name + b"\0" + struct.pack("<i", len(text)) + text
    if isinstance(value, list):
        return b"\x04" + name + b"\0" + encode({str(i): v for i, v in enumerate(value)})
    return b"\x03" + name + b"\0" + encode(value)


FIXED = {0x01: "<d", 0x09: "<q", 0x10: "<i", 0x12: "<q", 0x11: "<Q"}


def decode(data):
    """A document's values of the types above; other types are omitted."""
    end, at, out = struct.unpack_from("<i", data)[0] - 1, 4, {}
    while at < end:
        kind, stop = data[at], data.index(b"\0", at + 1)
        name, at = data[at + 1:stop].decode(), stop + 1
        if kind in FIXED:
            out[name] = struct.unpack_from(FIXED[kind], data, at)[0]
            at += struct.calcsize(FIXED[kind])
        elif kind == 0x08:
            out[name], at = bool(data[at]), at + 1
        elif kind == 0x07:
            at += 12
        elif kind == 0x0a:
            out[name] = None
        else:
            size = struct.unpack_from("<i", data, at)[0]
            if kind == 0x02:
                out[name], at = data[at + 4:at + 3 + size].decode(), at + 4 + size
            elif kind in (0x03, 0x04):
                inner = decode(data[at:at + size])
                out[name], at = (list(inner.values()) if kind == 0x04 else inner), at + size
            elif kind == 0x05:
                at += 5 + size
            else:
                return out
    return out


def command(port, document, seconds=2.0):
    """Runs one command on the admin database of 127.0.0.1:port; raises OSError if that fails."""
    body = struct.pack("<i", 0) + b"\0" + encode({**document, "$db": "admin"})
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as s:
        s.sendall(struct.pack("<iiii", len(body) + 16, 1, 0, 2013) + body)
        head = read_exactly(s, 16)
        rest = read_exactly(s, struct.unpack_from("<i", head)[0] - 16)
    return decode(rest[5:])


def read_exactly(s, count):
    data = b""
    while len(data) < count:
        piece = s.recv(count - len(data))
        if not piece:
            raise OSError("the server closed the connection")
        data += piece
    return data
