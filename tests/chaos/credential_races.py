#!/usr/bin/env python3
"""Sessions and tokens opened during a credential event: `tests/chaos/credential_races.py --rounds 200`.

Each round has one user, attackers who open sessions or tokens in a loop on two api programs, and one credential event in
between.  The event must succeed, and a second later nothing that was opened before or during it may work.
"""
import argparse
import base64
import datetime
import hashlib
import os
import pathlib
import random
import secrets
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

if __name__ == "__main__":
    import prepare
    prepare.command()

import bson  # noqa: E402
import pymongo  # noqa: E402

from client import PASSWORD, SETTINGS, User, World, fresh_account  # noqa: E402
from skew import skewed_build, slow_commits  # noqa: E402

NEW = "an altogether new one"
WITHIN = 1.0  # seconds after the event's answer
LOOPS = 3  # attackers of a round
SLOWER = {"PASSWORD_COST": "11"}  # than cheap_hash()


def cheap_hash(password):
    """A hash as it was stored when the cost was lower."""
    salt = os.urandom(16)
    key = hashlib.scrypt(password.encode(), salt=salt, n=1024, r=8, p=3, dklen=64)
    return "$s1$0a0803$%s$%s" % tuple(base64.b64encode(part).decode() for part in (salt, key))


class Round:
    """One user, and what the attackers obtained."""

    def __init__(self, races):
        self.races, self.world, self.db = races, races.world, races.db
        self.anna = self.world.user("anna")
        self.id = bson.ObjectId(self.anna.id)
        self.stopped, self.got, self.wrong = threading.Event(), [], []

    def keep(self, kind, token, refresh_token=None):
        holder = User(self.world)
        holder.token, holder.refresh_token = token, refresh_token
        self.got.append((time.monotonic(), kind, holder))

    # -- what attackers do, each with its own connection -------------------------------
    def log_in(self, mine):
        reply = mine.post("/v1/sessions", login=self.anna.email, password=PASSWORD)
        if reply.status == 201:
            self.keep("session", reply["accessToken"], reply["refreshToken"])
        return reply.status in (201, 401, 503)  # 503: a process hashes two passwords of an account at a time

    def make_api_token(self, mine):
        mine.token = self.anna.token
        reply = mine.post("/v1/api-tokens", name="x", scopes=["admin"])
        if reply.status == 201:
            self.keep("API token", reply["token"])
        return reply.status in (201, 401, 409)

    def refresh(self, mine):
        reply = mine.post("/v1/sessions/refresh", refreshToken=mine.refresh_token)
        if reply.status == 200:
            mine.refresh_token = reply["refreshToken"]
            self.keep("session", reply["accessToken"], reply["refreshToken"])
        return reply.status in (200, 401)

    def move_address(self, mine):
        mine.token = self.anna.token
        return mine.patch("/v1/me", email=fresh_account("thief")["email"], password=PASSWORD).status in (
            200, 401, 409, 422, 429, 503)  # 503: credential events have priority

    def cheapen(self):
        """The password is stored with a lower cost, so that a login rehashes it."""
        self.db.users.update_one({"_id": self.id}, {"$set": {"passwordHash": cheap_hash(PASSWORD)}})

    # -- the events ----------------------------------------------------------------------
    def reset(self):
        secret = secrets.token_urlsafe(32)
        now = datetime.datetime.now(datetime.timezone.utc)
        generation = self.db.users.find_one({"_id": self.id}).get("credentialGen", 0)
        self.db.tokens.insert_one({"_id": hashlib.sha256(secret.encode()).hexdigest(), "purpose": "reset",
                                   "userId": self.id, "generation": generation, "createdAt": now,
                                   "expiresAt": now + datetime.timedelta(hours=1)})
        return lambda: self.world.anonymous().put("/v1/password-resets", token=secret, password=NEW)

    def change(self):
        owner = self.anna.log_in()
        return lambda: owner.post("/v1/me/password", currentPassword=PASSWORD, newPassword=NEW)

    def close(self):
        owner = self.anna.log_in()
        return lambda: owner.send("DELETE", "/v1/me", {"password": PASSWORD})

    def end_all(self):
        owner = self.anna.log_in()
        return lambda: owner.delete("/v1/sessions")

    # -- the round -----------------------------------------------------------------------
    def loop(self, attack, mine):
        while not self.stopped.is_set():
            if not attack(mine):
                self.wrong.append(f"{attack.__name__} got an answer that nobody expects")
                return

    def attackers(self, attack):
        for _ in range(LOOPS):
            mine = User(self.world)
            mine.http.strict = False
            if attack == self.refresh:
                mine.refresh_token = self.anna.log_in().refresh_token
            yield threading.Thread(target=self.loop, args=(attack, mine), daemon=True)

    def run(self, attack, event):
        prepared, threads = event(), list(self.attackers(attack))
        for thread in threads:
            thread.start()
        time.sleep(self.races.dice.uniform(0.02, 0.15))
        began = time.monotonic()
        reply = prepared()
        ended = time.monotonic()
        time.sleep(0.05)
        self.stopped.set()
        for thread in threads:
            thread.join(30)
        if reply.status != 204:
            self.wrong.append(f"{event.__name__} failed: {reply}")
        self.races.took.append(ended - began)
        # The closed account is opened again by the next log-in: only what was there before must end.
        got = [who for at, *who in self.got if event != self.close or at < began]
        self.judge(got, ended + WITHIN, same_password=event in (self.close, self.end_all))
        return [f"{attack.__name__} against {event.__name__}: {words}" for words in self.wrong]

    def judge(self, got, until, same_password):
        for kind, holder in got:
            while holder.get("/v1/me").status != 401:
                if time.monotonic() > until:
                    self.wrong.append(f"a {kind} still works {WITHIN} s after the event")
                    break
                time.sleep(0.02)
            if kind == "session" and User(self.world).post(
                    "/v1/sessions/refresh", refreshToken=holder.refresh_token).status != 401:
                self.wrong.append("a session can be refreshed after the event")
        self.races.ended += len(got)
        if not same_password and User(self.world).post("/v1/sessions", login=self.anna.email, password=PASSWORD).status == 201:
            self.wrong.append("the old password opens the account")
        stored = self.db.users.find_one({"_id": self.id})
        if stored.get("pendingEmail") or stored["email"] != self.anna.email:
            self.wrong.append("an address waits for the account after the event")
        if self.db.tokens.count_documents({"userId": self.id, "purpose": {"$ne": "reset"},
                                           "generation": stored["credentialGen"]}):
            self.wrong.append("a code or a token of the account is good after the event")


