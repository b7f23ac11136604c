#include "device/push/multipart.h"

#include <stdlib.h>
#include <string.h>

#define FILE_CAP 65536u

struct got {
    uint8_t file[FILE_CAP];
    size_t len;
    enum updraft_error verdict;
    char name[UPDRAFT_MULTIPART_NAME_CAP];
    char md5[UPDRAFT_MULTIPART_MD5_CAP];
    size_t md5_len;
};

static void feed_piece(struct updraft_multipart *multipart, const uint8_t *data, size_t len,
                       struct got *got)
{
    const uint8_t *file;
    size_t used, file_len;

    do {
        if (updraft_multipart_feed(multipart, data, len, &used, &file, &file_len) != UPDRAFT_OK)
            return;
        if (used > len || got->len + file_len > FILE_CAP)
            abort();
        if (file_len > 0)
            memcpy(got->file + got->len, file, file_len);
        got->len += file_len;
        data += used;
        len -= used;
    } while (len > 0 || file_len > 0);
}

static void parse(const uint8_t *data, size_t len, size_t step, struct got *got)
{
    struct updraft_multipart multipart;

    got->len = 0;
    if (updraft_multipart_init(&multipart, "multipart/form-data; boundary=ab") != UPDRAFT_OK)
        abort();
    for (size_t off = 0; off < len; off += step)
        feed_piece(&multipart, data + off, len - off < step ? len - off : step, got);
    got->verdict = updraft_multipart_finish(&multipart);
    memcpy(got->name, multipart.name, sizeof got->name);
    memcpy(got->md5, multipart.md5, sizeof got->md5);
    got->md5_len = multipart.md5_len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct got whole, pieces;
    struct updraft_multipart multipart;
    char type[256] = {0};

    if (len < 2 || len > FILE_CAP)
        return 0;
    memcpy(type, data, len < sizeof type ? len : sizeof type - 1);
    (void)!updraft_multipart_init(&multipart, type);

    size_t step = 1u + data[0] % 32u;
    parse(data + 1, len - 1, len, &whole);
    parse(data + 1, len - 1, step, &pieces);
    if (whole.verdict != pieces.verdict || whole.len != pieces.len ||
        memcmp(whole.file, pieces.file, whole.len) != 0 ||
        memcmp(whole.name, pieces.name, sizeof whole.name) != 0 ||
        whole.md5_len != pieces.md5_len || memcmp(whole.md5, pieces.md5, sizeof whole.md5) != 0)
        abort();
    return 0;
}
