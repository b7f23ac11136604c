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
        if (updraft_image_is_mapped_8266(updraft_get_le32(head + off)) &&
            updraft_get_le32(head + data_off) == UPDRAFT_APPDESC_MAGIC)
            return data_off;
        data_len = updraft_get_le32(head + off + 4);
        if (!updraft_image_segment_ok(data_off, data_len))
            break;
        off = data_off + data_len;
    }
    return 0;
}

/* The descriptor within head; NULL when there is none, or not all of it. */
static const uint8_t *find_appdesc(const uint8_t *head, uint32_t head_len)
{
    uint32_t off = UPDRAFT_APPDESC_OFF;

    if (head_len < UPDRAFT_IMAGE_FACTS_LEN)
        return NULL;
    switch (updraft_image_kind_of(head)) {
    case UPDRAFT_IMAGE_ESP32:
        break;
    case UPDRAFT_IMAGE_ESP8266_V1:
    case UPDRAFT_IMAGE_ESP8266_V3:
        off = find_appdesc_8266(head, head_len);
        break;
    case UPDRAFT_IMAGE_ESP8266_V2:
    case UPDRAFT_IMAGE_UNKNOWN:
        return NULL;
    }
    return off != 0 && updraft_get_le32(head + off) == UPDRAFT_APPDESC_MAGIC ? head + off : NULL;
}

static void get_text(char out[33], const uint8_t *field)
{
    memcpy(out, field, UPDRAFT_APPDESC_TEXT_LEN);
    out[UPDRAFT_APPDESC_TEXT_LEN] = '\0';
}

/* A length that no image can have is told before anything is erased for it; those of later segments
 * when the image is read back. */
static bool starts_with_segment(const uint8_t *head, uint32_t head_len,
                                enum updraft_image_kind kind)
{
    uint32_t data_off =
        UPDRAFT_IMAGE_SEGMENT_HEADER_LEN +
        (kind == UPDRAFT_IMAGE_ESP32 ? UPDRAFT_IMAGE_HEADER_LEN : UPDRAFT_IMAGE_HEADER_8266_LEN);

    return head_len < data_off ||
           updraft_image_segment_ok(data_off, updraft_get_le32(head + data_off - 4u));
}

enum updraft_error updraft_image_facts_decode(const uint8_t *head, uint32_t head_len,
                                              struct updraft_image_facts *facts)
{
    const uint8_t *appdesc = find_appdesc(head, head_len);
    enum updraft_image_kind kind;

    if (head_len < UPDRAFT_IMAGE_HEADER_LEN)
        return UPDRAFT_E_TRUNCATED;
    kind = updraft_image_kind_of(head);
    if (kind == UPDRAFT_IMAGE_UNKNOWN)
        return UPDRAFT_E_MAGIC;
    if (!updraft_image_count_ok(head[UPDRAFT_IMAGE_COUNT_OFF]) ||
        (kind == UPDRAFT_IMAGE_ESP32 && head[UPDRAFT_IMAGE_HASHED_OFF] > 1))
        return UPDRAFT_E_HEADER;
    if (!starts_with_segment(head, head_len, kind))
        return UPDRAFT_E_SEGMENT;
    *facts = (struct updraft_image_facts){
        .kind = (uint8_t)kind,
        .chip_id = kind == UPDRAFT_IMAGE_ESP32 ? updraft_get_le16(head + UPDRAFT_IMAGE_CHIP_ID_OFF)
                                               : UPDRAFT_CHIP_ESP8266,
        .has_appdesc = appdesc != NULL,
    };
    if (appdesc != NULL) {
        get_text(facts->version, appdesc + UPDRAFT_APPDESC_VERSION_OFF);
        get_text(facts->project, appdesc + UPDRAFT_APPDESC_PROJECT_OFF);
    }
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

const uint8_t *updraft_image_elf_sha256(const uint8_t *head, uint32_t head_len)
{
    const uint8_t *appdesc = find_appdesc(head, head_len);
    const uint8_t *digest;
    uint8_t any = 0;

    if (appdesc == NULL)
        return NULL;
    digest = appdesc + UPDRAFT_APPDESC_ELF_SHA256_OFF;
    for (uint32_t i = 0; i < UPDRAFT_SHA256_LEN; i++)
        any |= digest[i];
    return any != 0 ? digest : NULL;
}
