#include "format/otadata.h"

#include "format/crc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vectors.h"

static const struct {
    uint32_t seq;
    uint32_t crc;
} crc_vectors[] = {
    {1, 0x4743989A},          {2, 0x55F63774},   {3, 0xED4A5011},          {4, 0x709D68A8},
    {5, 0xC8210FCD},          {6, 0xDA94A023},   {7, 0x6228C746},          {8, 0x3A4BD710},
    {16, 0xAFE6A860},         {255, 0x21FAF90E}, {256, 0xFE3D95C8},        {0x7FFFFFFF, 0xCCFC5C3C},
    {0xFFFFFFFE, 0x99F8B879}, {0, 0xFFFFFFFF},   {0xFFFFFFFF, 0x2144DF1C},
};

#define LABEL "ffffffffffffffffffffffffffffffffffffffff"

static const struct {
    uint32_t seq;
    enum updraft_ota_state state;
    const char *hex;
} entry_vectors[] = {
    {1, UPDRAFT_OTA_UNDEFINED, "01000000" LABEL "ffffffff9a984347"},
    {2, UPDRAFT_OTA_UNDEFINED, "02000000" LABEL "ffffffff7437f655"},
    {3, UPDRAFT_OTA_UNDEFINED, "03000000" LABEL "ffffffff11504aed"},
    {4, UPDRAFT_OTA_UNDEFINED, "04000000" LABEL "ffffffffa8689d70"},
    {1, UPDRAFT_OTA_NEW, "01000000" LABEL "000000009a984347"},
    {1, UPDRAFT_OTA_PENDING_VERIFY, "01000000" LABEL "010000009a984347"},
    {1, UPDRAFT_OTA_VALID, "01000000" LABEL "020000009a984347"},
    {1, UPDRAFT_OTA_INVALID, "01000000" LABEL "030000009a984347"},
    {1, UPDRAFT_OTA_ABORTED, "01000000" LABEL "040000009a984347"},
    {2, UPDRAFT_OTA_NEW, "02000000" LABEL "000000007437f655"},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A sector with the stock entry, the rest erased. */
static void make_sector(uint32_t seq, enum updraft_ota_state state,
                        uint8_t sector[UPDRAFT_OTADATA_READ_LEN])
{
    memset(sector, 0xFF, UPDRAFT_OTADATA_READ_LEN);
    updraft_otadata_encode(seq, state, sector);
}

static void make_trial(uint32_t seq, uint8_t attempts, uint8_t sector[UPDRAFT_OTADATA_READ_LEN])
{
    make_sector(seq, UPDRAFT_OTA_UNDEFINED, sector);
    updraft_trial_encode(seq, attempts, sector + UPDRAFT_TRIAL_OFF);
}

static struct updraft_otadata_entry decode(const uint8_t sector[UPDRAFT_OTADATA_READ_LEN])
{
    struct updraft_otadata_entry entry;

    memset(&entry, 0xA5, sizeof(entry));
    updraft_otadata_decode(sector, &entry);
    return entry;
}

static void put_word(uint8_t *sector, size_t off, uint32_t value)
{
    for (size_t i = 0; i < 4; i++)
        sector[off + i] = (uint8_t)(value >> 8 * i);
}

static void otadata_crc_gives_the_known_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(crc_vectors); i++)
        assert_int_equal(updraft_otadata_crc(crc_vectors[i].seq), crc_vectors[i].crc);
}

static void otadata_encode_writes_the_stock_entries(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(entry_vectors); i++) {
        uint8_t bytes[UPDRAFT_OTADATA_ENTRY_LEN];

        updraft_otadata_encode(entry_vectors[i].seq, entry_vectors[i].state, bytes);
        vector_assert_hex(bytes, sizeof(bytes), entry_vectors[i].hex);
    }
}

