/*
 * The protocol of CHANGES.md as a model in Promela.  tests/model.py has spin search all its states:
 * every order of steps, every kill, every loss.  Each step names the function it stands for.
 *
 * Three changes are made on one topic, each with its own idempotency key, and a client follows it:
 *   OWNERS   a change by an owner of the project
 *   REMOVAL  an owner removes the user of the client
 *   USERS    a change by that user, refused after the removal
 *
 * What must hold at each step:
 *   - numbers are dense, each change takes effect at most once, and none of the user's does after
 *     the removal: commit()
 *   - every answer is true: answer()
 *   - the client sees one event after another, none twice, none left out unless it is told to
 *     refetch, only committed ones, and neither the removal nor anything after it: see(), place()
 * And when no more faults happen and nothing is left to do (init): every change has been answered,
 * every daemon has relayed the whole log, and the client has seen it all or knows of the removal.
 *
 * Bounds:
 *   changes  three: one that hosts, daemons and the client remember something of, the removal, and
 *            one before, between or after them.  A batch has at most two of them, since all that
 *            its members share is the commit.
 *   hosts    two: one conflicts with the other or repeats what the other has begun.
 *   daemons  two: the client moves to one that has relayed less than it has seen.
 *   faults   two, of any kind and at any step: kills, commits with an unknown result, lost
 *            messages, broken connections, removal of the oldest events from the log.  No mutant
 *            below needs more.
 * All of this at once has too many states, so there are three searches: three changes on two hosts
 * with one daemon; two changes and one fault on two hosts with two daemons; two changes on one host
 * with two daemons and old events that are removed: 1.2, 0.8 and 1.3 million states.
 *
 * Left out: several topics, new members, and the order in which a daemon writes to its sockets;
 * tests/unit/test_delivery.c has the last two.  Time is left out because each step may take as long
 * as it likes.
 *
 * Each #ifdef or #ifndef in the code is a mutant: it leaves a step out or moves it, and spin must
 * find out what goes wrong then.  `tests/model.py NAME` prints how.
 */
#ifndef HOSTS
#define HOSTS 2
#endif
#ifndef DAEMONS
#define DAEMONS 1
#endif
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef RETENTION
#define RETENTION 0 /* 1: old events are removed */
#endif

#define OWNERS  1
#define REMOVAL 2
#define USERS   3
#define CHANGES 3
#define SET(c)  (1 << (c)) /* a set of changes is a byte with a bit for each */
#if DAEMONS == 1
#define ALL     (SET(OWNERS) | SET(REMOVAL) | SET(USERS))
#else
#define ALL     (SET(OWNERS) | SET(REMOVAL))
#endif
#define BATCHED (SET(OWNERS) | SET(USERS)) /* change_plan.batched: a change of members runs alone */
#define NUMBERS 5
#define NONE    255

/* The database. */
byte seq;               /* topics.seq */
byte log[NUMBERS];      /* events: whose event has that number; 0: there is none */
byte oldest;            /* events up to this number have been removed (EVENT_RETENTION_DAYS) */
byte records;           /* idempotency: which changes have a record */
byte effects;           /* which changes have taken effect */
byte removed;           /* the number of the removal; 0: the user is a member */
byte writer;            /* 1 + the host whose open transaction has written the topic; 0: none */

byte answered, refused; /* which changes were answered with success, or with 404 */

/* The api on one host. */
#define IDLE      0
#define TAKEN     1     /* the transaction has its numbers, and the plans' functions have run */
#define COMMITTED 2
typedef host {
    byte stage;         /* of the batch */
    byte batch, works;  /* its changes, and those of them that succeed */
    byte base;          /* the topic's number before it */
    byte unchanged;     /* struct topic.now.unchanged */
    bool reads;         /* it has read the project, and may cache it when committed */
    byte hint, hint_unchanged;     /* struct topic_hint: number (0: no hint) and `unchanged` */
    byte cache;                    /* project_cache.c: as of which number; NONE: empty */
    bool cached_member             /* is the user a member there? */
}
host hosts[HOSTS];

