#include "device/push/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TYPE "multipart/form-data; boundary=XyZ"
#define OPEN "--XyZ\r\n"
#define END  "\r\n--XyZ--\r\n"
#define FIRMWARE                                                                                   \
    "Content-Disposition: form-data; name=\"firmware\"; filename=\"app.bin\"\r\n"                  \
    "Content-Type: application/octet-stream\r\n\r\n"

struct got {
    enum updraft_error verdict;
    uint8_t file[8192];
    size_t len;
    char name[UPDRAFT_MULTIPART_NAME_CAP];
    char md5[UPDRAFT_MULTIPART_MD5_CAP + 1];
};

/* Feeds one piece the way the header asks. */
static void feed_piece(struct updraft_multipart *multipart, const uint8_t *data, size_t len,
                       struct got *got)
{
    const uint8_t *file;
    size_t used, file_len;

    do {
        if (updraft_multipart_feed(multipart, data, len, &used, &file, &file_len) != UPDRAFT_OK)
            return;
        assert_true(used <= len);
        assert_true(got->len + file_len <= sizeof got->file);
        if (file_len > 0)
            memcpy(got->file + got->len, file, file_len);
        got->len += file_len;
        data += used;
        len -= used;
    } while (len > 0 || file_len > 0);
}

static struct got parse(const char *type, const void *body, size_t len, size_t split, size_t step)
{
    struct updraft_multipart multipart;
    static struct got got;

    memset(&got, 0, sizeof got);
    assert_int_equal(updraft_multipart_init(&multipart, type), UPDRAFT_OK);
    feed_piece(&multipart, body, split, &got);
    for (size_t off = split; off < len; off += step)
        feed_piece(&multipart, (const uint8_t *)body + off, len - off < step ? len - off : step,
                   &got);
    got.verdict = updraft_multipart_finish(&multipart);
    memcpy(got.name, multipart.name, sizeof got.name);
    memcpy(got.md5, multipart.md5, multipart.md5_len);
    return got;
}

/* Whole, byte by byte, and split at each point: all must give the same. */
static struct got parse_every_way(const char *type, const void *body, size_t len)
{
    struct got whole = parse(type, body, len, len, 1);

    for (size_t split = 0; split <= len; split++) {
        struct got pieces = parse(type, body, len, split, split == 0 ? 1 : len);

        assert_int_equal(pieces.verdict, whole.verdict);
        assert_int_equal(pieces.len, whole.len);
        assert_memory_equal(pieces.file, whole.file, whole.len);
        assert_string_equal(pieces.name, whole.name);
        assert_string_equal(pieces.md5, whole.md5);
    }
    return whole;
}

static void expect_file(const char *type, const char *body, const char *name, const char *file)
{
    struct got got = parse_every_way(type, body, strlen(body));

    assert_int_equal(got.verdict, UPDRAFT_OK);
    assert_string_equal(got.name, name);
    assert_int_equal(got.len, strlen(file));
    assert_memory_equal(got.file, file, got.len);
}

static void expect_error(const char *type, const char *body, enum updraft_error error)
{
    assert_int_equal(parse_every_way(type, body, strlen(body)).verdict, error);
}

static void multipart_gives_the_file_of_a_stock_form(void **state)
{
    (void)state;
    expect_file(TYPE, OPEN FIRMWARE "contents" END, "firmware", "contents");
    expect_file(TYPE, OPEN FIRMWARE "contents\r\n--XyZ--", "firmware", "contents");
}

static void multipart_gives_an_empty_file(void **state)
{
    (void)state;
    expect_file(TYPE, OPEN FIRMWARE END, "firmware", "");
    /* The line end of the blank line may be that of the delimiter. */
    expect_file(TYPE, OPEN FIRMWARE "--XyZ--\r\n", "firmware", "");
}

