#!/usr/bin/env python3
"""Two concurrent decisions about one membership: `tests/chaos/consent_races.py --rounds 200`.

Each round makes every race once, through two api programs.  Exactly one order of the two must explain both
answers, what is stored, and what the project's log says.
"""
import argparse
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

import pymongo  # noqa: E402
from bson import ObjectId  # noqa: E402

from client import PASSWORD, SETTINGS, World, fresh_account  # noqa: E402
from skew import skewed_build, slow_commits  # noqa: E402

LOGGED_IN = 300  # seconds
APART = 0.004  # one of the two starts at most so many seconds later


def at_once(dice, *calls):
    """Runs them concurrently with small random delays; returns their replies."""
    replies, barrier = [None] * len(calls), threading.Barrier(len(calls))
    late = [dice.choice((0, dice.uniform(0, APART))) for _ in calls]

    def run(n):
        barrier.wait()
        time.sleep(late[n])
        replies[n] = calls[n]()
    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies


class Wrong(Exception):
    """A result that neither order of the two explains."""


def must(right, *words):
    if not right:
        raise Wrong(" ".join(str(word) for word in words))


class Races:
    """Anna owns each project, Ben is an admin who invites, Cleo and Dora are invited."""

    KINDS = ("accept_twice", "accept_by_two", "accept_against_decline", "accept_against_withdrawal",
             "accept_against_removal_of_the_inviter", "two_invitations_of_one_address", "join_against_closing",
             "register_twice", "accept_against_trash")

    def __init__(self, stack, seed=1):
        self.world, self.dice = World(stack.url, stack.ws_url), random.Random(seed)
        self.client = pymongo.MongoClient(stack.mongodb_uri, w="majority")
        self.db = self.client[stack.mongodb_database]
        self.anna, self.ben, self.cleo, self.dora = (self.world.user(n) for n in ("anna", "ben", "cleo", "dora"))
        for who in (self.anna, self.ben, self.cleo, self.dora):
            who.http.strict = False
        self.anna.acquaint(self.ben)
        self.firsts = {kind: [0, 0] for kind in self.KINDS}  # how often the first and the second won

    def run(self, rounds, say=lambda *_: None):
        wrong, logged_in = [], time.monotonic()
        for number in range(rounds):
            if time.monotonic() - logged_in > LOGGED_IN:
                self.log_in()
                logged_in = time.monotonic()
            for kind in self.KINDS:
                self.project = self.anna.project(kind)
                try:
                    won = getattr(self, kind)()
                    self.firsts[kind][0 if won else 1] += 1
                    self.check_log()
                except Wrong as words:
                    wrong.append(f"{kind}: {words}")
            say(number + 1, wrong)
        self.client.close()
        return wrong

    def log_in(self):
        """Access tokens end after ten minutes."""
        for who in (self.anna, self.ben, self.cleo, self.dora):
            who.take(self.world.anonymous().post("/v1/sessions", login=who.email, password=PASSWORD).expect(201))

    # -- checks ----------------------------------------------------------------------------
    def invite(self, by=None, role="member"):
        return (by or self.anna).invite(self.project, f"race.{secrets.token_hex(8)}@example.com", role)

    def accept(self, who, made):
        return lambda: who.post("/v1/invitations/accept", token=made["token"])

    def stored(self):
        return self.db.projects.find_one({"_id": ObjectId(self.project["id"])})

    def members(self):
        return [str(m["userId"]) for m in self.stored()["members"]]

    def invitations(self):
        return self.db.invitations.count_documents({"projectId": ObjectId(self.project["id"])})

    def events(self, *kinds):
        return [e for e in self.db.events.find({"topic": "project:" + self.project["id"]}).sort("seq", 1) if e["kind"] in kinds]

    def check_log(self):
        """The log's members equal the stored ones, and each invitation ends at most once."""
        said, ends = set(), []
        for event in self.events("member.added", "member.removed", "invitation.accepted", "invitation.declined",
                                 "invitation.deleted"):
            if event["kind"] == "member.added":
                must(str(event["entityId"]) not in said, "a member was added twice")
                said.add(str(event["entityId"]))
            elif event["kind"] == "member.removed":
                said.discard(str(event["entityId"]))
            else:
                ends.append(str(event["entityId"]))
        must(len(ends) == len(set(ends)), "an invitation ended twice", ends)
        members = self.members()
        must(len(members) == len(set(members)), "somebody is a member twice", members)
        must(said | {self.anna.id} == set(members), "the log says", said, "and stored is", members)

    # -- the races; each tells whether the first of the two won --------------------------------
    def answers(self, replies, *allowed):
        got = tuple(reply.status for reply in replies)
        must(got in allowed, got, "is explained by no order;", *(reply.body[:200] for reply in replies))
        return got

    def accept_twice(self):
        made = self.invite()
        got = self.answers(at_once(self.dice, *[self.accept(self.cleo, made)] * 2), (200, 404), (404, 200))
        must(self.cleo.id in self.members() and self.invitations() == 0, "stored otherwise")
        return got[0] == 200

    def accept_by_two(self):
        made = self.invite()
        got = self.answers(at_once(self.dice, self.accept(self.cleo, made), self.accept(self.dora, made)),
                           (200, 404), (404, 200))
        winner, loser = (self.cleo, self.dora) if got[0] == 200 else (self.dora, self.cleo)
        must(winner.id in self.members() and loser.id not in self.members(), "the wrong one is a member")
        return got[0] == 200

    def accept_against_decline(self):
        made = self.invite()
        got = self.answers(at_once(self.dice, self.accept(self.cleo, made),
                                   lambda: self.dora.post("/v1/invitations/decline", token=made["token"])),
                           (200, 404), (404, 204))
        must((self.cleo.id in self.members()) == (got[0] == 200), "stored otherwise")
        return got[0] == 200

    def accept_against_withdrawal(self):
        made = self.invite()
        got = self.answers(at_once(self.dice, self.accept(self.cleo, made), lambda: self.anna.delete(
            f"/v1/projects/{self.project['id']}/invitations/{made['id']}")), (200, 404), (404, 204))
        must((self.cleo.id in self.members()) == (got[0] == 200) and self.invitations() == 0, "stored otherwise")
        return got[0] == 200

    def accept_against_removal_of_the_inviter(self):
        self.anna.put(self.project, f"/members/{self.ben.id}", role="admin").expect(200)
        made = self.invite(by=self.ben)
        got = self.answers(at_once(self.dice, self.accept(self.cleo, made), lambda: self.anna.delete(
            f"/v1/projects/{self.project['id']}/members/{self.ben.id}")), (200, 204), (409, 204))
        must((self.cleo.id in self.members()) == (got[0] == 200), "stored otherwise")
        order = [str(e["entityId"]) for e in self.events("member.added", "member.removed")]
        must(got[0] == 409 or order == [self.ben.id, self.cleo.id, self.ben.id], "accepted after the removal", order)
        return got[0] == 200

    def two_invitations_of_one_address(self):
        email = f"race.{secrets.token_hex(8)}@example.com"
        self.anna.put(self.project, f"/members/{self.ben.id}", role="admin").expect(200)
        made = at_once(self.dice, *[lambda by=by: by.post(self.project, "/invitations", email=email, role="viewer")
                                    for by in (self.anna, self.ben)])
        self.answers(made, (201, 201))
        must(self.invitations() == 1, "so many are left:", self.invitations())
        got = [self.accept(self.cleo, each)().status for each in made]
        must(sorted(got) == [200, 404], "accepting both gives", got)
        return got[1] == 200  # the second replaced the first

    def join_against_closing(self):
        self.anna.patch(self.project, access="everyone", accessRole="viewer").expect(200)
        got = self.answers(at_once(
            self.dice, lambda: self.cleo.put(self.project, f"/members/{self.cleo.id}", role="viewer"),
            lambda: self.anna.patch(self.project, access="members")), (200, 200), (404, 200))
        must((self.cleo.id in self.members()) == (got[0] == 200), "stored otherwise")
        order = [e["kind"] for e in self.events("member.added", "project.updated")]
        must(got[0] == 404 or order == ["project.updated", "member.added", "project.updated"], "joined after", order)
        must(self.cleo.get(self.project).status == got[0], "what may be read is otherwise")
        return got[0] == 200

    def register_twice(self):
        """Two registrations with one invitation: one succeeds, and the other leaves nothing behind."""
        made, accounts = self.invite(), [fresh_account("race") for _ in range(2)]
        got = self.answers(at_once(self.dice, *[lambda a=a: self.world.anonymous().post(
            "/v1/users", **a, invitation=made["token"]) for a in accounts]),
            (201, 404), (404, 201), (201, 422), (422, 201))
        left = [self.db.users.count_documents({"email": account["email"]}) for account in accounts]
        must(left == [int(status == 201) for status in got], "accounts made:", left, "answers:", got)
        must(len(self.members()) == 2, "members:", self.members())
        return got[0] == 201

    def accept_against_trash(self):
        made = self.invite()
        got = self.answers(at_once(self.dice, self.accept(self.cleo, made), lambda: self.anna.delete(self.project)),
                           (200, 204), (404, 204))
        must((self.cleo.id in self.members()) == (got[0] == 200), "stored otherwise")
        order = [e["kind"] for e in self.events("member.added", "project.deleted")]
        must(got[0] == 404 or order == ["member.added", "project.deleted"], "accepted in the trash", order)
        return got[0] == 200


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skew", default="+0s", help="how far the second api program's clock is off, say -30s")
    parser.add_argument("--slow-commits", type=int, default=0, metavar="MS", help="hold every commit for so long")
    args = parser.parse_args()
    from stack import Stack
    with tempfile.TemporaryDirectory() as folder, Stack(
            build=skewed_build(pathlib.Path(folder), args.skew), api=2, settings=SETTINGS,
            proxy=args.slow_commits > 0) as stack, slow_commits(stack, args.slow_commits):
        races = Races(stack, args.seed)

        def say(done, wrong):
            if done % 20 == 0:
                print(f"{done} rounds, {len(wrong)} wrong", flush=True)
        wrong = races.run(args.rounds, say)
    for kind, (first, other) in races.firsts.items():
        print(f"{kind}: the first won {first} times, the other {other}")
    print(*wrong[:50], sep="\n")
    print(f"{len(wrong)} violations")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
