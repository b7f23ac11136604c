/* Tokens and their roles, without sockets. */
#include "server/operator_api/operator_api.h"
#include "server/operator_api/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct rig {
    struct updraft_fleet fleet;
    struct updraft_response response;
    int64_t now_ms;
};

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct updraft_change first = {.kind = UPDRAFT_CHANGE_TOKEN};

    updraft_fleet_init(&rig->fleet, 1);
    first.row.token.id = UPDRAFT_TOKEN_FIRST_ID;
    first.row.token.role = UPDRAFT_ROLE_ADMIN;
    updraft_name_set(first.row.token.name, UPDRAFT_NAME_CAP, "first");
    updraft_fleet_apply(&rig->fleet, &first);
    rig->now_ms = 1000000;
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    updraft_response_deinit(&rig->response);
    updraft_fleet_deinit(&rig->fleet);
    free(rig);
    return 0;
}

/* Asks as the adapter does, and commits what the handler planned. Gives the status. */
static unsigned ask(struct rig *rig, updraft_handler handler, const struct updraft_request *request)
{
    const struct updraft_view view = {&rig->fleet, "", rig->now_ms};
    struct updraft_plan plan;

    updraft_response_deinit(&rig->response);
    updraft_response_init(&rig->response);
    updraft_plan_init(&plan, 1);
    handler(&view, request, &plan, &rig->response);
    assert_true(plan.count == 0 || plan.key == UPDRAFT_PLAN_KEY_CATALOGUE);
    assert_true(plan.count == 0 || rig->response.status < 300);
    for (size_t i = 0; i < plan.count; i++)
        updraft_fleet_apply(&rig->fleet, &plan.changes[i]);
    updraft_plan_deinit(&plan);
    return rig->response.status;
}

static unsigned add(struct rig *rig, const char *body)
{
    const struct updraft_request request = {
        .method = UPDRAFT_METHOD_POST, .body = body, .body_len = strlen(body)};

    return ask(rig, updraft_tokens_add, &request);
}

static unsigned revoke(struct rig *rig, const char *name)
{
    const struct updraft_request request = {.method = UPDRAFT_METHOD_DELETE, .segments = {name}};

    return ask(rig, updraft_tokens_revoke, &request);
}

/* The role that the token in the last answer has at this moment; NONE when it opens nothing. */
static enum updraft_role role_of_secret(struct rig *rig, const char *secret, int64_t now_ms)
{
    char header[UPDRAFT_TOKEN_CAP + 8];

    snprintf(header, sizeof header, "Bearer %s", secret);
    const struct updraft_token_row *row = updraft_token_find(&rig->fleet, header, now_ms);
    return row == NULL ? UPDRAFT_ROLE_NONE : row->role;
}

static void take_secret(const struct rig *rig, char secret[UPDRAFT_TOKEN_CAP])
{
    const char *at = strstr(rig->response.body, "\"secret\":\"");

    assert_non_null(at);
    snprintf(secret, UPDRAFT_TOKEN_CAP, "%s", at + strlen("\"secret\":\""));
}

static void a_new_token_has_the_role_it_was_made_with(void **state)
{
    static const enum updraft_role roles[] = {UPDRAFT_ROLE_VIEW, UPDRAFT_ROLE_PUBLISH,
                                              UPDRAFT_ROLE_OPERATE, UPDRAFT_ROLE_ADMIN};
    struct rig *rig = *state;
    char body[96], secret[UPDRAFT_TOKEN_CAP], other[UPDRAFT_TOKEN_CAP] = "";

    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        const char *name = updraft_role_name(roles[i]);
        snprintf(body, sizeof body, "{\"name\":\"of-%s\",\"role\":\"%s\"}", name, name);
        assert_int_equal(add(rig, body), 201);
        take_secret(rig, secret);
        assert_string_not_equal(secret, other);
        strcpy(other, secret);
        assert_int_equal(strlen(secret), UPDRAFT_TOKEN_CAP - 1);
        assert_int_equal(role_of_secret(rig, secret, INT64_MAX), roles[i]);
        assert_int_equal(updraft_role_parse(name), roles[i]);
    }
    assert_int_equal(updraft_role_parse(""), UPDRAFT_ROLE_NONE);
    assert_int_equal(updraft_role_parse("root"), UPDRAFT_ROLE_NONE);
}

static void the_text_of_a_token_is_kept_nowhere(void **state)
{
    struct rig *rig = *state;
    const struct updraft_request request = {.method = UPDRAFT_METHOD_GET};
    char secret[UPDRAFT_TOKEN_CAP];

    assert_int_equal(add(rig, "{\"name\":\"ci\",\"role\":\"view\"}"), 201);
    take_secret(rig, secret);
    const struct updraft_token_row *row = updraft_fleet_find_token(&rig->fleet, "ci");
    assert_null(memmem(row, sizeof *row, secret, 16));
    assert_int_equal(ask(rig, updraft_tokens_list, &request), 200);
    assert_non_null(strstr(rig->response.body, "\"name\":\"ci\",\"role\":\"view\""));
    assert_null(strstr(rig->response.body, secret));
}

