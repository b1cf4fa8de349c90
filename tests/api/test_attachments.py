"""Files attached to tasks: what is stored, how it is sent, and what bad input gets."""
import hashlib
import threading
import urllib.parse

import pytest

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
WEBP = b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00/\x00\x00\x00"
TEXT = b"abcdefghijklmnopqrstuvwxyz"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def task(anna):
    return anna.task(projectId=anna.project()["id"])


def test_a_file_is_attached_listed_read_renamed_and_deleted(anna, task):
    made = anna.attach(task, TEXT, "plan.txt").expect(201)
    assert made.headers["location"] == f"/v1/attachments/{made['id']}"
    assert (made["taskId"], made["name"], made["size"], made["type"], made["sha256"], made["createdBy"]) == (
        task["id"], "plan.txt", 26, "text/plain", sha(TEXT), anna.id)
    assert anna.items(f"/v1/tasks/{task['id']}/attachments") == [made.json] == [anna.get(made).expect(200).json]
    assert anna.content(made).expect(200).body == TEXT
    renamed = anna.patch(made, name="Plan B.txt", if_match=made.etag).expect(200)
    assert renamed["name"] == "Plan B.txt" and renamed["rev"] == 2
    assert 'filename="Plan B.txt"' in anna.content(made).headers["content-disposition"]
    anna.patch(made, name="C.txt", if_match=made.etag).expect(412, "stale")
    anna.delete(made).expect(204)
    assert anna.items(f"/v1/tasks/{task['id']}/attachments") == []
    for reply in (anna.get(made), anna.content(made), anna.patch(made, name="D.txt"), anna.delete(made)):
        reply.expect(404)


# -- what is sent --------------------------------------------------------------------------------
RANGES = [  # of 26 bytes: the header, the status, and the first and last byte
    ("bytes=0-4", 206, (0, 4)), ("bytes=20-", 206, (20, 25)), ("bytes=-5", 206, (21, 25)), ("bytes=25-25", 206, (25, 25)),
    ("bytes=0-99999999999999999999999", 206, (0, 25)), ("bytes=-100", 206, (0, 25)), ("BYTES= 3-5 ", 206, (3, 5)),
    ("bytes=26-", 416, None), ("bytes=99999999999999999999999-", 416, None), ("bytes=-0", 416, None),
    # What is malformed, in another unit or more than one range is ignored.
    ("bytes=5-4", 200, None), ("bytes=", 200, None), ("bytes=-", 200, None), ("bytes=a-b", 200, None), ("bytes=1", 200, None),
    ("bytes=--1", 200, None), ("bytes=1-2x", 200, None), ("lines=0-4", 200, None), ("bytes 0-4", 200, None),
    ("bytes=0-1,3-4", 200, None), ("bytes=" + ",".join(["0-"] * 500), 200, None), ("0-4", 200, None),
]


def test_a_range_is_sent_as_it_was_asked_for(anna, task):
    made = anna.attach(task, TEXT)
    for header, status, part in RANGES:
        reply = anna.content(made, Range=header)
        assert reply.status == status, (header[:60], reply)
        if status == 206:
            assert reply.body == TEXT[part[0]:part[1] + 1], (header, reply)
            assert reply.headers["content-range"] == f"bytes {part[0]}-{part[1]}/26", (header, reply.headers)
        elif status == 416:
            assert reply.slug == "bad-range" and reply.headers["content-range"] == "bytes */26", (header, reply)
        else:
            assert reply.body == TEXT, (header, reply)


def test_ranges_cross_the_pieces_in_which_a_file_is_stored(anna, task):
    data = bytes(range(256)) * 5000  # 1.28 MB: three pieces
    made = anna.attach(task, data, "large.bin", "application/octet-stream").expect(201)
    for first, last in ((0, len(data) - 1), (261119, 261120), (522239, 522241), (522240, 1044480), (1044479, 1279999)):
        reply = anna.content(made, Range=f"bytes={first}-{last}").expect(206)
        assert reply.body == data[first:last + 1], (first, last)
    assert anna.content(made).body == data


