/*
 * Declares the handlers, shapes, resources and lists that routes.def names.
 */
#ifndef API_V1_HANDLERS_H
#define API_V1_HANDLERS_H

#include "api/crud/resource.h"

#define ON(x) extern const struct resource x;
#define ITEMS(x)
#define LISTS(x)      extern const struct list x;
#define BODY(x)       extern const struct shape x;
#define ANSWER(x)     extern const struct shape x;
#define PARAMETERS(x) extern const struct filter x[];
#define ROUTE(method, path, who, handler, summary, flags, parts)                                   \
    enum err handler(struct request *r) MUST_CHECK;                                                \
    parts

#include "api/routes.def"

#undef ON
#undef ITEMS
#undef LISTS
#undef BODY
#undef ANSWER
#undef PARAMETERS
#undef ROUTE

#endif
