#!/usr/bin/env python3
"""Several clients edit the items of one task, live and offline: `tests/chaos/convergence.py --seeds 1000`.

In each round, clients send at the same time: one edit each, or all that they queued while they were offline, based on the
revision from before.  There are few items, so that clients often edit the same one.  Afterwards the events say in which
order the edits took effect.  A model that carries them out in that order must give every reply, and the same lists:
an edit is refused only if another one contradicts it, and every other effect is there.  What each client
builds from events alone must be what a snapshot says, also after a resume.
"""
import argparse
import concurrent.futures
import copy
import dataclasses
import itertools
import pathlib
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

if __name__ == "__main__":
    import prepare
    prepare.command()

import state  # noqa: E402
from client import SETTINGS, World  # noqa: E402
from live import Live  # noqa: E402

LABELS = ("red", "blue")
WORDS = ("Paint", "Sand", "Wash")
WITHIN = 10.0


@dataclasses.dataclass
class Edit:
    """What a client does to an item; `path` is what it changes, as an event names it."""
    kind: str  # add, remove, done, text, after, label, unlabel
    item: str
    value: object = None  # of done and text; the new item
    place: dict = dataclasses.field(default_factory=dict)  # of add and after

    @property
    def path(self):
        if self.kind in ("label", "unlabel"):
            return f"labelIds/{self.item}"
        return f"checklist/{self.item}" + ("" if self.kind in ("add", "remove") else f"/{self.kind}")

    def send(self, user, task, base):
        path = "/labels/" + self.item if self.kind in ("label", "unlabel") else "/checklist/" + self.item
        if self.kind == "add":
            return user.post(task, "/checklist", base=base, **self.value, **self.place)
        if self.kind == "after":
            return user.post(task, path + "/move", base=base, **self.place)
        if self.kind in ("remove", "unlabel"):
            return user.delete(task, path, base=base)
        return user.put(task, path, base=base) if self.kind == "label" else user.patch(task, path, base=base, **{self.kind: self.value})


def overlap(one, other):
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


class Model:
    """The lists of a task, and what has been changed at which revision."""

    def __init__(self, task):
        self.items, self.labels, self.rev, self.log = copy.deepcopy(task["checklist"]), list(task["labelIds"]), task["rev"], []

    def ids(self):
        return [i["id"] for i in self.items]

    def spot(self, edit, others):
        """The index at which an edit's place is among the other items; None if its neighbour is not there."""
        for side, shift in (("before", 0), ("after", 1)):
            if side in edit.place:
                return others.index(edit.place[side]) + shift if edit.place[side] in others else None
        return len(others)

    def outcome(self, edit, base):
        """The status of an edit, and the lists after it; None if it has no effect."""
        status, after = self.carried_out(edit)
        if after and base is not None and any(rev > base and overlap(edit.path, path) for rev, path in self.log):
            return 412, None
        return status, after

    def carried_out(self, edit):
        if edit.kind in ("label", "unlabel"):
            others = [label for label in self.labels if label != edit.item]
            labels = others if edit.kind == "unlabel" else [*others, edit.item]
            changes = (edit.item in self.labels) == (edit.kind == "unlabel")
            return 204 if edit.kind == "unlabel" else 200, (self.items, labels) if changes else None
        here = next((i for i in self.items if i["id"] == edit.item), None)
        others = [i for i in self.items if i is not here]
        if (here is None) != (edit.kind == "add"):
            return 409 if edit.kind == "add" else 404, None
        if edit.kind == "remove":
            return 204, (others, self.labels)
        if edit.kind in ("done", "text"):
            items = [{**i, edit.kind: edit.value} if i is here else i for i in self.items]
            return 200, (items, self.labels) if items != self.items else None
        at = self.spot(edit, [i["id"] for i in others])
        if at is None:
            return 422, None
        items = [*others[:at], here or edit.value, *others[at:]]
        return 201 if edit.kind == "add" else 200, (items, self.labels) if items != self.items else None

    def after(self, edit, lists):
        new = copy.copy(self)
        new.items, new.labels = lists
        new.rev, new.log = self.rev + 1, [*self.log, (self.rev + 1, edit.path)]
        return new


@dataclasses.dataclass
class Sent:
    edit: Edit
    base: int
    reply: object


