"""The database's schema, which taskwire-admin migrates and the programs only check, and the log's retention."""
import datetime
import os
import pathlib
import subprocess
import threading

import pytest
from bson import ObjectId
from pymongo import ASCENDING, MongoClient

from stack import Stack

NAME = "taskwire_migrate"  # a database of these tests alone


def admin(stack, *words, name=NAME):
    env = {**os.environ, "MONGODB_URI": stack.mongodb_uri, "MONGODB_DATABASE": name, "LOG_LEVEL": "info"}
    done = subprocess.run([pathlib.Path(stack.build) / "taskwire-admin", *words], env=env, timeout=50, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


@pytest.fixture
def database(stack):
    with MongoClient(stack.mongodb_uri) as mongo:
        mongo.drop_database(NAME)
        yield mongo[NAME]
        mongo.drop_database(NAME)


def all_indexes(database):
    return {f"{c}.{name}": {k: v for k, v in index.items() if k not in ("v", "ns")}
            for c in database.list_collection_names() for name, index in database[c].index_information().items()}


def test_a_new_database_gets_indexes_epoch_and_schema_version(stack, database):
    status, said = admin(stack, "migrate")
    assert status == 0, said
    first, epoch = all_indexes(database), database.meta.find_one({"_id": "epoch"})
    assert len(first) > 30 and epoch and database.meta.find_one({"_id": "schema"})["version"] >= 1
    status, said = admin(stack, "migrate")
    assert status == 0 and "making" not in said and "dropping" not in said, said
    assert all_indexes(database) == first and database.meta.find_one({"_id": "epoch"}) == epoch


def test_an_index_with_other_options_is_rebuilt_and_a_retired_one_is_dropped(stack, database):
    """Regression: such an index made every program fail at its start (codes 85, 86)."""
    assert admin(stack, "migrate")[0] == 0
    wanted = all_indexes(database)
    database.events.drop_index("at_1")
    database.events.create_index([("at", ASCENDING)], expireAfterSeconds=7776000)
    database.tokens.drop_index("hash_1")
    database.tokens.create_index([("hash", ASCENDING)])
    database.tasks.drop_index("parentId_1")
    database.tasks.create_index([("parentId", ASCENDING)], sparse=True)  # nulls are stored: it had every task
    database.tasks.create_index([("projectId", ASCENDING), ("createdAt", ASCENDING), ("_id", ASCENDING)])
    database.sessions.create_index([("refreshHash", ASCENDING)])
    database.users.create_index([("name", ASCENDING)])  # the operator's own
    status, said = admin(stack, "migrate")
    assert status == 0 and "at_1" in said and "refreshHash_1" in said and "parentId_1" in said, said
    found = all_indexes(database)
    assert found.pop("users.name_1") and found == wanted


def test_two_migrations_at_once_wait_for_each_other(stack, database):
    done = []
    both = [threading.Thread(target=lambda: done.append(admin(stack, "migrate"))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert [status for status, _ in done] == [0, 0], done
    assert sum("creating index" in said for _, said in done) == 1, done


@pytest.mark.parametrize("name", ["taskwire-api", "taskwire-push", "taskwire-jobs"])
def test_a_program_waits_for_migration_and_refuses_a_newer_schema(stack, database, name):
    """Regression: taskwire-push served any schema."""
    path = str(stack.data / "run" / "other.sock")
    env = {**os.environ, "MONGODB_URI": stack.mongodb_uri, "MONGODB_DATABASE": NAME, "REDIS_URL": stack.redis_url,
           "SIGNING_KEYS_FILE": str(stack.signing_keys_file), "API_SOCKET": path, "PUSH_SOCKET": path,
           "JOBS_SESSIONS": path + ".sessions", "MAIL_OUTBOX": str(stack.data / "outbox")}
    program = [pathlib.Path(stack.build) / name]
    waiting = subprocess.Popen(program, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        assert any("run taskwire-admin migrate" in line for line in waiting.stderr)
    finally:
        waiting.terminate()
        waiting.wait()
    assert admin(stack, "migrate")[0] == 0
    database.meta.update_one({"_id": "schema"}, {"$set": {"version": 1000, "oldest": 1000}})
    ended = subprocess.run(program, env=env, timeout=20, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert ended.returncode == 1 and "too new" in ended.stderr
    status, said = admin(stack, "migrate")
    assert status == 2 and "use a newer version" in said


def test_old_documents_get_their_derived_fields(stack, database):
    kept = {"rev": 3, "title": "Grüße", "description": "", "dueAt": None, "dueDate": None}
    task = database.tasks.insert_one(dict(kept)).inserted_id
    now = datetime.datetime.now(datetime.timezone.utc)
    states = {"open": {}, "done": {"completedAt": now}, "archived": {"completedAt": now, "archivedAt": now},
              "trashed": {"archivedAt": now, "deletedAt": now}}
    for state, fields in states.items():
        database.tasks.insert_one({**kept, "title": state, **fields})
    project = database.projects.insert_one({"rev": 1, "name": "Ähre", "members": []}).inserted_id
    status, said = admin(stack, "migrate")
    assert status == 0, said
    assert "grusse" in database.tasks.find_one({"_id": task})["terms"]
    assert database.tasks.find_one({"_id": task})["rev"] == 3
    assert {t["title"]: t["state"] for t in database.tasks.find({"_id": {"$ne": task}})} == {s: s for s in states}
    assert database.projects.find_one({"_id": project})["nameKey"].startswith("ahre")


def test_derive_repairs_what_older_programs_wrote_during_a_migration(stack, database):
    assert admin(stack, "migrate")[0] == 0
    task = database.tasks.insert_one({"rev": 1, "title": "A", "description": "", "dueAt": None, "dueDate": None}).inserted_id
    assert admin(stack, "derive")[0] == 0
    assert database.tasks.find_one({"_id": task})["state"] == "open"
    now = datetime.datetime.now(datetime.timezone.utc)
    database.tasks.update_one({"_id": task}, {"$set": {"completedAt": now, "rev": 2}})  # as an older program does
    status, said = admin(stack, "derive")
    assert status == 0 and "rewrote 1 documents" in said, said
    done = database.tasks.find_one({"_id": task})
    assert done["state"] == "done" and done["rev"] == 2


def test_old_tasks_get_their_counters(stack, database):
    now = datetime.datetime.now(datetime.timezone.utc)
    parent, other = (database.tasks.insert_one({"rev": 3, "title": title, "deletedAt": None}).inserted_id for title in ("Parent", "Other"))
    for fields in ({}, {"completedAt": now}, {"completedAt": now, "deletedAt": now}):
        database.tasks.insert_one({"rev": 1, "title": "Child", "parentId": parent, "completedAt": None, "deletedAt": None, **fields})
    for deleted in (None, None, now):
        database.comments.insert_one({"rev": 1, "taskId": parent, "deletedAt": deleted})
    database.attachments.insert_one({"rev": 1, "taskId": other, "deletedAt": None})
    assert admin(stack, "migrate")[0] == 0

    def counters(task):
        found = database.tasks.find_one({"_id": task})
        return found["subtasks"], found["comments"], found["attachments"], found["counted"], found["rev"]

    assert counters(parent) == ({"done": 1, "total": 2}, 2, 0, 1, 3)
    assert counters(other) == ({"done": 0, "total": 0}, 0, 1, 1, 3)
    database.comments.insert_one({"rev": 1, "taskId": other, "deletedAt": None})  # as an older program does
    assert admin(stack, "derive")[0] == 0
    assert counters(parent)[3] == 1 and counters(other) == ({"done": 0, "total": 0}, 1, 1, 2, 3)


def test_deploy_up_uses_the_database_named_in_a_file(stack, database, tmp_path):
    """Regression: it started a database of its own anyway."""
    file = tmp_path / "uri"
    file.write_text(stack.mongodb_uri + "\n")
    with Stack(jobs=0, settings={"MONGODB_URI_FILE": str(file), "MONGODB_DATABASE": NAME,
                                 "REDIS_URL": stack.redis_url}) as other:
        assert "mongodb" not in other.pids() and other.state["mongodb"]["uri"] == ""
        assert database.meta.find_one({"_id": "schema"})


def test_unknown_admin_commands_are_refused(stack):
    assert admin(stack)[0] == admin(stack, "drop")[0] == admin(stack, "migrate", "now")[0] == 2


def test_the_help_of_taskwire_admin_lists_its_commands(stack):
    status, said = admin(stack, "--help")
    assert status == 0 and all(name in said for name in ("migrate", "derive", "restored", "remove-second-factor USER_ID"))


def test_an_inconsistent_backup_is_detected_and_repaired(stack, database):
    """Topics that were dumped before their newest events.  Regression: every change there was permanently 409."""
    assert admin(stack, "migrate")[0] == 0
    epoch, topic = database.meta.find_one({"_id": "epoch"}), f"project:{ObjectId()}"
    database.topics.insert_one({"_id": topic, "seq": 5})
    now = datetime.datetime.now(datetime.timezone.utc)
    database.events.insert_many([{"topic": topic, "seq": n, "at": now} for n in range(1, 9)])
    env = {**os.environ, "MONGODB_URI": stack.mongodb_uri, "MONGODB_DATABASE": NAME, "REDIS_URL": stack.redis_url,
           "SIGNING_KEYS_FILE": str(stack.signing_keys_file), "API_SOCKET": str(stack.data / "run" / "other.sock")}
    api = subprocess.Popen([pathlib.Path(stack.build) / "taskwire-api"], env=env, stderr=subprocess.PIPE,
                           stdout=subprocess.DEVNULL, text=True)
    try:
        assert any(topic in line and "taskwire-admin restored" in line for line in api.stderr)
    finally:
        api.terminate()
        api.wait()
    database.revocations.insert_many([{"_id": n, "userId": ObjectId(), "expiresAt": now} for n in range(40, 43)])
    assert admin(stack, "restored")[0] == 0
    assert database.topics.find_one({"_id": topic})["seq"] == 8
    assert database.topics.find_one({"_id": "revocations"})["seq"] == 42  # regression: ending a session was permanently 409
    assert database.meta.find_one({"_id": "epoch"})["value"] != epoch["value"]


def test_retention_trims_by_number_regardless_of_clocks(anna, stack):
    """Two events from a host whose clock was a year slow: only what is before them is trimmed.  The topic of a
    share link that was deleted goes with its last event."""
    project = anna.project()
    links = [anna.post(f"/v1/projects/{project['id']}/links").expect(201) for _ in range(2)]
    anna.delete(f"/v1/projects/{project['id']}/links/{links[0]['id']}").expect(204)
    path, cursors = f"/v1/projects/{project['id']}", []
    for n in range(6):
        cursors.append(anna.get(path + "/snapshot").expect(200)["cursor"])
        anna.task(f"T{n}", projectId=project["id"])
    cut = int(cursors[4].rsplit(".", 1)[1])
    with MongoClient(stack.mongodb_uri) as mongo:
        db, topic = mongo[stack.mongodb_database], f"project:{project['id']}"
        long_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=365)
        db.events.update_many({"topic": topic, "seq": {"$in": [cut - 2, cut]}}, {"$set": {"at": long_ago}})
        gone, stays = (f"user:{link['id']}" for link in links)
        assert db.events.update_many({"topic": gone}, {"$set": {"at": long_ago}}).modified_count
        db.meta.update_one({"_id": "trim"}, {"$set": {"dueAt": long_ago}})
        stack.wait_for(lambda: db.events.find_one({"topic": topic, "seq": cut}) is None, "nothing was trimmed", 20)
        stack.wait_for(lambda: db.topics.find_one({"_id": gone}) is None, "the topic of a deleted link is left")
        assert db.topics.find_one({"_id": stays})
        stack.wait_for(lambda: db.events.find_one({"topic": topic, "seq": {"$lt": cut}}) is None, "numbers are missing")
        assert db.topics.find_one({"_id": topic})["trimmed"] == cut
    for cursor in cursors[:4]:
        assert anna.get(path + "/events", since=cursor).expect(200)["resync"] == "trimmed"
    assert [e["seq"] for e in anna.get(path + "/events", since=cursors[4]).expect(200)["items"]] == [cut + 1, cut + 2]
