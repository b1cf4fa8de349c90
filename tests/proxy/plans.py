"""A model of MongoDB's planner: which index serves a shape's filter, range and order.

The rules are those of the manual's pages on compound indexes, on sorting with indexes, on sparse
and partial indexes and on $or: an index is bounded by its leading keys that the filter names; it
gives an order when, behind keys that the filter fixes, its next keys are the order's, all in its
directions or all reversed.  What it does not model, it refuses."""
import re

TOKEN = re.compile(r"\s*(\{|\}|\[|\]|\||,|=|null|-?\d+|[^\s{}\[\]|,:]+):?")
RANGES = {"$gt", "$gte", "$lt", "$lte"}
EQUAL, MANY, RANGE, OTHER = "equal", "many", "range", "other"


class Index:
    """One line of the proxy's report: `tasks projectId_1_position_1 {projectId: 1, position: 1} sparse`."""

    def __init__(self, line):
        self.collection, self.name, rest = line.split(" ", 2)
        keys, rest = rest[1:].split("}", 1)
        self.keys = [(k, int(d)) for k, d in (pair.rsplit(": ", 1) for pair in keys.split(", "))]
        self.sparse = " sparse" in rest
        self.unique = " unique" in rest
        partial = re.search(r" partial (\{.*\})", rest)
        self.partial = parse(partial.group(1)) if partial else {}


def parse(text):
    """A filter's text as nested dictionaries, lists and the words `=` and `null`."""
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


class Query:
    """What one command asks of one collection."""

    def __init__(self, collection, filter=None, order=None, shape=""):
        self.collection, self.filter, self.order = collection, filter or {}, order or []
        self.shape = shape

    def conditions(self):
        """{field: kind} of all that holds for every match."""
        found = {}
        for field, value in self.filter.items():
            if field == "$and":
                for part in value:
                    found.update(Query(self.collection, part).conditions())
            elif not field.startswith("$"):
                found[field] = kind(value)
                if isinstance(value, dict) and "$elemMatch" in value:
                    found.pop(field)
                    found.update({f"{field}.{k}": kind(v) for k, v in value["$elemMatch"].items()
                                  if not k.startswith("$")})
        return found


def kind(value):
    if not isinstance(value, dict):
        return EQUAL
    if "$in" in value:
        return MANY
    if set(value) & RANGES or "$regex" in value:
        return RANGE
    if set(value) == {"$eq"}:
        return EQUAL
    return OTHER


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
    return [Query(words[1], parse(shape[start:end]), _order(sort.group(1)) if sort else [], shape)]


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
    yield Query(collection, filter, order, text)


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
    if field:
        yield Query(collection, {field: "="}, [], text)
    else:
        yield from _stages(collection, pipeline or "")


def bounded(index, conditions):
    """Does the filter narrow the index by its first key?"""
    first = index.keys[0][0]
    return conditions.get(first) in (EQUAL, MANY, RANGE)


def usable(index, query):
    """Does a sparse or partial index hold all that the filter can match?"""
    if index.sparse:
        key = index.keys[0][0]
        if query.filter.get(key) in (None, "null") and not any(
                field.startswith(key + ".") for field in query.conditions()):
            return False
    return all(field in query.filter for field in index.partial)


def ordered(index, query, conditions):
    """Do the matches come out of the index in the query's order?"""
    if not query.order:
        return True
    wanted = [pair for pair in query.order if conditions.get(pair[0]) != EQUAL]
    for start in range(len(index.keys) + 1):
        if any(conditions.get(k) not in (EQUAL, MANY) for k, _ in index.keys[:start]):
            break
        keys = [pair for pair in index.keys[start:] if conditions.get(pair[0]) != EQUAL]
        keys = keys[:len(wanted)]
        if keys == wanted or keys == [(k, -d) for k, d in wanted]:
            return True
    return False


def serves(index, query):
    conditions = query.conditions()
    if index.collection != query.collection or not usable(index, query):
        return False
    if not bounded(index, conditions) and not (query.order and not query.filter):
        return False
    return ordered(index, query, conditions)


def serving(query, indexes):
    """Names of indexes that serve a query, the best first; `$or` needs one for each branch."""
    ids = Index(f"{query.collection} _id_ {{_id: 1}}")
    every = [i for i in [ids] + list(indexes) if i.collection == query.collection]
    conditions = query.conditions()

    def narrowness(index):
        count = 0
        for key, _ in index.keys:
            if conditions.get(key) not in (EQUAL, MANY):
                break
            count += 1
        return -count, len(index.keys)
    found = [i.name for i in sorted(every, key=narrowness) if serves(i, query)]
    if found or "$or" not in query.filter:
        return found
    rest = {k: v for k, v in query.filter.items() if k != "$or"}
    branches = [serving(Query(query.collection, {**rest, **branch}, query.order), indexes)
                for branch in query.filter["$or"]]
    return ["+".join(sorted({b[0] for b in branches}))] if all(branches) else []


def judge(shape, index, indexes):
    """What is wrong with a line of the catalogue; None when it is right."""
    if index == "served":
        return None
    asked = queries(shape)
    if index == "-":
        return "a query without an index" if asked else None
    if index.startswith(("scan:", "sort:")):
        return None if len(index.split(":", 1)[1].strip()) > 10 else "an exception needs its reason"
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
