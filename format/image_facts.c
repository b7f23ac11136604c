#include "format/bytes.h"
#include "format/chip.h"
#include "format/digest.h"
#include "format/image.h"

#include <string.h>

/* The descriptor of an ESP8266 image opens its read-only data, whichever mapped segment that is. */
static uint32_t find_appdesc_8266(const uint8_t *head, uint32_t head_len)
{
    uint32_t off = UPDRAFT_IMAGE_HEADER_8266_LEN;

    for (uint8_t i = 0; i < head[UPDRAFT_IMAGE_COUNT_OFF]; i++) {
        uint32_t data_off = off + UPDRAFT_IMAGE_SEGMENT_HEADER_LEN;
        uint32_t data_len;

        if (data_off + UPDRAFT_APPDESC_LEN > head_len)
            break;
        data_len = updraft_get_le32(head + off + 4);
        if (updraft_image_is_mapped_8266(updraft_get_le32(head + off)) &&
            data_len >= UPDRAFT_APPDESC_LEN &&
            updraft_get_le32(head + data_off) == UPDRAFT_APPDESC_MAGIC)
            return data_off;
        if (!updraft_image_segment_ok(data_off, data_len))
            break;
        off = data_off + data_len;
    }
    return 0;
}

/* Over facts of zeros, which end the texts. */
static void read_appdesc(const uint8_t *desc, struct updraft_image_facts *facts)
{
    const uint8_t *digest = desc + UPDRAFT_APPDESC_ELF_SHA256_OFF;
    uint8_t any = 0;

    if (updraft_get_le32(desc) != UPDRAFT_APPDESC_MAGIC)
        return;
    facts->has_appdesc = true;
    updraft_bytes_copy(facts->version, desc + UPDRAFT_APPDESC_VERSION_OFF,
                       UPDRAFT_APPDESC_TEXT_LEN);
    updraft_bytes_copy(facts->project, desc + UPDRAFT_APPDESC_PROJECT_OFF,
                       UPDRAFT_APPDESC_TEXT_LEN);
    updraft_bytes_copy(facts->elf_sha256, digest, sizeof facts->elf_sha256);
    for (uint32_t i = 0; i < sizeof facts->elf_sha256; i++)
        any |= digest[i];
    facts->has_elf_sha256 = any != 0; /* a program without it has zeros there */
}

enum updraft_error updraft_image_facts_esp32(const uint8_t *head, uint32_t head_len,
                                             struct updraft_image_facts *facts)
{
    enum updraft_image_kind kind;
    uint32_t data_off = UPDRAFT_IMAGE_HEADER_8266_LEN + UPDRAFT_IMAGE_SEGMENT_HEADER_LEN;
    uint32_t chip_id = UPDRAFT_CHIP_ESP8266;
    uint8_t hashed = 0;

    if (head_len < UPDRAFT_IMAGE_HEADER_LEN)
        return UPDRAFT_E_TRUNCATED;
    kind = updraft_image_kind_of(head);
    if (kind == UPDRAFT_IMAGE_UNKNOWN)
        return UPDRAFT_E_MAGIC;
    if (kind == UPDRAFT_IMAGE_ESP32) {
        data_off = UPDRAFT_APPDESC_OFF;
        chip_id = updraft_get_le16(head + UPDRAFT_IMAGE_CHIP_ID_OFF);
        hashed = head[UPDRAFT_IMAGE_HASHED_OFF];
    }
    if (!updraft_image_count_ok(head[UPDRAFT_IMAGE_COUNT_OFF]) || hashed > 1)
        return UPDRAFT_E_HEADER;
    /* A length that no image can have is told before anything is erased for it; those of later
     * segments when the image is read back. */
    if (head_len >= data_off &&
        !updraft_image_segment_ok(data_off, updraft_get_le32(head + data_off - 4u)))
        return UPDRAFT_E_SEGMENT;
    memset(facts, 0, sizeof *facts);
    facts->kind = (uint8_t)kind;
    facts->chip_id = (uint16_t)chip_id;
    if (kind == UPDRAFT_IMAGE_ESP32 && head_len >= UPDRAFT_IMAGE_FACTS_LEN)
        read_appdesc(head + UPDRAFT_APPDESC_OFF, facts);
    return UPDRAFT_OK;
}

enum updraft_error updraft_image_facts_decode(const uint8_t *head, uint32_t head_len,
                                              struct updraft_image_facts *facts)
{
    enum updraft_error error = updraft_image_facts_esp32(head, head_len, facts);
    uint32_t off;

    if (error != UPDRAFT_OK || facts->kind != UPDRAFT_IMAGE_ESP8266_V1)
        return error;
    off = find_appdesc_8266(head, head_len);
    if (off != 0)
        read_appdesc(head + off, facts);
    return UPDRAFT_OK;
}

void updraft_image_facts_of(const struct updraft_image_info *info,
                            struct updraft_image_facts *facts)
{
    *facts = (struct updraft_image_facts){
        .kind = (uint8_t)info->kind,
        .has_appdesc = info->has_appdesc,
        .chip_id = info->chip_id,
    };
    memcpy(facts->version, info->appdesc.version, sizeof facts->version);
    memcpy(facts->project, info->appdesc.project, sizeof facts->project);
}
