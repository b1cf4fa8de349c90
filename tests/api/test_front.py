"""What nginx answers by itself is a problem document too, of the published kinds."""
import pytest

HANDSHAKE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": "taskwire.v1"}


@pytest.mark.parametrize("path, headers, status, slug", [
    ("/v1/tasks?q=" + "x" * 40_000, {}, 414, "url-too-long"),
    ("/v1/me", {"X-Long": "x" * 40_000}, 431, "headers-too-large"),
    ("/index.html", {"Range": "bytes=99999999-"}, 416, "bad-range"),
    ("/v1/live", {**HANDSHAKE, "Origin": "https://elsewhere.example"}, 403, "refused"),
], ids=["url", "headers", "range", "origin"])
def test_a_refusal_of_nginx_is_a_problem(world, path, headers, status, slug):
    reply = world.anonymous().get(path, headers=headers).expect(status, slug)
    assert reply["status"] == status and reply["detail"] and reply["requestId"]
