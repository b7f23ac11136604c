/* Partition tables whose bytes are known from the stock generators and from devices in the field:
 * as CSV, as records, and as the SHA-256 of the 0xC00 bytes in flash. Include behind cmocka.h. */
#ifndef UPDRAFT_TESTS_TABLES_H
#define UPDRAFT_TESTS_TABLES_H

#include "format/ptable.h"
#include "vectors.h"

#include <string.h>

struct table_vector {
    const char *csv;
    const char *records; /* hex, up to the digest record */
    const char *sha256;
    uint8_t count;
};

#define NVS_16K  "aa50010200900000004000006e76730000000000000000000000000000000000"
#define OTADATA  "aa50010000d00000002000006f74616461746100000000000000000000000000"
#define PHY_INIT "aa50010100f00000001000007068795f696e6974000000000000000000000000"

static const struct table_vector table_vectors[] = {
    {.csv = "otadata,data,ota,0x9000,0x2000\nota_0,app,ota_0,,0x10000\n",
     .records = "aa50010000900000002000006f74616461746100000000000000000000000000"
                "aa50001000000100000001006f74615f30000000000000000000000000000000"
                "ebebffffffffffffffffffffffffffff34e35fee539d387d8405168fe4d42594",
     .sha256 = "88cc6aebf0d933fcfab1f75cd549ceb6e1d94122e02e8af62e9fc691ca3bad92",
     .count = 2},
    /* Stock: single app. */
    {.csv = "# Name, Type, SubType, Offset, Size, Flags\n"
            "nvs,      data, nvs,     ,        0x6000,\n"
            "phy_init, data, phy,     ,        0x1000,\n"
            "factory,  app,  factory, ,        1M,\n",
     .records = "aa50010200900000006000006e76730000000000000000000000000000000000" PHY_INIT
                "aa5000000000010000001000666163746f727900000000000000000000000000"
                "ebebfffffffffffffffffffffffffffff4ad4f4538564b5d7435b62c75b69524",
     .sha256 = "7f00b6c042a89b15b0cac534f82ed988caf29278ff5700b0c511eb1b5bb7c820",
     .count = 3},
    /* Stock: factory and two OTA slots. */
    {.csv = "nvs,      data, nvs,     ,        0x4000,\n"
            "otadata,  data, ota,     ,        0x2000,\n"
            "phy_init, data, phy,     ,        0x1000,\n"
            "factory,  app,  factory, ,        1M,\n"
            "ota_0,    app,  ota_0,   ,        1M,\n"
            "ota_1,    app,  ota_1,   ,        1M,\n",
     .records = NVS_16K OTADATA PHY_INIT
     "aa5000000000010000001000666163746f727900000000000000000000000000"
     "aa50001000001100000010006f74615f30000000000000000000000000000000"
     "aa50001100002100000010006f74615f31000000000000000000000000000000"
     "ebebffffffffffffffffffffffffffffbf25822c0fa6d8641bd930251e06b4c4",
     .sha256 = "d1c0e9d02fa9d26cd2e1984e7b5dd20157204f501ddc83ce82229e5f3175ee8b",
     .count = 6},
    /* Flags, and a label without terminator. */
    {.csv = "key,data,nvs_keys,,0x1000,encrypted\n"
            "ro_data,data,fat,,0x1000,readonly\n"
            "sixteen_chars_ab,data,0x40,,0x1000,encrypted:readonly\n",
     .records = "aa50010400900000001000006b65790000000000000000000000000001000000"
                "aa50018100a0000000100000726f5f6461746100000000000000000002000000"
                "aa50014000b00000001000007369787465656e5f63686172735f616203000000"
                "ebebffffffffffffffffffffffffffff494f02f8991fea9042c06e18b4645adc",
     .sha256 = "af0231d95f9b62b0241d1a1b39cd7962752ac7b82993a2b2aa88615a3c36654b",
     .count = 3},
    /* OVMS v3-30 */
    {.csv = "nvs,data,nvs,0x9000,0x4000\notadata,data,ota,0xd000,0x2000\n"
            "phy_init,data,phy,0xf000,0x1000\nfactory,app,factory,0x10000,4M\n"
            "ota_0,app,ota_0,,4M\nota_1,app,ota_1,,4M\nstore,data,fat,,1M\n",
     .records = NVS_16K OTADATA PHY_INIT
     "aa5000000000010000004000666163746f727900000000000000000000000000"
     "aa50001000004100000040006f74615f30000000000000000000000000000000"
     "aa50001100008100000040006f74615f31000000000000000000000000000000"
     "aa5001810000c1000000100073746f7265000000000000000000000000000000"
     "ebebffffffffffffffffffffffffffffcfe36765a6bfe1b802a2abd4ec9f6851",
     .sha256 = "5d00bd9531cff25f16312358cc7927b9d955b47cd161f2b32b4b296484a14808",
     .count = 7},
    /* OVMS v3-35 */
    {.csv = "nvs,data,nvs,0x9000,0x4000\notadata,data,ota,0xd000,0x2000\n"
            "phy_init,data,phy,0xf000,0x1000\nota_0,app,ota_0,0x10000,7M\n"
            "ota_1,app,ota_1,0x710000,7M\nstore,data,fat,0xe10000,0x1f0000\n",
     .records = NVS_16K OTADATA PHY_INIT
     "aa50001000000100000070006f74615f30000000000000000000000000000000"
     "aa50001100007100000070006f74615f31000000000000000000000000000000"
     "aa5001810000e10000001f0073746f7265000000000000000000000000000000"
     "ebebffffffffffffffffffffffffffff520877a00f2b1f7506844246b950ab23",
     .sha256 = "225f6f80bea1e836df44166778881e34d25eb4483bd847021fdee4647013b5b0",
     .count = 6},
    /* esp32-evse */
    {.csv = "nvs,data,nvs,0x9000,0x4000\notadata,data,ota,,0x2000\napp0,app,ota_0,,1856K\n"
            "app1,app,ota_1,,1856K\nusr,data,littlefs,,320K\n",
     .records = NVS_16K OTADATA "aa5000100000010000001d006170703000000000000000000000000000000000"
                                "aa50001100001e0000001d006170703100000000000000000000000000000000"
                                "aa50018300003b00000005007573720000000000000000000000000000000000"
                                "ebebffffffffffffffffffffffffffff3aa6ad6ff55d05fc43a342d043993459",
     .sha256 = "48ae52c61290ef62dd9ea9539aa7236e3c4babe6afcf381f83991314432a12a9",
     .count = 5},
};

#define TABLE_VECTOR_COUNT (sizeof(table_vectors) / sizeof(table_vectors[0]))

/* The 0xC00 bytes as they stand in flash. */
static inline void table_vector_bytes(const struct table_vector *vector,
                                      uint8_t bytes[UPDRAFT_PTABLE_LEN])
{
    memset(bytes, 0xFF, UPDRAFT_PTABLE_LEN);
    vector_unhex(vector->records, bytes, strlen(vector->records) / 2);
}

#endif
