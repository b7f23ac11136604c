#include "format/oldsdk.h"

#include "format/bytes.h"

#include <string.h>

#define KB 0x400u
#define MB 0x100000u

#define PARAMS_SECTORS 3u /* two of parameters, one of the flag */
#define RF_BELOW_END   0x4000u

/* The boot loader versions that know of no other state than usr_bin. */
#define VERSION_OLDEST  0x02u
#define VERSION_UNKNOWN 0x1Fu
/* The version that starts user image 1 whatever usr_bin says, until its first update. */
#define VERSION_FIRST_RUNS 0x04u

#define AP_COUNT_OFF   0x13Cu
#define AP_CURRENT_OFF 0x13Du
#define AP_LIST_OFF    0x140u
#define AP_SSID_OFF    4u
#define AP_PASS_OFF    (AP_SSID_OFF + UPDRAFT_OLDSDK_SSID_CAP)
#define AP_LEN         (AP_PASS_OFF + UPDRAFT_OLDSDK_PASSWORD_CAP)

static const char rf_magic[8] = "PHYINIT";

_Static_assert(AP_LEN == 100, "as the old SDK lays its list out");
_Static_assert(AP_LIST_OFF + UPDRAFT_OLDSDK_AP_CAP * AP_LEN <= UPDRAFT_OLDSDK_PARAMS_LEN,
               "what is carried over holds the access points");
_Static_assert(UPDRAFT_OLDSDK_RF_RECORD_LEN == UPDRAFT_OLDSDK_RF_LEN + 2 * sizeof(rf_magic),
               "the magic stands at both ends");

bool updraft_oldsdk_map_find(uint8_t size_nibble, struct updraft_oldsdk_map *map)
{
    static const struct updraft_oldsdk_map maps[] = {
        {512 * KB, 512 * KB}, {0, 0},           {1 * MB, 1 * MB},
        {2 * MB, 1 * MB},     {4 * MB, 1 * MB}, {2 * MB, 2 * MB},
        {4 * MB, 2 * MB},     {0, 0},           {8 * MB, 2 * MB},
        {16 * MB, 2 * MB},
    };

    if (size_nibble >= sizeof(maps) / sizeof(maps[0]) || maps[size_nibble].bin_len == 0)
        return false;
    *map = maps[size_nibble];
    return true;
}

uint32_t updraft_oldsdk_shift(const struct updraft_oldsdk_map *map)
{
    return map->bin_len / 2;
}

uint32_t updraft_oldsdk_params_start(const struct updraft_oldsdk_map *map)
{
    return map->flash_len - PARAMS_SECTORS * UPDRAFT_OLDSDK_SECTOR_LEN;
}

uint32_t updraft_oldsdk_flag_addr(const struct updraft_oldsdk_map *map)
{
    return map->flash_len - UPDRAFT_OLDSDK_SECTOR_LEN;
}

/* Where the flash is larger than the two images' share, old SDKs keep the RF parameters at its end;
 * the stock boot loader looks here all the same, and so the new system's tables leave this free. */
uint32_t updraft_oldsdk_rf_addr(const struct updraft_oldsdk_map *map)
{
    return map->bin_len - RF_BELOW_END;
}

uint32_t updraft_oldsdk_params_addr(const struct updraft_oldsdk_map *map, uint8_t flag)
{
    return updraft_oldsdk_params_start(map) + (flag != 0 ? UPDRAFT_OLDSDK_SECTOR_LEN : 0);
}

uint32_t updraft_oldsdk_other_params_addr(const struct updraft_oldsdk_map *map, uint8_t flag)
{
    return updraft_oldsdk_params_addr(map, updraft_oldsdk_other_flag(flag));
}

uint8_t updraft_oldsdk_other_flag(uint8_t flag)
{
    return flag != 0 ? 0 : 1;
}

bool updraft_oldsdk_has_room(const struct updraft_oldsdk_map *map, uint32_t end)
{
    uint32_t shift = updraft_oldsdk_shift(map);

    return end <= UPDRAFT_OLDSDK_USER1_ADDR + shift && end <= map->flash_len - shift;
}

uint32_t updraft_oldsdk_user_addr(const struct updraft_oldsdk_map *map,
                                  enum updraft_oldsdk_user user)
{
    return UPDRAFT_OLDSDK_USER1_ADDR +
           (user == UPDRAFT_OLDSDK_USER2 ? updraft_oldsdk_shift(map) : 0);
}

void updraft_oldsdk_params_decode(const uint8_t bytes[2], struct updraft_oldsdk_params *params)
{
    params->usr_bin = bytes[0] & 3;
    params->boot_status = (bytes[0] & 0x04) != 0;
    params->to_qio = (bytes[0] & 0x08) != 0;
    params->reserved = bytes[0] >> 4;
    params->version = bytes[1] & 0x1F;
    params->test_passed = (bytes[1] & 0x20) != 0;
    params->test_started = (bytes[1] & 0x40) != 0;
    params->enhanced = (bytes[1] & 0x80) != 0;
}

