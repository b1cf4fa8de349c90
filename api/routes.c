/*
 * Every endpoint on one line.  A new one: a line here and its function.
 */
#include "api/crud.h"
#include "api/router.h"
#include "api/v1/handlers.h"

/* clang-format off */
const struct route routes[] = {
    /* method  path                                       who     handler              on          summary for OpenAPI                            flags */
    {GET,    "/v1/health",                                ANYONE, health_alive,        NULL,       "Is the server there"},
    {GET,    "/v1/ready",                                 ANYONE, health_ready,        NULL,       "Can the server work"},
    {POST,   "/v1/users",                                 ANYONE, users_register,      NULL,       "Register",                                    SECRETS},
    {GET,    "/v1/me",                                    USER,   me_read,             NULL,       "Read one's own account"},
    {PATCH,  "/v1/me",                                    USER,   me_change,           NULL,       "Change some fields of one's own account"},
    {POST,   "/v1/sessions",                              ANYONE, sessions_open,       NULL,       "Log in",                                      SECRETS},
    {GET,    "/v1/sessions",                              USER,   sessions_list,       NULL,       "List one's own sessions"},
    {DELETE, "/v1/sessions",                              USER,   sessions_end_others, NULL,       "End all other sessions"},
    {POST,   "/v1/sessions/refresh",                      ANYONE, sessions_refresh,    NULL,       "Get a new access token",                      SECRETS},
    {DELETE, "/v1/sessions/{id}",                         USER,   sessions_end,        NULL,       "End a session; `current`: log out"},
    {GET,    "/v1/projects",                              USER,   crud_list,           &projects,  "List the projects one may see"},
    {POST,   "/v1/projects",                              USER,   projects_create,     &projects,  "Create a project"},
    {GET,    "/v1/projects/{id}",                         USER,   crud_read,           &projects,  "Read a project"},
    {PATCH,  "/v1/projects/{id}",                         USER,   crud_change,         &projects,  "Change some fields of a project"},
    {DELETE, "/v1/projects/{id}",                         USER,   crud_remove,         &projects,  "Put a project into the trash"},
    {POST,   "/v1/projects/{id}/restore",                 USER,   crud_restore,        &projects,  "Take a project out of the trash",             NO_BODY},
    {GET,    "/v1/projects/{id}/members",                 USER,   members_list,        NULL,       "List a project's members"},
    {POST,   "/v1/projects/{id}/members",                 USER,   members_add,         NULL,       "Make the user of a mail address a member"},
    {PUT,    "/v1/projects/{id}/members/{userId}",        USER,   members_put,         NULL,       "Make a user a member, or change the role"},
    {DELETE, "/v1/projects/{id}/members/{userId}",        USER,   members_remove,      NULL,       "Remove a member, or leave"},
    {GET,    "/v1/projects/{id}/snapshot",                USER,   live_snapshot,       NULL,       "Read a project with its tasks and a cursor"},
    {GET,    "/v1/projects/{id}/events",                  USER,   live_events,         NULL,       "Read the events after a cursor"},
    {GET,    "/v1/tasks",                                 USER,   crud_list,           &tasks,     "List tasks"},
    {POST,   "/v1/tasks",                                 USER,   tasks_create,        &tasks,     "Create a task"},
    {GET,    "/v1/tasks/{id}",                            USER,   crud_read,           &tasks,     "Read a task"},
    {PATCH,  "/v1/tasks/{id}",                            USER,   crud_change,         &tasks,     "Change some fields of a task"},
    {DELETE, "/v1/tasks/{id}",                            USER,   crud_remove,         &tasks,     "Put a task into the trash"},
    {POST,   "/v1/tasks/{id}/restore",                    USER,   crud_restore,        &tasks,     "Take a task out of the trash",                NO_BODY},
    {POST,   "/v1/tasks/{id}/move",                       USER,   tasks_move,          &tasks,     "Move a task to another place, status or project"},
    {GET,    "/v1/tasks/{id}/history",                    USER,   live_history,        NULL,       "Read a task's events"},
    {GET, NULL},
};
/* clang-format on */
