#include "device/decode/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#define PLAIN_CAP 200000u

static uint8_t arena[UPDRAFT_GUNZIP_ARENA_LEN];
static uint8_t plain[PLAIN_CAP];
static uint8_t
    unpacked[PLAIN_CAP + 1]; /* one more, so that the end shows as an output not filled */
static uint8_t packed[PLAIN_CAP + 1024];

/* Text-like bytes that compress, from a small generator so that every run is the same. */
static void fill_plain(size_t len)
{
    uint32_t state = 7;

    for (size_t i = 0; i < len; i++) {
        state = state * 1664525u + 1013904223u;
        plain[i] = (uint8_t)((uint8_t) "updraft "[i % 8] + (state >> 30));
    }
}

static size_t pack_with(size_t plain_len, int window_bits)
{
    z_stream stream = {0};

    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY),
                     Z_OK);
    stream.next_in = plain;
    stream.avail_in = (uInt)plain_len;
    stream.next_out = packed;
    stream.avail_out = sizeof(packed);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&stream), Z_OK);
    return stream.total_out;
}

static size_t pack(size_t plain_len)
{
    return pack_with(plain_len, 31);
}

/* Feeds one piece the way the header asks, with room for at most out_step bytes a call. */
static enum updraft_error feed_piece(struct updraft_gunzip *gunzip, const uint8_t *in, size_t len,
                                     size_t out_step, size_t *out_len)
{
    for (;;) {
        size_t used, got;
        size_t room = sizeof(unpacked) - *out_len;
        size_t cap = out_step < room ? out_step : room;
        enum updraft_error error =
            updraft_gunzip_feed(gunzip, in, len, &used, unpacked + *out_len, cap, &got);

        *out_len += got;
        if (error != UPDRAFT_OK)
            return error;
        in += used;
        len -= used;
        if (len == 0 && got < cap)
            return UPDRAFT_OK;
    }
}

static enum updraft_error unpack(size_t packed_len, size_t in_step, size_t out_step,
                                 size_t *out_len)
{
    struct updraft_gunzip gunzip;

    *out_len = 0;
    updraft_gunzip_init(&gunzip, arena, sizeof(arena));
    for (size_t off = 0; off < packed_len; off += in_step) {
        size_t len = packed_len - off < in_step ? packed_len - off : in_step;
        enum updraft_error error = feed_piece(&gunzip, packed + off, len, out_step, out_len);

        if (error != UPDRAFT_OK) {
            assert_int_equal(updraft_gunzip_finish(&gunzip), error);
            return error;
        }
    }
    return updraft_gunzip_finish(&gunzip);
}

static void gunzip_gives_the_same_whole_byte_by_byte_and_for_small_outputs(void **state)
{
    static const size_t steps[] = {1, 2, 3, 7, 64, PLAIN_CAP};
    size_t len = 5000, packed_len, out_len;

    (void)state;
    fill_plain(len);
    packed_len = pack(len);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        for (size_t j = 0; j < sizeof(steps) / sizeof(steps[0]); j++) {
            memset(unpacked, 0, len);
            assert_int_equal(unpack(packed_len, steps[i], steps[j], &out_len), UPDRAFT_OK);
            assert_int_equal(out_len, len);
            assert_memory_equal(unpacked, plain, len);
        }
}

static void gunzip_gives_the_same_when_split_at_each_point(void **state)
{
    size_t len = 3000, packed_len, out_len;

    (void)state;
    fill_plain(len);
    packed_len = pack(len);
    for (size_t split = 0; split <= packed_len; split++) {
        struct updraft_gunzip gunzip;

        out_len = 0;
        memset(unpacked, 0, len);
        updraft_gunzip_init(&gunzip, arena, sizeof(arena));
        assert_int_equal(feed_piece(&gunzip, packed, split, 512, &out_len), UPDRAFT_OK);
        assert_int_equal(feed_piece(&gunzip, packed + split, packed_len - split, 512, &out_len),
                         UPDRAFT_OK);
        assert_int_equal(updraft_gunzip_finish(&gunzip), UPDRAFT_OK);
        assert_int_equal(out_len, len);
        assert_memory_equal(unpacked, plain, len);
    }
}

/* The arena starts at an odd address, which costs the most padding, and the input is larger than
 * the window, so that zlib has asked for all it ever asks for. */
static void gunzip_stays_inside_the_promised_arena(void **state)
{
    static uint8_t odd[UPDRAFT_GUNZIP_ARENA_LEN + 2];
    struct updraft_gunzip gunzip;
    size_t packed_len, out_len = 0;

    (void)state;
    fill_plain(PLAIN_CAP);
    packed_len = pack(PLAIN_CAP);
    memset(odd, 0x5A, sizeof(odd));
    updraft_gunzip_init(&gunzip, odd + 1, UPDRAFT_GUNZIP_ARENA_LEN);
    assert_int_equal(feed_piece(&gunzip, packed, packed_len, 4096, &out_len), UPDRAFT_OK);
    assert_int_equal(updraft_gunzip_finish(&gunzip), UPDRAFT_OK);
    assert_int_equal(out_len, PLAIN_CAP);
    assert_memory_equal(unpacked, plain, PLAIN_CAP);
    assert_in_range(gunzip.arena_used, 32768, UPDRAFT_GUNZIP_ARENA_LEN);
    assert_int_equal(odd[0], 0x5A);
    assert_int_equal(odd[sizeof(odd) - 1], 0x5A);
}

