#include "device/decode/gzip.h"

#include <stdlib.h>
#include <string.h>

#define OUT_CAP 65536u

static size_t run(const uint8_t *data, size_t len, size_t in_step, size_t out_step, uint8_t *out,
                  enum updraft_error *verdict)
{
    static uint8_t arena[UPDRAFT_GUNZIP_ARENA_LEN];
    struct updraft_gunzip gunzip;
    size_t off = 0, total = 0;

    bool more = true; /* output may be pending when the input is used up */

    updraft_gunzip_init(&gunzip, arena, sizeof(arena));
    while (more && total < OUT_CAP) {
        size_t piece = len - off < in_step ? len - off : in_step;
        size_t cap = OUT_CAP - total < out_step ? OUT_CAP - total : out_step;
        size_t used, got;
        enum updraft_error error =
            updraft_gunzip_feed(&gunzip, data + off, piece, &used, out + total, cap, &got);

        if (used > piece || got > cap || (error == UPDRAFT_OK && piece > 0 && used + got == 0))
            abort();
        off += used;
        total += got;
        more = error == UPDRAFT_OK && (off < len || got == cap);
    }
    *verdict = updraft_gunzip_finish(&gunzip);
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t whole[OUT_CAP], pieces[OUT_CAP];
    enum updraft_error whole_verdict, pieces_verdict;

    if (len < 2)
        return 0;
    size_t in_step = 1u + data[0] % 64u, out_step = 1u + data[1];
    size_t whole_len = run(data + 2, len - 2, len, OUT_CAP, whole, &whole_verdict);
    size_t pieces_len = run(data + 2, len - 2, in_step, out_step, pieces, &pieces_verdict);

    if (whole_len == OUT_CAP || pieces_len == OUT_CAP)
        return 0;
    if (whole_verdict != pieces_verdict)
        abort();
    if (whole_verdict == UPDRAFT_OK &&
        (whole_len != pieces_len || memcmp(whole, pieces, whole_len) != 0))
        abort();
    return 0;
}