/* push. */
#define DOWN    0
#define LOADING 1
#define READY   2
typedef daemon {
    byte state;
    byte head, seen;      /* struct stream: newest number relayed, newest number heard of */
    byte ring;            /* and events after this number are in memory */
    byte early[NUMBERS];  /* and what arrived ahead of a gap */
    bool member;          /* struct rights, as of head */
    byte flight[NUMBERS]  /* messages from Redis on their way here; they may overtake each other */
}
daemon daemons[DAEMONS];

/* The client that follows. */
#define WAITING 1
#define CATCHUP 2
#define LIVE    3
#define LEFT    4       /* it got `left`, or was refused */
byte at;                /* 1 + its daemon; 0: not connected */
byte follows;           /* enum follow_state */
byte saw = NONE;        /* the last number it has seen; NONE: it has not followed yet */
#ifdef RESUME_FROM_WHAT_WAS_ASKED
byte since = NONE;
#else
#define since saw       /* what it asks for; NONE: it follows without `since` */
#endif
byte next;              /* of a follow in CATCHUP */
bool refetch;           /* of a follow that is WAITING: its answer is `resync` */

byte faults;            /* how many may still happen */
hidden byte c, n, d, known; /* used within a step only */

/* ------------------------------------------------------------ the database */

/* batch.c settle(): events, entities, numbers and records in one transaction. */
inline commit(h)
{
    n = hosts[h].base;
    for (c : 1 .. CHANGES) {
        if
        :: hosts[h].works & SET(c) ->
            assert(!(effects & SET(c)));
            effects = effects | SET(c);
            n++;
            log[n] = c;
            if
            :: c == REMOVAL -> removed = n
            :: c == USERS -> assert(!removed)
            :: else
            fi
        :: else
        fi
    }
#ifdef KEEP_UNUSED_NUMBERS
    seq = hosts[h].base + (hosts[h].batch == BATCHED -> 2 : 1);
#else
    seq = n; /* batch_correct_topics(): numbers that refused changes took are given back */
#endif
    for (n : 1 .. seq) {
        assert(log[n])
    }
#ifdef ONE_RECORD_FOR_THE_BATCH
    records = records | (hosts[h].works & SET(OWNERS) -> SET(OWNERS) : hosts[h].works);
#elif !defined(RECORDS_AFTER_THE_COMMIT)
    records = records | hosts[h].works;
#endif
    writer = 0
}

/* ------------------------------------------------------------ api */

inline answer(success)
{
    if
    :: success -> assert(effects & SET(c)); answered = answered | SET(c)
    :: else -> assert(removed && !(effects & SET(c))); refused = refused | SET(c)
    fi
}

/* The batch is over.  Changes that were not answered will be requested again. */
inline finish(h)
{
    hosts[h].batch = 0; hosts[h].works = 0; hosts[h].base = 0; hosts[h].unchanged = 0;
    hosts[h].reads = false;
    hosts[h].stage = IDLE
}

/* batch.c remember() and project_cache_keep(): what the next batch on this host need not read. */
inline remember(h)
{
    if
    :: hosts[h].reads ->
        hosts[h].cache = hosts[h].base;
        hosts[h].cached_member = !removed || removed > hosts[h].base
    :: else
    fi;
    hosts[h].hint = hosts[h].base;
    for (c : 1 .. CHANGES) {
        if
        :: hosts[h].works & SET(c) -> hosts[h].hint++
        :: else
        fi
    }
    hosts[h].hint_unchanged = (hosts[h].works & SET(REMOVAL) -> hosts[h].hint : hosts[h].unchanged)
}

/* batch_publish(), bus_publish_all(): to every daemon that is subscribed. */
inline publish(h)
{
    n = hosts[h].base;
    for (c : 1 .. CHANGES) {
        if
        :: hosts[h].works & SET(c) ->
            n++;
            for (d : 0 .. DAEMONS - 1) {
                if
                :: daemons[d].state != DOWN -> daemons[d].flight[n] = c
                :: else
                fi
            }
        :: else
        fi
    }
}

/*
 * batch_number_topics(): the first writer of the topic's document keeps others out until its
 * transaction ends.  Then batch.c run_each(): the plans' functions, which need the user's right.
 */
