#include "format/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void error_rows_all_have_a_name_a_sentence_and_a_remedy(void **state)
{
    const struct updraft_error_entry *row;

    (void)state;
    assert_int_equal(updraft_error_row(0)->code, UPDRAFT_OK);
    for (size_t i = 0; (row = updraft_error_row(i)) != NULL; i++) {
        assert_true(strlen(row->name) > 0);
        assert_true(strlen(row->sentence) > 0);
        assert_int_equal(strlen(row->remedy) > 0, row->code != UPDRAFT_OK);
    }
}

static void error_names_are_identifiers_that_reports_can_carry(void **state)
{
    const struct updraft_error_entry *row;

    (void)state;
    for (size_t i = 0; (row = updraft_error_row(i)) != NULL; i++)
        assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(row->name));
}

static void error_names_and_numbers_are_unique(void **state)
{
    const struct updraft_error_entry *a;
    const struct updraft_error_entry *b;

    (void)state;
    for (size_t i = 0; (a = updraft_error_row(i)) != NULL; i++) {
        assert_string_not_equal(a->name, "unknown");
        for (size_t j = i + 1; (b = updraft_error_row(j)) != NULL; j++) {
            assert_string_not_equal(a->name, b->name);
            assert_int_not_equal(a->code, b->code);
        }
    }
}

/* Devices in the field report these: a change here is a break. */
static void error_numbers_stay_what_they_were(void **state)
{
    static const struct {
        enum updraft_error code;
        uint32_t number;
        const char *name;
    } kept[] = {
        {UPDRAFT_OK, 0, "ok"},
        {UPDRAFT_E_TRUNCATED, 1, "truncated"},
        {UPDRAFT_E_MAGIC, 2, "not_an_image"},
        {UPDRAFT_E_HASH, 6, "bad_hash"},
        {UPDRAFT_E_NO_SPACE, 22, "no_space"},
        {UPDRAFT_E_DISABLED, 50, "disabled"},
        {UPDRAFT_E_TOO_LARGE, 54, "too_large"},
        {UPDRAFT_E_ROLLED_BACK, 58, "rolled_back"},
        {UPDRAFT_E_NOT_FOUND, 74, "not_found"},
        {UPDRAFT_E_FLASH_READ, 90, "flash_read"},
        {UPDRAFT_E_STATE, 97, "wrong_state"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        assert_int_equal(kept[i].code, kept[i].number);
        assert_string_equal(updraft_error_entry(kept[i].number)->name, kept[i].name);
    }
}

static void error_numbers_of_newer_versions_are_called_unknown(void **state)
{
    static const uint32_t unknown[] = {49, 89, 1000, 0x80000000u, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        const struct updraft_error_entry *entry = updraft_error_entry(unknown[i]);

        assert_string_equal(entry->name, "unknown");
        assert_true(strlen(entry->sentence) > 0);
        assert_true(strlen(entry->remedy) > 0);
    }
}

static void failure_sentence_names_both_numbers(void **state)
{
    struct updraft_failure failure;
    char out[128];
    size_t len;

    (void)state;
    updraft_failure_set(&failure, UPDRAFT_E_TOO_LARGE, 1623552, UINT32_MAX, NULL);
    len = updraft_failure_sentence(&failure, out, sizeof(out));
    assert_string_equal(out, "the image has 1623552 bytes, but the slot holds 4294967295; that "
                             "takes a full flash over USB");
    assert_int_equal(len, strlen(out));
}

static void failure_sentence_names_the_text(void **state)
{
    struct updraft_failure failure;
    char out[128];

    (void)state;
    updraft_failure_set(&failure, UPDRAFT_E_GUARD, 0, 0, "charging");
    updraft_failure_sentence(&failure, out, sizeof(out));
    assert_string_equal(out, "the application does not allow an update now: charging");
    updraft_failure_set(&failure, UPDRAFT_E_CSV, 7, 0, "unknown flag {a}");
    updraft_failure_sentence(&failure, out, sizeof(out));
    assert_string_equal(out, "line 7 of the partition CSV: unknown flag {a}");
}

static void failure_sentence_is_cut_to_its_buffer_at_every_length(void **state)
{
    struct updraft_failure failure;
    char full[128];
    char out[128];

    (void)state;
    updraft_failure_set(&failure, UPDRAFT_E_TOO_LARGE, 123456, 65536, NULL);
    updraft_failure_sentence(&failure, full, sizeof(full));
    for (size_t cap = 1; cap <= strlen(full) + 1; cap++) {
        memset(out, 'x', sizeof(out));
        assert_int_equal(updraft_failure_sentence(&failure, out, cap), cap - 1);
        assert_int_equal(out[cap - 1], '\0');
        assert_memory_equal(out, full, cap - 1);
        assert_int_equal(out[cap], 'x');
    }
}

static void failure_text_is_cut_to_its_field(void **state)
{
    struct updraft_failure failure;
    char text[200];

    (void)state;
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    updraft_failure_set(&failure, UPDRAFT_E_GUARD, 0, 0, text);
    assert_int_equal(strlen(failure.text), sizeof(failure.text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_rows_all_have_a_name_a_sentence_and_a_remedy),
        cmocka_unit_test(error_names_are_identifiers_that_reports_can_carry),
        cmocka_unit_test(error_names_and_numbers_are_unique),
        cmocka_unit_test(error_numbers_stay_what_they_were),
        cmocka_unit_test(error_numbers_of_newer_versions_are_called_unknown),
        cmocka_unit_test(failure_sentence_names_both_numbers),
        cmocka_unit_test(failure_sentence_names_the_text),
        cmocka_unit_test(failure_sentence_is_cut_to_its_buffer_at_every_length),
        cmocka_unit_test(failure_text_is_cut_to_its_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
