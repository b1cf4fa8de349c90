"""A model of MongoDB's planner: which index serves a shape's filter, range and order.

The rules, each with its shapes in test_plans.py, are those of the manual's pages on compound, multikey,
sparse and partial indexes, on sorting with indexes and on $or, and of the server's
planner_analysis.cpp (explodeForSort), versions 5.0 to 8.0:

bounds    An index is bounded by its first key, if the filter has an equality, a list or a range of it.
order     It gives an order when, behind keys that the filter fixes to one value, its next keys are the
          order's, all in its directions or all reversed; keys fixed to one value may stand anywhere.
merge     Where leading keys are fixed to lists of values, the server merges one scan for each
          combination.  Then *every* leading key with an equality or a list is taken, nothing of the order
          may be among them, and there are at most 200 scans (internalQueryMaxScansToExplode).
null      An equality with null stands for two points (null and undefined, before 8.0).
arrays    A key that holds arrays is never part of an order.
sparse    A sparse or partial index serves only filters that imply what it holds.
either    $or needs an index for each branch, in the order; that is better than one index of which only a range is read.
plain     A filter with $and or $nor has no order: the stand-in reads the whole collection then, and the real server
          all documents with the same first key (api/crud/keyset.h says how lists do without).
few       Documents named by _id, at most 500 of them, may be sorted in memory.

What the model does not know, it refuses."""
import re

TOKEN = re.compile(r"\s*(\{|\}|\[|\]|\||,|=[0-9]*|null|-?\d+|[^\s{}\[\]|,:]+):?")
RANGES = {"$gt", "$gte", "$lt", "$lte"}
SCANS_MAX = 200  # internalQueryMaxScansToExplode
FEW_MAX = 500  # documents of which some are sorted in memory: SEARCH_FOUND in api/v1/tasks/search.c
FEWEST = 2  # values at most of a list that is written "=" (list_classes in shape.c)
ARRAYS = ("assigneeIds", "labelIds", "members.userId", "mentions", "terms")

EQUAL, NULL, LIST, RANGE, OTHER = "equal", "null", "list", "range", "other"
STRENGTH = [EQUAL, NULL, LIST, RANGE, OTHER]


class Index:
    """One line of the proxy's report: `tasks projectId_1_position_1 {projectId: 1, position: 1} sparse`."""

    def __init__(self, line):
        self.collection, self.name, rest = line.split(" ", 2)
        keys, rest = rest[1:].split("}", 1)
        self.keys = _order("{" + keys + "}")
        self.sparse = " sparse" in rest
        self.unique = " unique" in rest
        partial = re.search(r" partial (\{.*\})", rest)
        self.partial = parse(partial.group(1)) if partial else {}


# -- reading shapes ---------------------------------------------------------------


def parse(text):
    """A filter's text as nested dictionaries, lists and the words `=`, `=200` and `null`."""
    value, at = _value(text, 0)
    assert not text[at:].strip(), f"cannot read {text[at:]!r}"
    return value


def _token(text, at):
    found = TOKEN.match(text, at)
    assert found, f"cannot read {text[at:]!r}"
    return found.group(1), found.end()


def _value(text, at):
    token, at = _token(text, at)
    if token == "[":
        items = []
        while not text[at:].lstrip().startswith("]"):
            item, at = _value(text, at)
            items.append(item)
            if text[at:].lstrip().startswith("|"):
                at = text.index("|", at) + 1
        return items, text.index("]", at) + 1
    if token != "{":
        return token, at
    fields = {}
    while True:
        key, at = _token(text, at)
        if key == "}":
            return fields, at
        fields[key], at = _value(text, at)
        following, after = _token(text, at)
        if following == ",":
            at = after


def _block(text, at):
    """The end of the balanced {...} that begins at `at`."""
    depth = 0
    for i in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return i + 1
    raise AssertionError(f"cannot read {text[at:]!r}")


def _order(text):
    return [(k, int(d)) for k, d in (pair.rsplit(": ", 1) for pair in text[1:-1].split(", "))]


