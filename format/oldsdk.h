/* What an old ESP8266 SDK (before 3.0) keeps in flash, as far as a new system that is unpacked on top
 * of it must know it.
 *
 *   0            the old boot loader, at most one sector; its size nibble tells the layout below
 *   0x1000       user image 1
 *   0x1000+M/2   user image 2                        T: flash size, M: what the two images share
 *   M-0x4000     RF parameters, 128 bytes
 *   T-0x3000     boot parameters and configuration, used when the flag is 0
 *   T-0x2000     the same, used when the flag is not 0
 *   T-0x1000     the flag: byte 0
 *
 *   boot parameters   0  usr_bin:2 boot_status:1 to_qio:1 (4 more bits are kept)
 *                     1  version:5 test_passed:1 test_started:1 enhanced:1
 *   configuration     0x13C stored access points  0x13D the current one
 *                     0x140 five times: 4 SSID length, 32 SSID, 64 password
 *   RF record         "PHYINIT" NUL, 128 bytes, "PHYINIT" NUL: the new system's phy partition
 *
 * The boot loader stays as it is for good and starts user image 1 or 2 by the boot parameters; the
 * new system's boot loader poses as user image 1.
 *
 * Owns: bytes <-> struct and the arithmetic. Memory: the caller's. Writes no flash. After a power loss
 * while the flag's sector is erased or written, either parameter sector may be the one in use, so both
 * have to name something that starts.
 * Source: spi_flash/port/port.c of ESP8266_RTOS_SDK. */
#ifndef UPDRAFT_FORMAT_OLDSDK_H
#define UPDRAFT_FORMAT_OLDSDK_H

#include "format/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_OLDSDK_SECTOR_LEN    0x1000u
#define UPDRAFT_OLDSDK_BOOT_LEN_CAP  4096u /* data of the old boot loader's three segments */
#define UPDRAFT_OLDSDK_USER1_ADDR    0x1000u
#define UPDRAFT_OLDSDK_PARAMS_LEN    1280u /* of a parameter sector: all that is carried over */
#define UPDRAFT_OLDSDK_FLAG_LEN      32u   /* of the flag's sector: likewise */
#define UPDRAFT_OLDSDK_RF_LEN        128u
#define UPDRAFT_OLDSDK_RF_RECORD_LEN 144u
#define UPDRAFT_OLDSDK_AP_CAP        5u
#define UPDRAFT_OLDSDK_SSID_CAP      32u
#define UPDRAFT_OLDSDK_PASSWORD_CAP  64u

struct updraft_oldsdk_map {
    uint32_t flash_len; /* T */
    uint32_t bin_len;   /* M: user image 2 lies M/2 behind user image 1 */
};

/* From the size nibble of the old boot loader's header. False for one without two user images; *map
 * is untouched then. */
bool updraft_oldsdk_map_find(uint8_t size_nibble, struct updraft_oldsdk_map *map);

/* Distance of the two user images. */
uint32_t updraft_oldsdk_shift(const struct updraft_oldsdk_map *map);
/* Start of the last three sectors. */
uint32_t updraft_oldsdk_params_start(const struct updraft_oldsdk_map *map);
uint32_t updraft_oldsdk_flag_addr(const struct updraft_oldsdk_map *map);
uint32_t updraft_oldsdk_rf_addr(const struct updraft_oldsdk_map *map);
/* The parameter sector in use under that flag, and the other one: to be written next, and, where the
 * application of the new system looks for the configuration, the one that was in use before. */
uint32_t updraft_oldsdk_params_addr(const struct updraft_oldsdk_map *map, uint8_t flag);
uint32_t updraft_oldsdk_other_params_addr(const struct updraft_oldsdk_map *map, uint8_t flag);
/* The flag that puts the other sector in use. */
uint8_t updraft_oldsdk_other_flag(uint8_t flag);

/* Whether a new system that occupies the flash up to `end` (of ota_0) can be copied down from user
 * image 2 without touching what it is copied from. */
bool updraft_oldsdk_has_room(const struct updraft_oldsdk_map *map, uint32_t end);

enum updraft_oldsdk_user { UPDRAFT_OLDSDK_USER1, UPDRAFT_OLDSDK_USER2 };

uint32_t updraft_oldsdk_user_addr(const struct updraft_oldsdk_map *map,
                                  enum updraft_oldsdk_user user);

/* The first two bytes of a parameter sector; decode and encode keep every bit. */
struct updraft_oldsdk_params {
    uint8_t usr_bin; /* 0..3 */
    bool boot_status;
    bool to_qio;
    uint8_t reserved; /* 0..15 */
    uint8_t version;  /* 0..31, of the boot loader */
    bool test_passed;
    bool test_started;
    bool enhanced;
};

void updraft_oldsdk_params_decode(const uint8_t bytes[2], struct updraft_oldsdk_params *params);
void updraft_oldsdk_params_encode(const struct updraft_oldsdk_params *params, uint8_t bytes[2]);

/* The user image that a boot loader with these parameters starts. */
enum updraft_oldsdk_user updraft_oldsdk_running(const struct updraft_oldsdk_params *params);

/* What the new boot loader makes of the parameters. When user image 2 runs, the next start is of user
 * image 1, always; the other way round too, but for boot loader version 4 before its first update. */
void updraft_oldsdk_switch(struct updraft_oldsdk_params *params);

/* The record for the phy partition, from the old SDK's RF parameters. */
void updraft_oldsdk_rf_encode(const uint8_t rf[UPDRAFT_OLDSDK_RF_LEN],
                              uint8_t record[UPDRAFT_OLDSDK_RF_RECORD_LEN]);
/* False when that is no such record; rf is untouched then. */
bool updraft_oldsdk_rf_decode(const uint8_t record[UPDRAFT_OLDSDK_RF_RECORD_LEN],
                              uint8_t rf[UPDRAFT_OLDSDK_RF_LEN]);

/* An SSID may hold any byte, so its length counts; both are NUL-terminated as well. */
struct updraft_oldsdk_ap {
    char ssid[UPDRAFT_OLDSDK_SSID_CAP + 1];
    uint8_t ssid_len; /* 0: this place holds none */
    char password[UPDRAFT_OLDSDK_PASSWORD_CAP + 1];
};

struct updraft_oldsdk_aps {
    uint8_t count;   /* 1..5 */
    uint8_t current; /* index, below count */
    struct updraft_oldsdk_ap list[UPDRAFT_OLDSDK_AP_CAP];
};

/* The access points in the first 1280 bytes of a parameter sector. False, and *aps untouched, when the
 * numbers make no sense or the current one has no SSID. */
bool updraft_oldsdk_aps_decode(const uint8_t bytes[UPDRAFT_OLDSDK_PARAMS_LEN],
                               struct updraft_oldsdk_aps *aps);
/* Writes them where they belong and leaves the other bytes alone. */
void updraft_oldsdk_aps_encode(const struct updraft_oldsdk_aps *aps,
                               uint8_t bytes[UPDRAFT_OLDSDK_PARAMS_LEN]);

#endif
