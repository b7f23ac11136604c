#include "format/oldsdk.h"

#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_map(uint8_t nibble, uint32_t end)
{
    struct updraft_oldsdk_map map;
    uint32_t shift;

    if (!updraft_oldsdk_map_find(nibble, &map))
        return;
    shift = updraft_oldsdk_shift(&map);
    check(map.bin_len <= map.flash_len && shift * 2 == map.bin_len);
    check(updraft_oldsdk_rf_addr(&map) + UPDRAFT_OLDSDK_RF_LEN <=
          updraft_oldsdk_params_start(&map));
    /* Copied down from user image 2, [0x1000, end) meets neither its source nor the flash's end. */
    if (updraft_oldsdk_has_room(&map, end))
        check(end <= UPDRAFT_OLDSDK_USER1_ADDR + shift && end + shift <= map.flash_len);
}

static void check_params(const uint8_t bytes[2])
{
    struct updraft_oldsdk_params params;
    enum updraft_oldsdk_user before;
    uint8_t again[2];

    updraft_oldsdk_params_decode(bytes, &params);
    updraft_oldsdk_params_encode(&params, again);
    check(memcmp(again, bytes, sizeof(again)) == 0);
    before = updraft_oldsdk_running(&params);
    updraft_oldsdk_switch(&params);
    check(before == UPDRAFT_OLDSDK_USER1 ||
          updraft_oldsdk_running(&params) == UPDRAFT_OLDSDK_USER1);
}

static void check_aps(const uint8_t bytes[UPDRAFT_OLDSDK_PARAMS_LEN])
{
    struct updraft_oldsdk_aps aps;
    struct updraft_oldsdk_aps again;
    uint8_t out[UPDRAFT_OLDSDK_PARAMS_LEN];

    if (!updraft_oldsdk_aps_decode(bytes, &aps))
        return;
    check(aps.count >= 1 && aps.count <= UPDRAFT_OLDSDK_AP_CAP && aps.current < aps.count);
    check(aps.list[aps.current].ssid_len != 0);
    for (size_t i = 0; i < UPDRAFT_OLDSDK_AP_CAP; i++) {
        check(aps.list[i].ssid_len <= UPDRAFT_OLDSDK_SSID_CAP);
        check(aps.list[i].ssid[aps.list[i].ssid_len] == '\0');
        check(memchr(aps.list[i].password, 0, sizeof(aps.list[i].password)) != NULL);
        check(i < aps.count || aps.list[i].ssid_len == 0);
    }
    memcpy(out, bytes, sizeof(out));
    updraft_oldsdk_aps_encode(&aps, out);
    check(updraft_oldsdk_aps_decode(out, &again));
    check(memcmp(&again, &aps, sizeof(aps)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A size nibble, an end, and a parameter sector's bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t sector[5 + UPDRAFT_OLDSDK_PARAMS_LEN];
    uint8_t rf[UPDRAFT_OLDSDK_RF_LEN];
    uint8_t record[UPDRAFT_OLDSDK_RF_RECORD_LEN];
    uint32_t end;

    memset(sector, 0xFF, sizeof(sector));
    if (len > 0)
        memcpy(sector, data, len < sizeof(sector) ? len : sizeof(sector));
    memcpy(&end, sector + 1, sizeof(end));
    check_map(sector[0], end);
    check_params(sector + 5);
    check_aps(sector + 5);
    if (updraft_oldsdk_rf_decode(sector + 5, rf)) {
        updraft_oldsdk_rf_encode(rf, record);
        check(memcmp(record, sector + 5, sizeof(record)) == 0);
    }
    return 0;
}
