#include "device/decode/patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware.h"
#include "vectors.h"

#define OUT_CAP   4096u
#define PATCH_CAP 4096u

struct memory {
    const uint8_t *bytes;
    size_t len;
    bool broken;
};

static enum updraft_error read_memory(void *ctx, uint32_t off, uint8_t *out, uint32_t len)
{
    const struct memory *memory = ctx;

    assert_true(len > 0);
    assert_true(off <= memory->len && len <= memory->len - off);
    if (memory->broken)
        return UPDRAFT_E_FLASH_READ;
    memcpy(out, memory->bytes + off, len);
    return UPDRAFT_OK;
}

struct result {
    enum updraft_error error; /* of the feeding */
    enum updraft_error verdict;
    size_t len;
    uint8_t out[OUT_CAP];
};

/* Feeds bytes in up to `split` and then the rest, each in pieces, with out offered in pieces too.
 */
static void unpatch(const struct memory *memory, const uint8_t *patch, size_t patch_len,
                    size_t in_piece, size_t out_piece, size_t split, struct result *result)
{
    struct updraft_unpatch_source source = {read_memory, (void *)(uintptr_t)memory,
                                            (uint32_t)memory->len};
    struct updraft_unpatch decoder;
    size_t off = 0;
    size_t used = 0;
    size_t got = 0;

    updraft_unpatch_init(&decoder, &source, OUT_CAP);
    memset(result, 0, sizeof(*result));
    do {
        size_t end = off < split ? split : patch_len;
        size_t piece = end - off < in_piece ? end - off : in_piece;
        size_t room = OUT_CAP - result->len < out_piece ? OUT_CAP - result->len : out_piece;
        uint8_t *in = malloc(piece + 1);

        assert_non_null(in);
        memcpy(in + 1, patch + off, piece); /* to its end, so that a sanitizer sees overruns */
        result->error = updraft_unpatch_feed(&decoder, in + 1, piece, &used,
                                             result->out + result->len, room, &got);
        free(in);
        assert_true(used <= piece && got <= room);
        off += used;
        result->len += got;
    } while (result->error == UPDRAFT_OK && (off < patch_len || used > 0 || got > 0));
    result->verdict = updraft_unpatch_finish(&decoder);
}

/* Whole, byte by byte, and split at every point; all must agree. */
static void unpatch_every_way(const struct memory *memory, const uint8_t *patch, size_t patch_len,
                              struct result *whole)
{
    static struct result other;

    unpatch(memory, patch, patch_len, patch_len, OUT_CAP, 0, whole);
    for (size_t split = 0; split <= patch_len; split++) {
        bool single = split == patch_len; /* the last round: single bytes in and out */

        unpatch(memory, patch, patch_len, single ? 1 : patch_len, single ? 1 : OUT_CAP,
                single ? 0 : split, &other);
        assert_int_equal(other.error, whole->error);
        assert_int_equal(other.verdict, whole->verdict);
        if (whole->error == UPDRAFT_OK) {
            assert_int_equal(other.len, whole->len);
            assert_memory_equal(other.out, whole->out, whole->len);
        }
    }
}

static void assert_result(const struct result *result, const void *expected, size_t len)
{
    assert_int_equal(result->error, UPDRAFT_OK);
    assert_int_equal(result->verdict, UPDRAFT_OK);
    assert_int_equal(result->len, len);
    assert_memory_equal(result->out, expected, len);
}

static const struct memory hello = {(const uint8_t *)"hello world", 11, false};

static const char *const tiny_patches[] = {
    "040c448042e0100804020100f0783c1e0f04064300",
    "000c000b000000000000e0e0e0e0e0012100",
};

static void unpatch_applies_the_tiny_patch_in_both_compressions(void **state)
{
    static struct result result;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t patch[32];
        size_t len = strlen(tiny_patches[i]) / 2;

        vector_unhex(tiny_patches[i], patch, len);
        unpatch_every_way(&hello, patch, len, &result);
        assert_result(&result, "hello WORLD!", 12);
    }
}

