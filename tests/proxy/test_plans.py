"""The rules of plans.py: for each, shapes that an index serves and shapes that it does not."""
import pathlib

import pytest

import commands
import plans

INDEXES = [plans.Index(line) for line in """
tasks projectId_1_position_1__id_1 {projectId: 1, position: 1, _id: 1}
tasks projectId_1_state_1_position_1__id_1 {projectId: 1, state: 1, position: 1, _id: 1}
tasks projectId_1_state_1_dueKey_1_priority_1__id_1 {projectId: 1, state: 1, dueKey: 1, priority: 1, _id: 1}
tasks projectId_1_state_1_dueKey_1_priority_-1__id_-1 {projectId: 1, state: 1, dueKey: 1, priority: -1, _id: -1}
tasks projectId_1_state_1_priority_1__id_1 {projectId: 1, state: 1, priority: 1, _id: 1}
tasks assigneeIds_1_state_1_position_1__id_1 {assigneeIds: 1, state: 1, position: 1, _id: 1} partial {assigneeIds: {$gte: =}}
tasks projectId_1_terms_1 {projectId: 1, terms: 1}
tasks parentId_1 {parentId: 1} partial {parentId: {$gte: =}}
tasks remindAt_1 {remindAt: 1} partial {remindAt: {$gte: =}}
tasks createdBy_1_remindAt_1 {createdBy: 1, remindAt: 1} partial {remindAt: {$gte: =}}
projects members.userId_1_createdAt_1__id_1 {members.userId: 1, createdAt: 1, _id: 1}
projects access_1_createdAt_1__id_1 {access: 1, createdAt: 1, _id: 1}
projects access_1 {access: 1}
events at_1 {at: 1}
jobs lease_1 {lease: 1} sparse
""".strip().splitlines()]