inline run_batch(h)
{
    writer = h + 1;
    hosts[h].base = seq;
    known = hosts[h].hint != 0 && hosts[h].hint == seq;
#ifdef TRUST_THE_CACHE
    known = hosts[h].hint != 0;
#endif
    hosts[h].unchanged = (known -> hosts[h].hint_unchanged : seq);
    hosts[h].works = hosts[h].batch;
    if /* project_in_change() */
    :: known && hosts[h].cache != NONE && hosts[h].cache >= hosts[h].unchanged ->
        known = hosts[h].cached_member
    :: else ->
        known = !removed;
        hosts[h].reads = true
    fi;
    if
    :: !known -> hosts[h].works = hosts[h].works & ~SET(USERS)
    :: else
    fi;
    hosts[h].stage = TAKEN;
#ifdef REMEMBER_BEFORE_THE_COMMIT
    remember(h);
#endif
#ifdef PUBLISH_BEFORE_THE_COMMIT
    publish(h);
#endif
#ifdef NUMBERS_OUTSIDE_THE_TRANSACTION
    seq = hosts[h].base + (hosts[h].works == BATCHED -> 2 : 1);
#endif
}

/*
 * The transaction is aborted: a record exists already (gate.c answer_of_twin()), or nothing is left
 * to be done.
 */
inline give_up_batch(h)
{
    writer = 0;
    known = hosts[h].works != 0;
    for (c : 1 .. CHANGES) {
        if
        :: (hosts[h].batch & SET(c)) && (!known || (records & SET(c))) -> answer(records & SET(c))
        :: else
        fi
    }
    finish(h)
}

#define wanted(set) (((answered | refused) & (set)) == 0 && ((set) & ALL) == (set))

proctype api(byte h)
{
end:
    do
    /*
     * change_run.c lead(): a batch takes what waits.  Clients repeat a change until they have an
     * answer, maybe while another host still runs it, or after it looked for the record.
     */
    :: atomic { hosts[h].stage == IDLE && !writer && (answered | refused) != ALL ->
        if
        :: wanted(SET(OWNERS)) -> hosts[h].batch = SET(OWNERS)
        :: wanted(SET(USERS)) -> hosts[h].batch = SET(USERS)
        :: wanted(BATCHED) -> hosts[h].batch = BATCHED
        :: wanted(SET(REMOVAL)) -> hosts[h].batch = SET(REMOVAL)
        fi;
        d_step {
            run_batch(h);
            if
            :: !hosts[h].works || (hosts[h].works & records) -> give_up_batch(h)
            :: else
            fi
        }
    }
    :: d_step { hosts[h].stage == TAKEN -> /* store_commit() */
        commit(h);
        remember(h);
        hosts[h].stage = COMMITTED
    }
    :: d_step { faults && hosts[h].stage == TAKEN -> /* it is done, but the result is unknown */
        faults--;
        commit(h);
        hosts[h].hint = 0;
        finish(h)
    }
    :: d_step { faults && hosts[h].stage == TAKEN -> /* it is not done, and that is unknown */
        faults--;
        writer = 0;
#ifndef REMEMBER_BEFORE_THE_COMMIT
        hosts[h].hint = 0;
#endif
        finish(h)
    }
    :: d_step { hosts[h].stage == COMMITTED ->
#ifndef PUBLISH_BEFORE_THE_COMMIT
        publish(h);
#endif
#ifdef RECORDS_AFTER_THE_COMMIT
        records = records | hosts[h].works;
#endif
        for (c : 1 .. CHANGES) {
            if
            :: hosts[h].batch & SET(c) -> answer(records & SET(c))
            :: else
            fi
        }
        finish(h)
    }
    :: d_step { faults && hosts[h].stage != IDLE -> /* the worker is killed; hints are the host's */
        faults--;
        writer = (writer == h + 1 -> 0 : writer);
        hosts[h].cache = NONE; hosts[h].cached_member = false;
        finish(h)
    }
    od
}

/* ------------------------------------------------------------ push */

inline see(number, change)
{
    assert(number == saw + 1);
    assert(log[number] == change);
    assert(!removed || number < removed);
    saw = number
}

/* The answer to a follow: the client goes on from that number, for which it has the right. */
inline place(number)
{
    assert(saw == NONE || number >= saw);
    assert(!removed || number < removed);
    saw = number
}