/* A maker of patches for tests: plain, or heatshrink with literals only. */
struct maker {
    uint8_t bytes[PATCH_CAP];
    size_t len;
    bool heatshrink;
    unsigned bit; /* of the last byte, used so far */
};

static void put_bit(struct maker *maker, unsigned value)
{
    if (maker->bit == 0)
        maker->bytes[maker->len++] = 0;
    maker->bytes[maker->len - 1] |= (uint8_t)(value << (7 - maker->bit));
    maker->bit = (maker->bit + 1) % 8;
}

static void put_bits(struct maker *maker, unsigned value, unsigned count)
{
    while (count-- > 0)
        put_bit(maker, value >> count & 1);
}

static void put_body(struct maker *maker, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (maker->heatshrink)
            put_bits(maker, 0x100u | bytes[i], 9);
        else
            maker->bytes[maker->len++] = bytes[i];
    }
}

static void put_size(struct maker *maker, int32_t value)
{
    uint8_t code[UPDRAFT_PATCH_SIZE_CAP];

    put_body(maker, code, updraft_patch_size_encode(value, code));
}

static void begin_patch(struct maker *maker, bool heatshrink, int32_t to_len)
{
    memset(maker, 0, sizeof(*maker));
    maker->bytes[maker->len++] = heatshrink ? 4 : 0;
    maker->len += updraft_patch_size_encode(to_len, maker->bytes + maker->len);
    if (heatshrink)
        maker->bytes[maker->len++] = UPDRAFT_PATCH_HEATSHRINK_8_7;
    maker->heatshrink = heatshrink;
    put_size(maker, 0);
}

static void put_run(struct maker *maker, const uint8_t *from, const uint8_t *to, size_t len)
{
    put_size(maker, (int32_t)len);
    for (size_t i = 0; i < len; i++) {
        uint8_t difference = (uint8_t)(to[i] - (from != NULL ? from[i] : 0));

        put_body(maker, &difference, 1);
    }
}

/* M1 to M6 as the notes describe it: 304 bytes of difference, 32 as they are, no move. */
static void make_m1_to_m6(struct maker *maker, bool heatshrink, uint8_t *m1, uint8_t *m6)
{
    assert_int_equal(vector_image(VECTOR_M1, m1), 336);
    assert_int_equal(vector_image(VECTOR_M6, m6), 336);
    begin_patch(maker, heatshrink, 336);
    put_run(maker, m1, m6, 304);
    put_run(maker, NULL, m6 + 304, 32);
    put_size(maker, 0);
}

static void unpatch_turns_m1_into_m6(void **state)
{
    static uint8_t m1[VECTOR_CAP], m6[VECTOR_CAP], file[PATCH_CAP];
    static struct result result;
    static struct maker maker;
    const struct memory base = {m1, 336, false};

    (void)state;
    make_m1_to_m6(&maker, false, m1, m6);
    assert_int_equal(maker.len, 344);
    vector_assert_sha256(maker.bytes, maker.len,
                         "092c057098e3a227b2e6d6260e4ec7bb0e0f9c5e81acd09a7d2c3f4468295232");
    unpatch_every_way(&base, maker.bytes, maker.len, &result);
    assert_result(&result, m6, 336);

    make_m1_to_m6(&maker, true, m1, m6);
    updraft_patch_header_encode(m1 + 304, file);
    memcpy(file + UPDRAFT_PATCH_HEADER_LEN, maker.bytes, maker.len);
    assert_int_equal(UPDRAFT_PATCH_HEADER_LEN + maker.len, 452);
    vector_assert_sha256(file, UPDRAFT_PATCH_HEADER_LEN + maker.len,
                         "81a5ad05501600da8fec1712a81d6135112538828e682a9b6f93997a4c7c0a5a");
    unpatch_every_way(&base, maker.bytes, maker.len, &result);
    assert_result(&result, m6, 336);
}