static void multipart_keeps_bytes_that_look_like_a_delimiter(void **state)
{
    static const char *const contents[] = {
        "\r",        "\n",      "\r\n",     "\r\n-",          "\r\n--",         "\r\n--X",
        "\r\n--Xy",  "\r\r\n",  "\r\r\n--", "\r\n\r\n--Xy",   "--XyQ",          "-",
        "--Xy\r\n",  "XyZ",     "\n--XyZ",  "\r\n--xyz",      "a\r\n--Xy\r\nb", "\r\n--\r\n--",
        "-\r\n-XyZ", "\r--XyZ", "\r\n\n--", "\r\n--Xy\r\n--",
    };
    char body[512];

    (void)state;
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        strcpy(body, OPEN FIRMWARE);
        strcat(body, contents[i]);
        strcat(body, END);
        expect_file(TYPE, body, "firmware", contents[i]);
    }
}

static void multipart_keeps_every_byte_value(void **state)
{
    static const char head[] = OPEN FIRMWARE, tail[] = END;
    uint8_t body[2048], contents[768];
    size_t len = 0;

    (void)state;
    for (size_t i = 0; i < sizeof contents; i++)
        contents[i] = (uint8_t)(i % 3 == 0 ? '\r' : i);
    memcpy(body, head, sizeof head - 1);
    len += sizeof head - 1;
    memcpy(body + len, contents, sizeof contents);
    len += sizeof contents;
    memcpy(body + len, tail, sizeof tail - 1);
    len += sizeof tail - 1;
    struct got got = parse_every_way(TYPE, body, len);
    assert_int_equal(got.verdict, UPDRAFT_OK);
    assert_int_equal(got.len, sizeof contents);
    assert_memory_equal(got.file, contents, sizeof contents);
}

static void multipart_skips_text_fields_before_the_file(void **state)
{
    (void)state;
    expect_file(TYPE,
                OPEN "Content-Disposition: form-data; name=\"MD5\"\r\n\r\n"
                     "a52dff8366b1473d2e13edd2415def67\r\n" OPEN FIRMWARE "contents" END,
                "firmware", "contents");
}

static void multipart_keeps_the_field_md5(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        const char *kept;
    } cases[] = {
        {"MD5", "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"},
        {"md5", "0123\r\n--Xy\r4567", "0123\r\n--Xy\r4567"},
        {"MD5", "", ""},
        {"MD5", "0123456789abcdef0123456789abcdef0", "0123456789abcdef0123456789abcdef0"},
        {"MD5", "0123456789abcdef0123456789abcdef0123", "0123456789abcdef0123456789abcdef0"},
        {"MD", "0123", ""},
        {"MD5s", "0123", ""},
    };
    char body[1024];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(body, sizeof body,
                 OPEN "Content-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n" OPEN FIRMWARE
                      "image\r\n" OPEN
                      "Content-Disposition: form-data; name=\"MD5\"\r\n\r\nlate" END,
                 cases[i].name, cases[i].value);
        assert_string_equal(parse_every_way(TYPE, body, strlen(body)).md5, cases[i].kept);
        expect_file(TYPE, body, "firmware", "image");
    }
}

static void multipart_skips_an_input_without_a_chosen_file(void **state)
{
    (void)state;
    expect_file(TYPE,
                OPEN "Content-Disposition: form-data; name=\"firmware\"; filename=\"\"\r\n"
                     "Content-Type: application/octet-stream\r\n\r\n\r\n" OPEN
                     "Content-Disposition: form-data; name=\"filesystem\"; filename=\"fs\"\r\n"
                     "\r\nfs contents" END,
                "filesystem", "fs contents");
    expect_error(TYPE,
                 OPEN "Content-Disposition: form-data; name=\"firmware\"; filename=\"\"\r\n"
                      "\r\n" END,
                 UPDRAFT_E_EMPTY);
}

static void multipart_ignores_everything_behind_the_first_file(void **state)
{
    (void)state;
    expect_file(TYPE,
                OPEN FIRMWARE
                "first\r\n" OPEN
                "Content-Disposition: form-data; name=\"second\"; filename=\"b\"\r\n\r\n"
                "other\r\n--XyZ--\r\nepilogue\r\n--XyZ\r\n",
                "firmware", "first");
}

