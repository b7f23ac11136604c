/* The journal of a staged update, bytes and meaning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/bytes.h"
#include "format/crc.h"
#include "format/staged.h"
#include "tests/unit/vectors.h"

#include <string.h>

static const struct updraft_staged_journal sample = {
    .encoding = UPDRAFT_STAGED_GZIP,
    .source_addr = 0x00199000,
    .dest_addr = 0x00001000,
    .staged_len = 0x000663F0,
    .image_len = 0x000901A0,
    .sha256 = {0x12, 0xAD, 0xC9, 0xDF, [31] = 0xD3},
};

static void make_sector(uint8_t *sector)
{
    memset(sector, 0xFF, UPDRAFT_STAGED_READ_LEN);
    updraft_staged_encode(&sample, sector);
}

static enum updraft_staged_state state_of(const uint8_t *sector)
{
    struct updraft_staged_journal journal;

    updraft_staged_decode(sector, &journal);
    return journal.state;
}

static void staged_journal_encode_writes_the_drawn_bytes(void **state)
{
    uint8_t record[UPDRAFT_STAGED_RECORD_LEN];

    (void)state;
    updraft_staged_encode(&sample, record);
    vector_assert_hex(record, 60,
                      "55445343"
                      "0101ffff"
                      "00901900"
                      "00100000"
                      "f0630600"
                      "a0010900"
                      "12adc9df000000000000000000000000000000000000000000000000000000d3"
                      "ffffffff");
    assert_int_equal(updraft_get_le32(record + 60), updraft_crc32(0, record, 60));
}

static void staged_journal_decode_gives_back_what_was_encoded(void **state)
{
    uint8_t sector[UPDRAFT_STAGED_READ_LEN];
    struct updraft_staged_journal journal;

    (void)state;
    make_sector(sector);
    updraft_staged_decode(sector, &journal);
    assert_int_equal(journal.state, UPDRAFT_STAGED_PENDING);
    assert_int_equal(journal.encoding, sample.encoding);
    assert_int_equal(journal.source_addr, sample.source_addr);
    assert_int_equal(journal.dest_addr, sample.dest_addr);
    assert_int_equal(journal.staged_len, sample.staged_len);
    assert_int_equal(journal.image_len, sample.image_len);
    assert_memory_equal(journal.sha256, sample.sha256, sizeof sample.sha256);
    assert_int_equal(journal.reason, UPDRAFT_OK);
}

static void staged_journal_erased_means_nothing_to_do(void **state)
{
    uint8_t sector[UPDRAFT_STAGED_READ_LEN];

    (void)state;
    memset(sector, 0xFF, sizeof sector);
    assert_int_equal(state_of(sector), UPDRAFT_STAGED_EMPTY);
    memset(sector, 0, sizeof sector);
    assert_int_equal(state_of(sector), UPDRAFT_STAGED_EMPTY);
}

static void staged_journal_is_empty_after_any_flipped_bit(void **state)
{
    static const uint8_t zeros[UPDRAFT_SHA256_LEN];

    (void)state;
    for (unsigned bit = 0; bit < UPDRAFT_STAGED_RECORD_LEN * 8; bit++) {
        uint8_t sector[UPDRAFT_STAGED_READ_LEN];
        struct updraft_staged_journal journal;

        make_sector(sector);
        sector[bit / 8] ^= (uint8_t)(1u << bit % 8);
        updraft_staged_decode(sector, &journal);
        assert_int_equal(journal.state, UPDRAFT_STAGED_EMPTY);
        assert_int_equal(journal.staged_len, 0);
        assert_memory_equal(journal.sha256, zeros, sizeof zeros);
    }
}

static void staged_journal_record_or_copy_is_enough(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < UPDRAFT_STAGED_READ_LEN * 8; bit++) {
        uint8_t sector[UPDRAFT_STAGED_READ_LEN];
        struct updraft_staged_journal journal;
        bool is_in_record = bit < UPDRAFT_STAGED_RECORD_LEN * 8;

        make_sector(sector);
        updraft_staged_encode(&sample, sector + UPDRAFT_STAGED_COPY_OFF);
        sector[bit / 8] ^= (uint8_t)(1u << bit % 8);
        updraft_staged_decode(sector, &journal);
        assert_int_equal(journal.state, UPDRAFT_STAGED_PENDING);
        assert_int_equal(journal.source_addr, sample.source_addr);
        assert_int_equal(journal.staged_len, sample.staged_len);
        assert_memory_equal(journal.sha256, sample.sha256, sizeof sample.sha256);
        assert_int_equal(journal.record_off, is_in_record ? UPDRAFT_STAGED_COPY_OFF : 0);
    }
}

static void staged_journal_is_empty_at_every_length_of_a_torn_record(void **state)
{
    (void)state;
    for (uint32_t len = 0; len < UPDRAFT_STAGED_RECORD_LEN; len++) {
        uint8_t sector[UPDRAFT_STAGED_READ_LEN];

        make_sector(sector);
        memset(sector + len, 0xFF, sizeof sector - len);
        assert_int_equal(state_of(sector), UPDRAFT_STAGED_EMPTY);
    }
}

static void staged_journal_ends_only_with_a_whole_word(void **state)
{
    const struct {
        uint32_t off;
        enum updraft_staged_state end;
    } words[] = {
        {UPDRAFT_STAGED_DONE_OFF, UPDRAFT_STAGED_DONE},
        {UPDRAFT_STAGED_REFUSED_OFF, UPDRAFT_STAGED_REFUSED},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t sector[UPDRAFT_STAGED_READ_LEN];

        make_sector(sector);
        updraft_put_le32(sector + words[i].off, 0);
        assert_int_equal(state_of(sector), words[i].end);
        for (unsigned bit = 0; bit < 32; bit++) {
            updraft_put_le32(sector + words[i].off, 1u << bit);
            assert_int_equal(state_of(sector), UPDRAFT_STAGED_PENDING);
        }
    }
}

static void staged_journal_has_begun_as_soon_as_a_bit_of_the_word_is_gone(void **state)
{
    uint8_t sector[UPDRAFT_STAGED_READ_LEN];
    struct updraft_staged_journal journal;

    (void)state;
    make_sector(sector);
    updraft_staged_decode(sector, &journal);
    assert_false(journal.begun);
    for (unsigned bit = 0; bit < 32; bit++) {
        updraft_put_le32(sector + UPDRAFT_STAGED_BEGUN_OFF, ~(1u << bit));
        updraft_staged_decode(sector, &journal);
        assert_true(journal.begun);
        assert_int_equal(journal.state, UPDRAFT_STAGED_PENDING);
    }
}

static void staged_journal_tells_why_it_was_refused(void **state)
{
    const struct {
        uint32_t word;
        enum updraft_error reason;
    } cases[] = {
        {UPDRAFT_E_WRONG_CHIP, UPDRAFT_E_WRONG_CHIP},
        {UPDRAFT_E_GZIP, UPDRAFT_E_GZIP},
        {0xFFFFFFFF, UPDRAFT_OK},
        {0x7FFFFFFF, UPDRAFT_OK}, /* torn, or of a newer version */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t sector[UPDRAFT_STAGED_READ_LEN];
        struct updraft_staged_journal journal;

        make_sector(sector);
        updraft_put_le32(sector + UPDRAFT_STAGED_REASON_OFF, cases[i].word);
        updraft_staged_decode(sector, &journal);
        assert_int_equal(journal.reason, UPDRAFT_OK); /* not before it is refused */
        updraft_put_le32(sector + UPDRAFT_STAGED_REFUSED_OFF, 0);
        updraft_staged_decode(sector, &journal);
        assert_int_equal(journal.reason, cases[i].reason);
    }
}