static void unpatch_moves_in_the_source_both_ways(void **state)
{
    static struct result result;
    static struct maker maker;

    (void)state;
    for (unsigned heatshrink = 0; heatshrink < 2; heatshrink++) {
        begin_patch(&maker, heatshrink == 1, 12);
        put_run(&maker, NULL, NULL, 0);
        put_run(&maker, NULL, (const uint8_t *)">", 1);
        put_size(&maker, 6); /* to "world" */
        put_run(&maker, hello.bytes + 6, hello.bytes + 6, 5);
        put_run(&maker, NULL, (const uint8_t *)" ", 1);
        put_size(&maker, -11); /* back to "hello" */
        put_run(&maker, hello.bytes, hello.bytes, 5);
        put_run(&maker, NULL, NULL, 0);
        put_size(&maker, -1000);
        unpatch_every_way(&hello, maker.bytes, maker.len, &result);
        assert_result(&result, ">world hello", 12);
    }
}

/* A copy that overlaps what it writes, and one from the window's zeros. */
static void unpatch_copies_from_its_window(void **state)
{
    static struct result result;
    static struct maker maker;

    (void)state;
    begin_patch(&maker, true, 40);
    put_size(&maker, 0);
    put_size(&maker, 40);
    put_body(&maker, (const uint8_t *)"abc", 3);
    put_bits(&maker, 0, 1);
    put_bits(&maker, 2, 8);  /* 3 back */
    put_bits(&maker, 30, 7); /* 31 bytes */
    put_bits(&maker, 0, 1);
    put_bits(&maker, 255, 8); /* 256 back: never written */
    put_bits(&maker, 5, 7);
    put_size(&maker, 0);
    unpatch_every_way(&hello, maker.bytes, maker.len, &result);
    assert_result(&result, "abcabcabcabcabcabcabcabcabcabcabca\0\0\0\0\0\0", 40);
}

static void unpatch_makes_an_empty_result_of_two_bytes(void **state)
{
    static struct result result;

    (void)state;
    unpatch_every_way(&hello, (const uint8_t[]){4, 0}, 2, &result);
    assert_result(&result, "", 0);
    unpatch_every_way(&hello, (const uint8_t[]){4, 0, 0x44}, 3, &result);
    assert_int_equal(result.error, UPDRAFT_E_PATCH);
}

static void unpatch_refuses_other_types_and_compressions(void **state)
{
    static struct result result;

    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        uint8_t byte = (uint8_t)type;

        unpatch(&hello, &byte, 1, 1, OUT_CAP, 0, &result);
        if (type == 0 || type == 4)
            assert_int_equal(result.error, UPDRAFT_OK);
        else
            assert_int_equal(result.error, type >= 0x80 ? UPDRAFT_E_PATCH : UPDRAFT_E_UNSUPPORTED);
    }
    unpatch_every_way(&hello, (const uint8_t[]){4, 12, 0x43}, 3, &result);
    assert_int_equal(result.error, UPDRAFT_E_UNSUPPORTED);
    unpatch_every_way(&hello, (const uint8_t[]){0, 12, 1}, 3, &result); /* a data format */
    assert_int_equal(result.error, UPDRAFT_E_UNSUPPORTED);
}

static void unpatch_never_gives_more_than_the_callers_limit(void **state)
{
    struct updraft_unpatch_source source = {read_memory, NULL, 0};
    struct updraft_unpatch decoder;
    uint8_t patch[1 + UPDRAFT_PATCH_SIZE_CAP] = {0};
    uint8_t out[1];
    size_t used, got;
    size_t len = 1 + updraft_patch_size_encode(1000, patch + 1);

    (void)state;
    updraft_unpatch_init(&decoder, &source, 999);
    assert_int_equal(updraft_unpatch_feed(&decoder, patch, len, &used, out, 1, &got),
                     UPDRAFT_E_TOO_LARGE);
    assert_int_equal(decoder.to_len, 1000);
    updraft_unpatch_init(&decoder, &source, 1000);
    assert_int_equal(updraft_unpatch_feed(&decoder, patch, len, &used, out, 1, &got), UPDRAFT_OK);
    assert_int_equal(updraft_unpatch_finish(&decoder), UPDRAFT_E_TRUNCATED);
}

