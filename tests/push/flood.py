"""A client that sends as much as the socket accepts."""
import contextlib
import select
import ssl
import time

WAITS = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def flood(feed, piece, most=4_000_000, still=0.5):
    """Sends the piece repeatedly until that many bytes were sent, or none for a while; returns how
    many were sent, and the rest of the last piece."""
    feed.sock.setblocking(False)
    piece, sent, moved = piece * max(1, 4_096 // len(piece)), 0, time.monotonic()
    at = 0
    while sent < most and time.monotonic() - moved < still:
        try:
            at = (at + (n := feed.sock.send(piece[at:]))) % len(piece)
            sent, moved = sent + n, time.monotonic()
        except WAITS:
            select.select([feed.sock], [feed.sock], [], 0.05)
            with contextlib.suppress(*WAITS):
                feed.sock.recv(262_144)
    feed.sock.setblocking(True)
    feed.sock.settimeout(20.0)
    return sent, piece[at:] if at else b""