MERGED = "sort {position: 1, _id: 1} limit"
DUE = "{dueKey: {$gte: =, $lt: =}, projectId: {$in: =100}, state: {$in: =}}"
SERVED = [
    # bounds
    ("find tasks {projectId: =} limit", "projectId_1_position_1__id_1"),
    ("find tasks {projectId: {$in: =}, state: =}", "projectId_1_state_1_position_1__id_1"),
    ("find tasks {createdAt: {$lt: =}, projectId: =}", "projectId_1_position_1__id_1"),
    ("find tasks {_id: =, deletedAt: null}", "_id_"),
    ("find events {at: {$lt: =}} sort {at: 1} limit", "at_1"),
    ("find events {} sort {at: -1} limit", "at_1"),
    # order
    (f"find tasks {{projectId: =, state: =}} {MERGED}", "projectId_1_state_1_position_1__id_1"),
    ("find tasks {projectId: =} sort {position: -1} limit", "projectId_1_position_1__id_1"),
    ("find tasks {projectId: =, state: =} sort {projectId: 1, position: 1, _id: 1} limit", "projectId_1_state_1_position_1__id_1"),
    ("find tasks {priority: =, projectId: =, state: =} sort {priority: 1, _id: 1} limit", "projectId_1_state_1_priority_1__id_1"),
    # merge
    (f"find tasks {{projectId: {{$in: =100}}, state: {{$in: =}}}} {MERGED}", "projectId_1_state_1_position_1__id_1"),
    (f"find tasks {{projectId: {{$in: =200}}, state: =}} {MERGED}", "projectId_1_state_1_position_1__id_1"),
    (f"find tasks {DUE} sort {{dueKey: 1, priority: 1, _id: 1}} limit", "projectId_1_state_1_dueKey_1_priority_1__id_1"),
    (f"find tasks {DUE} sort {{dueKey: -1, priority: 1, _id: 1}} limit", "projectId_1_state_1_dueKey_1_priority_-1__id_-1"),
    ("find tasks {priority: =, projectId: {$in: =}, state: =} sort {_id: 1} limit", "projectId_1_state_1_priority_1__id_1"),
    ("find tasks {priority: {$nin: =}, projectId: {$in: =}, state: =} sort {priority: 1, _id: 1} limit", "projectId_1_state_1_priority_1__id_1"),
    (f"find tasks {{projectId: {{$in: =66}}, state: {{$in: =3}}}} {MERGED}", "projectId_1_state_1_position_1__id_1"),
    # null
    ("find tasks {dueKey: null, projectId: {$in: =33}, state: {$in: =3}} sort {priority: 1, _id: 1} limit", "projectId_1_state_1_dueKey_1_priority_-1__id_-1"),
    ("find tasks {dueKey: null, projectId: {$in: =20}, state: {$in: =}} sort {priority: 1, _id: 1} limit", "projectId_1_state_1_dueKey_1_priority_-1__id_-1"),
    # arrays, and partial indexes
    (f"find tasks {{assigneeIds: =, projectId: {{$in: =501}}, state: {{$in: =}}}} {MERGED}", "assigneeIds_1_state_1_position_1__id_1"),
    ("find tasks {projectId: {$in: =}, terms: {$all: =}} limit", "projectId_1_terms_1"),
    ("find tasks {deletedAt: null, parentId: =} limit", "parentId_1"),
    ("find tasks {remindAt: {$gte: =, $lte: =}} sort {remindAt: 1} limit", "remindAt_1"),
    ("update tasks {createdBy: =, remindAt: {$gt: =, $lte: =}} $set", "createdBy_1_remindAt_1"),
    ("find jobs {lease: =} limit", "lease_1"),
    # either
    ("find projects {$or: [{access: =, deletedAt: null} | {members.userId: =}], deletedAt: null} sort {createdAt: 1, _id: 1} limit",
     "access_1_createdAt_1__id_1+members.userId_1_createdAt_1__id_1"),
    ("find projects {$or: [{access: =} | {members.userId: =}], createdAt: {$gt: =}} sort {createdAt: 1, _id: 1} limit",
     "access_1_createdAt_1__id_1+members.userId_1_createdAt_1__id_1"),
    ("find projects {$or: [{access: =} | {members.userId: =}], _id: {$gt: =}, createdAt: =} sort {_id: 1} limit",
     "access_1_createdAt_1__id_1+members.userId_1_createdAt_1__id_1"),
    ("find projects {$or: [{access: =} | {members.userId: =}], _id: {$in: =}, updatedAt: {$gt: =}} limit", "_id_"),
    # what follows a cursor (api/crud/keyset.h)
    ("find tasks {position: {$gt: =}, projectId: {$in: =100}, state: {$in: =}} sort {position: 1, _id: 1} limit", "projectId_1_state_1_position_1__id_1"),
    ("find tasks {_id: {$gt: =}, position: =, projectId: =, state: {$in: =}} sort {_id: 1} limit", "projectId_1_state_1_position_1__id_1"),
    ("find tasks {_id: {$gt: =}, dueKey: =, priority: =, projectId: {$in: =}, state: =} sort {_id: 1} limit", "projectId_1_state_1_dueKey_1_priority_-1__id_-1"),
    ("find tasks {dueKey: =, priority: {$gt: =}, projectId: {$in: =}, state: =} sort {priority: 1, _id: 1} limit", "projectId_1_state_1_dueKey_1_priority_-1__id_-1"),
    (f"find tasks {{_id: {{$gt: =, $in: =500}}, position: =, projectId: {{$in: =501}}}} sort {{_id: 1}} limit", "_id_"),
    # few
    (f"find tasks {{_id: {{$in: =500}}, projectId: {{$in: =501}}, terms: {{$all: =}}}} {MERGED}", "_id_"),
    # what follows a join
    ("aggregate tasks $match {_id: =} $lookup projects on _id $match {deletedAt: null} $project", "_id_ _id_"),
]

