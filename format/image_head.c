#include "format/image_head.h"

#include "format/bytes.h"

/* The ESP8266's memory: code from instruction RAM to the end of mapped flash; segments of RAM-only
 * images also below, from data RAM on. No chip of the other family has any of that. */
#define DRAM_8266_START  0x3FFE8000u
#define CODE_8266_START  0x40100000u
#define FLASH_8266_START 0x40200000u
#define FLASH_8266_END   0x40300000u

_Static_assert(UPDRAFT_IMAGE_HEADER_LEN ==
                   UPDRAFT_IMAGE_HEADER_8266_LEN + UPDRAFT_IMAGE_SEGMENT_HEADER_LEN + 8u,
               "telling the families apart needs the first load address of an ESP8266 image");

static bool in_range(uint32_t addr, uint32_t start, uint32_t end)
{
    return addr - start < end - start;
}

enum updraft_image_kind updraft_image_kind_of(const uint8_t head[UPDRAFT_IMAGE_HEADER_LEN])
{
    uint32_t entry_addr = updraft_get_le32(head + 4);
    uint32_t load_addr = updraft_get_le32(head + UPDRAFT_IMAGE_HEADER_8266_LEN);

    if (head[0] == UPDRAFT_IMAGE_MAGIC_8266_V2)
        return UPDRAFT_IMAGE_ESP8266_V2;
    if (head[0] != UPDRAFT_IMAGE_MAGIC)
        return UPDRAFT_IMAGE_UNKNOWN;
    if (in_range(entry_addr, CODE_8266_START, FLASH_8266_END) &&
        in_range(load_addr, DRAM_8266_START, FLASH_8266_END))
        return UPDRAFT_IMAGE_ESP8266_V1;
    return UPDRAFT_IMAGE_ESP32;
}

bool updraft_image_is_mapped_8266(uint32_t load_addr)
{
    return load_addr >= FLASH_8266_START;
}

bool updraft_image_segment_ok(uint32_t data_off, uint32_t data_len)
{
    /* The second test keeps the sum of the third from wrapping. */
    return data_len % 4u == 0 && data_len < UPDRAFT_IMAGE_LEN_CAP &&
           data_off + data_len <= UPDRAFT_IMAGE_LEN_CAP - UPDRAFT_IMAGE_TAIL_CAP;
}