static void otadata_decode_reads_the_stock_entries(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(entry_vectors); i++) {
        uint8_t sector[UPDRAFT_OTADATA_READ_LEN];
        struct updraft_otadata_entry entry;

        memset(sector, 0xFF, sizeof(sector));
        vector_unhex(entry_vectors[i].hex, sector, UPDRAFT_OTADATA_ENTRY_LEN);
        entry = decode(sector);
        assert_int_equal(entry.seq, entry_vectors[i].seq);
        assert_int_equal(entry.state, entry_vectors[i].state);
        assert_true(entry.crc_ok);
        assert_false(entry.trial.present);
    }
}

static void otadata_partitions_have_the_known_digests(void **state)
{
    static uint8_t partition[UPDRAFT_OTADATA_LEN];

    (void)state;
    memset(partition, 0xFF, sizeof(partition));
    vector_assert_sha256(partition, sizeof(partition),
                         "7d2c7ac4888bfd75cd5f56e8d61f69595121183afc81556c876732fd3782c62f");
    updraft_otadata_encode(1, UPDRAFT_OTA_UNDEFINED, partition);
    vector_assert_sha256(partition, sizeof(partition),
                         "4187e23640ddb4d9e00a91376d2df4aec3b0316e51b2f8f784bd43df49ce8ba9");
    updraft_otadata_encode(2, UPDRAFT_OTA_UNDEFINED, partition + UPDRAFT_OTADATA_SECTOR_LEN);
    vector_assert_sha256(partition, sizeof(partition),
                         "1948f69d226fea36612358041ed24eda23c2f013c0f9759f14ee8284eeeb1767");
}

static void otadata_decode_finds_nothing_in_an_erased_sector(void **state)
{
    uint8_t sector[UPDRAFT_OTADATA_READ_LEN];
    struct updraft_otadata_entry entry;

    (void)state;
    memset(sector, 0xFF, sizeof(sector));
    entry = decode(sector);
    assert_int_equal(entry.seq, UPDRAFT_OTADATA_SEQ_EMPTY);
    assert_int_equal(entry.state, UPDRAFT_OTA_UNDEFINED);
    assert_false(entry.crc_ok);
    assert_false(entry.trial.present);
    assert_true(updraft_otadata_unusable(&entry));
    assert_false(updraft_otadata_valid(&entry, false));
}

static void otadata_empty_sequence_is_unusable_even_with_a_good_crc(void **state)
{
    uint8_t sector[UPDRAFT_OTADATA_READ_LEN];
    struct updraft_otadata_entry entry;

    (void)state;
    make_sector(UPDRAFT_OTADATA_SEQ_EMPTY, UPDRAFT_OTA_VALID, sector);
    entry = decode(sector);
    assert_true(entry.crc_ok);
    assert_true(updraft_otadata_unusable(&entry));
    assert_false(updraft_otadata_valid(&entry, false));
}

static void otadata_decode_takes_unknown_states_for_undefined(void **state)
{
    static const uint32_t raws[] = {5, 0xFF, 0x100, 0x80000000, 0xFFFFFFFE, 0xFFFFFF04};
    uint8_t sector[UPDRAFT_OTADATA_READ_LEN];

    (void)state;
    make_sector(7, UPDRAFT_OTA_UNDEFINED, sector);
    for (size_t i = 0; i < COUNT_OF(raws); i++) {
        put_word(sector, UPDRAFT_OTADATA_STATE_OFF, raws[i]);
        assert_int_equal(decode(sector).state, UPDRAFT_OTA_UNDEFINED);
    }
}

static void otadata_valid_depends_on_state_crc_and_sequence(void **state)
{
    (void)state;
    for (int s = UPDRAFT_OTA_NEW; s <= UPDRAFT_OTA_UNDEFINED; s++) {
        uint8_t sector[UPDRAFT_OTADATA_READ_LEN];
        struct updraft_otadata_entry entry;
        bool boots = s != UPDRAFT_OTA_INVALID && s != UPDRAFT_OTA_ABORTED;

        make_sector(9, (enum updraft_ota_state)s, sector);
        entry = decode(sector);
        assert_int_equal(updraft_otadata_unusable(&entry), !boots);
        assert_int_equal(updraft_otadata_valid(&entry, true), boots);
        assert_int_equal(updraft_otadata_valid(&entry, false), boots);
        sector[28] ^= 1;
        entry = decode(sector);
        assert_int_equal(updraft_otadata_unusable(&entry), !boots);
        assert_false(updraft_otadata_valid(&entry, false));
    }
}

