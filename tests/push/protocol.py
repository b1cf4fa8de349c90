"""Raw WebSocket frames, valid and invalid, and the server's reaction.

A case is `(frames, answers, code)`: the frames as they are sent, what must come back in this order, and the code of
the close; None when the socket must still be open and close with 1000.  LATE, as a code: who breaks the rules right
behind a message may find the close before its answer ("non-strict"), and a reset before the close.
"""
import json
import select
import struct

from live import BINARY, CLOSE, PING, PONG, TEXT, Closed, Nothing, Socket

CONTINUATION = 0
LATE = "late"
DROPPED = 1006  # the connection ends without a close frame, which RFC 6455 7.1.7 allows


def or_dropped(code):
    """For frames after the end: closing a socket with unread bytes sends a reset, which may overtake the close frame."""
    return code, DROPPED


frame = Socket.frame_bytes


def text(payload, **options):
    return frame(TEXT, payload, **options)


def more(payload, **options):
    return frame(CONTINUATION, payload, **options)


def ping(payload=b"", **options):
    return frame(PING, payload, **options)


def close(code=None, reason=b"", **options):
    return frame(CLOSE, (b"" if code is None else struct.pack(">H", code)) + reason, **options)


def message(size=0, ref="r"):
    """A message of exactly that many bytes; its answer contains its ref."""
    whole = b'{"op":"ping","ref":"%s","pad":"%s"}'
    empty = len(whole % (ref.encode(), b""))
    return whole % (ref.encode(), b"*" * max(0, size - empty))


def pieces(payload, size):
    """One message in frames of at most that many bytes."""
    cut = [payload[i:i + size] for i in range(0, len(payload), size)]
    last = len(cut) - 1
    return [frame(CONTINUATION if n else TEXT, part, fin=n == last) for n, part in enumerate(cut)]


def chops(frames, size):
    """The same bytes in several writes."""
    whole = b"".join(frames)
    return [whole[i:i + size] for i in range(0, len(whole), size)]


def echo(ref="r"):
    return ("text", {"op": "pong", "ref": ref})


def error(code):
    return ("error", code)


def pong(payload=b""):
    return ("pong", payload)


class Peer:
    """One socket on which a case is played."""

    def __init__(self, world):
        self.socket = Socket(world.ws_url, origin=world.origin)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, frames):
        """Sends even if the other side objects, and reads its answers at once, because a reset would lose them."""
        try:
            for part in frames:
                self.socket.sock.sendall(part)
                while select.select([self.socket.sock], [], [], 0)[0]:
                    came = self.socket.sock.recv(65536)
                    if not came:
                        return
                    self.socket.buffer += came
        except OSError:
            pass

    def answer(self, within=3.0):
        """What comes next, as the functions above name it; a close is ("close", code)."""
        try:
            opcode, payload = self.socket.read(within)
        except Closed as closed:
            return ("close", closed.code)
        except Nothing:
            return ("nothing", within)
        if opcode == PONG:
            return pong(payload)
        found = json.loads(payload)
        return error(found["code"]) if found["op"] == "error" else ("text", found)

    def answers(self, within=3.0):
        """All answers up to the close."""
        found = []
        while not found or found[-1][0] not in ("close", "nothing"):
            found.append(self.answer(within))
        return found


def play(world, frames, answers, code):
    """Plays a case and describes any difference."""
    with Peer(world) as peer:
        peer.send(frames)
        found = []
        if code is None:
            found = [peer.answer() for _ in answers]
            peer.send([close(1000)])
        found += peer.answers()
    if code == LATE:
        assert found[:-1] in (answers, []) and found[-1] in (("close", 1002), ("close", DROPPED)), found
    else:
        codes = {None: (1000,), 1002: or_dropped(1002)}.get(code, code)
        wanted = [[*answers, ("close", c)] for c in (codes if isinstance(codes, tuple) else (codes,))]
        assert found in wanted, f"expected one of {wanted}, got {found}"


__all__ = ["BINARY", "CLOSE", "DROPPED", "LATE", "PING", "PONG", "TEXT", "Peer", "chops", "close", "echo", "error", "frame",
           "message", "more", "or_dropped", "pieces", "ping", "play", "pong", "text"]
