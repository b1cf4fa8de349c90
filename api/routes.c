/*
 * The table of routes.def as data.
 */
#include "api/http/router.h"
#include "api/v1/handlers.h"

#define ON(x)         .on = &(x),
#define ITEMS(x)      .items = #x,
#define LISTS(x)      .list = &(x),
#define BODY(x)       .body = &(x),
#define ANSWER(x)     .answer = &(x),
#define PARAMETERS(x) .params = (x),
#define ROUTE(method_, path_, who_, handler_, summary_, flags_, parts)                             \
    {.method = method_,                                                                            \
     .path = path_,                                                                                \
     .who = who_,                                                                                  \
     .handler = handler_,                                                                          \
     .summary = summary_,                                                                          \
     .flags = flags_,                                                                              \
     parts},

const struct route routes[] = {
#include "api/routes.def"
    {GET, NULL},
};