def test_conditions_save_sending_a_file_again(anna, task):
    made = anna.attach(task, TEXT)
    tag = anna.content(made).expect(200).etag
    assert tag == f'"{sha(TEXT)}"'
    for value, status in ((tag, 304), ("W/" + tag, 304), ('"x", ' + tag, 304), ("*", 304), ('"x"', 200)):
        reply = anna.content(made, If_None_Match=value)
        assert reply.status == status and reply.etag == tag and reply.body == (TEXT if status == 200 else b""), (value, reply)
    for value, status in ((tag, 206), ("W/" + tag, 200), ('"x"', 200), ("Wed, 21 Oct 2037 07:28:00 GMT", 200)):
        assert anna.content(made, Range="bytes=0-1", If_Range=value).status == status, value
    head = anna.send("HEAD", f"/v1/attachments/{made['id']}/content", headers={"Range": "bytes=0-1"})
    assert head.status == 200 and head.headers["content-length"] == "26" and head.etag == tag
    anna.patch(made, name="renamed.txt").expect(200)
    anna.content(made, If_None_Match=tag).expect(304)


def test_a_body_may_come_in_chunks_of_unknown_length(anna, task):
    """As `curl -T -` sends it."""
    reply = anna.send("POST", f"/v1/tasks/{task['id']}/attachments?name=a", raw=iter([TEXT[:10], TEXT[10:]]),
                      headers={"Content-Type": "text/plain"})
    assert reply.expect(201)["sha256"] == sha(TEXT)


def test_an_empty_file_is_a_file(anna, task):
    made = anna.attach(task, b"", "empty").expect(201)
    assert (made["size"], made["type"], made["sha256"]) == (0, "text/plain", sha(b""))
    assert anna.content(made).expect(200).body == b""
    assert anna.content(made, Range="bytes=0-").expect(416, "bad-range").headers["content-range"] == "bytes */0"


TYPES = [  # the bytes, the Content-Type that they come with, the type, whether ?inline is allowed
    (PNG, "image/png", "image/png", True), (PNG, "text/html", "image/png", True), (JPEG, "", "image/jpeg", True),
    (GIF, "image/gif", "image/gif", True), (WEBP, "application/octet-stream", "image/webp", True),
    (SVG, "image/svg+xml", "text/plain", False), (HTML, "text/html", "text/plain", False), (HTML, "image/png", "text/plain", False),
    (b"\x00\x01\x02", "image/png", "application/octet-stream", False), (b"\x00\x01", "text/html; charset=utf-8", "application/octet-stream", False),
    (HTML, "application/xhtml+xml", "text/plain", False), (b"a,b\n", "text/csv; charset=latin1", "text/csv", False),
    (b"%PDF-1.7 ...", "image/png", "application/pdf", False), (b"PK\x03\x04...", "application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text", False),
    (b"x", "not a type", "text/plain", False), (b"x", "a/b/c", "text/plain", False), (b"x", "text/" + "x" * 200, "text/plain", False),
    (b"x", "Image/HEIC", "image/heic", False), (b"x", "text/javascript", "text/plain", False), (b"RIFF1234WAVE", "", "text/plain", False),
]


def test_the_bytes_decide_what_a_file_is_and_only_images_are_shown(anna, task):
    for data, declared, kind, shown in TYPES:
        made = anna.attach(task, data, "file", declared).expect(201)
        assert made["type"] == kind, (data, declared, made)
        reply = anna.content(made, "?inline")
        if shown:
            assert reply.expect(200).headers["content-disposition"].startswith("inline;"), reply.headers
        else:
            assert reply.expect(400, "bad-parameter").json["parameter"] == "inline", (data, declared, reply)
        for query in ("", "?inline=false"):
            assert anna.content(made, query).headers["content-disposition"].startswith("attachment;")
    anna.content(made, "?inline=perhaps").expect(400, "bad-parameter")
    anna.content(made, "?format=html").expect(400, "bad-parameter")


GOOD_NAMES = ["a", "x" * 255, "é" * 127, "Plan (final).PDF", "naïve \"quoted\" 100%.txt", "日本語.txt", "😀.png", ".profile", "a\u200db.txt", "; rm -rf.txt"]
BAD_NAMES = ["", "x" * 256, "é" * 128, "../etc/passwd", "a/b", "a\\b", "/", ".", "..", "a\nb", "a\r\nSet-Cookie: x", "a\x00b", "a\tb", "a\x7fb", "a\u0085b",
             "invoice\u202efdp.exe", "a\u2066b", "a\u200fb", "a\u061cb", "\ufeffa", "a\u2028b", "   ", "\u200b", "\u00a0"]