/* relay_next(): the event has its effect on rights, and goes to the client if that is live. */
inline relay(p, number, change)
{
    daemons[p].head = number;
    if
    :: change == REMOVAL -> /* effects_before(), expel() */
        daemons[p].member = false;
#ifndef CHECK_RIGHTS_WHEN_FOLLOWING_ONLY
        if
        :: at == p + 1 -> follows = LEFT; at = 0; next = 0; refetch = false
        :: else
        fi
#endif
    :: else
    fi;
    if
    :: at == p + 1 && follows == LIVE -> see(number, change)
    :: else
    fi;
    daemons[p].early[number] = 0;
    daemons[p].flight[number] = 0 /* STREAM_OLD from now on */
}

/* relay_event(), stream_judge(): an event from Redis or from the log. */
inline arrive(p, number, change)
{
    daemons[p].seen = (number > daemons[p].seen -> number : daemons[p].seen);
    if
    :: number <= daemons[p].head
#ifdef RELAY_WHATEVER_IS_NEWER
    :: number > daemons[p].head -> relay(p, number, change)
#else
    :: number == daemons[p].head + 1 -> relay(p, number, change)
    :: number > daemons[p].head + 1 -> daemons[p].early[number] = change
#endif
    fi;
    do /* stream_early_next() */
    :: daemons[p].early[daemons[p].head + 1] ->
        n = daemons[p].head + 1;
        relay(p, n, daemons[p].early[n])
    :: else -> break
    od;
    n = 0
}

/* relay_message(): until the topic is loaded, only the number is remembered. */
inline deliver(p, number)
{
    c = daemons[p].flight[number];
    daemons[p].flight[number] = 0;
    if
    :: daemons[p].state == LOADING ->
        daemons[p].seen = (number > daemons[p].seen -> number : daemons[p].seen)
    :: daemons[p].state == READY -> arrive(p, number, c)
    fi
}

/* load_work(): first the number, then the rights. */
inline load(p)
{
    daemons[p].state = LOADING;
#ifdef RIGHTS_BEFORE_THE_NUMBER
    daemons[p].member = !removed
#else
    daemons[p].head = seq; daemons[p].ring = RETENTION * seq
#endif
}

/* follow_hold(), follow_resync_all(): the client's place is gone, and its next answer says so. */
inline hold()
{
    follows = WAITING; next = 0;
    refetch = true
}

/* gap_read(): what comes next is not in the log any more; lifecycle_restart(). */
inline restart(p)
{
    for (n : 1 .. 3) {
        daemons[p].early[n] = 0
    }
    if
    :: at == p + 1 && (follows == CATCHUP || follows == LIVE || since != NONE) -> hold()
    :: else
    fi;
    load(p)
}

proctype push(byte p)
{
end:
    do
    :: d_step { daemons[p].state == DOWN -> load(p) } /* lifecycle_wanted() has subscribed */
    :: d_step { daemons[p].state == LOADING ->
        daemons[p].state = READY;
#ifdef RIGHTS_BEFORE_THE_NUMBER
        daemons[p].head = seq; daemons[p].ring = RETENTION * seq;
#else
        daemons[p].member = !removed;
#endif
        daemons[p].seen =
            (daemons[p].head > daemons[p].seen -> daemons[p].head : daemons[p].seen)
    }
    :: d_step { daemons[p].flight[1] -> deliver(p, 1) }
    :: d_step { daemons[p].flight[2] -> deliver(p, 2) }
    :: d_step { daemons[p].flight[3] -> deliver(p, 3) }
    :: d_step { faults && daemons[p].flight[1] -> faults--; daemons[p].flight[1] = 0 }
    :: d_step { faults && daemons[p].flight[2] -> faults--; daemons[p].flight[2] = 0 }
    :: d_step { faults && daemons[p].flight[3] -> faults--; daemons[p].flight[3] = 0 }
#ifndef NO_REPAIR
    :: d_step { /* repair_now(), gap_read(): what is missing comes from the log, in order */
        daemons[p].state == READY && daemons[p].seen > daemons[p].head && seq > daemons[p].head ->
#ifdef RELAY_WHAT_IS_LEFT
        daemons[p].head = (oldest > daemons[p].head -> oldest : daemons[p].head);
#endif
        if
        :: oldest > daemons[p].head -> restart(p)
        :: else ->
            for (d : daemons[p].head + 1 .. seq) {
                arrive(p, d, log[d])
            }
            d = 0
        fi
    }
#endif
#ifndef NO_COMPARISON
    :: d_step { /* compare_tick(), and compare_topic() before a refusal and for is_beyond() */
        daemons[p].state == READY && seq > daemons[p].seen -> daemons[p].seen = seq
    }
#endif
    :: d_step { /* it is killed */
        faults && daemons[p].state == READY ->
        faults--;
        daemons[p].state = DOWN; daemons[p].member = false;
        daemons[p].head = 0; daemons[p].seen = 0; daemons[p].ring = 0;
        for (n : 1 .. 3) {
            daemons[p].early[n] = 0; daemons[p].flight[n] = 0
        }
        if
        :: at == p + 1 -> at = 0; follows = 0; next = 0; refetch = false
        :: else
        fi
    }
    od
}

