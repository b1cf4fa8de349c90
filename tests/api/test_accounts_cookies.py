"""Cookie mode: the refresh token is where scripts cannot read it and other sites cannot use it."""
import http.client
import http.cookies
import json
import secrets
import urllib.parse

import pytest
from client import PASSWORD, PROMISED, User, eventually, fresh_account
from stack import Stack

NAME = "taskwire_refresh"


def cookie_of(reply, name=NAME):
    morsel = http.cookies.SimpleCookie(reply.headers["set-cookie"])[name]
    return morsel.value, {k: v for k, v in morsel.items() if v}


def log_in(world, user, **headers):
    return world.anonymous().send("POST", "/v1/sessions", {"login": user.email, "password": PASSWORD, "cookie": True},
                                  headers=headers)


def refresh(world, value, origin=None, **headers):
    headers = {"Cookie": f"theme=dark; {NAME}={value}", **headers}
    if origin:
        headers["Origin"] = origin
    return world.anonymous().send("POST", "/v1/sessions/refresh", {}, headers=headers)


def test_the_refresh_token_is_only_in_the_cookie(world, anna):
    reply = log_in(world, anna, Origin=world.origin).expect(201)
    value, flags = cookie_of(reply)
    assert reply["refreshToken"] is None and value not in reply.body.decode()
    assert flags == {"path": "/v1/sessions", "httponly": True, "samesite": "Strict", "max-age": "2592000"}


def test_the_cookie_is_rotated_at_each_refresh(world, anna):
    value, _ = cookie_of(log_in(world, anna))
    reply = refresh(world, value, world.origin).expect(200)
    second, _ = cookie_of(reply)
    assert second != value and reply["refreshToken"] is None
    assert User(world).take(reply).get("/v1/me").expect(200)["id"] == anna.id
    assert cookie_of(refresh(world, value, world.origin).expect(200))[0] == second  # a second tab
    third, _ = cookie_of(refresh(world, second, world.origin).expect(200))
    refresh(world, value, world.origin).expect(401)  # an old one ends the session
    reply = refresh(world, third, world.origin).expect(401)
    assert cookie_of(reply)[1]["max-age"] == "0"


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1.evil.example"},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
def test_another_sites_page_cannot_use_the_cookie(world, anna, headers):
    value, _ = cookie_of(log_in(world, anna))
    reply = refresh(world, value, **headers).expect(403, "forbidden")
    assert "set-cookie" not in reply.headers
    log_in(world, anna, **headers).expect(403, "forbidden")
    refresh(world, value, world.origin).expect(200)  # and it has changed nothing


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""])
def test_a_form_on_another_site_cannot_refresh(world, anna, kind):
    value, _ = cookie_of(log_in(world, anna))
    world.anonymous().send("POST", "/v1/sessions/refresh", raw=b"{}", headers={
        "Cookie": f"{NAME}={value}", "Content-Type": kind}).expect(415)


def test_the_cookie_does_not_authenticate_other_routes(world, anna):
    value, _ = cookie_of(log_in(world, anna))
    head = {"Cookie": f"{NAME}={value}", "Origin": world.origin}
    for method, path in (("GET", "/v1/me"), ("GET", "/v1/sessions"), ("DELETE", "/v1/sessions"), ("POST", "/v1/tasks")):
        world.anonymous().send(method, path, {} if method == "POST" else None, headers=head).expect(401)


def test_logging_out_deletes_the_cookie(world, anna):
    reply = log_in(world, anna)
    value, _ = cookie_of(reply)
    session = User(world).take(reply)
    out = session.send("DELETE", "/v1/sessions/current", headers={"Cookie": f"{NAME}={value}"}).expect(204)
    assert cookie_of(out)[0] == "" and cookie_of(out)[1]["max-age"] == "0"
    refresh(world, value, world.origin).expect(401)


def test_registering_also_sets_the_cookie(world):
    reply = world.anonymous().post("/v1/users", **fresh_account(), cookie=True).expect(201)
    refresh(world, cookie_of(reply)[0], world.origin).expect(200)


def test_a_repeated_login_sets_the_same_cookie(world, anna):
    key, body = secrets.token_hex(8), {"login": anna.email, "password": PASSWORD, "cookie": True}
    first, again = (world.anonymous().send("POST", "/v1/sessions", body, key=key).expect(201) for _ in range(2))
    assert again.headers["idempotency-replayed"] == "true" and cookie_of(first) == cookie_of(again)


def test_with_https_the_cookie_is_secure():
    from client import SETTINGS, World
    with Stack(settings={**SETTINGS, "PUBLIC_URL": "https://tasks.example"}) as stack:
        world = World(stack.url, stack.ws_url)
        reply = log_in(world, world.user(), Origin="https://tasks.example").expect(201)
        value, flags = cookie_of(reply, "__Host-" + NAME)
        assert flags == {"path": "/", "secure": True, "httponly": True, "samesite": "Strict", "max-age": "2592000"}
        head = {"Cookie": f"__Host-{NAME}={value}", "Origin": "https://tasks.example"}
        world.anonymous().send("GET", "/v1/me", headers=head).expect(401)
        world.anonymous().send("POST", "/v1/sessions/refresh", {}, headers=head).expect(200)