static void assert_refused(const struct maker *maker)
{
    static struct result result;

    unpatch_every_way(&hello, maker->bytes, maker->len, &result);
    assert_int_equal(result.error, UPDRAFT_E_PATCH);
    assert_int_equal(result.verdict, UPDRAFT_E_PATCH);
}

static void unpatch_refuses_runs_beyond_the_stated_length(void **state)
{
    static struct maker maker;

    (void)state;
    for (unsigned heatshrink = 0; heatshrink < 2; heatshrink++) {
        begin_patch(&maker, heatshrink == 1, 4);
        put_size(&maker, 5); /* to add */
        assert_refused(&maker);
        begin_patch(&maker, heatshrink == 1, 4);
        put_run(&maker, hello.bytes, hello.bytes, 4);
        put_size(&maker, 1); /* literal */
        assert_refused(&maker);
        begin_patch(&maker, heatshrink == 1, 4);
        put_size(&maker, -1);
        assert_refused(&maker);
        begin_patch(&maker, heatshrink == 1, 4);
        put_size(&maker, 0);
        put_size(&maker, -4);
        assert_refused(&maker);
    }
    assert_refused(&(struct maker){.bytes = {0, 0x41}, .len = 2}); /* a result of -1 bytes */
}

static void unpatch_never_reads_outside_the_source(void **state)
{
    static const int32_t moves[] = {-1, -12, 8, INT32_MAX, -INT32_MAX};
    static struct maker maker;

    (void)state;
    begin_patch(&maker, false, 12);
    put_size(&maker, 12); /* the source has 11 */
    assert_refused(&maker);
    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        begin_patch(&maker, false, 4);
        put_size(&maker, 0);
        put_size(&maker, 0);
        put_size(&maker, moves[i]);
        put_size(&maker, 4);
        assert_refused(&maker);
    }
    begin_patch(&maker, false, 4);
    for (unsigned i = 0; i < 3; i++) { /* three times the largest move would wrap 32 bits */
        put_size(&maker, 0);
        put_size(&maker, 0);
        put_size(&maker, INT32_MAX);
    }
    assert_refused(&maker);
}

static void unpatch_refuses_bytes_behind_the_end(void **state)
{
    static uint8_t m1[VECTOR_CAP], m6[VECTOR_CAP];
    static struct result result;
    static struct maker maker;
    const struct memory base = {m1, 336, false};

    (void)state;
    for (unsigned heatshrink = 0; heatshrink < 2; heatshrink++) {
        make_m1_to_m6(&maker, heatshrink == 1, m1, m6);
        maker.bytes[maker.len] = 0;
        unpatch(&base, maker.bytes, maker.len + 1, PATCH_CAP, OUT_CAP, 0, &result);
        assert_int_equal(result.error, UPDRAFT_E_PATCH);
    }
    /* A copy that goes on behind the last code. */
    begin_patch(&maker, true, 1);
    put_size(&maker, 0);
    put_size(&maker, 1);
    put_body(&maker, (const uint8_t *)"\0", 1);
    put_bits(&maker, 0, 1);
    put_bits(&maker, 0, 8);
    put_bits(&maker, 1, 7); /* two zeros: one too many */
    assert_refused(&maker);
}

static void unpatch_calls_every_shorter_patch_truncated(void **state)
{
    static uint8_t m1[VECTOR_CAP], m6[VECTOR_CAP];
    static struct result result;
    static struct maker maker;
    const struct memory base = {m1, 336, false};

    (void)state;
    for (unsigned heatshrink = 0; heatshrink < 2; heatshrink++) {
        make_m1_to_m6(&maker, heatshrink == 1, m1, m6);
        for (size_t len = 0; len < maker.len; len++) {
            unpatch(&base, maker.bytes, len, PATCH_CAP, OUT_CAP, 0, &result);
            assert_int_equal(result.error, UPDRAFT_OK);
            assert_int_equal(result.verdict, UPDRAFT_E_TRUNCATED);
            assert_memory_equal(result.out, m6, result.len);
        }
    }
}

