/*
 * Settings: which values are accepted, and the sentence that names an invalid one.
 */
#include "common/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* clang-format off */
static const struct {
    const char *name, *value;
    bool good;
} rows[] = {
    {"API_THREADS",          "1",     true},
    {"API_THREADS",          "512",   true},
    {"API_THREADS",          "0",     false},
    {"API_THREADS",          "513",   false},
    {"API_THREADS",          "-1",    false},
    {"API_THREADS",          "",      false},
    {"API_THREADS",          "8x",    false},
    {"API_THREADS",          "8 ",    false},
    {"API_THREADS",          "1.5",   false},
    {"API_THREADS",          "0x10",  false},
    {"API_THREADS",          "99999999999999999999", false},
    {"ACCOUNT_GRACE_DAYS",   "0",     true},
    {"ACCOUNT_GRACE_DAYS",   "366",   false},
    {"PASSWORD_COST",        "15",    true},
    {"PASSWORD_COST",        "9",     false},
    {"PASSWORD_COST",        "31",    false},
    {"PUSH_QUEUE_BYTES",     "rubbish", true}, /* not used by the API */
    {"MONGODB_DATABASE",     "other", true},
};
/* clang-format on */

static void
clear(void)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        unsetenv(rows[i].name);
    unsetenv("SIGNING_KEYS_FILE");
    unsetenv("ALLOWED_ORIGINS");
    setenv("SIGNING_KEYS", "k1 abc", 1);
}

static void
test_values(void **state)
{
    struct config config;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        clear();
        setenv(rows[i].name, rows[i].value, 1);
        if ((config_read(&config, CONFIG_API) == ERR_NONE) != rows[i].good)
            unit_wrong("%s=%s", rows[i].name, rows[i].value);
    }
    unit_rows_done();
}

static void
test_defaults(void **state)
{
    struct config config;

    (void)state;
    clear();
    assert_int_equal(config_read(&config, CONFIG_ALL), ERR_NONE);
    assert_string_equal(config.mongodb_database, "taskwire");
    assert_string_equal(config.signing_keys, "k1 abc");
    assert_int_equal(config.api_processes, 2);
    assert_int_equal(config.event_retention_days, 90);
    assert_string_equal(config.allowed_origins, config.public_url);
    setenv("ALLOWED_ORIGINS", "https://a.example,https://b.example", 1);
    assert_int_equal(config_read(&config, CONFIG_ALL), ERR_NONE);
    assert_string_equal(config.allowed_origins, "https://a.example,https://b.example");
}

static void
test_a_secret_can_be_read_from_a_file(void **state)
{
    char path[] = "/tmp/taskwire-unit-XXXXXX";
    struct config config;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "k9 fromfile\n", 12), 12);
    close(fd);
    clear();
    unsetenv("SIGNING_KEYS");
    assert_int_equal(config_read(&config, CONFIG_API), ERR_INVALID); /* it must be set */
    setenv("SIGNING_KEYS_FILE", path, 1);
    assert_int_equal(config_read(&config, CONFIG_API), ERR_NONE);
    assert_string_equal(config.signing_keys, "k9 fromfile");
    free((char *)(uintptr_t)config.signing_keys);
    setenv("MONGODB_URI_FILE", path, 1); /* it has a default, and may hold a password */
    assert_int_equal(config_read(&config, CONFIG_ADMIN), ERR_NONE);
    assert_string_equal(config.mongodb_uri, "k9 fromfile");
    free((char *)(uintptr_t)config.mongodb_uri);
    unsetenv("MONGODB_URI_FILE");
    setenv("SIGNING_KEYS_FILE", "/nowhere/keys", 1);
    assert_int_equal(config_read(&config, CONFIG_API), ERR_INVALID);
    unlink(path);
}

static void
test_each_programs_help_lists_its_settings(void **state)
{
    char *api = NULL, *push = NULL;
    size_t len;
    FILE *out = open_memstream(&api, &len);

    (void)state;
    config_help(out, "taskwire-api", CONFIG_API);
    fclose(out);
    out = open_memstream(&push, &len);
    config_help(out, "taskwire-push", CONFIG_PUSH);
    fclose(out);
    assert_non_null(strstr(api, "API_THREADS"));
    assert_non_null(strstr(api, "MONGODB_URI"));
    assert_null(strstr(api, "PUSH_SOCKET"));
    assert_non_null(strstr(push, "PUSH_SOCKET"));
    assert_non_null(strstr(push, "MONGODB_URI"));
    assert_null(strstr(push, "API_THREADS"));
    free(api);
    free(push);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_a_secret_can_be_read_from_a_file),
        cmocka_unit_test(test_each_programs_help_lists_its_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