static void multipart_takes_headers_in_any_order_and_case(void **state)
{
    (void)state;
    expect_file(TYPE,
                OPEN "X-First: 1\r\ncontent-type: a/b\r\nCONTENT-DISPOSITION: form-data; "
                     "FileName=\"a;b\\\"c\"; Name=firmware\r\nX-Last: name=\"no\"\r\n\r\nbytes" END,
                "firmware", "bytes");
    expect_file(TYPE,
                OPEN "Content-Disposition: form-data; name=\"firmware\"; "
                     "filename*=UTF-8''%e2%82%ac.bin\r\n\r\nbytes" END,
                "firmware", "bytes");
    expect_file(TYPE,
                OPEN "Content-Disposition: form-data; filename=\"C:\\dir\\app.bin\"; "
                     "name=\"firmware\"\n\nbytes" END,
                "firmware", "bytes");
}

static void multipart_takes_preamble_and_padded_boundary(void **state)
{
    (void)state;
    expect_file(TYPE, "preamble\r\n-\r\n--XyZ \t\r\n" FIRMWARE "contents" END, "firmware",
                "contents");
}

static void multipart_reads_the_boundary_among_other_parameters(void **state)
{
    struct updraft_multipart multipart;

    (void)state;
    expect_file("Multipart/Form-Data; charset=utf-8; Boundary=\"XyZ\"; x=y",
                OPEN FIRMWARE "contents" END, "firmware", "contents");
    expect_file("multipart/form-data;boundary=XyZ; x=\"boundary=no\"", OPEN FIRMWARE "c" END,
                "firmware", "c");
    assert_int_equal(updraft_multipart_init(&multipart, "multipart/form-data; boundary="
                                                        "1234567890123456789012345678901234567890"
                                                        "123456789012345678901234567890"),
                     UPDRAFT_OK);
}

static void multipart_refuses_unusable_content_types(void **state)
{
    static const char *const types[] = {
        NULL,
        "",
        "application/octet-stream",
        "multipart/mixed; boundary=XyZ",
        "multipart/form-dataX; boundary=XyZ",
        "multipart/form-data",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; xboundary=XyZ",
        "multipart/form-data; boundary=\"a\rb\"",
        "multipart/form-data; boundary=1234567890123456789012345678901234567890"
        "1234567890123456789012345678901",
    };
    struct updraft_multipart multipart;
    const uint8_t *file;
    size_t used, file_len;

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        assert_int_equal(updraft_multipart_init(&multipart, types[i]), UPDRAFT_E_MULTIPART);
        assert_int_equal(
            updraft_multipart_feed(&multipart, (const uint8_t *)"x", 1, &used, &file, &file_len),
            UPDRAFT_E_MULTIPART);
        assert_int_equal(updraft_multipart_finish(&multipart), UPDRAFT_E_MULTIPART);
    }
}

static void multipart_says_truncated_wherever_the_form_is_cut(void **state)
{
    static const char body[] = OPEN FIRMWARE "contents\r\n--XyZ--";

    (void)state;
    assert_int_equal(parse(TYPE, body, 0, 0, 1).verdict, UPDRAFT_E_EMPTY);
    for (size_t cut = 1; cut < sizeof body - 1; cut++)
        assert_int_equal(parse(TYPE, body, cut, cut, 1).verdict, UPDRAFT_E_TRUNCATED);
    assert_int_equal(parse(TYPE, body, sizeof body - 1, 0, 1).verdict, UPDRAFT_OK);
}

static void multipart_says_empty_without_a_file_part(void **state)
{
    (void)state;
    expect_error(TYPE, OPEN "Content-Disposition: form-data; name=\"firmware\"\r\n\r\ntext" END,
                 UPDRAFT_E_EMPTY);
    expect_error(TYPE, OPEN "\r\nno headers" END, UPDRAFT_E_EMPTY);
    expect_error(TYPE, "--XyZ--\r\n", UPDRAFT_E_EMPTY);
}

