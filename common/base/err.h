/*
 * The kinds of failure.  Functions return one of these; zero is success.  The enum identifies the
 * kind, the log has the cause, and the problem document explains it to the client.
 */
#ifndef COMMON_BASE_ERR_H
#define COMMON_BASE_ERR_H

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

enum err {
    ERR_NONE,
    ERR_MALFORMED,     /* the request cannot be understood */
    ERR_BAD_PARAMETER, /* a query parameter is unknown or wrong */
    ERR_NO_AUTH,       /* not logged in, or the token is not valid */
    ERR_BAD_LOGIN,     /* log-in, refresh or reset refused */
    ERR_CODE_NEEDED,   /* the password is right, a second factor is missing */
    ERR_FORBIDDEN,     /* logged in, but not allowed */
    ERR_STEP_UP,       /* the session must confirm the password first */
    ERR_NOT_FOUND,     /* does not exist, or the user may not know that it does */
    ERR_GONE,          /* the log no longer holds what is needed */
    ERR_METHOD,        /* the path exists, the method does not */
    ERR_CONFLICT,      /* conflicts with something that exists (unique value, state) */
    ERR_QUOTA,         /* a quota is reached: 409 quota-exceeded */
    ERR_IN_PROGRESS,   /* a request with the same idempotency key is running */
    ERR_STALE,         /* If-Match names an older version */
    ERR_TOO_LARGE,     /* the body is over its limit */
    ERR_TOO_MUCH,      /* it would need more memory than one request may use */
    ERR_MEDIA_TYPE,    /* not application/json */
    ERR_RANGE,         /* the file has no bytes of the Range that was asked for */
    ERR_INVALID,       /* fields are not acceptable; the complaints say which */
    ERR_KEY_REUSED,    /* the idempotency key was used for a different request */
    ERR_UNCONDITIONAL, /* the project requires If-Match */
    ERR_DEPENDENCY,    /* an operation of the same batch that this one refers to has failed */
    ERR_THROTTLED,     /* too many requests */
    ERR_BUSY,          /* a bounded queue is full; try again later */
    ERR_STORE,         /* the database cannot be reached */
    ERR_INTERNAL,      /* a bug or failure of our own */
    ERR_RETRY,         /* transient: the transaction must run again; never reaches a client */
    ERR__COUNT
};

#endif
