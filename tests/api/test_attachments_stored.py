"""The bytes of attached files in the database: shared, removed, and never left over, whatever breaks off."""
import datetime
import hashlib
import json
import os
import secrets
import signal
import socket
import time

import bson
import gridfs
import pytest
from pymongo import MongoClient

import fastcgi
from client import eventually
from faults import TRANSIENT, log_of, until_done

TEXT = b"abcdefghijklmnopqrstuvwxyz"


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def task(anna):
    return anna.task(projectId=anna.project()["id"])

# -- what breaks off leaves nothing --------------------------------------------------------------
@pytest.fixture
def database(stack):
    with MongoClient(stack.mongodb_uri) as mongo:
        yield mongo[stack.mongodb_database]


def upload(stack, user, task, length, key=None):
    """An upload that a test sends piece by piece, past nginx."""
    headers = {"Authorization": "Bearer " + user.token, "Content-Type": "application/octet-stream", **({"Idempotency-Key": key} if key else {})}
    return fastcgi.Request(stack.socket("api"), "POST", f"/v1/tasks/{task['id']}/attachments?name=a.bin", length, headers)


@pytest.fixture
def quiet_uploads(database):
    """Nothing is being uploaded, and the sweep has nothing left to do soon."""
    eventually(lambda: not database.uploads.count_documents({"dueAt": {"$lte": now()}}), within=20)
    return {entry["_id"] for entry in database.uploads.find()}


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def test_an_upload_that_breaks_off_leaves_nothing(stack, anna, task, database, quiet_uploads):
    """Whether nothing, a part of a piece, whole pieces or all but the last byte arrived."""
    data = secrets.token_bytes(1_200_000)
    for sent in (0, 1, 300_000, 522_240, 522_241, 1_199_999):
        request = upload(stack, anna, task, len(data))
        request.send(data[:sent]).close()
        request = upload(stack, anna, task, len(data)).send(data[:sent])  # or the body ends, but is too short
        assert request.reply()[0] == 400, sent
    gone(database, quiet_uploads)
    assert anna.items(f"/v1/tasks/{task['id']}/attachments") == []
    status, body = upload(stack, anna, task, len(data)).send(data).reply()
    assert status == 201 and json.loads(body)["sha256"] == sha(data)


def gone(database, before, within=20):
    """What was uploaded since is removed."""
    def rest():
        new = [e["_id"] for e in database.uploads.find() if e["_id"] not in before]
        return new or [c["_id"] for c in database["fs.chunks"].find({}, {"files_id": 1})
                       if not database["fs.files"].find_one({"_id": c["files_id"]}) and c["files_id"] not in before]
    eventually(lambda: not rest(), within=within, every=0.2, what="the removal of an interrupted upload")


def test_an_upload_whose_worker_is_killed_is_removed_and_can_be_repeated(stack, anna, task, database, quiet_uploads):
    data = secrets.token_bytes(1_200_000)
    request = upload(stack, anna, task, len(data), key="k").send(data[:600_000])
    mine = eventually(lambda: [e for e in database.uploads.find() if e["_id"] not in quiet_uploads
                               and database["fs.chunks"].count_documents({"files_id": e["_id"]}) == 2], within=15)
    for pid in stack.workers("api"):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(OSError):
        request.send(data[600_000:]).reply()
    assert database["fs.chunks"].count_documents({"files_id": mine[0]["_id"]}) == 2
    assert mine[0]["dueAt"].replace(tzinfo=datetime.timezone.utc) < now() + datetime.timedelta(minutes=3)  # then it is swept
    database.uploads.update_one({"_id": mine[0]["_id"]}, {"$set": {"dueAt": now()}})
    gone(database, quiet_uploads)
    stack.wait_for(stack.is_ready, "the workers were not started again")
    again = eventually(lambda: anna.attach(task, data, "a.bin", "application/octet-stream", key="k"), within=15)
    assert anna.content(again.expect(201)).body == data


def test_an_upload_that_was_given_up_cannot_be_finished(stack, anna, task, database, quiet_uploads):
    """The sweep has claimed its entry: no piece may be stored afterwards, or it would stay for ever."""
    data = secrets.token_bytes(1_200_000)
    request = upload(stack, anna, task, len(data)).send(data[:600_000])
    mine = eventually(lambda: [e["_id"] for e in database.uploads.find() if e["_id"] not in quiet_uploads], within=15)
    eventually(lambda: database["fs.chunks"].count_documents({"files_id": mine[0]}) == 2, within=15)
    database.uploads.update_one({"_id": mine[0]}, {"$set": {"dueAt": now()}})
    eventually(lambda: database.uploads.find_one({"_id": mine[0]}) is None, within=20)
    assert request.send(data[600_000:]).reply()[0] == 503
    gone(database, quiet_uploads)


