/* What an image's first sector tells, against the stream reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "format/bytes.h"
#include "format/image.h"

#include "vectors.h"

static uint8_t image[VECTOR_CAP];

static void facts_are_those_that_the_reader_finds(void **state)
{
    (void)state;
    for (int which = VECTOR_M1; which <= VECTOR_M6; which++) {
        uint32_t len = (uint32_t)vector_image((enum vector)which, image);
        uint32_t head_len = len < 4096 ? len : 4096;
        struct updraft_image_reader reader;
        struct updraft_image_facts facts;
        struct updraft_image_facts read;

        updraft_image_reader_init(&reader);
        assert_int_equal(updraft_image_reader_feed(&reader, image, head_len), UPDRAFT_OK);
        memset(&facts, 0, sizeof facts);
        memset(&read, 0, sizeof read);
        updraft_image_facts_of(&reader.info, &read);
        assert_int_equal(updraft_image_facts_decode(image, head_len, &facts), UPDRAFT_OK);
        assert_int_equal(facts.kind, read.kind);
        assert_int_equal(facts.chip_id, read.chip_id);
        assert_true(facts.has_appdesc && read.has_appdesc);
        assert_string_equal(facts.version, read.version);
        assert_string_equal(facts.project, read.project);
    }
}

static void facts_know_a_descriptor_only_when_all_of_it_is_there(void **state)
{
    struct updraft_image_facts facts;

    (void)state;
    vector_image(VECTOR_M1, image);
    image[UPDRAFT_APPDESC_OFF + UPDRAFT_APPDESC_ELF_SHA256_OFF + 31] = 1;
    assert_int_equal(updraft_image_facts_decode(image, 23, &facts), UPDRAFT_E_TRUNCATED);
    assert_int_equal(updraft_image_facts_decode(image, 24, &facts), UPDRAFT_OK);
    assert_int_equal(facts.chip_id, UPDRAFT_CHIP_ESP32);
    assert_false(facts.has_appdesc);
    assert_string_equal(facts.version, "");
    assert_int_equal(updraft_image_facts_decode(image, UPDRAFT_IMAGE_FACTS_LEN - 1, &facts),
                     UPDRAFT_OK);
    assert_false(facts.has_appdesc);
    assert_false(facts.has_elf_sha256);
    assert_int_equal(updraft_image_facts_decode(image, UPDRAFT_IMAGE_FACTS_LEN, &facts),
                     UPDRAFT_OK);
    assert_true(facts.has_appdesc);
    assert_string_equal(facts.version, "1.0.0");
    assert_string_equal(facts.project, "demo");
    assert_true(facts.has_elf_sha256);
    assert_memory_equal(facts.elf_sha256,
                        image + UPDRAFT_APPDESC_OFF + UPDRAFT_APPDESC_ELF_SHA256_OFF,
                        sizeof facts.elf_sha256);
}

static void facts_refuse_what_is_no_image(void **state)
{
    struct updraft_image_facts facts;

    (void)state;
    memset(image, 0xFF, 512);
    assert_int_equal(updraft_image_facts_decode(image, 512, &facts), UPDRAFT_E_MAGIC);
    vector_image(VECTOR_M1, image);
    image[UPDRAFT_IMAGE_COUNT_OFF] = 17;
    assert_int_equal(updraft_image_facts_decode(image, 512, &facts), UPDRAFT_E_HEADER);
    image[UPDRAFT_IMAGE_COUNT_OFF] = 1;
    image[UPDRAFT_IMAGE_HASHED_OFF] = 2;
    assert_int_equal(updraft_image_facts_decode(image, 512, &facts), UPDRAFT_E_HEADER);
}

static void facts_end_texts_that_fill_their_field(void **state)
{
    struct updraft_image_facts facts;

    (void)state;
    vector_image(VECTOR_M1, image);
    memset(image + UPDRAFT_APPDESC_OFF + UPDRAFT_APPDESC_VERSION_OFF, 'v', 64);
    assert_int_equal(updraft_image_facts_decode(image, 512, &facts), UPDRAFT_OK);
    assert_int_equal(strlen(facts.version), 32);
    assert_int_equal(strlen(facts.project), 32);
}

static void facts_without_digest_of_the_program_have_none(void **state)
{
    struct updraft_image_facts facts;

    (void)state;
    vector_image(VECTOR_M1, image);
    assert_int_equal(updraft_image_facts_decode(image, 336, &facts), UPDRAFT_OK);
    assert_true(facts.has_appdesc);
    assert_false(facts.has_elf_sha256);
}

static void facts_find_the_descriptor_of_an_esp8266_image_behind_other_segments(void **state)
{
    static const uint8_t code[40] = {1};
    uint8_t desc[UPDRAFT_APPDESC_LEN];
    const struct updraft_image_segment segments[] = {
        {0x40210010, code, sizeof code},
        {0x40100000, code, 8},
        {0x40220010, desc, sizeof desc},
    };
    const struct updraft_image_spec spec = {
        .kind = UPDRAFT_IMAGE_ESP8266_V3,
        .entry_addr = 0x40210014,
        .segments = segments,
        .segment_count = 3,
    };
    struct updraft_image_facts facts;
    size_t len = 0;

    (void)state;
    vector_appdesc("3.1", desc);
    assert_int_equal(updraft_image_encode(&spec, image, sizeof image, &len), UPDRAFT_OK);
    assert_int_equal(updraft_image_facts_decode(image, (uint32_t)len, &facts), UPDRAFT_OK);
    assert_int_equal(facts.chip_id, UPDRAFT_CHIP_ESP8266);
    assert_true(facts.has_appdesc);
    assert_string_equal(facts.version, "3.1");
    /* A segment that leads past everything ends the search; as the first one it ends the image. */
    updraft_put_le32(image + 16 + sizeof code + 4, 0xFFFFFFF4u);
    assert_int_equal(updraft_image_facts_decode(image, (uint32_t)len, &facts), UPDRAFT_OK);
    assert_false(facts.has_appdesc);
    updraft_put_le32(image + 12, 0xFFFFFFF4u);
    assert_int_equal(updraft_image_facts_decode(image, (uint32_t)len, &facts), UPDRAFT_E_SEGMENT);
}