class Query:
    """What one command asks of one collection."""

    def __init__(self, collection, filter=None, order=None):
        self.collection, self.filter, self.order = collection, filter or {}, order or []

    def conditions(self):
        """{field: (kind, points)} of all that holds for every match; points of a list at most."""
        found = {}

        def add(field, value):
            new = kind(value)
            if field not in found or STRENGTH.index(new[0]) < STRENGTH.index(found[field][0]):
                found[field] = new

        for field, value in self.filter.items():
            if field == "$and":
                for part in value:
                    for inner, what in part.items():
                        if not inner.startswith("$"):
                            add(inner, what)
            elif isinstance(value, dict) and "$elemMatch" in value:
                for inner, what in value["$elemMatch"].items():
                    if not inner.startswith("$"):
                        add(f"{field}.{inner}", what)
            elif not field.startswith("$"):
                add(field, value)
        return found


def kind(value):
    if value == "null":
        return NULL, 2
    if not isinstance(value, dict):
        return EQUAL, 1
    if "$eq" in value and len(value) == 1:
        return kind(value["$eq"])
    if "$in" in value:
        return LIST, int(value["$in"][1:] or FEWEST)
    if set(value) & RANGES or "$regex" in value or "$all" in value:
        return RANGE, 0
    return OTHER, 0


def queries(shape):
    """The queries of a catalogued shape; none for what has no filter."""
    words = shape.split(" ")
    if words[0] == "aggregate":
        return list(_stages(words[1], shape[len("aggregate ") + len(words[1]):]))
    if words[0] not in ("find", "count", "distinct", "update", "delete", "findAndModify"):
        return []
    start = shape.index("{")
    end = _block(shape, start)
    sort = re.search(r" sort (\{[^}]*\})", shape[end:])
    return [Query(words[1], parse(shape[start:end]), _order(sort.group(1)) if sort else [])]


def _stages(collection, text):
    """$match and $sort at the beginning, and what every $lookup asks of its collection."""
    filter, order, leading = {}, [], True
    for name, rest in re.findall(r"\$(match|sort|lookup|[a-zA-Z]+)((?: (?!\$)[^$]*)?)", _flat(text)):
        if name == "match" and leading:
            filter = {**filter, **parse(_unflat(rest.strip()))}
        elif name == "sort" and leading:
            order = _order(rest.strip())
        elif name == "lookup":
            yield from _lookup(_unflat(rest.strip()))
            leading = False
        elif name not in ("limit", "project", "addFields"):
            leading = False
    yield Query(collection, filter, order)


def _flat(text):
    """Operators within braces and brackets lose their $, so that stages can be told."""
    out, depth = [], 0
    for c in text:
        depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(c, 0)
        out.append("\x01" if c == "$" and depth > 0 else c)
    return "".join(out)


def _unflat(text):
    return text.replace("\x01", "$")


def _lookup(text):
    found = re.match(r"(\S+)(?: on (\S+))?(?: \((.*)\))?$", text)
    collection, field, pipeline = found.groups()
    if field and pipeline:  # the stand-in then reads the whole collection, 8 us a document
        yield Query(collection, {})
    elif field:
        yield Query(collection, {field: "="})
    else:
        yield from _stages(collection, pipeline or "")


# -- the rules --------------------------------------------------------------------


def bounded(index, conditions):
    """Does the filter narrow the index by its first key?"""
    return conditions.get(index.keys[0][0], (OTHER, 0))[0] != OTHER


def implies(query, field, wanted):
    """Does the filter guarantee what a partial index demands of a field?  A range there stands for
    "is there, and of that type", which an equality, a list of values or a range with a lower bound implies."""
    asked = query.conditions().get(field, (OTHER, 0))[0]
    if isinstance(wanted, dict) and set(wanted) & RANGES:
        return asked in (EQUAL, LIST) or (asked == RANGE and bool(set(query.filter.get(field, ())) & {"$gt", "$gte"}))
    return query.filter.get(field) == wanted