static void gunzip_refuses_an_arena_that_is_too_small(void **state)
{
    static const size_t caps[] = {0, 1, 100, 5000, 20000, 32768};
    struct updraft_gunzip gunzip;
    size_t packed_len, out_len;

    (void)state;
    fill_plain(PLAIN_CAP);
    packed_len = pack(PLAIN_CAP);
    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        out_len = 0;
        updraft_gunzip_init(&gunzip, arena, caps[i]);
        assert_int_equal(feed_piece(&gunzip, packed, packed_len, 4096, &out_len),
                         UPDRAFT_E_NO_SPACE);
        assert_int_equal(updraft_gunzip_finish(&gunzip), UPDRAFT_E_NO_SPACE);
    }
    out_len = 0;
    updraft_gunzip_init(&gunzip, NULL, sizeof(arena));
    assert_int_equal(feed_piece(&gunzip, packed, packed_len, 4096, &out_len), UPDRAFT_E_NO_SPACE);
}

static void gunzip_says_truncated_wherever_the_member_is_cut(void **state)
{
    size_t len = 1000, packed_len, out_len;

    (void)state;
    fill_plain(len);
    packed_len = pack(len);
    for (size_t cut = 0; cut < packed_len; cut++)
        assert_int_equal(unpack(cut, 100, 100, &out_len), UPDRAFT_E_TRUNCATED);
}

static void gunzip_finds_each_flipped_bit_of_crc_and_length(void **state)
{
    size_t len = 1000, packed_len, out_len;

    (void)state;
    fill_plain(len);
    packed_len = pack(len);
    for (size_t bit = 0; bit < 64; bit++) {
        uint8_t *byte = &packed[packed_len - 8 + bit / 8];

        *byte ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(unpack(packed_len, 33, 100, &out_len), UPDRAFT_E_GZIP);
        *byte ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(unpack(packed_len, 33, 100, &out_len), UPDRAFT_OK);
}

static void gunzip_refuses_bytes_behind_the_member_in_any_split(void **state)
{
    size_t len = 1000, packed_len, out_len;

    (void)state;
    fill_plain(len);
    packed_len = pack(len);
    for (size_t extra = 1; extra < 20; extra++)
        for (size_t step = 1; step < 40; step++) {
            memset(packed + packed_len, 0, extra);
            assert_int_equal(unpack(packed_len + extra, step, 4096, &out_len), UPDRAFT_E_GZIP);
        }
    /* Also a second member, which the gzip tool would append to the first. */
    memcpy(packed + packed_len, packed, packed_len);
    assert_int_equal(unpack(2 * packed_len, 4096, 4096, &out_len), UPDRAFT_E_GZIP);
}

static void gunzip_refuses_other_wrappers(void **state)
{
    size_t out_len;

    (void)state;
    fill_plain(1000);
    assert_int_equal(unpack(pack_with(1000, 15), 64, 64, &out_len), UPDRAFT_E_GZIP);
    assert_int_equal(unpack(pack_with(1000, -15), 64, 64, &out_len), UPDRAFT_E_GZIP);
    packed[0] = 0xE9;
    assert_int_equal(unpack(1000, 64, 64, &out_len), UPDRAFT_E_GZIP);
}

static void gunzip_stays_failed_after_a_failure(void **state)
{
    struct updraft_gunzip gunzip;
    static const uint8_t junk[4] = {0x1F, 0x8B, 0xFF, 0xFF};
    uint8_t out[64];
    size_t used, out_len, packed_len;

    (void)state;
    fill_plain(1000);
    packed_len = pack(1000);
    updraft_gunzip_init(&gunzip, arena, sizeof(arena));
    assert_int_equal(
        updraft_gunzip_feed(&gunzip, junk, sizeof(junk), &used, out, sizeof(out), &out_len),
        UPDRAFT_E_GZIP);
    assert_int_equal(
        updraft_gunzip_feed(&gunzip, packed, packed_len, &used, out, sizeof(out), &out_len),
        UPDRAFT_E_GZIP);
    assert_int_equal(used, 0);
    assert_int_equal(out_len, 0);
}

static void gunzip_takes_an_empty_member(void **state)
{
    size_t out_len;

    (void)state;
    assert_int_equal(unpack(pack(0), 1, 16, &out_len), UPDRAFT_OK);
    assert_int_equal(out_len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gunzip_gives_the_same_whole_byte_by_byte_and_for_small_outputs),
        cmocka_unit_test(gunzip_gives_the_same_when_split_at_each_point),
        cmocka_unit_test(gunzip_stays_inside_the_promised_arena),
        cmocka_unit_test(gunzip_refuses_an_arena_that_is_too_small),
        cmocka_unit_test(gunzip_says_truncated_wherever_the_member_is_cut),
        cmocka_unit_test(gunzip_finds_each_flipped_bit_of_crc_and_length),
        cmocka_unit_test(gunzip_refuses_bytes_behind_the_member_in_any_split),
        cmocka_unit_test(gunzip_refuses_other_wrappers),
        cmocka_unit_test(gunzip_stays_failed_after_a_failure),
        cmocka_unit_test(gunzip_takes_an_empty_member),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