/* The bytes behind a segment that is too short for a descriptor belong to another. */
static void facts_look_for_the_descriptor_only_inside_of_its_segment(void **state)
{
    static const uint8_t code[300] = {1};
    uint8_t desc[UPDRAFT_APPDESC_LEN];
    const struct updraft_image_segment segments[] = {
        {0x40210010, code, 0},
        {UPDRAFT_APPDESC_MAGIC, code, sizeof code},
        {0x40220010, desc, sizeof desc},
    };
    const struct updraft_image_spec spec = {
        .kind = UPDRAFT_IMAGE_ESP8266_V3,
        .entry_addr = 0x40210014,
        .segments = segments,
        .segment_count = 3,
    };
    struct updraft_image_reader reader;
    struct updraft_image_facts facts;
    size_t len = 0;

    (void)state;
    vector_appdesc("3.2", desc);
    assert_int_equal(updraft_image_encode(&spec, image, sizeof image, &len), UPDRAFT_OK);
    assert_int_equal(updraft_image_facts_decode(image, (uint32_t)len, &facts), UPDRAFT_OK);
    updraft_image_reader_init(&reader);
    assert_int_equal(updraft_image_reader_feed(&reader, image, len), UPDRAFT_OK);
    assert_string_equal(reader.info.appdesc.version, "3.2");
    assert_string_equal(facts.version, "3.2");
}

static void hidden_hashes_are_told_by_what_stands_behind(void **state)
{
    (void)state;
    assert_true(updraft_image_hides_hash(32));
    assert_true(updraft_image_hides_hash(100));
    assert_false(updraft_image_hides_hash(0));
    assert_false(updraft_image_hides_hash(68));
    assert_false(updraft_image_hides_hash(4096));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_those_that_the_reader_finds),
        cmocka_unit_test(facts_know_a_descriptor_only_when_all_of_it_is_there),
        cmocka_unit_test(facts_refuse_what_is_no_image),
        cmocka_unit_test(facts_end_texts_that_fill_their_field),
        cmocka_unit_test(facts_without_digest_of_the_program_have_none),
        cmocka_unit_test(facts_find_the_descriptor_of_an_esp8266_image_behind_other_segments),
        cmocka_unit_test(facts_look_for_the_descriptor_only_inside_of_its_segment),
        cmocka_unit_test(hidden_hashes_are_told_by_what_stands_behind),
    };

    return cmocka_run_group_tests_name("image_facts", tests, NULL, NULL);
}