REFUSED = [
    # bounds
    "find tasks {} limit",
    "find tasks {position: =} limit",
    "find tasks {projectId: {$ne: =}} limit",
    "update tasks {deletedAt: null} $set",
    # order
    "find tasks {projectId: =} sort {updatedAt: 1} limit",
    f"find tasks {{projectId: {{$gt: =}}}} {MERGED}",
    f"find tasks {{projectId: =, state: {{$ne: =}}}} sort {{priority: 1, _id: 1}} limit",
    "find tasks {projectId: =, state: =} sort {position: 1, _id: -1} limit",
    "find tasks {projectId: =, state: =} sort {dueKey: -1, priority: 1, _id: -1} limit",
    # merge
    "find tasks {projectId: {$in: =200}, state: {$in: =}} sort {priority: 1, _id: 1} limit",
    f"find tasks {{projectId: {{$in: =500}}, state: =}} {MERGED}",
    f"find tasks {{projectId: {{$in: =501}}, state: =}} {MERGED}",
    "find tasks {priority: =, projectId: {$in: =}, state: =} sort {priority: 1, _id: 1} limit",
    "find tasks {priority: {$in: =}, projectId: {$in: =}, state: =} sort {priority: 1, _id: 1} limit",
    # null
    "find tasks {dueKey: null, projectId: {$in: =}, state: =} sort {dueKey: 1, priority: 1, _id: 1} limit",
    "find tasks {dueKey: null, projectId: {$in: =200}, state: {$in: =}} sort {priority: 1, _id: 1} limit",
    # arrays, and partial indexes
    "find tasks {projectId: =} sort {terms: 1} limit",
    "find tasks {assigneeIds: null} limit",
    "find tasks {parentId: null} limit",
    "find tasks {parentId: {$ne: null}} limit",
    "find tasks {remindAt: {$lte: =}} limit",
    "find tasks {createdBy: =, remindAt: {$lte: =}} limit",
    "find jobs {lease: null} limit",
    "find jobs {lease: {$ne: null}} limit",
    # either
    "find projects {$or: [{access: =} | {name: =}]} limit",
    "find projects {$or: [{access: =} | {members.userId: =}]} sort {nameKey: 1, _id: 1} limit",
    # plain
    f"find tasks {{$and: [{{$or: [{{_id: {{$gt: =}}, position: =}} | {{position: {{$gt: =}}}}]}} | {{position: {{$gte: =}}}}], projectId: =}} {MERGED}",
    f"find tasks {{$nor: [{{_id: {{$lte: =}}, position: =}}], position: {{$gte: =}}, projectId: =, state: =}} {MERGED}",
    f"find tasks {{$and: [{{position: {{$gte: =}}}}], _id: {{$in: =}}, terms: {{$all: =}}}} {MERGED}",
    # few
    f"find tasks {{_id: {{$in: =501}}, terms: {{$all: =}}}} {MERGED}",
    f"find tasks {{_id: {{$gt: =}}, terms: {{$all: =}}}} {MERGED}",
    # what follows a join
    "aggregate tasks $match {_id: =} $lookup projects ($match {name: =}) $match {deletedAt: null}",
    "aggregate tasks $match {_id: =} $lookup projects on _id ($match {deletedAt: null} $project) $match {deletedAt: null} $project",
]


@pytest.mark.parametrize("shape, index", SERVED, ids=lambda v: v)
def test_a_query_with_an_index_is_accepted(shape, index):
    assert plans.suggest(shape, INDEXES) == index
    assert plans.judge(shape, index, INDEXES) is None


@pytest.mark.parametrize("shape", REFUSED, ids=lambda v: v)
def test_a_query_without_an_index_is_rejected(shape):
    assert plans.suggest(shape, INDEXES).startswith("scan: WHY"), plans.suggest(shape, INDEXES)


@pytest.mark.parametrize("shape, index, wrong", [
    ("find tasks {_id: =} limit", "projectId_1_terms_1", "does not serve it; these do: _id_"),
    ("find tasks {_id: =} limit", "-", "a query without an index"),
    ("find tasks {} limit", "scan: because", "an exception needs its reason"),
    ("find tasks {} limit", "sort: in memory, and for a good reason", "queries and"),
    ("find tasks {_id: =} limit", "_id_ _id_", "1 queries and 2 indexes"),
    ("find tasks {} limit", "scan: once, by taskwire-admin alone", None),
    ("insert tasks", "-", None),
])
def test_each_line_of_the_catalogue_is_checked(shape, index, wrong):
    found = plans.judge(shape, index, INDEXES)
    assert found == wrong if wrong is None else wrong in found


def test_the_catalogue_is_sorted_and_each_scan_has_a_reason():
    lines = [line for line in commands.CATALOGUE.read_text().splitlines() if not line.startswith("#")]
    assert lines == sorted(lines) and len(lines) == len({line.split("\t")[0] for line in lines})
    assert not [line for line in lines if len(line.split("\t")) != 2]
    exceptions = [line for line in lines if line.split("\t")[1].startswith("scan: ")]
    assert len(exceptions) <= 5, exceptions  # of programs that run once; none of a request


def test_the_limit_of_a_search_equals_the_programs():
    header = (pathlib.Path(commands.HERE).parent / "api" / "v1" / "tasks" / "search.h").read_text()
    assert f"#define SEARCH_FOUND {plans.FEW_MAX}\n" in header
    source = (pathlib.Path(commands.HERE).parent / "api" / "crud" / "list_find.c").read_text()
    assert f"#define SCANS_MAX   {plans.SCANS_MAX} " in source
