/* The facts of an image's first sector against what the stream reader finds in it. */
#include "format/image.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct updraft_image_facts facts;
    struct updraft_image_reader reader;
    uint8_t *head;
    const uint8_t *elf;

    if (len > 4096)
        return 0;
    head = malloc(len + 1); /* of its own, so that a byte too far is seen */
    if (head == NULL)
        abort();
    memcpy(head, data, len);
    head = realloc(head, len > 0 ? len : 1);
    if (head == NULL)
        abort();
    elf = updraft_image_elf_sha256(head, (uint32_t)len);
    if (elf != NULL && (elf < head || elf + 32 > head + len))
        abort();
    updraft_image_reader_init(&reader);
    if (updraft_image_facts_decode(head, (uint32_t)len, &facts) == UPDRAFT_OK) {
        enum updraft_error error = updraft_image_reader_feed(&reader, head, len);

        if (facts.chip_id != reader.info.chip_id && error != UPDRAFT_E_HEADER)
            abort();
        if (strlen(facts.version) > 32 || strlen(facts.project) > 32)
            abort();
        /* The reader stops at the first fault, the facts only look where a descriptor may be. */
        if (reader.info.has_appdesc &&
            (!facts.has_appdesc || strcmp(facts.version, reader.info.appdesc.version) != 0 ||
             strcmp(facts.project, reader.info.appdesc.project) != 0))
            abort();
    }
    free(head);
    return 0;
}
