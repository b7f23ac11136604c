/* The records of the progress log, bytes and meaning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/bytes.h"
#include "format/crc.h"
#include "format/progress.h"
#include "tests/unit/vectors.h"

#include <string.h>

static const struct updraft_progress sample = {
    .from = 0x00194000,
    .to = 0x001A0000,
    .check = 0x12345678,
    .slot = 1,
    .withheld = {0xE9, 0x06, 0x02, 0x20, [15] = 0xAB},
};

static void progress_encode_writes_the_drawn_bytes(void **state)
{
    uint8_t record[UPDRAFT_PROGRESS_RECORD_LEN];

    (void)state;
    updraft_progress_encode(&sample, record);
    vector_assert_hex(record, 28, "50019401a001ffff78563412e90602200000000000000000000000ab");
    assert_int_equal(updraft_get_le32(record + 28), updraft_crc32(0, record, 28));
}

static void progress_decode_gives_back_what_was_encoded(void **state)
{
    uint8_t record[UPDRAFT_PROGRESS_RECORD_LEN];
    struct updraft_progress progress;

    (void)state;
    memset(&progress, 0, sizeof progress);
    updraft_progress_encode(&sample, record);
    assert_true(updraft_progress_decode(record, &progress));
    assert_int_equal(progress.from, sample.from);
    assert_int_equal(progress.to, sample.to);
    assert_int_equal(progress.check, sample.check);
    assert_int_equal(progress.slot, sample.slot);
    assert_memory_equal(progress.withheld, sample.withheld, sizeof sample.withheld);
}

static void assert_is_none(const uint8_t *record)
{
    struct updraft_progress progress = sample;

    assert_false(updraft_progress_decode(record, &progress));
    assert_int_equal(progress.from, sample.from);
    assert_int_equal(progress.to, sample.to);
    assert_int_equal(progress.slot, sample.slot);
}

static void progress_decode_takes_no_record_with_a_flipped_bit(void **state)
{
    uint8_t record[UPDRAFT_PROGRESS_RECORD_LEN];

    (void)state;
    for (uint32_t bit = 0; bit < sizeof record * 8; bit++) {
        updraft_progress_encode(&sample, record);
        record[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_is_none(record);
    }
}

/* What a cut leaves of a record reads as none, wherever it came; so do erased and spent ones. */
static void progress_decode_takes_no_torn_record(void **state)
{
    uint8_t record[UPDRAFT_PROGRESS_RECORD_LEN];

    (void)state;
    for (uint32_t len = 0; len < sizeof record; len++) {
        updraft_progress_encode(&sample, record);
        memset(record + len, 0xFF, sizeof record - len);
        assert_is_none(record);
    }
    memset(record, 0, sizeof record);
    assert_is_none(record);
}

static void progress_decode_takes_no_record_that_announces_nothing(void **state)
{
    struct updraft_progress progress = sample;
    uint8_t record[UPDRAFT_PROGRESS_RECORD_LEN];

    (void)state;
    progress.to = progress.from;
    updraft_progress_encode(&progress, record);
    assert_is_none(record);
}

static void progress_decode_takes_no_slot_that_a_table_cannot_have(void **state)
{
    uint8_t record[UPDRAFT_PROGRESS_RECORD_LEN];

    (void)state;
    updraft_progress_encode(&sample, record);
    record[1] = 16;
    updraft_put_le32(record + 28, updraft_crc32(0, record, 28));
    assert_is_none(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_encode_writes_the_drawn_bytes),
        cmocka_unit_test(progress_decode_gives_back_what_was_encoded),
        cmocka_unit_test(progress_decode_takes_no_record_with_a_flipped_bit),
        cmocka_unit_test(progress_decode_takes_no_torn_record),
        cmocka_unit_test(progress_decode_takes_no_record_that_announces_nothing),
        cmocka_unit_test(progress_decode_takes_no_slot_that_a_table_cannot_have),
    };

    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
