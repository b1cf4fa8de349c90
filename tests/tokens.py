"""Access tokens as an attacker or an older version would make them."""
import base64
import hashlib
import hmac
import json
import time


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def header(token):
    return json.loads(unb64(token.split(".")[0]))


def claims(token):
    return json.loads(unb64(token.split(".")[1]))


def for_access(key):
    """The key that signs access tokens, derived from a signing key (HKDF-SHA256, RFC 5869)."""
    inner = hmac.new(b"\0" * 32, key, hashlib.sha256).digest()
    return hmac.new(inner, b"taskwire access tokens\1", hashlib.sha256).digest()


def make(head, body, key, derive=for_access):
    key = derive(key) if key else key
    signed = b64(json.dumps(head).encode()) + "." + b64(json.dumps(body).encode())
    return signed + "." + (b64(hmac.new(key, signed.encode(), hashlib.sha256).digest()) if key else "")


def read_keys(path):
    """The keys of a signing.keys file: {kid: bytes}."""
    with open(path, encoding="ascii") as lines:
        return {kid: bytes.fromhex(key) for kid, key in (line.split() for line in lines if line.strip())}


def forged(token, keys):
    """(what is wrong, token) for each way a token can be wrong; `keys` holds the right ones."""
    head, body = header(token), claims(token)
    key, now = keys[head["kid"]], int(time.time())
    yield "no algorithm", make({**head, "alg": "none"}, body, None)
    yield "no algorithm, but signed", make({**head, "alg": "none"}, body, key)
    yield "another algorithm", make({**head, "alg": "HS512"}, body, key)
    yield "an asymmetric algorithm", make({**head, "alg": "RS256"}, body, key)
    yield "another key", make(head, body, b"\x01" * 32)
    yield "the key before it is derived", make(head, body, key, derive=bytes)
    yield "an unknown kid", make({**head, "kid": "nobody"}, body, key)
    yield "an empty key", make(head, body, b"")
    yield "another audience", make(head, {**body, "aud": "elsewhere"}, key)
    yield "another issuer", make(head, {**body, "iss": "elsewhere"}, key)
    yield "another type", make(head, {**body, "typ": "refresh"}, key)
    yield "expired", make(head, {**body, "iat": now - 9000, "nbf": now - 9000, "exp": now - 8400}, key)
    yield "not valid yet", make(head, {**body, "nbf": now + 3600, "exp": now + 7200}, key)
    yield "an expiry that is text", make(head, {**body, "exp": "tomorrow"}, key)
    for claim in ("iss", "aud", "typ", "exp", "sub", "sid"):
        yield f"no {claim}", make(head, {k: v for k, v in body.items() if k != claim}, key)
    yield "a subject that is no id", make(head, {**body, "sub": "root"}, key)
    parts = token.split(".")
    yield "a changed body", ".".join([parts[0], b64(json.dumps({**body, "sub": "f" * 24}).encode()), parts[2]])
    yield "no signature", ".".join(parts[:2]) + "."
    yield "two parts", ".".join(parts[:2])
    yield "empty parts", ".."
    yield "four parts", token + ".x"
    yield "no token", "garbage"
    yield "a huge token", "a" * 6000 + ".b.c"


def changed(token, **claims_):
    """The token with other claims, under its old signature."""
    head, body, signature = token.split(".")
    return ".".join((head, b64(json.dumps({**json.loads(unb64(body)), **claims_}).encode()), signature))
