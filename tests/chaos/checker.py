#!/usr/bin/env python3
"""Checks the records of a kill test: responses to writers, the log, and the followers' events.

    checker.py FOLDER        prints the counts and every violation; exit code 1 when there is one

The folder holds, as JSON lines,
  writer-*.jsonl    {"marker", "topic", "acked": bool, "entityId"?, "rev"?}: one change each; the marker is
                    text that this change alone put into its entity
  log.jsonl         {"topic", "seq", "kind", "entity", "entityId", "rev", "marker"?, "frame"}: the whole log
  follower-*.jsonl  {"start": snapshot, "topic", "seq"}, then {"event": ...}, {"reconnect": true} or
                    {"resync": reason} in the order they came
  reader-*.jsonl    {"link", "topic", "seen": [seq], "ended": bool}: what the reader of a deleted share link saw, and whether
                    the server has ended its stream
  reminders.jsonl   {"task", "reminders": count}: how often each reminder was sent
  snapshot-*.json   a fresh snapshot of each topic, taken after the last change
"""
import collections
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import state  # noqa: E402

KINDS = ("lost", "doubled", "denied", "unknown", "missing", "repeat-in-log", "revision", "gap", "repeat",
         "reorder",
         "unlogged", "altered", "behind", "resync", "stale", "leak", "reminder")


class Verdict:
    def __init__(self):
        self.violations, self.counts = [], collections.Counter()

    def report(self, kind, words):
        assert kind in KINDS
        self.violations.append((kind, words))

    def kinds(self):
        return {kind for kind, _ in self.violations}


def judge_log(log, verdict):
    """Numbers without gaps per topic, and revisions of an entity that increase by one."""
    last, revs = {}, {}
    for event in log:
        topic, seq = event["topic"], event["seq"]
        before = last.get(topic)
        if before is not None and seq == before:
            verdict.report("repeat-in-log", f"{topic} has {seq} twice")
        elif before is not None and seq != before + 1:
            verdict.report("missing", f"{topic}: {seq} follows {before}")
        elif before is None and seq != 1:
            verdict.report("missing", f"{topic} begins at {seq}")
        last[topic] = seq
        if event["rev"] is not None and event["entity"] in ("task", "comment", "attachment"):
            entity = event["entityId"]
            if event["rev"] != revs.get(entity, 0) + 1:
                verdict.report("revision", f"{entity}: rev {event['rev']} after {revs.get(entity, 0)}")
            revs[entity] = event["rev"]
    verdict.counts["logged"] = len(log)
    return last


def judge_writers(changes, log, verdict):
    """Every acknowledged change is in the log exactly once, every abandoned one at most once, and no others."""
    found = collections.defaultdict(list)
    for event in log:
        if event.get("marker"):
            found[event["marker"]].append(event)
    for change in changes:
        events = found.pop(change["marker"], [])
        verdict.counts["acknowledged" if change["acked"] else "given up"] += 1
        if len(events) > 1:
            verdict.report("doubled", f"{change['marker']} is in the log {len(events)} times")
        elif change["acked"] and not events:
            verdict.report("lost", f"{change['marker']} was acknowledged and is not in the log")
        elif change["acked"] and (events[0]["entityId"], events[0]["rev"], events[0]["topic"]) != (
                change["entityId"], change["rev"], change["topic"]):
            verdict.report("denied", f"{change} was acknowledged, the log says {events[0]}")
    for marker in found:
        verdict.report("unknown", f"nobody wrote {marker}")