class Races:
    """Runs every pair of an attack and an event."""

    PAIRS = (("log_in", "reset"), ("log_in", "change"), ("log_in", "close"), ("make_api_token", "reset"),
             ("refresh", "end_all"), ("move_address", "reset"), ("upgrade", "reset"))

    def __init__(self, stack, seed=1):
        self.world = World(stack.url, stack.ws_url)
        self.client = pymongo.MongoClient(stack.mongodb_uri, w="majority")
        self.db = self.client[stack.mongodb_database]
        self.dice, self.took, self.ended, self.wrong = random.Random(seed), [], 0, []

    def run(self, rounds, say=lambda *_: None, pairs=PAIRS):
        for number in range(rounds):
            for attack, event in pairs:
                race = Round(self)
                if attack == "upgrade":
                    race.cheapen()
                attack = "log_in" if attack == "upgrade" else attack
                self.wrong += race.run(getattr(race, attack), getattr(race, event))
            say(number + 1)
        self.client.close()
        return self.wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skew", default="+0s", help="how far the second api program's clock is off, say -30s")
    parser.add_argument("--slow-commits", type=int, default=0, metavar="MS", help="hold every commit for so long")
    parser.add_argument("--pairs", nargs="*", default=[f"{a}:{e}" for a, e in Races.PAIRS], metavar="ATTACK:EVENT")
    args = parser.parse_args()
    from stack import Stack
    with tempfile.TemporaryDirectory() as folder, Stack(
            build=skewed_build(pathlib.Path(folder), args.skew), api=2, settings={**SETTINGS, **SLOWER},
            proxy=args.slow_commits > 0) as stack, slow_commits(stack, args.slow_commits):
        races = Races(stack, args.seed)

        def say(done):
            if done % 20 == 0:
                print(f"{done} rounds, {races.ended} sessions and tokens ended, {len(races.wrong)} wrong", flush=True)
        wrong = races.run(args.rounds, say, [pair.split(":") for pair in args.pairs])
    races.took.sort()
    print(f"{len(races.took)} events, the slowest {races.took[-1]:.2f} s, half within {races.took[len(races.took) // 2]:.2f} s; "
          f"{races.ended} sessions and tokens ended")
    print(*wrong[:50], sep="\n")
    print(f"{len(wrong)} violations")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