@pytest.mark.parametrize("cookie", [NAME, NAME + "=", "x" + NAME + "=1", NAME + "=" + "a" * 4000, ";;;=;", "="])
def test_malformed_cookies_are_not_accepted_as_refresh_tokens(world, cookie):
    world.anonymous().send("POST", "/v1/sessions/refresh", {}, headers={"Cookie": cookie}).expect((401, 422))


def agent(world, anna, agent, **fields):
    return User(world).take(world.anonymous().send(
        "POST", "/v1/sessions", {"login": anna.email, "password": PASSWORD, **fields},
        headers={"User-Agent": agent}).expect(201))


def test_a_login_from_a_new_device_sends_an_email_and_from_a_known_one_does_not(world, anna, outbox):
    agent(world, anna, "Telescope/1.0 (Änne's)".encode().decode("latin-1"))
    agent(world, anna, "Microscope/2.0")
    agent(world, anna, "Microscope/2.0")
    outbox.email(anna.email, "new device", count=2)  # in any order
    mails = [mail for mail in outbox.emails(anna.email, "new device") if "Microscope 2 0, from 127.0.0.1" in mail.text]
    assert len(mails) == 1
    anna.log_in()
    assert len(outbox.emails(anna.email, "new device")) == 2


def log_in_from(world, source, user, cookie=None):
    """From another of this host's addresses, always by the same kind of browser; gives the cookie of the device."""
    parts = urllib.parse.urlsplit(world.url)
    conn = http.client.HTTPConnection(parts.hostname, parts.port, timeout=15, source_address=(source, 0))
    head = {"Content-Type": "application/json", "User-Agent": "Mozilla/5.0", **({"Cookie": cookie} if cookie else {})}
    conn.request("POST", "/v1/sessions", json.dumps({"login": user.email, "password": user.password}), head)
    reply = conn.getresponse()
    conn.close()
    assert reply.status == 201
    return reply.headers["Set-Cookie"].split(";")[0]


def test_a_login_by_the_same_kind_of_browser_from_elsewhere_is_reported(world, anna, outbox):
    """Regression: a browser was known by its User-Agent alone, even after a new password."""
    def newest_of(count):
        return outbox.email(anna.email, "new device", count=count)

    cookie = log_in_from(world, "127.0.0.11", anna)
    newest_of(1)
    log_in_from(world, "127.0.0.11", anna)  # the same place
    log_in_from(world, "127.0.0.12", anna, cookie)  # the same browser elsewhere
    log_in_from(world, "127.0.0.13", anna)
    assert "127.0.0.13" in newest_of(2).text
    anna.post("/v1/me/password", currentPassword=PASSWORD, newPassword="an altogether new one").expect(204)
    anna.password = "an altogether new one"
    log_in_from(world, "127.0.0.13", anna)
    newest_of(3)


def test_sessions_have_names(world, anna, ben):
    phone = agent(world, anna, "Telescope/1.0", device="Anna's phone")
    named = {s["device"]: s for s in anna.items("/v1/sessions")}
    assert set(named) == {"", "Anna's phone"} and named["Anna's phone"]["ip"] == "127.0.0.1"
    assert anna.patch("/v1/sessions/current", device="The desk").expect(200)["device"] == "The desk"
    path = "/v1/sessions/" + named["Anna's phone"]["id"]
    assert anna.patch(path, device="Old phone").expect(200)["current"] is False
    ben.patch(path, device="Mine").expect(404)
    anna.patch(path).expect(422, "invalid", {"/device"})
    anna.patch(path, ip="1.2.3.4").expect(422, "invalid", {"/ip"})
    assert {s["device"] for s in phone.items("/v1/sessions")} == {"The desk", "Old phone"}
    phone.delete("/v1/sessions/current").expect(204)
    eventually(lambda: phone.get("/v1/me").status == 401, within=PROMISED, what="401")
    anna.patch(path, device="Gone").expect(404)


def test_a_session_ends_a_month_after_login(stack, world, anna):
    import datetime

    import bson
    import pymongo
    import tokens
    now = datetime.datetime.now(datetime.timezone.utc)
    with pymongo.MongoClient(stack.mongodb_uri, tz_aware=True) as client:
        sessions, mine = client[stack.mongodb_database].sessions, {"_id": bson.ObjectId(tokens.claims(anna.token)["sid"])}
        idle = sessions.find_one(mine)["expiresAt"] - now
        assert datetime.timedelta(days=13) < idle <= datetime.timedelta(days=14, minutes=1)
        sessions.update_one(mine, {"$set": {"createdAt": now - datetime.timedelta(days=29)}})
        world.anonymous().post("/v1/sessions/refresh", refreshToken=anna.refresh_token).expect(200)
        assert sessions.find_one(mine)["expiresAt"] - now < datetime.timedelta(days=1, minutes=1)
