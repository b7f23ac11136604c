/* Sizes of what a caller provides, as sizes of symbols: read by footprint.py with nm. */
#include "boot/boot.h"
#include "device/pull/pull.h"
#include "device/push/espota.h"
#include "device/push/web.h"
#include "device/update/update.h"
#include "format/image.h"

#define SIZE_OF(name)                                                                              \
    extern const char context_##name[];                                                            \
    const char context_##name[sizeof(struct name)] = {0}

SIZE_OF(updraft_update);
SIZE_OF(updraft_slots);
SIZE_OF(updraft_boot_config);
SIZE_OF(updraft_boot_result);
SIZE_OF(updraft_image_reader);
SIZE_OF(updraft_digest);
SIZE_OF(updraft_gunzip);
SIZE_OF(updraft_espota);
SIZE_OF(updraft_web);
SIZE_OF(updraft_pull);
