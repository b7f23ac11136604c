#include "format/ptable_rows.h"

#include <string.h>

/* Keywords, in the order in which stock generators look them up. */
struct keyword {
    uint8_t type;
    uint8_t number;
    bool rtos_sdk; /* known to the RTOS SDK as well */
    char name[16];
};

#define APP   UPDRAFT_PART_TYPE_APP
#define DATA  UPDRAFT_PART_TYPE_DATA
#define BOOT  UPDRAFT_PART_TYPE_BOOTLOADER
#define TABLE UPDRAFT_PART_TYPE_TABLE

static const struct keyword type_keywords[] = {
    {BOOT, BOOT, false, "bootloader"},
    {TABLE, TABLE, false, "partition_table"},
    {APP, APP, true, "app"},
    {DATA, DATA, true, "data"},
};

static const struct keyword subtype_keywords[] = {
    {BOOT, UPDRAFT_PART_BOOTLOADER_PRIMARY, false, "primary"},
    {BOOT, 0x01, false, "ota"},
    {BOOT, UPDRAFT_PART_BOOTLOADER_RECOVERY, false, "recovery"},
    {TABLE, UPDRAFT_PART_TABLE_PRIMARY, false, "primary"},
    {TABLE, 0x01, false, "ota"},
    {APP, UPDRAFT_PART_APP_FACTORY, true, "factory"},
    {APP, UPDRAFT_PART_APP_TEST, true, "test"},
    {APP, 0x10, true, "ota_0"},
    {APP, 0x11, true, "ota_1"},
    {APP, 0x12, true, "ota_2"},
    {APP, 0x13, true, "ota_3"},
    {APP, 0x14, true, "ota_4"},
    {APP, 0x15, true, "ota_5"},
    {APP, 0x16, true, "ota_6"},
    {APP, 0x17, true, "ota_7"},
    {APP, 0x18, true, "ota_8"},
    {APP, 0x19, true, "ota_9"},
    {APP, 0x1A, true, "ota_10"},
    {APP, 0x1B, true, "ota_11"},
    {APP, 0x1C, true, "ota_12"},
    {APP, 0x1D, true, "ota_13"},
    {APP, 0x1E, true, "ota_14"},
    {APP, 0x1F, true, "ota_15"},
    {APP, 0x30, false, "tee_0"},
    {APP, 0x31, false, "tee_1"},
    {DATA, UPDRAFT_PART_DATA_OTA, true, "ota"},
    {DATA, UPDRAFT_PART_DATA_PHY, true, "phy"},
    {DATA, UPDRAFT_PART_DATA_NVS, true, "nvs"},
    {DATA, UPDRAFT_PART_DATA_COREDUMP, true, "coredump"},
    {DATA, 0x04, true, "nvs_keys"},
    {DATA, 0x05, true, "efuse"},
    {DATA, UPDRAFT_PART_DATA_UNDEFINED, false, "undefined"},
    {DATA, 0x80, true, "esphttpd"},
    {DATA, 0x81, true, "fat"},
    {DATA, 0x82, true, "spiffs"},
    {DATA, 0x83, false, "littlefs"},
    {DATA, UPDRAFT_PART_DATA_TEE_OTA, false, "tee_ota"},
};

#define TYPE_COUNT    (sizeof(type_keywords) / sizeof(type_keywords[0]))
#define SUBTYPE_COUNT (sizeof(subtype_keywords) / sizeof(subtype_keywords[0]))

static bool keyword_is(const struct keyword *keyword, enum updraft_csv_rules rules,
                       const char *name)
{
    return (rules == UPDRAFT_CSV_IDF || keyword->rtos_sdk) && strcmp(keyword->name, name) == 0;
}

const char *updraft_part_type_name(uint8_t type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (type_keywords[i].number == type)
            return type_keywords[i].name;
    }
    return NULL;
}

const char *updraft_part_subtype_name(uint8_t type, uint8_t subtype)
{
    for (size_t i = 0; i < SUBTYPE_COUNT; i++) {
        if (subtype_keywords[i].type == type && subtype_keywords[i].number == subtype)
            return subtype_keywords[i].name;
    }
    return NULL;
}

bool updraft_csv_type_of(enum updraft_csv_rules rules, const char *name, uint8_t *type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (keyword_is(&type_keywords[i], rules, name)) {
            *type = type_keywords[i].number;
            return true;
        }
    }
    return false;
}

bool updraft_csv_subtype_of(enum updraft_csv_rules rules, uint8_t type, const char *name,
                            uint8_t *subtype)
{
    for (size_t i = 0; i < SUBTYPE_COUNT; i++) {
        if (subtype_keywords[i].type == type && keyword_is(&subtype_keywords[i], rules, name)) {
            *subtype = subtype_keywords[i].number;
            return true;
        }
    }
    return false;
}

bool updraft_csv_is_subtype(enum updraft_csv_rules rules, const char *name)
{
    for (size_t i = 0; i < SUBTYPE_COUNT; i++) {
        if (keyword_is(&subtype_keywords[i], rules, name))
            return true;
    }
    return false;
}
