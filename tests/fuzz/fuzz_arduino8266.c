#include "format/arduino8266.h"

#include <stdlib.h>
#include <string.h>

static enum updraft_error read_image(const uint8_t *data, size_t len, size_t piece_len,
                                     struct updraft_arduino8266_reader *reader)
{
    enum updraft_error error = UPDRAFT_OK;

    updraft_arduino8266_init(reader);
    for (size_t off = 0; off < len && error == UPDRAFT_OK; off += piece_len) {
        size_t piece = len - off < piece_len ? len - off : piece_len;

        error = updraft_arduino8266_feed(reader, data + off, piece);
    }
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Byte 0: the length of the pieces. The file lacks the filling behind eboot, which is put in
 * here: a third of the input is eboot, the rest the sketch. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct updraft_arduino8266_reader whole, pieces;
    size_t boot_len = len / 3;
    uint8_t *file;
    size_t file_len;

    if (len < 2 || boot_len > UPDRAFT_ARDUINO8266_APP_OFF)
        return 0;
    file_len = UPDRAFT_ARDUINO8266_APP_OFF + len - 1 - boot_len;
    file = malloc(file_len);
    if (file == NULL)
        abort();
    memset(file, 0xAA, UPDRAFT_ARDUINO8266_APP_OFF);
    memcpy(file, data + 1, boot_len);
    memcpy(file + UPDRAFT_ARDUINO8266_APP_OFF, data + 1 + boot_len, len - 1 - boot_len);
    if (read_image(file, file_len, file_len, &whole) !=
            read_image(file, file_len, 1u + data[0], &pieces) ||
        memcmp(&whole.info, &pieces.info, sizeof(whole.info)) != 0 ||
        updraft_arduino8266_verdict(&whole) != updraft_arduino8266_verdict(&pieces))
        abort();
    if (updraft_arduino8266_progress(&whole) == UPDRAFT_IMAGE_COMPLETE &&
        (whole.info.sketch_len > file_len || whole.info.sketch_len % 16 != 0 ||
         whole.info.sketch_len <= UPDRAFT_ARDUINO8266_APP_OFF))
        abort();
    free(file);
    return 0;
}