/* Flips may make another valid patch, never a reading or writing out of bounds. */
static void unpatch_stays_within_bounds_for_every_flipped_bit(void **state)
{
    static uint8_t m1[VECTOR_CAP], m6[VECTOR_CAP];
    static struct result result;
    static struct maker maker;
    const struct memory base = {m1, 336, false};

    (void)state;
    for (unsigned heatshrink = 0; heatshrink < 2; heatshrink++) {
        make_m1_to_m6(&maker, heatshrink == 1, m1, m6);
        for (size_t bit = 0; bit < maker.len * 8; bit++) {
            maker.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            unpatch(&base, maker.bytes, maker.len, 50, 50, 0, &result);
            if (result.verdict == UPDRAFT_OK)
                assert_int_equal(result.len, 336);
            maker.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static void unpatch_hands_on_an_error_of_the_source(void **state)
{
    const struct memory broken = {hello.bytes, hello.len, true};
    static struct result result;
    uint8_t patch[18];

    (void)state;
    vector_unhex(tiny_patches[1], patch, sizeof(patch));
    unpatch_every_way(&broken, patch, sizeof(patch), &result);
    assert_int_equal(result.error, UPDRAFT_E_FLASH_READ);
    assert_int_equal(result.verdict, UPDRAFT_E_FLASH_READ);
}

/* The vendor's samples are bare streams, without the outer header. */
static void unpatch_applies_the_vendors_own_test_patch(void **state)
{
    static struct result result;
    size_t base_len = 0, new_len = 0, patch_len = 0, bad_len = 0;
    uint8_t *base = firmware_load("delta_ota_test_base.bin", &base_len);
    uint8_t *new = firmware_load("delta_ota_test_new.bin", &new_len);
    uint8_t *patch = firmware_load("delta_ota_test_patch.bin", &patch_len);
    uint8_t *bad = firmware_load("delta_ota_test_bad_patch.bin", &bad_len);
    struct memory memory = {base, base_len, false};
    bool there = base != NULL && new != NULL &&patch != NULL &&bad != NULL;

    (void)state;
    if (there) {
        unpatch_every_way(&memory, patch, patch_len, &result);
        assert_result(&result, new, new_len);
        unpatch_every_way(&memory, bad, bad_len, &result);
        assert_true(result.verdict != UPDRAFT_OK || result.len != new_len ||
                    memcmp(result.out, new, new_len) != 0);
        print_message("# the bad patch: %s\n", updraft_error_entry((uint32_t)result.verdict)->name);
    }
    free(base);
    free(new);
    free(patch);
    free(bad);
    if (!there)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpatch_applies_the_tiny_patch_in_both_compressions),
        cmocka_unit_test(unpatch_turns_m1_into_m6),
        cmocka_unit_test(unpatch_moves_in_the_source_both_ways),
        cmocka_unit_test(unpatch_copies_from_its_window),
        cmocka_unit_test(unpatch_makes_an_empty_result_of_two_bytes),
        cmocka_unit_test(unpatch_refuses_other_types_and_compressions),
        cmocka_unit_test(unpatch_never_gives_more_than_the_callers_limit),
        cmocka_unit_test(unpatch_refuses_runs_beyond_the_stated_length),
        cmocka_unit_test(unpatch_never_reads_outside_the_source),
        cmocka_unit_test(unpatch_refuses_bytes_behind_the_end),
        cmocka_unit_test(unpatch_calls_every_shorter_patch_truncated),
        cmocka_unit_test(unpatch_stays_within_bounds_for_every_flipped_bit),
        cmocka_unit_test(unpatch_hands_on_an_error_of_the_source),
        cmocka_unit_test(unpatch_applies_the_vendors_own_test_patch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