/* The database removes old events. */
proctype retention()
{
end:
    do
    :: d_step { RETENTION && faults && oldest < seq -> faults--; oldest++ }
    :: d_step { RETENTION && faults && oldest + 1 < seq -> faults--; oldest = seq }
    od
}

/* ------------------------------------------------------------ the client that follows */

#ifdef ANSWER_BEYOND_THE_HEAD
#define is_beyond(p) false
#else
#define is_beyond(p) (since != NONE && since > daemons[p].head)
#endif

/* replay_event(): are the events from a number on in the ring or in the log? */
#ifdef SKIP_WHAT_IS_GONE
#define is_there(p, number) true
#else
#define is_there(p, number) ((number) > daemons[p].ring || (number) > oldest)
#endif

/* Is there more to replay? */
inline follow_on(p)
{
    follows = (next <= daemons[p].head -> CATCHUP : LIVE);
    next = (follows == LIVE -> 0 : next)
}

proctype client(byte p)
{
end:
    do
    :: d_step { /* live.js, live.py: connects to any daemon and follows */
        !at && follows != LEFT && daemons[p].state != DOWN ->
        at = p + 1;
        since = (since == NONE -> saw : since);
        follows = WAITING
    }
    :: d_step { /* answer_outcome() */
        at == p + 1 && follows == WAITING && daemons[p].state == READY && !is_beyond(p) &&
#ifdef RESYNC_WITHOUT_THE_RIGHT
        (daemons[p].member || refetch) ->
#else
        daemons[p].member ->
#endif
        if
        :: since == NONE -> place(daemons[p].head)
        :: refetch || (since < daemons[p].head && !is_there(p, since + 1)) ->
            place(daemons[p].head);
            since = saw
        :: else -> place(since)
        fi;
        refetch = false;
        next = saw + 1;
        follow_on(p)
    }
    :: d_step { /* no_right(): not before the daemon has relayed the whole log */
        at == p + 1 && follows == WAITING && daemons[p].state == READY && !daemons[p].member &&
        daemons[p].head == seq ->
        assert(removed);
        follows = LEFT; at = 0
    }
    :: d_step { /* replay_continue(): from the ring or the log */
        at == p + 1 && follows == CATCHUP ->
#ifdef SKIP_WHAT_IS_GONE
        next = (next > daemons[p].ring || next > oldest -> next : oldest + 1);
#endif
        if
        :: is_there(p, next) ->
            see(next, log[next]);
            next++;
            follow_on(p)
        :: else -> hold()
        fi
    }
    :: d_step { /* the connection breaks */
        faults && at == p + 1 -> faults--; at = 0; follows = 0; next = 0; refetch = false
    }
    od
}

init
{
    atomic {
        select(faults : 0 .. FAULTS);
        for (d : 0 .. HOSTS - 1) {
            hosts[d].cache = NONE;
            run api(d)
        }
        for (d : 0 .. DAEMONS - 1) {
            run push(d);
            run client(d)
        }
        if
        :: RETENTION -> run retention()
        :: else
        fi
    }
    timeout -> /* nothing is left to do */
    d_step {
        assert((answered | refused) == ALL && answered == effects);
        for (d : 0 .. DAEMONS - 1) {
            assert(daemons[d].state == READY && daemons[d].head == seq)
        }
        assert((removed -> follows == LEFT : (follows == LIVE && saw == seq)))
    }
}
