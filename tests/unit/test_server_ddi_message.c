#include "server/device_api/ddi_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *feedback(const char *body, struct updraft_ddi_feedback *out)
{
    return updraft_ddi_feedback_read(body, strlen(body), out);
}

static const char *config(const char *body, struct updraft_ddi_config *out)
{
    return updraft_ddi_config_read(body, strlen(body), out);
}

static void executions_and_results_become_stages(void **state)
{
    static const struct {
        const char *execution;
        const char *finished;
        enum updraft_ddi_stage stage;
    } rows[] = {
        {"closed", "success", UPDRAFT_DDI_SUCCESS},
        {"closed", "failure", UPDRAFT_DDI_FAILURE},
        {"closed", "none", UPDRAFT_DDI_FAILURE},
        {"proceeding", "none", UPDRAFT_DDI_PROCEEDING},
        {"proceeding", "success", UPDRAFT_DDI_PROCEEDING},
        {"resumed", "none", UPDRAFT_DDI_PROCEEDING},
        {"download", "none", UPDRAFT_DDI_PROCEEDING},
        {"downloaded", "success", UPDRAFT_DDI_PROCEEDING},
        {"scheduled", "none", UPDRAFT_DDI_NOTED},
        {"canceled", "success", UPDRAFT_DDI_CANCELED},
        {"rejected", "none", UPDRAFT_DDI_REJECTED},
    };
    struct updraft_ddi_feedback out;
    char body[200];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(
            body, sizeof body,
            "{\"id\":\"7\",\"status\":{\"execution\":\"%s\",\"result\":{\"finished\":\"%s\"}}}",
            rows[i].execution, rows[i].finished);
        assert_null(feedback(body, &out));
        assert_int_equal(out.stage, rows[i].stage);
        assert_int_equal(out.id, 7);
        assert_int_equal(out.progress, UPDRAFT_NO_PROGRESS);
    }
}

static void what_the_stock_clients_send_is_read(void **state)
{
    struct updraft_ddi_feedback out;
    struct updraft_ddi_config told;

    (void)state;
    assert_null(feedback("{ \"id\": 16, \"time\": \"20261121T101500\", \"status\": { \"result\": { "
                         "\"progress\": { \"cnt\" : 1, \"of\" : 4 }, \"finished\": \"none\" }, "
                         "\"execution\": \"proceeding\", \"details\" : [ \"a\",\"b\" ] } }",
                         &out));
    assert_int_equal(out.id, 16);
    assert_int_equal(out.progress, 25);
    assert_string_equal(out.details, "a; b");
    /* SWUpdate counts without an end. */
    assert_null(feedback("{\"status\":{\"result\":{\"progress\":{\"cnt\":3,\"of\":0},\"finished\":"
                         "\"none\"},\"execution\":\"proceeding\",\"details\":[]}}",
                         &out));
    assert_int_equal(out.id, UPDRAFT_DDI_NO_ID);
    assert_int_equal(out.progress, UPDRAFT_NO_PROGRESS);
    assert_null(config("{\"id\":\"\",\"status\":{},\"data\":{\"version\":\"1.2\",\"hw\":\"3\","
                       "\"name\":\"pump\"}}",
                       &told));
    assert_string_equal(told.version, "1.2");
    assert_string_equal(told.name, "pump");
}

static void what_cannot_be_kept_counts_as_not_told(void **state)
{
    struct updraft_ddi_config told;

    (void)state;
    assert_null(config("{\"data\":{\"version\":\"12345678901234567890123456789012\","
                       "\"name\":\"a\\nb\"}}",
                       &told));
    assert_string_equal(told.version, "");
    assert_string_equal(told.name, "");
    assert_null(config("{\"mode\":\"remove\",\"data\":{\"version\":\"1.0\"}}", &told));
    assert_string_equal(told.version, "");
    assert_null(config("{\"data\":{}}", &told));
}

#define STATUS(execution, result, more)                                                            \
    "{\"status\":{\"execution\":" execution ",\"result\":" result more "}}"
#define NONE "{\"finished\":\"none\"}"

