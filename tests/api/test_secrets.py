"""Secrets in logs, URLs and the database, and revealing which accounts exist."""
import statistics
import time

from bson import json_util
from pymongo import MongoClient

from client import PASSWORD, User


def test_logs_contain_no_tokens_passwords_or_addresses(world, stack, anna):
    anna.task("Logged, perhaps")
    with anna.live() as feed:
        feed.silent()
    renewed = User(world).post("/v1/sessions/refresh", refreshToken=anna.refresh_token).expect(200)
    world.anonymous().post("/v1/sessions", login=anna.email, password="not this password").expect(401)
    world.anonymous().get("/v1/me", headers={"Authorization": "Bearer " + anna.token[:-2] + "xx"}).expect(401)
    secrets = {"access token": anna.token, "refresh token": anna.refresh_token, "address": anna.email,
               "number": anna.phone, "password": PASSWORD, "new token": renewed["accessToken"],
               "new refresh token": renewed["refreshToken"], "tried password": "not this password",
               "title": "Logged, perhaps"}
    for name, text in stack.logs().items():
        if name == "mongodb":
            continue  # the database's own words
        for what, secret in secrets.items():
            assert secret not in text, f"the log of {name} holds the {what}"


def test_the_database_contains_no_plain_passwords_or_refresh_tokens(stack, world, anna):
    keyed = world.anonymous().post("/v1/sessions", login=anna.email, password=PASSWORD, key="log-in-once").expect(201)
    with MongoClient(stack.mongodb_uri) as mongo:
        database = mongo[stack.mongodb_database]
        for name in database.list_collection_names():
            for document in database[name].find():
                text = json_util.dumps(document)
                for secret in (PASSWORD, anna.refresh_token, anna.token, keyed["refreshToken"], keyed["accessToken"]):
                    assert secret not in text, f"{name} holds a secret as it is"


def test_login_takes_the_same_time_for_known_and_unknown_accounts(world, anna):
    def seconds(login):
        start = time.monotonic()
        world.anonymous().post("/v1/sessions", login=login, password="not the password").expect((401, 429))
        return time.monotonic() - start
    tries = [(seconds(anna.email), seconds(f"nobody{n}@example.com")) for n in range(9)]
    known, unknown = (statistics.median(t[side] for t in tries) for side in (0, 1))
    assert 0.5 < known / unknown < 2, (known, unknown)