def judge_follower(name, records, by_number, heads, snapshots, verdict):
    """Events are complete, in order, not repeated and equal to the log, and the resulting state equals a fresh load."""
    start = records[0]
    topic, last, mirror = start["topic"], start["seq"], state.of_snapshot(start["start"])
    for record in records[1:]:
        if "resync" in record:
            verdict.report("resync", f"{name}: {record['resync']}")
            return
        if "reconnect" in record:
            verdict.counts["reconnects"] += 1
            continue
        event = record["event"]
        seq, logged = event["seq"], by_number.get((topic, event["seq"]))
        if seq == last + 1:
            verdict.counts["delivered"] += 1
        elif seq == last:
            verdict.report("repeat", f"{name}: {topic} {seq} came twice")
        elif seq < last:
            verdict.report("reorder", f"{name}: {topic} {seq} came after {last}")
        else:
            verdict.report("gap", f"{name}: {topic} {seq} came after {last}")
        if logged is None:
            verdict.report("unlogged", f"{name}: {topic} {seq} is not in the log")
        elif event != json.loads(logged["frame"]):
            verdict.report("altered", f"{name}: {topic} {seq} differs from the log")
        mirror.apply(event)
        last = max(last, seq)
    if last < heads.get(topic, 0):
        verdict.report("behind", f"{name}: {topic} ends at {last}, the log at {heads[topic]}")
    for words in mirror.differences(state.of_snapshot(snapshots[topic])):
        verdict.report("stale", f"{name}: {words[:400]}")


def judge_readers(links, log, verdict):
    """The reader of a share link sees nothing after the link's deletion, and learns of it."""
    ends = {event["entityId"]: event["seq"] for event in log if event["kind"] == "link.deleted"}
    for link in links:
        end = ends.get(link["link"])
        verdict.counts["links"] += 1
        if end is None:
            verdict.report("lost", f"the deletion of link {link['link']} was acknowledged and is not in the log")
        elif max(link["seen"], default=0) > end:
            verdict.report("leak", f"link {link['link']} was deleted at {end}, its reader saw {max(link['seen'])}")
        elif not link["ended"]:
            verdict.report("leak", f"the reader of the deleted link {link['link']} was not refused")


def judge_reminders(reminders, verdict):
    for each in reminders:
        verdict.counts["reminders"] += 1
        if each["reminders"] != 1:
            verdict.report("reminder", f"{each['task']} was reminded of {each['reminders']} times")


def judge(changes, log, followers, snapshots, links=(), reminders=()):
    """followers: {name: records}; snapshots: {topic: document}."""
    verdict = Verdict()
    log = sorted(log, key=lambda e: (e["topic"], e["seq"]))
    heads = judge_log(log, verdict)
    judge_writers(changes, log, verdict)
    by_number = {(e["topic"], e["seq"]): e for e in log}
    for name, records in followers.items():
        judge_follower(name, records, by_number, heads, snapshots, verdict)
    verdict.counts["followers"] = len(followers)
    judge_readers(links, log, verdict)
    judge_reminders(reminders, verdict)
    return verdict


def lines(path):
    with open(path, encoding="utf-8") as text:
        return [json.loads(line) for line in text]


def judge_folder(folder):
    folder = pathlib.Path(folder)
    changes = [c for path in sorted(folder.glob("writer-*.jsonl")) for c in lines(path)]
    followers = {path.stem: lines(path) for path in sorted(folder.glob("follower-*.jsonl"))}
    snapshots = {}
    for path in folder.glob("snapshot-*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        snapshots["project:" + document["project"]["id"]] = document
    links = [link for path in sorted(folder.glob("reader-*.jsonl")) for link in lines(path)]
    reminders = [each for path in folder.glob("reminders.jsonl") for each in lines(path)]
    return judge(changes, lines(folder / "log.jsonl"), followers, snapshots, links, reminders)


def main(argv):
    if len(argv) != 2:
        print(__doc__)
        return 2
    verdict = judge_folder(argv[1])
    print(", ".join(f"{n} {what}" for what, n in sorted(verdict.counts.items())))
    for kind, words in verdict.violations[:50]:
        print(f"VIOLATION {kind}: {words}")
    print(f"{len(verdict.violations)} violations" if verdict.violations else "no violation")
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
