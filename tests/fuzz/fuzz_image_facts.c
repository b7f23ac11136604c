/* The facts of an image's first sector against what the stream reader finds in it. */
#include "format/image.h"

#include <stdlib.h>
#include <string.h>

/* What is said of the ESP32 family is the same without a look into the ESP8266's images. */
static void check_esp32(const uint8_t *head, size_t len, const struct updraft_image_facts *facts)
{
    struct updraft_image_facts esp32;

    if (updraft_image_facts_esp32(head, (uint32_t)len, &esp32) != UPDRAFT_OK ||
        esp32.chip_id != facts->chip_id || esp32.kind != facts->kind)
        abort();
    if (facts->kind == UPDRAFT_IMAGE_ESP32 && memcmp(&esp32, facts, sizeof esp32) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct updraft_image_facts facts;
    struct updraft_image_reader reader;
    uint8_t *head;

    if (len > 4096)
        return 0;
    head = malloc(len + 1); /* of its own, so that a byte too far is seen */
    if (head == NULL)
        abort();
    memcpy(head, data, len);
    head = realloc(head, len > 0 ? len : 1);
    if (head == NULL)
        abort();
    updraft_image_reader_init(&reader);
    if (updraft_image_facts_decode(head, (uint32_t)len, &facts) == UPDRAFT_OK) {
        enum updraft_error error = updraft_image_reader_feed(&reader, head, len);

        if (facts.chip_id != reader.info.chip_id && error != UPDRAFT_E_HEADER)
            abort();
        if (strlen(facts.version) > 32 || strlen(facts.project) > 32)
            abort();
        if (facts.has_elf_sha256 &&
            (!facts.has_appdesc || memmem(head, len, facts.elf_sha256, 32) == NULL))
            abort();
        check_esp32(head, len, &facts);
        /* The reader stops at the first fault, the facts only look where a descriptor may be. */
        if (reader.info.has_appdesc &&
            (!facts.has_appdesc || strcmp(facts.version, reader.info.appdesc.version) != 0 ||
             strcmp(facts.project, reader.info.appdesc.project) != 0))
            abort();
    }
    free(head);
    return 0;
}