static void multipart_refuses_a_broken_delimiter(void **state)
{
    (void)state;
    expect_error(TYPE, "--XyZQ\r\n" FIRMWARE "contents" END, UPDRAFT_E_MULTIPART);
    expect_error(TYPE, "--XyZ-\r\n" FIRMWARE "contents" END, UPDRAFT_E_MULTIPART);
    expect_error(TYPE, "--XyZ\rQ" FIRMWARE "contents" END, UPDRAFT_E_MULTIPART);
    expect_error(TYPE, OPEN FIRMWARE "contents\r\n--XyZQ\r\n", UPDRAFT_E_MULTIPART);
}

static void multipart_limits_the_header_block(void **state)
{
    char body[4096] = OPEN;

    (void)state;
    strcat(body, "Content-Disposition: form-data; name=\"firmware\"; filename=\"a\"\r\nX: ");
    memset(body + strlen(body), 'x', 1024);
    strcat(body, "\r\n\r\ncontents" END);
    expect_error(TYPE, body, UPDRAFT_E_MULTIPART);
}

static void multipart_takes_long_file_names_but_no_guessed_field(void **state)
{
    char body[4096] = OPEN "Content-Disposition: form-data; name=\"filesystem\"; filename=\"";

    (void)state;
    memset(body + strlen(body), 'n', 300);
    strcat(body, "\"\r\n\r\ncontents" END);
    expect_file(TYPE, body, "filesystem", "contents");

    for (size_t name_len = 190; name_len < 215; name_len++) {
        static const char name[] = "\"; name=\"filesystem\"";

        memset(body, 0, sizeof body);
        strcpy(body, OPEN "Content-Disposition: form-data; filename=\"");
        memset(body + strlen(body), 'n', name_len);
        strcat(body, name);
        bool is_cut = strlen(body) - strlen(OPEN) > 256;
        strcat(body, "\r\n\r\ncontents" END);
        if (is_cut)
            expect_error(TYPE, body, UPDRAFT_E_MULTIPART);
        else
            expect_file(TYPE, body, "filesystem", "contents");
    }
}

static void multipart_cuts_the_field_name_to_its_room(void **state)
{
    (void)state;
    expect_file(TYPE,
                OPEN "Content-Disposition: form-data; filename=\"f\"; "
                     "name=\"0123456789012345678901234567890123456789\"\r\n\r\nbytes" END,
                "0123456789012345678901234567890", "bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multipart_gives_the_file_of_a_stock_form),
        cmocka_unit_test(multipart_gives_an_empty_file),
        cmocka_unit_test(multipart_keeps_bytes_that_look_like_a_delimiter),
        cmocka_unit_test(multipart_keeps_every_byte_value),
        cmocka_unit_test(multipart_skips_text_fields_before_the_file),
        cmocka_unit_test(multipart_keeps_the_field_md5),
        cmocka_unit_test(multipart_skips_an_input_without_a_chosen_file),
        cmocka_unit_test(multipart_ignores_everything_behind_the_first_file),
        cmocka_unit_test(multipart_takes_headers_in_any_order_and_case),
        cmocka_unit_test(multipart_takes_preamble_and_padded_boundary),
        cmocka_unit_test(multipart_reads_the_boundary_among_other_parameters),
        cmocka_unit_test(multipart_refuses_unusable_content_types),
        cmocka_unit_test(multipart_says_truncated_wherever_the_form_is_cut),
        cmocka_unit_test(multipart_says_empty_without_a_file_part),
        cmocka_unit_test(multipart_refuses_a_broken_delimiter),
        cmocka_unit_test(multipart_limits_the_header_block),
        cmocka_unit_test(multipart_takes_long_file_names_but_no_guessed_field),
        cmocka_unit_test(multipart_cuts_the_field_name_to_its_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