class Client:
    def __init__(self, user, project, task, rng):
        self.user, self.project, self.task, self.rng = user, project, task, rng
        self.topic = f"project:{project['id']}"
        snapshot = user.get(f"/v1/projects/{project['id']}/snapshot").expect(200).json
        self.known, self.cursor = state.of_snapshot(snapshot), snapshot["cursor"]
        self.feed, self.queue, self.local = None, [], None
        self.connect()

    @property
    def rev(self):
        return self.known.tasks[self.task["id"]]["rev"]

    def connect(self):
        self.feed = Live(self.user.world.ws_url, origin=self.user.world.origin)
        self.feed.hello(self.user.token)
        answer = self.feed.follow(self.topic, since=self.cursor)
        assert answer["op"] == "following" and answer["recovered"], answer

    def leave(self):
        """Goes offline: what is known stays as it is, and edits are queued."""
        self.feed.close()
        self.feed, self.queue, self.local = None, [], Model(self.known.tasks[self.task["id"]])

    def catch_up(self, rev):
        """Receives events up to a revision of the task."""
        events = []
        while self.rev < rev:
            event = self.feed.waiting.pop(0) if self.feed.waiting else self.feed.receive(WITHIN)
            assert event["op"] == "event" and event["dataOmitted"], event
            self.known.apply(event, fetch=lambda *_: self.fail("the changes did not suffice", event))
            self.cursor = event["cursor"]
            events.append(event)
        return events

    @staticmethod
    def fail(*why):
        raise AssertionError(why)

    def choose(self, model, new):
        """An edit of what this client sees."""
        kinds = ["add", "label", "unlabel"] + ["done", "done", "text", "text", "after", "after", "remove"] * bool(model.items)
        kind = self.rng.choice(kinds)
        if kind in ("label", "unlabel"):
            return Edit(kind, self.rng.choice(LABELS))
        item = new if kind == "add" else self.rng.choice(model.ids())
        others = [i for i in model.ids() if i != item]
        place = {self.rng.choice(["before", "after"]): self.rng.choice(others)} if others and self.rng.random() < 0.8 else {}
        word = self.rng.choice(WORDS)
        value = {"add": {"id": item, "text": word, "done": False}, "done": self.rng.random() < 0.7, "text": word}.get(kind)
        return Edit(kind, item, value, place if kind in ("add", "after") else {})

    def enqueue(self, new):
        """Queues an edit as an offline client does: only the last one of the same thing is sent, and edits of a new item change it."""
        edit = self.choose(self.local, new)
        status, lists = self.local.carried_out(edit)
        assert status < 300, (edit, status)
        if lists is None:
            return
        self.local = self.local.after(edit, lists)
        added = next((e for e in self.queue if e.kind == "add" and e.item == edit.item), None)
        self.queue = [e for e in self.queue if not (e.path == edit.path or e.path.startswith(edit.path + "/"))]
        if added is None:
            self.queue.append(edit)
        elif edit.kind == "after":
            self.queue = [e for e in self.queue if e is not added] + [dataclasses.replace(added, place=edit.place)]
        elif edit.kind in ("done", "text"):
            added.value = {**added.value, edit.kind: edit.value}

    def send(self, edits, base):
        """Sends edits one after another.  If the neighbour of one is gone, it goes to the end."""
        done = []
        for edit in edits:
            done.append(Sent(edit, base, edit.send(self.user, self.task, base)))
            if done[-1].reply.status == 422:
                again = dataclasses.replace(edit, place={})
                done.append(Sent(again, base, again.send(self.user, self.task, base)))
        return done


