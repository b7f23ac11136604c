/* Guessing passwords becomes slow, for the one who guesses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ports/posix/brake.h"

#include <arpa/inet.h>

static const struct updraft_log quiet = {.quiet = true};

static struct sockaddr_in at(uint32_t address)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
}

static uint32_t wait_of(const struct updraft_brake *brake, uint32_t address, uint64_t now_ms)
{
    struct sockaddr_in from = at(address);

    return updraft_brake_wait_ms(brake, (const struct sockaddr *)&from, now_ms);
}

static void note(struct updraft_brake *brake, uint32_t address, enum updraft_sign_in result,
                 uint64_t now_ms)
{
    struct sockaddr_in from = at(address);

    updraft_brake_note(brake, (const struct sockaddr *)&from, result, "raw", now_ms);
}

static void brake_is_on_for_a_second_after_the_fifth_wrong_password(void **state)
{
    struct updraft_brake brake;

    (void)state;
    updraft_brake_init(&brake, &quiet);
    for (uint32_t i = 0; i < UPDRAFT_BRAKE_FREE; i++) {
        assert_int_equal(wait_of(&brake, 1, 100), 0);
        note(&brake, 1, UPDRAFT_SIGN_IN_WRONG, 100);
        note(&brake, 1, UPDRAFT_SIGN_IN_NONE, 100);
    }
    assert_int_equal(wait_of(&brake, 1, 100), UPDRAFT_BRAKE_MS);
    assert_int_equal(wait_of(&brake, 1, 100 + UPDRAFT_BRAKE_MS - 1), 1);
    assert_int_equal(wait_of(&brake, 1, 100 + UPDRAFT_BRAKE_MS), 0);
    note(&brake, 1, UPDRAFT_SIGN_IN_WRONG, 5000);
    assert_int_equal(wait_of(&brake, 1, 5000), UPDRAFT_BRAKE_MS);
    assert_int_equal(wait_of(&brake, 2, 5000), 0);
}

static void brake_is_released_by_the_right_password(void **state)
{
    struct updraft_brake brake;

    (void)state;
    updraft_brake_init(&brake, &quiet);
    for (uint32_t i = 0; i < UPDRAFT_BRAKE_FREE; i++)
        note(&brake, 1, UPDRAFT_SIGN_IN_WRONG, 100);
    note(&brake, 1, UPDRAFT_SIGN_IN_RIGHT, 2000);
    note(&brake, 1, UPDRAFT_SIGN_IN_WRONG, 2000);
    assert_int_equal(wait_of(&brake, 1, 2000), 0);
}

static void brake_gives_no_fresh_start_to_many_addresses(void **state)
{
    struct updraft_brake brake;

    (void)state;
    updraft_brake_init(&brake, &quiet);
    for (uint32_t address = 1; address <= UPDRAFT_BRAKE_GUEST_CAP; address++)
        for (uint32_t i = 0; i < UPDRAFT_BRAKE_FREE; i++)
            note(&brake, address, UPDRAFT_SIGN_IN_WRONG, 100 + address);
    note(&brake, 1, UPDRAFT_SIGN_IN_WRONG, 200);
    note(&brake, 98, UPDRAFT_SIGN_IN_RIGHT, 201);
    assert_true(wait_of(&brake, 2, 201) > 0);
    assert_int_equal(wait_of(&brake, 99, 201), 0);
    note(&brake, 99, UPDRAFT_SIGN_IN_WRONG, 201);
    assert_int_equal(wait_of(&brake, 2, 202), 0); /* quiet for longest: its place was taken */
    assert_true(wait_of(&brake, 1, 202) > 0);
    assert_true(wait_of(&brake, 3, 202) > 0);
    assert_true(wait_of(&brake, 99, 202) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brake_is_on_for_a_second_after_the_fifth_wrong_password),
        cmocka_unit_test(brake_is_released_by_the_right_password),
        cmocka_unit_test(brake_gives_no_fresh_start_to_many_addresses),
    };

    return cmocka_run_group_tests_name("brake", tests, NULL, NULL);
}
