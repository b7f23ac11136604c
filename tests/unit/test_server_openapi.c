/* docs/openapi.json against routes.c: every address that is answered is described, with its role, its
 * parameters and its limit, and nothing else is. Whoever adds a route adds it there. */
#include "server/operator_api/openapi.h"
#include "server/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

static int read_document(void **state)
{
    *state = cJSON_ParseWithLength((const char *)updraft_openapi, updraft_openapi_len);
    return *state == NULL;
}

static int free_document(void **state)
{
    cJSON_Delete(*state);
    return 0;
}

/* A path of the document with stars for its parameters, as routes.c has them. */
static void pattern_of(const char *path, char *pattern, size_t cap)
{
    size_t len = 0;

    assert_int_equal(*path, '/');
    for (path++; *path != '\0' && len + 1 < cap; path++) {
        if (*path == '{') {
            path = strchr(path, '}');
            assert_non_null(path);
            pattern[len++] = '*';
        } else {
            pattern[len++] = *path;
        }
    }
    pattern[len] = '\0';
}

static const cJSON *follow(const cJSON *document, const cJSON *item)
{
    const cJSON *ref = cJSON_GetObjectItemCaseSensitive(item, "$ref");
    char path[160], *rest = path;

    if (ref == NULL)
        return item;
    snprintf(path, sizeof path, "%s", ref->valuestring);
    assert_string_equal(strtok_r(path, "/", &rest), "#");
    item = document;
    for (const char *name; (name = strtok_r(NULL, "/", &rest)) != NULL;)
        item = cJSON_GetObjectItemCaseSensitive(item, name);
    assert_non_null(item);
    return item;
}

static const cJSON *find_operation(const cJSON *document, const struct updraft_route *route,
                                   const char **path)
{
    const cJSON *paths = cJSON_GetObjectItemCaseSensitive(document, "paths"), *entry;
    char pattern[160];

    cJSON_ArrayForEach(entry, paths)
    {
        const cJSON *operation;
        pattern_of(entry->string, pattern, sizeof pattern);
        if (strcmp(pattern, route->pattern) != 0)
            continue;
        *path = entry->string;
        cJSON_ArrayForEach(operation, entry)
        {
            if (strcasecmp(operation->string, updraft_method_name(route->method)) == 0)
                return operation;
        }
    }
    return NULL;
}

static void every_route_is_described_with_its_role_and_limit(void **state)
{
    const cJSON *document = *state;
    size_t count;
    const struct updraft_route *routes = updraft_routes_all(&count);

    for (size_t i = 0; i < count; i++) {
        const struct updraft_route *route = &routes[i];
        const char *path;
        const cJSON *operation = find_operation(document, route, &path);
        if (operation == NULL)
            fail_msg("docs/openapi.json lacks %s %s", updraft_method_name(route->method),
                     route->pattern);
        const cJSON *role = cJSON_GetObjectItemCaseSensitive(operation, "x-role");
        assert_string_equal(role->valuestring, route->role == UPDRAFT_ROLE_NONE
                                                   ? "none"
                                                   : updraft_role_name(route->role));
        const cJSON *limit = cJSON_GetObjectItemCaseSensitive(operation, "x-body-limit");
        const cJSON *body = cJSON_GetObjectItemCaseSensitive(operation, "requestBody");
        if (route->body == UPDRAFT_BODY_NONE) {
            assert_null(body);
            assert_null(limit);
        } else {
            assert_non_null(body);
            if (limit == NULL || limit->valuedouble != (double)route->body_cap)
                fail_msg("x-body-limit of %s is %u", path, (unsigned)route->body_cap);
        }
        /* Open ones override the token that is asked for otherwise. */
        const cJSON *security = cJSON_GetObjectItemCaseSensitive(operation, "security");
        assert_true((security != NULL) == (route->role == UPDRAFT_ROLE_NONE));
    }
}