def usable(index, query):
    """Does a sparse or partial index hold all that the filter can match?"""
    if index.sparse and not any(query.conditions().get(key, (OTHER, 0))[0] in (EQUAL, LIST, RANGE)
                                for key, _ in index.keys):
        return False
    return all(implies(query, field, wanted) for field, wanted in index.partial.items())


def _is_array(key):
    return key in ARRAYS


def _begins(keys, wanted):
    """Are the order's keys the first of these, all in its directions or all reversed?"""
    keys = keys[:len(wanted)]
    if any(_is_array(k) for k, _ in keys):
        return False
    return keys in (wanted, [(k, -d) for k, d in wanted])


def fixed_order(index, query, conditions):
    """The rule "order"."""
    def fixed(key):
        return conditions.get(key, (OTHER, 0))[0] == EQUAL
    wanted = [pair for pair in query.order if not fixed(pair[0])]
    return _begins([pair for pair in index.keys if not fixed(pair[0])], wanted)


def merged_order(index, query, conditions):
    """The rule "merge"."""
    scans, at = 1, 0
    while at < len(index.keys) and conditions.get(index.keys[at][0], (OTHER, 0))[0] in (EQUAL, NULL, LIST):
        scans *= conditions[index.keys[at][0]][1]
        at += 1
    return 0 < at < len(index.keys) and scans <= SCANS_MAX and _begins(index.keys[at:], query.order)


def serves(index, query):
    conditions = query.conditions()
    if index.collection != query.collection or not usable(index, query):
        return False
    if query.order and {"$and", "$nor"} & query.filter.keys():
        return False
    if not bounded(index, conditions) and not (query.order and not query.filter):
        return False
    if not query.order:
        return True
    ids, number = conditions.get("_id", (OTHER, 0))
    if index.name == "_id_" and ids == LIST and number <= FEW_MAX:
        return True
    return fixed_order(index, query, conditions) or merged_order(index, query, conditions)


def serving(query, indexes):
    """Names of indexes that serve a query, the best first; `$or` needs one for each branch."""
    ids = Index(f"{query.collection} _id_ {{_id: 1}}")
    every = [i for i in [ids] + list(indexes) if i.collection == query.collection]
    conditions = query.conditions()

    def narrowness(index):
        count = 0
        for key, _ in index.keys:
            if conditions.get(key, (OTHER, 0))[0] not in (EQUAL, NULL, LIST):
                break
            count += 1
        repeats = any(_is_array(key) and key not in conditions for key, _ in index.keys)
        return -count, repeats, len(index.keys), index.name
    found = [i for i in sorted(every, key=narrowness) if serves(i, query)]
    fixed = [i.name for i in found if narrowness(i)[0] < 0]
    ranges = [i.name for i in found if i.name not in fixed]
    if "$or" not in query.filter:
        return fixed + ranges
    rest = {k: v for k, v in query.filter.items() if k != "$or"}
    branches = [serving(Query(query.collection, {**rest, **branch}, query.order), indexes)
                for branch in query.filter["$or"]]
    merged = ["+".join(sorted({b[0] for b in branches}))] if all(branches) else []
    return fixed + merged + ranges


# -- the catalogue ----------------------------------------------------------------


def judge(shape, index, indexes):
    """What is wrong with a line of the catalogue; None when it is right."""
    if index == "served":
        return None
    asked = queries(shape)
    if index == "-":
        return "a query without an index" if asked else None
    if index.startswith("scan: "):
        return None if len(index) > 20 else "an exception needs its reason"
    named = index.split(" ")
    if len(named) != len(asked):
        return f"{len(asked)} queries and {len(named)} indexes"
    for query, name in zip(asked, named):
        found = serving(query, indexes)
        if name not in found:
            return f"{name} does not serve it; these do: {', '.join(found) or 'none'}"
    return None


def suggest(shape, indexes):
    """The line's index, as far as the model knows one."""
    best = [serving(query, indexes) for query in queries(shape)]
    if not best:
        return "-"
    return " ".join(b[0] for b in best) if all(best) else "scan: WHY IS THIS RIGHT?"