static void other_feedback_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "null",
        "{\"status\":1}",
        "{\"status\":{}}",
        "{\"status\":{\"result\":{}}}",
        STATUS("\"closed\"", "{}", ""),
        STATUS("\"closed\"", "{\"finished\":true}", ""),
        STATUS("\"closed\"", "{\"finished\":\"yes\"}", ""),
        STATUS("\"done\"", NONE, ""),
        STATUS("1", NONE, ""),
        STATUS("\"closed\"", NONE, ",\"details\":\"x\""),
        STATUS("\"closed\"", NONE, ",\"details\":[1]"),
        STATUS("\"closed\"", "{\"finished\":\"none\",\"progress\":1}", ""),
        STATUS("\"closed\"", "{\"finished\":\"none\",\"progress\":{}}", ""),
        STATUS("\"closed\"", "{\"finished\":\"none\",\"progress\":{\"cnt\":-1,\"of\":1}}", ""),
        STATUS("\"closed\"", "{\"finished\":\"none\",\"progress\":{\"cnt\":1e99,\"of\":1}}", ""),
        STATUS("\"closed\"", "{\"finished\":\"none\",\"progress\":{\"cnt\":1,\"of\":\"1\"}}", ""),
        STATUS("\"closed\"", NONE, "") "x",
        "{\"id\":-1,\"status\":{\"execution\":\"closed\",\"result\":" NONE "}}",
        "{\"id\":1.5,\"status\":{\"execution\":\"closed\",\"result\":" NONE "}}",
        "{\"id\":\"x\",\"status\":{\"execution\":\"closed\",\"result\":" NONE "}}",
        "{\"id\":\"99999999999999999999\",\"status\":{\"execution\":\"closed\",\"result\":" NONE
        "}}",
        "{\"id\":[],\"status\":{\"execution\":\"closed\",\"result\":" NONE "}}",
    };
    struct updraft_ddi_feedback out;

    (void)state;
    assert_null(feedback(STATUS("\"closed\"", NONE, ""), &out));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_non_null(feedback(bad[i], &out));
}

static void other_attributes_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"data\":[]}",
                                      "{\"data\":{\"a\":1}}",
                                      "{\"data\":{\"a\":null}}",
                                      "{\"data\":{\"a\":{}}}",
                                      "{\"mode\":\"clear\",\"data\":{}}",
                                      "{\"mode\":1,\"data\":{}}",
                                      "{\"data\":{}}{}"};
    struct updraft_ddi_config told;
    char body[4096];
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_non_null(config(bad[i], &told));
    for (int over = 0; over < 2; over++) {
        len = (size_t)sprintf(body, "{\"data\":{\"k\":\"");
        memset(body + len, 'v', 256 + (size_t)over);
        strcpy(body + len + 256 + over, "\"}}");
        assert_int_equal(config(body, &told) != NULL, over);
        len = (size_t)sprintf(body, "{\"data\":{\"");
        memset(body + len, 'k', 128 + (size_t)over);
        strcpy(body + len + 128 + over, "\":\"v\"}}");
        assert_int_equal(config(body, &told) != NULL, over);
        len = (size_t)sprintf(body, "{\"data\":{\"k\":\"v\"");
        for (int i = 1; i < 100 + over; i++)
            len += (size_t)sprintf(body + len, ",\"k%d\":\"v\"", i);
        strcpy(body + len, "}}");
        assert_int_equal(config(body, &told) != NULL, over);
    }
}

/* A body that is cut anywhere is no message, and never read beyond its end. */
static void a_message_that_is_cut_is_none(void **state)
{
    static const char whole[] =
        "{\"id\":\"7\",\"status\":{\"execution\":\"closed\",\"result\":{\"finished\":\"success\","
        "\"progress\":{\"cnt\":1,\"of\":2}},\"details\":[\"\\u00e4\"]}}";
    char body[sizeof whole];
    struct updraft_ddi_feedback out;
    struct updraft_ddi_config told;

    (void)state;
    assert_null(feedback(whole, &out));
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        memset(body, 0, sizeof body);
        memcpy(body, whole, len);
        assert_non_null(updraft_ddi_feedback_read(body, len, &out));
        assert_non_null(updraft_ddi_config_read(body, len, &told));
    }
}

static void details_are_cleaned_and_cut(void **state)
{
    struct updraft_ddi_feedback out;
    char body[2048], item[400];
    size_t len;

    (void)state;
    assert_null(
        feedback(STATUS("\"closed\"", NONE, ",\"details\":[\"\",\"a\\u0007\\nb\",\"\"]"), &out));
    assert_string_equal(out.details, "a??b");
    for (size_t n = 0; n < 300; n++) {
        memset(item, 'x', n);
        item[n] = '\0';
        len = (size_t)snprintf(body, sizeof body,
                               STATUS("\"closed\"", NONE, ",\"details\":[\"%s\",\"%s\",\"tail\"]"),
                               item, item);
        assert_null(updraft_ddi_feedback_read(body, len, &out));
        assert_true(strlen(out.details) < sizeof out.details);
    }
    assert_int_equal(strlen(out.details), sizeof out.details - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(executions_and_results_become_stages),
        cmocka_unit_test(what_the_stock_clients_send_is_read),
        cmocka_unit_test(what_cannot_be_kept_counts_as_not_told),
        cmocka_unit_test(other_feedback_is_refused),
        cmocka_unit_test(other_attributes_are_refused),
        cmocka_unit_test(a_message_that_is_cut_is_none),
        cmocka_unit_test(details_are_cleaned_and_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
