/*
 * Every endpoint on one line.  A new one: a line here and its function.
 */
#include "api/crud.h"
#include "api/router.h"
#include "api/v1/handlers.h"

/* clang-format off */
const struct route routes[] = {
    /* method  path                                    who     handler              on          body               answer           summary for OpenAPI, flags */
    {GET,    "/v1/health",                             ANYONE, health_alive,        NULL,      NULL,              NULL,            "Is the server there"},
    {GET,    "/v1/ready",                              ANYONE, health_ready,        NULL,      NULL,              NULL,            "Can the server work"},
    {GET,    "/v1/openapi.json",                       ANYONE, health_openapi,      NULL,      NULL,              NULL,            "Read this document"},
    {POST,   "/v1/users",                              ANYONE, users_register,      NULL,      &register_shape,   &opened_shape,   "Register", SECRETS | CREATED | LOGINS},
    {GET,    "/v1/me",                                 USER,   me_read,             NULL,      NULL,              &user_shape,     "Read one's own account"},
    {PATCH,  "/v1/me",                                 USER,   me_change,           NULL,      &user_shape,       &user_shape,     "Change some fields of one's own account"},
    {DELETE, "/v1/me",                                 USER,   me_leave,            NULL,      &leave_shape,      NULL,            "Close one's own account; it is deleted after a time of grace"},
    {GET,    "/v1/me/export",                          USER,   me_export,           NULL,      NULL,              &export_shape,   "Read all that is kept about oneself"},
    {POST,   "/v1/me/password",                        USER,   me_password,         NULL,      &password_shape,   NULL,            "Change one's own password; ends all other sessions", SECRETS},
    {POST,   "/v1/verifications",                      USER,   verifications_create, NULL,     &verification_shape, &accepted_shape, "Ask for a code to confirm an address or a number", ACCEPTED | LOGINS},
    {PUT,    "/v1/verifications",                      MAYBE,  verifications_confirm, NULL,    &confirmation_shape, NULL,          "Confirm an address or a number", SECRETS | LOGINS},
    {POST,   "/v1/password-resets",                    ANYONE, password_resets_ask, NULL,      &reset_ask_shape,  &accepted_shape, "Ask for a letter with a token for a new password", ACCEPTED | LOGINS},
    {PUT,    "/v1/password-resets",                    ANYONE, password_resets_use, NULL,      &reset_use_shape,  NULL,            "Choose a new password with the letter's token; ends all sessions", SECRETS | LOGINS},
    {POST,   "/v1/sessions",                           ANYONE, sessions_open,       NULL,      &login_shape,      &opened_shape,   "Log in", SECRETS | CREATED | LOGINS},
    {GET,    "/v1/sessions",                           USER,   sessions_list,       NULL,      NULL,              &session_shape,  "List one's own sessions", LIST},
    {DELETE, "/v1/sessions",                           USER,   sessions_end_others, NULL,      NULL,              NULL,            "End all other sessions"},
    {POST,   "/v1/sessions/refresh",                   ANYONE, sessions_refresh,    NULL,      &refresh_shape,    &opened_shape,   "Get a new access token", SECRETS},
    {DELETE, "/v1/sessions/{id}",                      USER,   sessions_end,        NULL,      NULL,              NULL,            "End a session; `current`: log out"},
    {GET,    "/v1/projects",                           USER,   crud_list,           &projects, NULL,              &project_shape,  "List the projects one may see", LIST},
    {POST,   "/v1/projects",                           USER,   projects_create,     &projects, &project_shape,    &project_shape,  "Create a project", CREATED},
    {GET,    "/v1/projects/{id}",                      USER,   crud_read,           &projects, NULL,              &project_shape,  "Read a project"},
    {PATCH,  "/v1/projects/{id}",                      USER,   crud_change,         &projects, &project_shape,    &project_shape,  "Change some fields of a project"},
    {DELETE, "/v1/projects/{id}",                      USER,   crud_remove,         &projects, NULL,              NULL,            "Put a project into the trash"},
    {POST,   "/v1/projects/{id}/restore",              USER,   crud_restore,        &projects, NULL,              &project_shape,  "Take a project out of the trash", NO_BODY},
    {GET,    "/v1/projects/{id}/members",              USER,   members_list,        NULL,      NULL,              &member_shape,   "List a project's members", LIST},
    {POST,   "/v1/projects/{id}/members",              USER,   members_add,         NULL,      &member_add_shape, &member_shape,   "Make the user of a mail address a member", CREATED},
    {PUT,    "/v1/projects/{id}/members/{userId}",     USER,   members_put,         NULL,      &member_put_shape, &member_shape,   "Make a user a member, or change the role"},
    {DELETE, "/v1/projects/{id}/members/{userId}",     USER,   members_remove,      NULL,      NULL,              NULL,            "Remove a member, or leave"},
    {GET,    "/v1/projects/{id}/snapshot",             USER,   live_snapshot,       NULL,      NULL,              &snapshot_shape, "Read a project with its tasks and a cursor"},
    {GET,    "/v1/projects/{id}/events",               USER,   live_events,         NULL,      NULL,              &events_shape,   "Read the events after a cursor", 0, event_params},
    {GET,    "/v1/tasks",                              USER,   crud_list,           &tasks,    NULL,              &task_shape,     "List tasks", LIST},
    {POST,   "/v1/tasks",                              USER,   tasks_create,        &tasks,    &task_shape,       &task_shape,     "Create a task", CREATED},
    {GET,    "/v1/tasks/{id}",                         USER,   crud_read,           &tasks,    NULL,              &task_shape,     "Read a task"},
    {PATCH,  "/v1/tasks/{id}",                         USER,   crud_change,         &tasks,    &task_shape,       &task_shape,     "Change some fields of a task"},
    {DELETE, "/v1/tasks/{id}",                         USER,   crud_remove,         &tasks,    NULL,              NULL,            "Put a task into the trash"},
    {POST,   "/v1/tasks/{id}/restore",                 USER,   crud_restore,        &tasks,    NULL,              &task_shape,     "Take a task out of the trash", NO_BODY},
    {POST,   "/v1/tasks/{id}/move",                    USER,   tasks_move,          &tasks,    &move_shape,       &task_shape,     "Move a task to another place, status or project"},
    {GET,    "/v1/tasks/{id}/history",                 USER,   live_history,        NULL,      NULL,              &event_shape,    "Read a task's events", LIST},
    {GET,    "/v1/sync",                               USER,   sync_read,           NULL,      NULL,              &sync_shape,     "Read all that changed since a cursor", 0, sync_params},
    {GET,    "/v1/tasks/{id}/comments",                USER,   comments_list,       NULL,      NULL,              &comment_shape,  "List a task's comments", LIST},
    {POST,   "/v1/tasks/{id}/comments",                USER,   comments_create,     NULL,      &comment_shape,    &comment_shape,  "Comment on a task", CREATED},
    {PATCH,  "/v1/comments/{id}",                      USER,   crud_change,         &comments, &comment_shape,    &comment_shape,  "Change one's own comment"},
    {DELETE, "/v1/comments/{id}",                      USER,   crud_remove,         &comments, NULL,              NULL,            "Remove a comment"},
    {GET,    "/v1/notifications",                      USER,   notifications_list,  NULL,      NULL,              &notification_shape, "List what one was told", LIST},
    {PATCH,  "/v1/notifications/{id}",                 USER,   notifications_change,NULL,      &notification_shape, &notification_shape, "Mark as read or unread"},
    {POST,   "/v1/notifications/read",                 USER,   notifications_read_all, NULL,   NULL,              NULL,            "Mark all as read", NO_BODY},
    {GET, NULL},
};
/* clang-format on */
