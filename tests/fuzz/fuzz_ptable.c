#include "format/digest.h"
#include "format/ptable.h"

#include <stdlib.h>
#include <string.h>

#define RECORD UPDRAFT_PTABLE_RECORD_LEN

/* No fuzzer finds an MD5: records the right one in the first digest record. */
static void repair_digest(uint8_t *bytes, size_t len)
{
    for (size_t off = 0; off + RECORD <= len; off += RECORD) {
        struct updraft_partition ignored;
        struct updraft_digest digest;

        if (updraft_partition_decode(bytes + off, &ignored) != UPDRAFT_RECORD_DIGEST)
            continue;
        updraft_digest_start(&digest, UPDRAFT_DIGEST_MD5);
        updraft_digest_update(&digest, bytes, off);
        updraft_digest_finish(&digest, bytes + off + 16);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* One byte that says whether to repair the digest and whether the flash has a size, then records.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct updraft_ptable table, again;
    struct updraft_failure failure;
    uint8_t encoded[UPDRAFT_PTABLE_LEN];
    uint8_t *bytes;

    if (len < 1)
        return 0;
    bytes = malloc(len);
    if (bytes == NULL)
        return 0;
    memcpy(bytes, data + 1, len - 1);
    if (data[0] & 1)
        repair_digest(bytes, len - 1);
    if (updraft_ptable_decode(bytes, len - 1, data[0] & 2 ? 0x400000 : 0, &table, &failure) ==
        UPDRAFT_OK) {
        if (updraft_ptable_encode(&table, encoded) != UPDRAFT_OK)
            abort();
        /* A table of no row at all has only its digest to tell it from erased flash. */
        if (table.count > 0 || table.has_digest) {
            if (updraft_ptable_decode(encoded, sizeof(encoded), 0, &again, NULL) != UPDRAFT_OK ||
                memcmp(&table, &again, sizeof(table)) != 0)
                abort();
        }
    }
    free(bytes);
    return 0;
}
