/* The descriptions of the row kinds: sound in themselves, and what they let in and out of a row. */
#include "server/store/tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct updraft_column *find(const char *table, const char *name)
{
    for (size_t i = 0; i < updraft_table_count; i++) {
        for (size_t k = 0; k < updraft_tables[i].column_count; k++) {
            if (strcmp(updraft_tables[i].name, table) == 0 &&
                strcmp(updraft_tables[i].columns[k].name, name) == 0)
                return &updraft_tables[i].columns[k];
        }
    }
    fail_msg("no column %s of %s", name, table);
    return NULL;
}

static void check_column(const struct updraft_column *column)
{
    assert_true(column->off + column->len <= sizeof((struct updraft_change *)NULL)->row);
    if (column->type == UPDRAFT_COLUMN_NUMBER || column->type == UPDRAFT_COLUMN_RING) {
        assert_true(column->len == 1 || column->len == 2 || column->len == 4 || column->len == 8);
        assert_true(column->least < column->most);
    }
}

static void every_description_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < updraft_table_count; i++) {
        const struct updraft_table *table = &updraft_tables[i];
        size_t keys = 0;
        for (size_t k = 0; k < table->column_count; k++) {
            check_column(&table->columns[k]);
            keys += table->columns[k].rule == UPDRAFT_COLUMN_KEY;
            for (size_t before = 0; before < k; before++)
                assert_string_not_equal(table->columns[before].name, table->columns[k].name);
        }
        assert_true(keys > 0);
        for (size_t k = 0; table->ends && k < keys; k++)
            assert_int_equal(table->columns[k].rule, UPDRAFT_COLUMN_KEY);
        assert_false(table->ends && table->ended_by == table->kind);
        if (table->update_where ==
            NULL) /* one table a kind, so that a row is loaded as one change */
            for (size_t other = 0; other < i; other++)
                assert_int_not_equal(updraft_tables[other].kind, table->kind);
        else
            for (size_t k = 0; k < table->column_count; k++)
                find(table->name, table->columns[k].name);
    }
}

static void numbers_of_every_width_pass_at_their_limits_and_not_beyond(void **state)
{
    static const struct {
        const char *table, *column;
        int64_t least, most;
    } cases[] = {
        {"devices", "chip", 0, 65535},
        {"devices", "trial", 0, 1},
        {"devices", "last_seen_ms", INT64_MIN, INT64_MAX},
        {"images", "size", 0, 4294967295},
        {"attempts", "id", 0, (int64_t)1 << 53},
        {"attempts", "progress", -1, 100},
        {"attempts", "state", 1, UPDRAFT_ATTEMPT_STATE_COUNT - 1},
        {"attempts", "error_code", 0, 4294967295},
        {"tokens", "role", 1, 4},
        {"audit", "status", 0, 599},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct updraft_column *column = find(cases[i].table, cases[i].column);
        struct updraft_change change = {0};
        assert_true(updraft_column_take_number(column, &change.row, cases[i].most));
        assert_int_equal(updraft_column_number(column, &change.row), cases[i].most);
        assert_true(updraft_column_take_number(column, &change.row, cases[i].least));
        assert_int_equal(updraft_column_number(column, &change.row), cases[i].least);
        if (cases[i].least != INT64_MIN) {
            assert_false(updraft_column_take_number(column, &change.row, cases[i].least - 1));
            assert_false(updraft_column_take_number(column, &change.row, cases[i].most + 1));
            assert_int_equal(updraft_column_number(column, &change.row), cases[i].least);
        }
    }
}

static bool take(const char *table, const char *column, const char *bytes, size_t len)
{
    struct updraft_change change;

    memset(&change, 0xff, sizeof change);
    return updraft_column_take_bytes(find(table, column), &change.row, bytes, len);
}

static void texts_that_were_never_written_are_refused(void **state)
{
    static const char zeros[33] = {0};

    (void)state;
    assert_true(take("devices", "version", "", 0));
    assert_true(take("devices", "version", "1234567890123456789012345678901", 31));
    assert_false(take("devices", "version", "12345678901234567890123456789012", 32));
    assert_false(take("devices", "version", NULL, 0));
    assert_false(take("devices", "name", "a\0b", 3));
    assert_false(take("devices", "name", "a\nb", 3));
    assert_false(take("devices", "name", "\xc3", 1));
    assert_true(take("devices", "name", "\xc3\xa4", 2));
    assert_true(take("logs", "text", "a\nb", 3));
    assert_false(take("logs", "text", "a\n", 2));
    assert_false(take("logs", "text", "a\x01", 2));
    assert_true(take("tokens", "hash", zeros, 32));
    assert_false(take("tokens", "hash", zeros, 31));
    assert_false(take("tokens", "hash", zeros, 33));
}

static void a_ring_knows_its_place(void **state)
{
    const struct updraft_column *slot = find("audit", "slot");
    struct updraft_change change = {.row.audit.id = 3 * UPDRAFT_AUDIT_CAP + 7};

    (void)state;
    assert_int_equal(updraft_column_number(slot, &change.row), 7);
    assert_true(updraft_column_take_number(slot, &change.row, 7));
    assert_false(updraft_column_take_number(slot, &change.row, 8));
    assert_int_equal(change.row.audit.id, 3 * UPDRAFT_AUDIT_CAP + 7);
}

static void a_list_has_the_form_of_each_rule(void **state)
{
    static const char *const forms[] = {"k:@", "@=$#", NULL, "max(@)"};
    const struct updraft_column columns[] = {
        {.name = "a", .rule = UPDRAFT_COLUMN_KEY},
        {.name = "b", .rule = UPDRAFT_COLUMN_KEEP},
        {.name = "c", .rule = UPDRAFT_COLUMN_TAKE},
        {.name = "d", .rule = UPDRAFT_COLUMN_LATER},
    };
    const struct updraft_table table = {.name = "t", .columns = columns, .column_count = 4};
    const struct updraft_table fixed = {.name = "f", .columns = columns, .column_count = 2};
    char *text = NULL;
    size_t len;
    FILE *sql = open_memstream(&text, &len);

    (void)state;
    updraft_table_list(sql, &table, forms, ", ");
    fclose(sql);
    assert_string_equal(text, "k:\"a\", \"c\"=$3, max(\"d\")");
    free(text);
    assert_true(updraft_table_takes(&table));
    assert_false(updraft_table_takes(&fixed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_description_is_sound),
        cmocka_unit_test(numbers_of_every_width_pass_at_their_limits_and_not_beyond),
        cmocka_unit_test(texts_that_were_never_written_are_refused),
        cmocka_unit_test(a_ring_knows_its_place),
        cmocka_unit_test(a_list_has_the_form_of_each_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