def test_rights_are_checked_again_when_the_whole_file_has_arrived(stack, anna, ben, database, quiet_uploads):
    """The member is removed, or the task goes to the trash or to a project of others, while the file is on its way."""
    project, others = anna.project(), anna.project("Others")
    for spoil in (lambda t: anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}"), lambda t: anna.delete(t),
                  lambda t: anna.post(t, "/move", projectId=others["id"])):
        anna.share(project, ben)
        task = anna.task(projectId=project["id"])
        request = upload(stack, ben, task, 1000).send(b"x" * 500)
        eventually(lambda: [e for e in database.uploads.find() if e["_id"] not in quiet_uploads], within=15)
        spoil(task).expect((200, 204))
        status, body = request.send(b"x" * 500).reply()
        assert status == 404, body
        assert database.attachments.count_documents({"taskId": bson.ObjectId(task["id"])}) == 0
        gone(database, quiet_uploads)


def test_equal_files_share_their_bytes_until_the_last_one_is_deleted(stack, anna, ben, task, database, quiet_uploads):
    data = secrets.token_bytes(700_000)
    first, second = anna.attach(task, data, "a"), ben.attach(ben.task(), data, "b")
    files = list(database["fs.files"].find({"filename": sha(data)}))
    assert len(files) == 1 and files[0]["metadata"]["refs"] == 2 and files[0]["length"] == len(data)
    assert gridfs.GridFSBucket(database).open_download_stream(files[0]["_id"]).read() == data  # as any GridFS tool reads it
    anna.delete(first).expect(204)
    assert ben.content(second).expect(200).body == data
    ben.delete(second).expect(204)
    assert database["fs.files"].count_documents({"filename": sha(data)}) == 0
    entry = database.uploads.find_one({"_id": files[0]["_id"]})
    assert entry["dueAt"].replace(tzinfo=datetime.timezone.utc) > now() + datetime.timedelta(minutes=10)  # readers may finish
    third = anna.attach(task, data, "c").expect(201)  # stored anew: what is about to be removed is not used again
    database.uploads.update_one({"_id": entry["_id"]}, {"$set": {"dueAt": now()}})
    eventually(lambda: not database["fs.chunks"].count_documents({"files_id": entry["_id"]}), within=20)
    assert anna.content(third).body == data


# -- faults of the database (tests/proxy/faults.h) -----------------------------------------------
UPLOAD = ["insert collection=uploads", "update collection=uploads", "insert collection=fs.chunks", "commitTransaction", "commitTransaction nth=2",
          "update collection=topics", "find collection=fs.files", "insert collection=fs.files", "delete collection=uploads",
          "insert collection=attachments", "commitTransaction nth=3"]
FAULTS = [f"{kind} command={command}" for command in UPLOAD for kind in ("cut-before", "cut-after")] + [
    f"error command={command} code=112 labels={TRANSIENT}" for command in UPLOAD[1:-1] if "commit" not in command] + [
    "vanish command=commitTransaction", "vanish command=commitTransaction nth=3", "cut-after command=commitTransaction times=2"]


def test_an_upload_takes_effect_once_whatever_the_database_does(stack, world, database):
    """Two pieces and the change; each command is lost, done without a reply, or refused."""
    anna = world.user("anna")
    anna.http.strict = False  # a 503 is an answer here
    project = anna.project()
    faults = FAULTS if "TASKWIRE_LONG" in os.environ else FAULTS[::7]
    for fault in faults:
        task, data, key = anna.task(projectId=project["id"]), secrets.token_bytes(600_000), secrets.token_hex(8)
        with stack.fault(fault) as (number,):
            first = anna.attach(task, data, "a", "application/octet-stream", key=key).expect((201, 503))
            assert stack.fault_hits(number) >= 1, f"nothing was done by {fault}"
        made = until_done(lambda: anna.attach(task, data, "a", "application/octet-stream", key=key)).expect(201)
        assert first.status == 503 or first["id"] == made["id"], fault
        assert anna.items(f"/v1/tasks/{task['id']}/attachments") == [made.json], fault
        assert anna.content(made).expect(200).body == data, fault
    assert database.topics.find_one({"_id": f"project:{project['id']}"})["files"] == 600_000 * len(faults)
    log_of(anna, project)
    database.uploads.update_many({}, {"$set": {"dueAt": now()}})
    gone(database, set())


# -- where attachments appear --------------------------------------------------------------------
def test_followers_sync_snapshot_and_export_have_attachments(stack, anna, ben, outbox):
    project = anna.project()
    anna.share(project, ben)
    task = anna.task(projectId=project["id"])
    cursor = ben.get("/v1/sync").expect(200)["cursor"]
    with ben.live() as feed:
        made = anna.attach(task, TEXT, "secret plan.txt").expect(201)
        event = feed.expect("attachment.created", entityId=made["id"])
        assert event["data"] == made.json and event["topic"] == f"project:{project['id']}"
        anna.patch(made, name="b.txt").expect(200)
        assert feed.expect("attachment.updated", entityId=made["id"])["changes"]["name"] == ["secret plan.txt", "b.txt"]
        assert ben.get("/v1/sync", cursor=cursor)["attachments"] == [anna.get(made).json]
        assert anna.get(f"/v1/projects/{project['id']}/snapshot")["attachments"] == [anna.get(made).json]
        exported = anna.get("/v1/me/export").expect(200)["attachments"]
        assert [(a["id"], a["content"]) for a in exported] == [(made["id"], f"/v1/attachments/{made['id']}/content")]
        assert ben.get("/v1/me/export").expect(200)["attachments"] == []
        anna.delete(made).expect(204)
        event = feed.expect("attachment.deleted", entityId=made["id"])
        assert event["data"] is None and not event["changes"], event
    path = f"/v1/tasks/{task['id']}/history"
    pages = [ben.get(path, limit=3).expect(200)]
    pages.append(ben.get(path, limit=3, cursor=pages[0]["nextCursor"]).expect(200))
    assert [e["kind"] for page in pages for e in page["items"]] == [
        "attachment.deleted", "attachment.updated", "attachment.created", "task.created"]
    reply = ben.get("/v1/sync", cursor=cursor).expect(200)
    assert reply["attachments"] == [] and reply["deleted"] == [{"entity": "attachment", "id": made["id"], "projectId": project["id"]}]
    assert "secret plan" not in json.dumps(list(ben.pages_of_events(project)))  # like a comment's text


