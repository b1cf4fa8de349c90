"""The codes that an authenticator shows (RFC 6238)."""
import base64
import hashlib
import hmac
import struct
import time


def code_of(secret, ahead=0, at=None):
    step = int((at or time.time()) // 30) + ahead
    mac = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    start = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[start:start + 4])[0] & 0x7fffffff) % 10**6:06d}"