static void staged_journal_of_another_version_or_encoding_is_not_followed(void **state)
{
    (void)state;
    for (uint32_t off = 4; off <= 5; off++) {
        uint8_t sector[UPDRAFT_STAGED_READ_LEN];

        make_sector(sector);
        sector[off] = 2;
        updraft_put_le32(sector + 60, updraft_crc32(0, sector, 60));
        assert_int_equal(state_of(sector), UPDRAFT_STAGED_EMPTY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(staged_journal_encode_writes_the_drawn_bytes),
        cmocka_unit_test(staged_journal_decode_gives_back_what_was_encoded),
        cmocka_unit_test(staged_journal_erased_means_nothing_to_do),
        cmocka_unit_test(staged_journal_is_empty_after_any_flipped_bit),
        cmocka_unit_test(staged_journal_record_or_copy_is_enough),
        cmocka_unit_test(staged_journal_is_empty_at_every_length_of_a_torn_record),
        cmocka_unit_test(staged_journal_ends_only_with_a_whole_word),
        cmocka_unit_test(staged_journal_has_begun_as_soon_as_a_bit_of_the_word_is_gone),
        cmocka_unit_test(staged_journal_tells_why_it_was_refused),
        cmocka_unit_test(staged_journal_of_another_version_or_encoding_is_not_followed),
    };

    return cmocka_run_group_tests_name("staged_journal", tests, NULL, NULL);
}