static void a_token_ends_at_its_time_to_the_millisecond(void **state)
{
    struct rig *rig = *state;
    char secret[UPDRAFT_TOKEN_CAP];

    assert_int_equal(add(rig, "{\"name\":\"ci\",\"role\":\"view\",\"expires_in_s\":90}"), 201);
    take_secret(rig, secret);
    assert_int_equal(role_of_secret(rig, secret, rig->now_ms + 89999), UPDRAFT_ROLE_VIEW);
    assert_int_equal(role_of_secret(rig, secret, rig->now_ms + 90000), UPDRAFT_ROLE_NONE);
}

static void a_revoked_token_opens_nothing_and_its_name_is_free(void **state)
{
    struct rig *rig = *state;
    char secret[UPDRAFT_TOKEN_CAP];

    assert_int_equal(add(rig, "{\"name\":\"ci\",\"role\":\"admin\"}"), 201);
    take_secret(rig, secret);
    assert_int_equal(add(rig, "{\"name\":\"ci\",\"role\":\"view\"}"), 409);
    assert_int_equal(role_of_secret(rig, secret, rig->now_ms), UPDRAFT_ROLE_ADMIN);
    assert_int_equal(revoke(rig, "ci"), 200);
    assert_int_equal(role_of_secret(rig, secret, rig->now_ms), UPDRAFT_ROLE_NONE);
    assert_int_equal(revoke(rig, "ci"), 404);
    assert_int_equal(add(rig, "{\"name\":\"ci\",\"role\":\"view\"}"), 201);
    assert_int_equal(role_of_secret(rig, secret, rig->now_ms), UPDRAFT_ROLE_NONE);
}

static void one_admin_token_always_stays(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(revoke(rig, "first"), 409);
    assert_int_equal(add(rig, "{\"name\":\"second\",\"role\":\"admin\"}"), 201);
    assert_int_equal(revoke(rig, "first"), 409);
    assert_int_equal(revoke(rig, "second"), 200);
    assert_int_equal(revoke(rig, "first"), 409);
    assert_int_equal(rig->fleet.token_count, 1);
    assert_int_equal(rig->fleet.tokens[0].role, UPDRAFT_ROLE_ADMIN);
    assert_int_equal(rig->fleet.tokens[0].expires_ms, 0);
}

static void a_wish_that_is_not_whole_makes_no_token(void **state)
{
    static const char *const bodies[] = {
        "",
        "{",
        "[]",
        "{\"name\":\"ci\"}",
        "{\"role\":\"view\"}",
        "{\"name\":7,\"role\":\"view\"}",
        "{\"name\":\"\",\"role\":\"view\"}",
        "{\"name\":\"a b\",\"role\":\"view\"}",
        "{\"name\":\"<script>\",\"role\":\"view\"}",
        "{\"name\":\"ci\",\"role\":\"\"}",
        "{\"name\":\"ci\",\"role\":\"root\"}",
        "{\"name\":\"ci\",\"role\":4}",
        "{\"name\":\"ci\",\"role\":\"view\",\"expires_in_s\":0.5}",
        "{\"name\":\"ci\",\"role\":\"view\",\"expires_in_s\":-1}",
        "{\"name\":\"ci\",\"role\":\"view\",\"expires_in_s\":1e300}",
        "{\"name\":\"ci\",\"role\":\"view\",\"expires_in_s\":\"90d\"}",
        "{\"name\":\"ci\",\"role\":\"view\",\"expires_in_s\":null}",
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_int_equal(add(rig, bodies[i]), 400);
    assert_int_equal(rig->fleet.token_count, 1);
}

static void there_is_an_end_to_the_number_of_tokens(void **state)
{
    struct rig *rig = *state;
    char body[64];
    unsigned status = 201;
    int made = 0;

    for (; status == 201 && made < 1000; made++) {
        snprintf(body, sizeof body, "{\"name\":\"t%d\",\"role\":\"view\"}", made);
        status = add(rig, body);
    }
    assert_int_equal(status, 409);
    assert_int_equal(rig->fleet.token_count, 200);
    assert_int_equal(revoke(rig, "t7"), 200);
    assert_int_equal(add(rig, body), 201);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_token_has_the_role_it_was_made_with, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_text_of_a_token_is_kept_nowhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_token_ends_at_its_time_to_the_millisecond, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_revoked_token_opens_nothing_and_its_name_is_free, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_admin_token_always_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wish_that_is_not_whole_makes_no_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_is_an_end_to_the_number_of_tokens, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
