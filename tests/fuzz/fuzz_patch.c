#include "device/decode/patch.h"

#include <stdlib.h>
#include <string.h>

#define OUT_CAP    65536u
#define SOURCE_LEN 3000u

static enum updraft_error read_source(void *ctx, uint32_t off, uint8_t *out, uint32_t len)
{
    (void)ctx;
    if (off > SOURCE_LEN || len > SOURCE_LEN - off)
        abort();
    for (uint32_t i = 0; i < len; i++)
        out[i] = (uint8_t)((off + i) * 7u);
    return UPDRAFT_OK;
}

static size_t run(const uint8_t *data, size_t len, size_t in_step, size_t out_step, uint8_t *out,
                  enum updraft_error *verdict)
{
    static const struct updraft_unpatch_source source = {read_source, NULL, SOURCE_LEN};
    struct updraft_unpatch unpatch;
    size_t off = 0, total = 0, used, got;
    enum updraft_error error;

    updraft_unpatch_init(&unpatch, &source, OUT_CAP);
    do {
        size_t piece = len - off < in_step ? len - off : in_step;
        size_t room = OUT_CAP - total < out_step ? OUT_CAP - total : out_step;

        error = updraft_unpatch_feed(&unpatch, data + off, piece, &used, out + total, room, &got);
        if (used > piece || got > room)
            abort();
        off += used;
        total += got;
    } while (error == UPDRAFT_OK && (used > 0 || got > 0));
    *verdict = updraft_unpatch_finish(&unpatch);
    if (total > unpatch.to_len || (*verdict == UPDRAFT_OK && total != unpatch.to_len))
        abort();
    return total;
}

/* A size that decodes must encode to no more bytes, and decode to itself again. */
static void check_size(const uint8_t *data, size_t len)
{
    uint8_t code[UPDRAFT_PATCH_SIZE_CAP];
    int32_t value, again;
    size_t used, code_len;

    if (updraft_patch_size_decode(data, len, &value, &used) != UPDRAFT_OK)
        return;
    code_len = updraft_patch_size_encode(value, code);
    if (used > len || code_len > used ||
        updraft_patch_size_decode(code, code_len, &again, &used) != UPDRAFT_OK || again != value)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t whole[OUT_CAP], pieces[OUT_CAP];
    enum updraft_error whole_verdict, pieces_verdict;
    size_t whole_len, pieces_len;

    if (len < 3)
        return 0;
    check_size(data + 2, len - 2);
    whole_len = run(data + 2, len - 2, len, OUT_CAP, whole, &whole_verdict);
    pieces_len = run(data + 2, len - 2, 1u + data[0] % 64u, 1u + data[1], pieces, &pieces_verdict);
    if (whole_verdict != pieces_verdict)
        abort();
    if (whole_verdict == UPDRAFT_OK &&
        (whole_len != pieces_len || memcmp(whole, pieces, whole_len) != 0))
        abort();
    return 0;
}