static void otadata_sequence_zero_passes_only_where_stock_behaviour_is_asked_for(void **state)
{
    uint8_t sector[UPDRAFT_OTADATA_READ_LEN];
    struct updraft_otadata_entry entry;

    (void)state;
    /* What a write leaves that was torn behind the sequence. */
    memset(sector, 0xFF, sizeof(sector));
    put_word(sector, 0, 0);
    entry = decode(sector);
    assert_true(entry.crc_ok);
    assert_true(updraft_otadata_valid(&entry, false));
    assert_false(updraft_otadata_valid(&entry, true));
    assert_int_equal(updraft_otadata_slot(0, 2), 0xFFFFFFFFu % 2);
    assert_int_equal(updraft_otadata_slot(0, 7), 0xFFFFFFFFu % 7);
}

static void otadata_entry_torn_at_any_bit_is_not_valid(void **state)
{
    uint8_t whole[UPDRAFT_OTADATA_READ_LEN];

    (void)state;
    for (uint32_t seq = 1; seq <= 300; seq++) {
        make_sector(seq, UPDRAFT_OTA_UNDEFINED, whole);
        for (size_t bits = 0; bits < 8u * UPDRAFT_OTADATA_ENTRY_LEN; bits++) {
            uint8_t torn[UPDRAFT_OTADATA_READ_LEN];
            struct updraft_otadata_entry entry;

            memset(torn, 0xFF, sizeof(torn));
            memcpy(torn, whole, bits / 8);
            torn[bits / 8] = (uint8_t)(whole[bits / 8] | 0xFFu << bits % 8);
            entry = decode(torn);
            if (memcmp(torn, whole, sizeof(torn)) != 0)
                assert_false(updraft_otadata_valid(&entry, true));
        }
    }
}

static void otadata_any_flipped_bit_of_sequence_or_crc_spoils_the_entry(void **state)
{
    uint8_t sector[UPDRAFT_OTADATA_READ_LEN];

    (void)state;
    make_sector(0x01020304, UPDRAFT_OTA_UNDEFINED, sector);
    for (size_t bit = 0; bit < 64; bit++) {
        size_t off = bit < 32 ? bit / 8 : 28 + (bit - 32) / 8;
        struct updraft_otadata_entry entry;

        sector[off] ^= (uint8_t)(1u << bit % 8);
        entry = decode(sector);
        assert_false(updraft_otadata_valid(&entry, false));
        sector[off] ^= (uint8_t)(1u << bit % 8);
    }
}

static struct updraft_otadata_entry entry_of(uint32_t seq, bool crc_ok)
{
    return (struct updraft_otadata_entry){
        .seq = seq, .crc_ok = crc_ok, .state = UPDRAFT_OTA_UNDEFINED};
}

