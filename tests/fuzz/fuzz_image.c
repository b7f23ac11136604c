#include "format/image.h"

#include <stdlib.h>
#include <string.h>

/* Segments must follow each other without gaps and stay below the cap. */
struct seen {
    unsigned count;
    uint32_t end;
};

static void check_segment(void *ctx, uint8_t idx, uint32_t load_addr, uint32_t data_len,
                          uint32_t data_off)
{
    struct seen *seen = ctx;

    (void)load_addr;
    if (idx != seen->count || data_off < seen->end + 8 || data_len % 4 != 0 ||
        data_off + data_len >= UPDRAFT_IMAGE_LEN_CAP)
        abort();
    seen->count++;
    seen->end = data_off + data_len;
}

static enum updraft_error read_image(const uint8_t *data, size_t len, size_t piece_len,
                                     struct updraft_image_reader *reader)
{
    enum updraft_error error = UPDRAFT_OK;
    struct seen seen = {0};

    updraft_image_reader_init(reader);
    reader->on_segment = check_segment;
    reader->on_segment_ctx = &seen;
    for (size_t off = 0; off < len && error == UPDRAFT_OK; off += piece_len) {
        size_t piece = len - off < piece_len ? len - off : piece_len;

        error = updraft_image_reader_feed(reader, data + off, piece);
    }
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct updraft_image_reader whole, pieces;
    enum updraft_error whole_error, pieces_error;

    if (len < 2)
        return 0;
    whole_error = read_image(data + 1, len - 1, len, &whole);
    pieces_error = read_image(data + 1, len - 1, 1u + data[0], &pieces);
    if (whole_error != pieces_error || memcmp(&whole.info, &pieces.info, sizeof(whole.info)) != 0 ||
        updraft_image_reader_verdict(&whole) != updraft_image_reader_verdict(&pieces))
        abort();
    if (updraft_image_reader_progress(&whole) == UPDRAFT_IMAGE_COMPLETE &&
        (whole.info.image_len > len - 1 || whole.info.image_len > UPDRAFT_IMAGE_LEN_CAP))
        abort();
    if (whole.info.has_appdesc &&
        (strlen(whole.info.appdesc.version) > 32 || strlen(whole.info.appdesc.project) > 32))
        abort();
    return 0;
}