def test_attachments_move_with_their_task(anna, ben, cleo, stack, database):
    here, there = anna.project("Here"), anna.project("There")
    anna.share(here, ben)
    anna.share(there, cleo)
    task = anna.task(projectId=here["id"])
    made = anna.attach(task, TEXT)
    cursors = [user.get("/v1/sync").expect(200)["cursor"] for user in (ben, cleo)]
    cleo.content(made).expect(404)
    anna.post(task, "/move", projectId=there["id"]).expect(200)
    for reply in (ben.content(made), ben.get(made), ben.patch(made, name="x"), ben.delete(made), ben.attach(task)):
        reply.expect(404)
    assert cleo.content(made).expect(200).body == TEXT
    assert [a["id"] for a in cleo.get("/v1/sync", cursor=cursors[1])["attachments"]] == [made["id"]]
    assert {"entity": "task", "id": task["id"], "projectId": here["id"]} in ben.get("/v1/sync", cursor=cursors[0])["deleted"]
    sums = [database.topics.find_one({"_id": f"project:{p['id']}"})["files"] for p in (here, there)]
    assert sums == [0, 26]


def test_slow_uploads_do_not_delay_other_requests(stack, anna, task):
    """nginx receives a body before it takes one of the API's threads, of which there are fewer."""
    slow = []
    for _ in range(60):
        s = socket.create_connection(("127.0.0.1", stack.port), timeout=10)
        s.sendall(f"POST /v1/tasks/{task['id']}/attachments?name=a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {anna.token}\r\n"
                  "Content-Type: text/plain\r\nContent-Length: 1000000\r\n\r\nabc".encode())
        slow.append(s)
    for n in range(10):
        anna.get(task).expect(200)
        anna.attach(task, TEXT, f"{n}.txt").expect(201)
    for s in slow:
        s.close()
    assert len(anna.items(f"/v1/tasks/{task['id']}/attachments", limit=200)) == 10


def test_one_user_cannot_take_all_threads_with_uploads(stack, anna, ben, task, database):
    """Past nginx: each of the two processes takes four of a user at once."""
    def entries():
        return {entry["_id"] for entry in database.uploads.find()}

    def is_taken(known, until):
        while entries() <= known:
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True
    stalled, refused = [], None
    while refused != 429:
        known, request = entries(), upload(stack, anna, task, 1000)
        if is_taken(known, time.monotonic() + 1):
            stalled.append(request)
            assert len(stalled) <= 8, "no upload was refused"
        else:
            refused = request.send(TEXT).reply()[0]
            assert refused in (400, 429)  # 400: it was taken, but late
    ben.attach(ben.task(), TEXT).expect(201)
    for request in stalled:
        assert request.send(TEXT).reply()[0] == 400  # the body was too short
    anna.attach(task, TEXT).expect(201)


def test_attachments_are_purged_with_their_project(stack, world, database):
    anna = world.user("anna")
    data = secrets.token_bytes(300_000)
    task = anna.task(projectId=anna.project()["id"])
    moved = anna.task()
    made = [anna.attach(task, data, "hush a"), anna.attach(moved, data[:1000], "hush b")]
    anna.post(moved, "/move", projectId=task["projectId"]).expect(200)
    anna.send("DELETE", "/v1/me", {"password": anna.password}).expect(204)
    user = bson.ObjectId(anna.id)
    database.users.update_one({"_id": user}, {"$set": {"deletedAt": now() - datetime.timedelta(days=20)}})
    database.jobs.update_many({"kind": "purge"}, {"$set": {"dueAt": now()}})
    eventually(lambda: database.users.find_one({"_id": user}).get("purgedAt"), within=30)
    ids = [bson.ObjectId(m["id"]) for m in made]
    assert database.attachments.count_documents({"_id": {"$in": ids}}) == 0
    assert database["fs.files"].count_documents({"filename": {"$in": [sha(data), sha(data[:1000])]}}) == 0
    events = list(database.events.find({"entityId": {"$in": ids + [str(i) for i in ids]}}))
    assert not [event for event in events if b"hush" in bson.encode(event)], events
