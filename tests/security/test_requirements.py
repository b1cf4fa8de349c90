"""Requirements of asvs.md that no other test covers."""
import http.client
import urllib.parse

import matrix
import pytest
from client import PASSWORD, User
from second_factor import code_of


def test_a_password_reset_does_not_bypass_the_second_factor(world, anna, outbox):
    """Of an account whose address is confirmed; before that it is nobody's (api/test_accounts_contacts.py)."""
    anna.confirm(outbox)
    secret = anna.post("/v1/me/totp", password=PASSWORD).expect(201)["secret"]
    recovery = anna.put("/v1/me/totp", code=code_of(secret)).expect(200)["recoveryCodes"]
    world.anonymous().post("/v1/password-resets", email=anna.email).expect(202)
    token = outbox.email(anna.email, "Choose a new password").token
    new = matrix.new_password()
    done = world.anonymous().put("/v1/password-resets", token=token, password=new).expect(204)
    assert not done.body and "set-cookie" not in done.headers  # nobody is logged in by it
    world.anonymous().post("/v1/sessions", login=anna.email, password=new).expect(401, "code-required")
    opened = world.anonymous().post("/v1/sessions", login=anna.email, password=new, code=recovery[0]).expect(201)
    assert User(world).take(opened).get("/v1/me").expect(200)["totpEnabledAt"]


def test_each_login_opens_its_own_session(world, anna):
    """No token comes twice, and none that a client brings along is taken up."""
    seen = {anna.token, anna.refresh_token}
    for _ in range(5):
        other = anna.log_in()
        assert not {other.token, other.refresh_token} & seen
        seen |= {other.token, other.refresh_token}
    sent = anna.send("POST", "/v1/sessions", {"login": anna.email, "password": PASSWORD},
                     headers={"Cookie": "taskwire_refresh=" + anna.refresh_token}).expect(201)
    assert sent["refreshToken"] not in seen and sent["accessToken"] not in seen


def test_refresh_tokens_look_random(world, anna):
    """256 bits: no two share a start, and about half of all bits are set."""
    import base64
    secrets = [anna.log_in().refresh_token.rsplit(".", 1)[-1] for _ in range(30)]
    raw = [base64.urlsafe_b64decode(s + "=") for s in secrets]
    assert all(len(r) == 32 for r in raw) and len({r[:8] for r in raw}) == 30
    share = sum(bin(int.from_bytes(r, "big")).count("1") for r in raw) / (30 * 256)
    assert 0.45 < share < 0.55, share


@pytest.mark.parametrize("login", ["root", "admin", "sa", "administrator@example.com", "test@example.com", "guest"])
@pytest.mark.parametrize("password", ["admin", "root", "password", "taskwire", ""])
def test_there_are_no_default_accounts(world, login, password):
    world.anonymous().post("/v1/sessions", login=login, password=password).expect((401, 422))


@pytest.mark.parametrize("path", ["/.git/", "/.git/HEAD", "/.svn/", "/.env", "/server-status", "/nginx_status", "/v1/",
                                  "/debug", "/web/", "/v1/metrics", "/metrics", "/keys/signing.keys", "/log/access.log"])
def test_only_the_web_client_and_the_api_are_served(world, path):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(world.url).netloc, timeout=5)
    connection.request("GET", path)
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    assert reply.status == 404 or "<title>Taskwire</title>" in text, (path, reply.status)
    assert "Index of" not in text and "taskwire_requests" not in text


def test_the_steps_of_a_flow_cannot_be_reordered(world, anna):
    """Each step needs the result of the one before: no second factor without its first step, no reset without its email."""
    anna.put("/v1/me/totp", code="123456").expect(409)
    world.anonymous().put("/v1/password-resets", token="x" * 43, password=matrix.new_password()).expect(401)
    world.anonymous().put("/v1/verifications", token="x" * 43).expect(401)
    task = anna.task("Not thrown away")
    anna.send("POST", f"/v1/tasks/{task['id']}/restore").expect((200, 409))
    assert anna.get(task)["deletedAt"] is None


def test_openapi_publishes_the_rules_of_fields(world):
    """2.1.1: every property that a client may send has its type and bounds in openapi.json."""
    import judge
    for name, schema in judge.contract["components"]["schemas"].items():
        if not name.endswith(("Create", "Change", "Registration", "Login")):
            continue
        for field, prop in schema["properties"].items():
            kinds = prop.get("type")
            assert kinds, (name, field)
            if "string" in (kinds if isinstance(kinds, list) else [kinds]):
                assert set(prop) & {"maxLength", "pattern", "enum", "format"}, (name, field, prop)