static void otadata_active_is_the_valid_entry_with_the_larger_sequence(void **state)
{
    static const struct {
        uint32_t a, b;
        bool a_ok, b_ok;
        int active;
    } rows[] = {
        {1, 2, true, true, 1},
        {2, 1, true, true, 0},
        {3, 3, true, true, 0},
        {0x80000000, 1, true, true, 0}, /* unsigned */
        {1, 2, true, false, 0},
        {2, 1, false, true, 1},
        {1, 2, false, false, -1},
        {UPDRAFT_OTADATA_SEQ_EMPTY, 1, true, true, 1},
        {1, UPDRAFT_OTADATA_SEQ_EMPTY, true, true, 0},
        {0, UPDRAFT_OTADATA_SEQ_EMPTY, true, true, -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct updraft_otadata_entry entries[2] = {entry_of(rows[i].a, rows[i].a_ok),
                                                   entry_of(rows[i].b, rows[i].b_ok)};

        assert_int_equal(updraft_otadata_active(entries, true), rows[i].active);
    }
}

static void otadata_active_takes_sequence_zero_where_not_strict(void **state)
{
    struct updraft_otadata_entry entries[2] = {entry_of(0, true),
                                               entry_of(UPDRAFT_OTADATA_SEQ_EMPTY, false)};

    (void)state;
    assert_int_equal(updraft_otadata_active(entries, false), 0);
    assert_int_equal(updraft_otadata_active(entries, true), -1);
}

static void otadata_slot_follows_the_sequence(void **state)
{
    static const uint8_t slots[5][3] = {{0, 0, 0}, {1, 1, 1}, {0, 2, 2}, {1, 0, 3}, {0, 1, 0}};

    (void)state;
    for (uint32_t seq = 1; seq <= 5; seq++) {
        for (uint8_t count = 2; count <= 4; count++)
            assert_int_equal(updraft_otadata_slot(seq, count), slots[seq - 1][count - 2]);
        assert_int_equal(updraft_otadata_slot(seq, 1), 0);
    }
}

static void otadata_next_seq_is_the_smallest_that_names_the_slot(void **state)
{
    (void)state;
    for (uint8_t count = 1; count <= 16; count++) {
        for (uint8_t slot = 0; slot < count; slot++) {
            for (uint32_t from = 0; from < 40; from++) {
                uint32_t expected = from == 0 ? 1 : from;

                while ((expected - 1) % count != slot)
                    expected++;
                assert_int_equal(updraft_otadata_next_seq(from, slot, count), expected);
            }
        }
    }
}

static void otadata_next_seq_ends_below_the_empty_value(void **state)
{
    (void)state;
    /* 0xFFFFFFFE names slot 1 of 2. */
    assert_int_equal(updraft_otadata_next_seq(0xFFFFFFFE, 1, 2), 0xFFFFFFFE);
    assert_int_equal(updraft_otadata_next_seq(0xFFFFFFFE, 0, 2), 0);
    assert_int_equal(updraft_otadata_next_seq(0xFFFFFFFD, 0, 2), 0xFFFFFFFD);
    assert_int_equal(updraft_otadata_next_seq(0xFFFFFFFF, 0, 1), 0);
    assert_int_equal(updraft_otadata_next_seq(0xFFFFFFFF, 0, 2), 0);
    for (uint8_t slot = 0; slot < 16; slot++) {
        uint32_t seq = updraft_otadata_next_seq(0xFFFFFFF0, slot, 16);

        if (seq != 0)
            assert_int_equal(updraft_otadata_slot(seq, 16), slot);
        assert_int_equal(seq == 0, slot == 14); /* only 0xFFFFFFFF would name it */
    }
}

static void otadata_next_seq_has_none_for_a_slot_that_is_not_there(void **state)
{
    (void)state;
    assert_int_equal(updraft_otadata_next_seq(1, 2, 2), 0);
    assert_int_equal(updraft_otadata_next_seq(1, 255, 1), 0);
}

static void trial_record_has_its_documented_layout(void **state)
{
    uint8_t record[UPDRAFT_TRIAL_LEN];

    (void)state;
    updraft_trial_encode(2, 3, record);
    /* The CRC was computed with another implementation of CRC-32. */
    vector_assert_hex(record, sizeof(record), "554454520103ffff0200000014702c2c");
}

static void trial_decode_reads_what_encode_wrote(void **state)
{
    (void)state;
    for (uint8_t attempts = 1; attempts <= UPDRAFT_TRIAL_MARK_CAP; attempts++) {
        uint8_t sector[UPDRAFT_OTADATA_READ_LEN];
        struct updraft_otadata_entry entry;

        make_trial(5, attempts, sector);
        entry = decode(sector);
        assert_true(updraft_otadata_valid(&entry, true));
        assert_true(entry.trial.present);
        assert_int_equal(entry.trial.attempts_allowed, attempts);
        assert_int_equal(entry.trial.attempts_used, 0);
        assert_int_equal(entry.trial.power_used, 0);
        assert_int_equal(entry.trial.outcome, UPDRAFT_TRIAL_RUNNING);
        assert_int_equal(entry.trial.reason, UPDRAFT_TRIAL_REASON_NONE);
    }
}

static void trial_with_any_flipped_bit_is_not_present(void **state)
{
    uint8_t sector[UPDRAFT_OTADATA_READ_LEN];

    (void)state;
    make_trial(5, 3, sector);
    for (size_t bit = 0; bit < 8u * UPDRAFT_TRIAL_LEN; bit++) {
        uint8_t *byte = &sector[UPDRAFT_TRIAL_OFF + bit / 8];

        *byte ^= (uint8_t)(1u << bit % 8);
        assert_false(decode(sector).trial.present);
        *byte ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(decode(sector).trial.present);
}

/* Changes one byte of the record and gives it a good CRC again. */
static bool present_with(size_t off, uint8_t value)
{
    uint8_t sector[UPDRAFT_OTADATA_READ_LEN];
    uint8_t *record = sector + UPDRAFT_TRIAL_OFF;

    make_trial(5, 3, sector);
    record[off] = value;
    put_word(record, 12, updraft_crc32(0, record, 12));
    return decode(sector).trial.present;
}

static void trial_counts_only_with_magic_version_attempts_and_sequence_right(void **state)
{
    (void)state;
    assert_true(present_with(5, 1));
    assert_true(present_with(5, 16));
    assert_false(present_with(0, 'u'));
    assert_false(present_with(3, 0xFF));
    assert_false(present_with(4, 0));
    assert_false(present_with(4, 2));
    assert_false(present_with(5, 0));
    assert_false(present_with(5, 17));
    assert_false(present_with(5, 0xFF));
    assert_false(present_with(8, 4));
    assert_false(present_with(11, 1));
}

static void trial_marks_count_when_any_bit_of_them_is_programmed(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 32; bit++) {
        uint8_t sector[UPDRAFT_OTADATA_READ_LEN];
        struct updraft_otadata_entry entry;

        make_trial(5, 3, sector);
        put_word(sector, UPDRAFT_TRIAL_MARKS_OFF, 0);
        put_word(sector, UPDRAFT_TRIAL_MARKS_OFF + 4, ~(1u << bit));
        put_word(sector, UPDRAFT_TRIAL_POWER_OFF, ~(1u << bit));
        entry = decode(sector);
        assert_int_equal(entry.trial.attempts_used, 2);
        assert_int_equal(entry.trial.power_used, 1);
    }
}

static void trial_counts_all_sixteen_marks_of_each_kind(void **state)
{
    uint8_t sector[UPDRAFT_OTADATA_READ_LEN];

    (void)state;
    make_trial(5, 3, sector);
    for (uint8_t i = 0; i < UPDRAFT_TRIAL_MARK_CAP; i++) {
        put_word(sector, UPDRAFT_TRIAL_MARKS_OFF + 4u * i, 0);
        assert_int_equal(decode(sector).trial.attempts_used, i + 1);
        assert_int_equal(decode(sector).trial.power_used, 0);
    }
    for (uint8_t i = 0; i < UPDRAFT_TRIAL_MARK_CAP; i++) {
        put_word(sector, UPDRAFT_TRIAL_POWER_OFF + 4u * i, 0);
        assert_int_equal(decode(sector).trial.power_used, i + 1);
        assert_int_equal(decode(sector).trial.attempts_used, UPDRAFT_TRIAL_MARK_CAP);
    }
}

static void trial_outcome_is_told_by_its_two_values_and_else_still_open(void **state)
{
    uint8_t sector[UPDRAFT_OTADATA_READ_LEN];

    (void)state;
    make_trial(5, 3, sector);
    put_word(sector, UPDRAFT_TRIAL_OUTCOME_OFF, UPDRAFT_TRIAL_CONFIRMED);
    assert_int_equal(decode(sector).trial.outcome, UPDRAFT_TRIAL_IS_CONFIRMED);
    put_word(sector, UPDRAFT_TRIAL_OUTCOME_OFF, UPDRAFT_TRIAL_ROLLED_BACK);
    assert_int_equal(decode(sector).trial.outcome, UPDRAFT_TRIAL_IS_ROLLED_BACK);
    /* Torn: some of the bits that were to be cleared are not. */
    for (unsigned bit = 0; bit < 32; bit++) {
        uint32_t torn = UPDRAFT_TRIAL_CONFIRMED | 1u << bit;

        put_word(sector, UPDRAFT_TRIAL_OUTCOME_OFF, torn);
        assert_int_equal(decode(sector).trial.outcome, torn == UPDRAFT_TRIAL_CONFIRMED
                                                           ? UPDRAFT_TRIAL_IS_CONFIRMED
                                                           : UPDRAFT_TRIAL_RUNNING);
        put_word(sector, UPDRAFT_TRIAL_OUTCOME_OFF, 1u << bit);
        assert_int_equal(decode(sector).trial.outcome, UPDRAFT_TRIAL_RUNNING);
    }
}

static void trial_reason_is_none_unless_it_is_a_known_one(void **state)
{
    uint8_t sector[UPDRAFT_OTADATA_READ_LEN];

    (void)state;
    make_trial(5, 3, sector);
    for (uint32_t raw = 0; raw < 16; raw++) {
        put_word(sector, UPDRAFT_TRIAL_REASON_OFF, raw);
        assert_int_equal(decode(sector).trial.reason,
                         raw <= UPDRAFT_TRIAL_REASON_UNBOOTABLE ? raw : 0);
    }
}

static void trial_programming_aborted_never_reads_as_another_state(void **state)
{
    uint8_t sector[UPDRAFT_OTADATA_READ_LEN];

    (void)state;
    make_trial(5, 3, sector);
    /* All ways to clear part of the low byte on the way from erased to ABORTED. */
    for (uint32_t low = 0; low < 256; low++) {
        enum updraft_ota_state read;

        put_word(sector, UPDRAFT_OTADATA_STATE_OFF, low | 4u);
        read = decode(sector).state;
        assert_true(read == UPDRAFT_OTA_ABORTED || read == UPDRAFT_OTA_UNDEFINED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(otadata_crc_gives_the_known_values),
        cmocka_unit_test(otadata_encode_writes_the_stock_entries),
        cmocka_unit_test(otadata_decode_reads_the_stock_entries),
        cmocka_unit_test(otadata_partitions_have_the_known_digests),
        cmocka_unit_test(otadata_decode_finds_nothing_in_an_erased_sector),
        cmocka_unit_test(otadata_empty_sequence_is_unusable_even_with_a_good_crc),
        cmocka_unit_test(otadata_decode_takes_unknown_states_for_undefined),
        cmocka_unit_test(otadata_valid_depends_on_state_crc_and_sequence),
        cmocka_unit_test(otadata_sequence_zero_passes_only_where_stock_behaviour_is_asked_for),
        cmocka_unit_test(otadata_entry_torn_at_any_bit_is_not_valid),
        cmocka_unit_test(otadata_any_flipped_bit_of_sequence_or_crc_spoils_the_entry),
        cmocka_unit_test(otadata_active_is_the_valid_entry_with_the_larger_sequence),
        cmocka_unit_test(otadata_active_takes_sequence_zero_where_not_strict),
        cmocka_unit_test(otadata_slot_follows_the_sequence),
        cmocka_unit_test(otadata_next_seq_is_the_smallest_that_names_the_slot),
        cmocka_unit_test(otadata_next_seq_ends_below_the_empty_value),
        cmocka_unit_test(otadata_next_seq_has_none_for_a_slot_that_is_not_there),
        cmocka_unit_test(trial_record_has_its_documented_layout),
        cmocka_unit_test(trial_decode_reads_what_encode_wrote),
        cmocka_unit_test(trial_with_any_flipped_bit_is_not_present),
        cmocka_unit_test(trial_counts_only_with_magic_version_attempts_and_sequence_right),
        cmocka_unit_test(trial_marks_count_when_any_bit_of_them_is_programmed),
        cmocka_unit_test(trial_counts_all_sixteen_marks_of_each_kind),
        cmocka_unit_test(trial_outcome_is_told_by_its_two_values_and_else_still_open),
        cmocka_unit_test(trial_reason_is_none_unless_it_is_a_known_one),
        cmocka_unit_test(trial_programming_aborted_never_reads_as_another_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
