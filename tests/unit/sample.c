/*
 * The sample shape.
 */
#include "tests/unit/sample.h"

static const char *const colours[] = {"red", "green", "blue", NULL};

/* clang-format off */
static const struct field item_fields[] = {
    {"id",   SLUG, MUST_SET},
    {"text", TEXT, MAY_SET, 1, 5, .fallback = "\"-\""},
    {"done", FLAG, MAY_SET, .fallback = "false"},
    {"pin",  TEXT, HIDDEN},
    {NULL},
};
static const struct field plan_fields[] = {
    {"name", TEXT,   MUST_SET | MAY_EDIT, 1, 5},
    {"kind", CHOICE, MAY_EDIT, .choices = colours, .fallback = "\"red\""},
    {"pin",  TEXT,   HIDDEN},
    {NULL},
};
static const struct field sample_fields[] = {
    {"id",       REF,     0},
    {"rev",      INTEGER, 0},
    {"title",    TEXT,    MUST_SET | MAY_EDIT,   1, 10},
    {"note",     TEXT,    MAY_EDIT,              0, 10, .fallback = "\"\""},
    {"colour",   CHOICE,  MAY_EDIT,              .choices = colours, .fallback = "\"red\""},
    {"rank",     RANK,    MAY_EDIT,              .choices = colours, .fallback = "\"red\""},
    {"count",    INTEGER, MAY_EDIT,              -5, 100, .fallback = "0"},
    {"on",       FLAG,    MAY_EDIT,              .fallback = "false"},
    {"at",       INSTANT, MAY_EDIT | NULLABLE},
    {"day",      DATE,    MAY_EDIT | NULLABLE},
    {"owner",    REF,     MAY_SET | NULLABLE},
    {"kind",     SLUG,    MAY_EDIT,              .fallback = "\"a\""},
    {"people",   REFS,    MAY_EDIT,              0, 3, .fallback = "[]"},
    {"tags",     SLUGS,   MAY_EDIT,              0, 3, .fallback = "[]"},
    {"items",    OBJECTS, MAY_EDIT,              0, 2, .items = item_fields, .key = "id", .fallback = "[]"},
    {"plan",     NESTED,  MAY_EDIT | NULLABLE,   .items = plan_fields},
    {"archived", FLAG,    MAY_EDIT | VIRTUAL},
    {"madeAt",   INSTANT, 0},
    {"updatedAt", INSTANT, 0},
    {"hash",     TEXT,    HIDDEN},
    {NULL},
};
/* clang-format on */

const struct shape sample_shape = {"Sample", sample_fields};
