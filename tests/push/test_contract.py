"""The WebSocket's contract is served and matches the server."""
import json
import re
import urllib.request

import pytest


@pytest.fixture
def contract(stack):
    with urllib.request.urlopen(stack.url + "/v1/asyncapi.json") as reply:
        assert reply.headers["Content-Type"].startswith("application/json")
        return json.loads(reply.read())


def test_asyncapi_is_served_and_complete(contract):
    live = contract["channels"]["live"]
    assert live["address"] == "/v1/live"
    assert set(live["x-close-codes"]) == {"1009", "1012", "4401", "4403", "4408", "4429"}
    for operation in contract["operations"].values():
        for message in operation["messages"]:
            assert message["$ref"].rsplit("/", 1)[1] in live["messages"]
    kinds = contract["components"]["schemas"]["Kind"]["enum"]
    assert "task.created" in kinds and "session.revoked" in kinds and len(kinds) == len(set(kinds))


def test_every_server_message_is_in_the_contract(contract, anna):
    messages = contract["channels"]["live"]["messages"]
    codes = contract["components"]["schemas"]["ErrorCode"]["enum"]
    plan = anna.project()
    with anna.live() as feed:
        seen = [feed.follow(f"project:{plan['id']}")]
        anna.task(projectId=plan["id"])
        seen.append(feed.expect("task.created"))
        feed.send(op="nonsense")
        seen.append(feed.receive())
        feed.send(op="ping", ref=7)
        seen.append(feed.receive())
    for message in seen:
        payload = messages["server-" + message["op"]]["payload"]
        assert set(payload["required"]) <= set(message) <= set(payload["properties"]), message
        if message["op"] == "event":
            assert re.fullmatch(payload["properties"]["entityId"]["pattern"], message["entityId"])
        if message["op"] == "error":
            assert message["code"] in codes
