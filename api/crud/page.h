/*
 * One page of a list, according to the request's parameters.
 */
#ifndef API_CRUD_PAGE_H
#define API_CRUD_PAGE_H

#include <bson/bson.h>

#include "api/crud/entity.h"
#include "common/base/err.h"

struct request;

/*
 * Replies with a page of the list of the request's route: the documents that match base and the
 * list's scope, each as write() formats it.  ERR_BAD_PARAMETER for parameters that the list does
 * not have.
 */
enum err page_reply(struct request *r, const bson_t *base, entity_writer write) MUST_CHECK;

#endif