def test_names_are_accepted_and_sent_as_they_are_or_refused(anna, task):
    for name in GOOD_NAMES:
        made = anna.attach(task, TEXT, name).expect(201)
        assert made["name"] == name
        head = anna.content(made).headers["content-disposition"]
        assert head.isascii() and urllib.parse.unquote(head.split("filename*=UTF-8''")[1]) == name, head
        assert head.count('"') == 2, head
    for name in BAD_NAMES:
        assert anna.attach(task, TEXT, name).expect(400, "bad-parameter").json.get("parameter") in ("name", None), name
        if "\x00" not in name:
            anna.patch(made, name=name).expect(422, "invalid", ["/name"])
    assert len(anna.items(f"/v1/tasks/{task['id']}/attachments", limit=200)) == len(GOOD_NAMES)


def test_bad_uploads_are_refused_and_change_nothing(anna, ben, task):
    """(what is wrong, who, to which task, with which query, the status)"""
    there = anna.project("Archived")
    archived = anna.task(projectId=there["id"])
    anna.patch(there, archived=True).expect(200)
    trashed = anna.task(projectId=task["projectId"])
    anna.delete(trashed).expect(204)
    old = anna.task(projectId=task["projectId"])
    anna.patch(old, archived=True).expect(200)
    rows = [("no name", anna, task, "", 400), ("two names", anna, task, "?name=a&name=b", 400), ("another parameter", anna, task, "?name=a&size=1", 400),
            ("not UTF-8", anna, task, "?name=%ff", 400), ("a broken escape", anna, task, "?name=%4", 400), ("another's task", ben, task, "?name=a", 404),
            ("an archived project", anna, archived, "?name=a", 409), ("a task in the trash", anna, trashed, "?name=a", 404),
            ("no such task", anna, {"id": "f" * 24}, "?name=a", 404), ("an archived task", anna, old, "?name=a", 201)]
    for what, who, to, query, status in rows:
        reply = who.send("POST", f"/v1/tasks/{to['id']}/attachments{query}", raw=TEXT, headers={"Content-Type": "text/plain"})
        assert reply.status == status, (what, reply)
    assert anna.items(f"/v1/tasks/{task['id']}/attachments") == []


def test_files_of_a_task_in_the_trash_come_back_with_it(anna, task):
    made = anna.attach(task, TEXT)
    anna.delete(task).expect(204)
    for reply in (anna.get(made), anna.content(made), anna.patch(made, name="b")):
        reply.expect(404)
    anna.post(task, "/restore").expect(200)
    assert anna.content(made).expect(200).body == TEXT


# -- once per key, and only once stored ----------------------------------------------------------
def test_a_repeated_upload_takes_effect_once(anna, task):
    made = anna.attach(task, TEXT, "a.txt", key="k").expect(201)
    again = anna.attach(task, TEXT, "a.txt", key="k").expect(201)
    assert again.json == made.json and again.headers["idempotency-replayed"] == "true"
    for data, name, kind in ((TEXT + b"!", "a.txt", "text/plain"), (TEXT, "b.txt", "text/plain"), (TEXT, "a.txt", "text/csv")):
        anna.attach(task, data, name, kind, key="k").expect(422, "key-reused")
    anna.delete(made).expect(204)
    assert anna.attach(task, TEXT, "a.txt", key="k").expect(201).json == made.json
    assert anna.items(f"/v1/tasks/{task['id']}/attachments") == []


def test_concurrent_uploads_with_one_key_take_effect_once(anna, task):
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(anna.attach(task, TEXT * 40000, "a", key="k"))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for reply in replies:
        assert reply.status in (201, 409, 429), reply
    assert anna.attach(task, TEXT * 40000, "a", key="k").expect(201).headers["idempotency-replayed"] == "true"
    assert len({reply["id"] for reply in replies if reply.status == 201}) == 1
    assert len(anna.items(f"/v1/tasks/{task['id']}/attachments")) == 1
