"""Quotas that count in a window: sets how much of one is used."""
import datetime
import hashlib
import time

import pymongo


def count_as_used(stack, name, who, hours, used):
    """Sets a quota's count in the current window and the next, which may begin at any time."""
    base = pymongo.MongoClient(stack.mongodb_uri)[stack.mongodb_database]
    window = int(time.time() // (3600 * hours))
    ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=2 * hours)
    for each in (window, window + 1):
        key = hashlib.sha256(f"quota {name} {who} {each} 0".encode()).hexdigest()
        base.throttles.replace_one({"_id": key}, {"_id": key, "count": used, "expiresAt": ends}, upsert=True)
