/* How long a device waits before it asks again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/pull/patience.h"

#include <string.h>

#define FAILED    (&(struct updraft_patience_end){.failed = true})
#define FOR_GOOD  (&(struct updraft_patience_end){.failed = true, .is_for_good = true})
#define RETRY(s)  (&(struct updraft_patience_end){.failed = true, .retry_after_s = (s)})
#define NOTHING   (&(struct updraft_patience_end){.failed = false})
#define FRESH(s)  (&(struct updraft_patience_end){.fresh_s = (s)})
#define MINUTE_MS 60000u

static uint8_t random_byte;

static void fake_random(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, random_byte, len);
}

static struct updraft_patience make(uint32_t interval_s, uint32_t cap_s)
{
    return (struct updraft_patience){.interval_s = interval_s, .cap_s = cap_s};
}

static void patience_doubles_up_to_its_cap_and_forgets_with_the_first_success(void **state)
{
    static const uint64_t waits_ms[] = {120000, 240000, 480000, 500000, 500000};
    struct updraft_patience patience = make(60, 500);

    (void)state;
    for (size_t i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++)
        assert_int_equal(updraft_patience_next_ms(&patience, FAILED), waits_ms[i]);
    for (int i = 0; i < 300; i++) /* more than the counter can count */
        assert_int_equal(updraft_patience_next_ms(&patience, FAILED), 500000);
    assert_int_equal(updraft_patience_next_ms(&patience, NOTHING), MINUTE_MS);
    assert_int_equal(updraft_patience_next_ms(&patience, FAILED), 2 * MINUTE_MS);
}

static void patience_goes_to_the_cap_at_once_when_asking_again_changes_nothing(void **state)
{
    struct updraft_patience patience = make(60, 0);
    struct updraft_patience rare = make(86400, 0);

    (void)state;
    assert_int_equal(updraft_patience_next_ms(&patience, FOR_GOOD), 3600000);
    assert_int_equal(updraft_patience_next_ms(&patience, NOTHING), MINUTE_MS);
    assert_int_equal(updraft_patience_next_ms(&rare, FOR_GOOD), 86400000);
}

static void patience_comes_when_the_server_said_and_never_before(void **state)
{
    struct updraft_patience patience = make(60, 0);
    uint64_t min = UINT64_MAX, max = 0;

    (void)state;
    assert_int_equal(updraft_patience_next_ms(&patience, RETRY(7)), 7000);
    assert_int_equal(updraft_patience_next_ms(&patience, RETRY(0)), 2 * MINUTE_MS);
    patience.random = fake_random;
    for (int byte = 0; byte < 256; byte++) {
        random_byte = (uint8_t)byte;
        uint64_t wait_ms = updraft_patience_next_ms(&patience, RETRY(7));

        assert_in_range(wait_ms, 7000, 13000);
        min = wait_ms < min ? wait_ms : min;
        max = wait_ms > max ? wait_ms : max;
    }
    assert_true(min < 7500 && max > 12500);
}

static void patience_lets_an_answer_hold_longer_than_the_interval_but_not_shorter(void **state)
{
    struct updraft_patience patience = make(60, 0);

    (void)state;
    assert_int_equal(updraft_patience_next_ms(&patience, FRESH(300)), 300000);
    assert_int_equal(updraft_patience_next_ms(&patience, FRESH(60)), MINUTE_MS);
    assert_int_equal(updraft_patience_next_ms(&patience, FRESH(1)), MINUTE_MS);
    patience.random = fake_random;
    for (int byte = 0; byte < 256; byte++) {
        random_byte = (uint8_t)byte;
        assert_in_range(updraft_patience_next_ms(&patience, FRESH(300)), 300000, 306000);
        assert_in_range(updraft_patience_next_ms(&patience, NOTHING), 54000, 66000);
    }
}

static void patience_holds_at_the_ends_of_its_numbers(void **state)
{
    struct updraft_patience most = make(UINT32_MAX, UINT32_MAX);
    struct updraft_patience none = make(0, 0);

    (void)state;
    assert_int_equal(updraft_patience_next_ms(&most, FAILED), UINT32_MAX * UINT64_C(1000));
    assert_int_equal(updraft_patience_next_ms(&most, RETRY(UINT32_MAX)),
                     UINT32_MAX * UINT64_C(1000));
    assert_int_equal(updraft_patience_next_ms(&none, FAILED), 0);
    assert_int_equal(updraft_patience_next_ms(&none, FRESH(5)), 5000);
}

static void patience_reads_max_age(void **state)
{
    static const struct {
        const char *text;
        uint32_t fresh_s;
    } cases[] = {
        {NULL, 0},
        {"", 0},
        {"max-age=300", 300},
        {"public, max-age=31536000, immutable", 31536000},
        {"MAX-AGE=5 , private", 5},
        {" ,,\tmax-age=\"60\"", 60},
        {"max-age=4294967295", UINT32_MAX},
        {"max-age=99999999999999999999999999", UINT32_MAX},
        {"max-age=300, no-cache", 0},
        {"no-store,max-age=300", 0},
        {"no-cache=\"x-a\", max-age=300", 0},
        {"no-cachet, max-age=300", 300},
        {"s-maxage=300", 0},
        {"max-age", 0},
        {"max-age=", 0},
        {"max-age=-1", 0},
        {"max-age=x", 0},
        {"max-ages=300", 0},
        {"xmax-age=300", 0},
        {",", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(updraft_patience_fresh_s(cases[i].text), cases[i].fresh_s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patience_doubles_up_to_its_cap_and_forgets_with_the_first_success),
        cmocka_unit_test(patience_goes_to_the_cap_at_once_when_asking_again_changes_nothing),
        cmocka_unit_test(patience_comes_when_the_server_said_and_never_before),
        cmocka_unit_test(patience_lets_an_answer_hold_longer_than_the_interval_but_not_shorter),
        cmocka_unit_test(patience_holds_at_the_ends_of_its_numbers),
        cmocka_unit_test(patience_reads_max_age),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
