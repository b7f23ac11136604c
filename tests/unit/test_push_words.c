#include "cli/push_words.h"
#include "device/push/stock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Every failure, put into the words of a stock device and read back: the same name, or none. */
static void what_a_device_says_in_stock_words_is_recognised(void **state)
{
    static const enum updraft_error told[] = {
        UPDRAFT_E_WRONG_CHIP, UPDRAFT_E_TOO_LARGE, UPDRAFT_E_BUSY,     UPDRAFT_E_GUARD,
        UPDRAFT_E_TRIAL,      UPDRAFT_E_DISABLED,  UPDRAFT_E_TRUNCATED};
    (void)state;

    for (size_t dialect = 0; dialect < 2; dialect++) {
        for (size_t i = 0; updraft_error_row(i) != NULL; i++) {
            const struct updraft_error_entry *entry = updraft_error_row(i);
            char line[256] = "ERROR[";
            struct updraft_failure failure;
            struct updraft_text text;
            bool must_be_told = false;

            if (entry->code == UPDRAFT_OK)
                continue;
            updraft_failure_set(&failure, entry->code, 0, 0, NULL);
            updraft_text_init(&text, line + 6, sizeof line - 6);
            updraft_stock_append(&text, (enum updraft_stock_dialect)dialect, &failure);
            struct updraft_push_words words = updraft_push_words(line);
            for (size_t t = 0; t < sizeof told / sizeof told[0]; t++)
                must_be_told = must_be_told || told[t] == entry->code;
            if (must_be_told || updraft_stock_own_code((uint32_t)strtoul(line + 6, NULL, 10)) != 0)
                assert_string_equal(words.name, entry->name);
            assert_true(words.remedy[0] != '\0');
        }
    }
}

static void numbers_of_stock_devices_are_not_taken_for_ours(void **state)
{
    (void)state;

    for (uint32_t number = 0; number < 50; number++)
        assert_int_equal(updraft_stock_own_code(number), 0);
    assert_int_equal(updraft_stock_own_code(500), 0);
    assert_int_equal(updraft_stock_own_code(UINT32_MAX), 0);
    assert_string_equal(updraft_push_words("ERROR[9]: something new").name, "refused");
    assert_string_equal(updraft_push_words("ERROR[99999999999]: x").name, "refused");
    assert_string_equal(updraft_push_words("").name, "refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_device_says_in_stock_words_is_recognised),
        cmocka_unit_test(numbers_of_stock_devices_are_not_taken_for_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