static void nothing_is_described_that_is_no_route(void **state)
{
    const cJSON *paths = cJSON_GetObjectItemCaseSensitive(*state, "paths"), *entry, *operation;
    size_t described = 0, count;

    updraft_routes_all(&count);
    cJSON_ArrayForEach(entry, paths)
    {
        cJSON_ArrayForEach(operation, entry) described++;
    }
    assert_int_equal(described, count);
}

static void every_star_is_a_parameter_of_the_path(void **state)
{
    const cJSON *paths = cJSON_GetObjectItemCaseSensitive(*state, "paths"), *entry, *operation;

    cJSON_ArrayForEach(entry, paths)
    {
        size_t stars = 0;
        for (const char *at = entry->string; (at = strchr(at, '{')) != NULL; at++)
            stars++;
        cJSON_ArrayForEach(operation, entry)
        {
            const cJSON *item,
                *parameters = cJSON_GetObjectItemCaseSensitive(operation, "parameters");
            size_t found = 0;
            cJSON_ArrayForEach(item, parameters)
            {
                const cJSON *parameter = follow(*state, item);
                const char *name = cJSON_GetObjectItemCaseSensitive(parameter, "name")->valuestring;
                char braced[64];
                if (strcmp(cJSON_GetObjectItemCaseSensitive(parameter, "in")->valuestring,
                           "path") != 0)
                    continue;
                snprintf(braced, sizeof braced, "{%s}", name);
                assert_non_null(strstr(entry->string, braced));
                found++;
            }
            assert_int_equal(found, stars);
        }
    }
}

static void every_operation_has_a_name_of_its_own_and_says_what_it_refuses(void **state)
{
    const cJSON *paths = cJSON_GetObjectItemCaseSensitive(*state, "paths"), *entry, *operation;
    cJSON *names = cJSON_CreateObject();

    cJSON_ArrayForEach(entry, paths)
    {
        cJSON_ArrayForEach(operation, entry)
        {
            const char *name =
                cJSON_GetObjectItemCaseSensitive(operation, "operationId")->valuestring;
            const cJSON *answers = cJSON_GetObjectItemCaseSensitive(operation, "responses");
            bool guarded = cJSON_GetObjectItemCaseSensitive(operation, "security") == NULL;
            assert_null(cJSON_GetObjectItemCaseSensitive(names, name));
            cJSON_AddTrueToObject(names, name);
            assert_non_null(cJSON_GetObjectItemCaseSensitive(operation, "summary"));
            assert_true(cJSON_HasObjectItem(answers, "200") ||
                        cJSON_HasObjectItem(answers, "201") || cJSON_HasObjectItem(answers, "202"));
            assert_true(!guarded || cJSON_HasObjectItem(answers, "401"));
            assert_true(!guarded || cJSON_HasObjectItem(answers, "403"));
            if (cJSON_HasObjectItem(operation, "requestBody"))
                assert_true(cJSON_HasObjectItem(answers, "413"));
        }
    }
    cJSON_Delete(names);
}

static void it_is_answered_without_a_token_and_not_twice_to_who_has_it(void **state)
{
    struct updraft_field known = {"If-None-Match", updraft_openapi_etag};
    struct updraft_request request = {.headers = &known};
    struct updraft_response response;

    (void)state;
    updraft_response_init(&response);
    updraft_openapi_show(NULL, &request, NULL, &response);
    assert_int_equal(response.status, 200);
    assert_ptr_equal(response.constant, updraft_openapi);
    updraft_response_deinit(&response);
    request.header_count = 1;
    updraft_response_init(&response);
    updraft_openapi_show(NULL, &request, NULL, &response);
    assert_int_equal(response.status, 304);
    updraft_response_deinit(&response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_described_with_its_role_and_limit),
        cmocka_unit_test(nothing_is_described_that_is_no_route),
        cmocka_unit_test(every_star_is_a_parameter_of_the_path),
        cmocka_unit_test(every_operation_has_a_name_of_its_own_and_says_what_it_refuses),
        cmocka_unit_test(it_is_answered_without_a_token_and_not_twice_to_who_has_it),
    };

    return cmocka_run_group_tests(tests, read_document, free_document);
}