class Convergence:
    """One task and its clients.  The clients are different users, so that an event says whose it is."""

    def __init__(self, users, seed):
        self.rng = random.Random(seed)
        owner = users[0]
        project = owner.project(f"Seed {seed}", labels=[{"id": i, "name": i} for i in LABELS])
        for user in users[1:]:
            owner.share(project, user)
        items = [{"id": f"i{n}", "text": WORDS[0], "done": False} for n in range(4)]
        self.task = owner.task("Shared", projectId=project["id"], description="x" * 9000, checklist=items)  # too large for its events
        self.project, self.model = project, Model(self.task)
        self.watcher = Client(owner, project, self.task, self.rng)
        self.clients = [Client(user, project, self.task, random.Random(f"{seed} {n}")) for n, user in enumerate(users)]
        self.numbers = itertools.count()
        self.statuses = []

    def run(self, rounds):
        with concurrent.futures.ThreadPoolExecutor(len(self.clients)) as pool:
            for n in range(rounds):
                self.round(pool, last=n == rounds - 1)
        snapshot = state.of_snapshot(self.clients[0].user.get(f"/v1/projects/{self.project['id']}/snapshot").expect(200).json)
        for client in [self.watcher, *self.clients]:
            assert client.known == snapshot, client.known.differences(snapshot)
            client.feed.close()

    def round(self, pool, last):
        sending, returning = [], []
        for client in self.clients:
            new, dice = f"n{next(self.numbers)}", self.rng.random()
            if client.feed is None and (last or dice < 0.3):
                returning.append(client)
                sending.append((client, client.queue, client.rev))
            elif client.feed is None:
                client.enqueue(new)
            elif dice < 0.2 and not last:
                client.leave()
            elif dice < 0.9:
                edit = client.choose(Model(client.known.tasks[self.task["id"]]), new)
                sending.append((client, [edit], self.rng.choice([None, client.rev])))
        sent = list(pool.map(lambda work: work[0].send(*work[1:]), sending))
        rev = self.watcher.user.get(self.task).expect(200)["rev"]
        self.judge({work[0].user.id: list(done) for work, done in zip(sending, sent)}, self.watcher.catch_up(rev))
        for client in returning:
            client.connect()
        for client in self.clients:
            if client.feed is not None:
                client.catch_up(rev)

    def judge(self, sent, events):
        """Carries the edits out in the order of the events.  One without an event must have got its reply from a version between
        its client's events before and after it."""
        self.statuses += [s.reply.status for done in sent.values() for s in done]
        versions, waiting, since = [self.model], {who: [] for who in sent}, dict.fromkeys(sent, 0)

        def judge_waiting(who):
            for one in waiting[who]:
                possible = {m.outcome(one.edit, one.base)[0] for m in versions[since[who]:] if m.outcome(one.edit, one.base)[1] is None}
                assert one.reply.status in possible, (one, possible, events)
            waiting[who] = []

        for event in events:
            who = event["actorId"]
            while sent[who][0].reply.status >= 300 or sent[who][0].edit.path not in event["changes"]:
                waiting[who].append(sent[who].pop(0))
            judge_waiting(who)
            one = sent[who].pop(0)
            status, lists = versions[-1].outcome(one.edit, one.base)
            assert (one.reply.status, lists is None) == (status, False), (one, status, event)
            versions.append(versions[-1].after(one.edit, lists))
            since[who] = len(versions) - 1
            assert event["rev"] == versions[-1].rev
            if status != 204:
                assert (one.reply["checklist"], one.reply["labelIds"]) == lists, one
        for who, done in sent.items():
            waiting[who] += done
            judge_waiting(who)
        self.model = versions[-1]
        known = self.watcher.known.tasks[self.task["id"]]
        assert (known["checklist"], known["labelIds"]) == (self.model.items, self.model.labels)


def run(world, seeds, rounds, users=3, tell=None):
    """Runs some seeds; returns the number of edits with each status."""
    statuses = []
    for n, seed in enumerate(seeds):
        if n % 50 == 0:  # before their tokens expire
            people = [world.user(name) for name in ("anna", "ben", "cleo", "dora", "emil")[:users]]
            for other in people[1:]:
                people[0].acquaint(other)
        try:
            whole = Convergence(people, seed)
            whole.run(rounds)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        statuses += whole.statuses
        if tell:
            tell(seed)
    return {status: statuses.count(status) for status in sorted(set(statuses))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--clients", type=int, default=4, choices=range(2, 6))
    args = parser.parse_args()
    from stack import Stack
    with Stack(push=2, settings=SETTINGS) as stack:
        world = World(stack.url, stack.ws_url)
        statuses = run(world, range(args.seed, args.seed + args.seeds), args.rounds, args.clients,
                       tell=lambda seed: print(f"seed {seed}", flush=True) if seed % 50 == 0 else None)
    print(f"{args.seeds} seeds: every client and the model agree; edits by status: {statuses}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