void updraft_oldsdk_params_encode(const struct updraft_oldsdk_params *params, uint8_t bytes[2])
{
    bytes[0] = (uint8_t)((params->usr_bin & 3) | (params->boot_status ? 0x04 : 0) |
                         (params->to_qio ? 0x08 : 0) | (params->reserved & 0xF) << 4);
    bytes[1] = (uint8_t)((params->version & 0x1F) | (params->test_passed ? 0x20 : 0) |
                         (params->test_started ? 0x40 : 0) | (params->enhanced ? 0x80 : 0));
}

enum updraft_oldsdk_user updraft_oldsdk_running(const struct updraft_oldsdk_params *params)
{
    if (params->usr_bin == 1)
        return params->boot_status ? UPDRAFT_OLDSDK_USER2 : UPDRAFT_OLDSDK_USER1;
    return params->boot_status || params->version == VERSION_FIRST_RUNS ? UPDRAFT_OLDSDK_USER1
                                                                        : UPDRAFT_OLDSDK_USER2;
}

void updraft_oldsdk_switch(struct updraft_oldsdk_params *params)
{
    uint8_t toggled = params->usr_bin == 1 ? 0 : 1;

    if (params->version == VERSION_OLDEST || params->version == VERSION_UNKNOWN) {
        params->usr_bin = toggled;
        return;
    }
    params->enhanced = true;
    if (params->boot_status)
        params->usr_bin = toggled;
    params->boot_status = true;
}

void updraft_oldsdk_rf_encode(const uint8_t rf[UPDRAFT_OLDSDK_RF_LEN],
                              uint8_t record[UPDRAFT_OLDSDK_RF_RECORD_LEN])
{
    memcpy(record, rf_magic, sizeof(rf_magic));
    memcpy(record + sizeof(rf_magic), rf, UPDRAFT_OLDSDK_RF_LEN);
    memcpy(record + sizeof(rf_magic) + UPDRAFT_OLDSDK_RF_LEN, rf_magic, sizeof(rf_magic));
}

bool updraft_oldsdk_rf_decode(const uint8_t record[UPDRAFT_OLDSDK_RF_RECORD_LEN],
                              uint8_t rf[UPDRAFT_OLDSDK_RF_LEN])
{
    const uint8_t *end = record + sizeof(rf_magic) + UPDRAFT_OLDSDK_RF_LEN;

    if (memcmp(record, rf_magic, sizeof(rf_magic)) != 0 ||
        memcmp(end, rf_magic, sizeof(rf_magic)) != 0)
        return false;
    memcpy(rf, record + sizeof(rf_magic), UPDRAFT_OLDSDK_RF_LEN);
    return true;
}

static void decode_ap(const uint8_t bytes[AP_LEN], struct updraft_oldsdk_ap *ap)
{
    uint32_t ssid_len = updraft_get_le32(bytes);

    memset(ap, 0, sizeof(*ap));
    if (ssid_len == 0 || ssid_len > UPDRAFT_OLDSDK_SSID_CAP)
        return;
    ap->ssid_len = (uint8_t)ssid_len;
    memcpy(ap->ssid, bytes + AP_SSID_OFF, ssid_len);
    for (size_t i = 0; i < UPDRAFT_OLDSDK_PASSWORD_CAP && bytes[AP_PASS_OFF + i] != 0; i++)
        ap->password[i] = (char)bytes[AP_PASS_OFF + i];
}

bool updraft_oldsdk_aps_decode(const uint8_t bytes[UPDRAFT_OLDSDK_PARAMS_LEN],
                               struct updraft_oldsdk_aps *aps)
{
    uint8_t count = bytes[AP_COUNT_OFF];
    uint8_t current = bytes[AP_CURRENT_OFF];
    struct updraft_oldsdk_ap ap;

    if (count > UPDRAFT_OLDSDK_AP_CAP || current >= count)
        return false;
    decode_ap(bytes + AP_LIST_OFF + current * AP_LEN, &ap);
    if (ap.ssid_len == 0)
        return false;
    memset(aps, 0, sizeof(*aps));
    aps->count = count;
    aps->current = current;
    for (size_t i = 0; i < count; i++)
        decode_ap(bytes + AP_LIST_OFF + i * AP_LEN, &aps->list[i]);
    return true;
}

void updraft_oldsdk_aps_encode(const struct updraft_oldsdk_aps *aps,
                               uint8_t bytes[UPDRAFT_OLDSDK_PARAMS_LEN])
{
    bytes[AP_COUNT_OFF] = aps->count;
    bytes[AP_CURRENT_OFF] = aps->current;
    for (size_t i = 0; i < aps->count && i < UPDRAFT_OLDSDK_AP_CAP; i++) {
        const struct updraft_oldsdk_ap *ap = &aps->list[i];
        uint8_t *at = bytes + AP_LIST_OFF + i * AP_LEN;

        updraft_put_le32(at, ap->ssid_len);
        memcpy(at + AP_SSID_OFF, ap->ssid, UPDRAFT_OLDSDK_SSID_CAP);
        memcpy(at + AP_PASS_OFF, ap->password, UPDRAFT_OLDSDK_PASSWORD_CAP);
    }
}
