/* Optional samples of real firmware: $UPDRAFT_FIRMWARE, $UPDRAFT_SHARED/firmware or
 * ../shared/firmware beside the source tree. Nothing of it is part of this repository; tests skip
 * what is not there. */
#ifndef UPDRAFT_TESTS_FIRMWARE_H
#define UPDRAFT_TESTS_FIRMWARE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline FILE *firmware_open(const char *name)
{
    const char *firmware = getenv("UPDRAFT_FIRMWARE");
    const char *shared = getenv("UPDRAFT_SHARED");
    const char *root = getenv("UPDRAFT_SOURCE_ROOT");
    char path[1024];
    FILE *file = NULL;

    if (firmware != NULL) {
        snprintf(path, sizeof(path), "%s/%s", firmware, name);
        file = fopen(path, "rb");
    }
    if (file == NULL && shared != NULL) {
        snprintf(path, sizeof(path), "%s/firmware/%s", shared, name);
        file = fopen(path, "rb");
    }
    if (file == NULL && shared == NULL) {
        snprintf(path, sizeof(path), "%s/../shared/firmware/%s", root != NULL ? root : ".", name);
        file = fopen(path, "rb");
    }
    return file;
}

/* NULL when there is no such sample. The caller frees it. */
static inline uint8_t *firmware_load(const char *name, size_t *len)
{
    FILE *file = firmware_open(name);
    uint8_t *bytes = NULL;

    if (file == NULL)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        *len = (size_t)ftell(file);
        bytes = malloc(*len + 1);
        rewind(file);
        if (bytes != NULL && fread(bytes, 1, *len, file) != *len) {
            free(bytes);
            bytes = NULL;
        }
    }
    fclose(file);
    return bytes;
}

#endif
