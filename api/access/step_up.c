/*
 * A session's `confirmedAt` is the time when its password was last given.
 */
#include "api/access/step_up.h"

#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/time/clock.h"

enum err
step_up_check(struct request *r)
{
    const bson_t *session;
    int64_t confirmed = 0;
    enum err err = request_fetch(r, STORE_SESSIONS, &r->session_id, &session);

    if (err == ERR_NOT_FOUND)
        return request_fail(r, ERR_NO_AUTH, "the session has ended");
    if (err == ERR_NONE &&
        (!doc_time(session, "confirmedAt", &confirmed) || clock_now() - confirmed > STEP_UP_MS))
        return request_fail(r, ERR_STEP_UP,
                            "confirm your password first: POST /v1/sessions/current/confirm");
    return err;
}
