/* What devices say of themselves in JSON: whatever comes, what is taken is fit to be kept and shown. */
#include "server/device_api/told.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool good)
{
    if (!good)
        abort();
}

static void check_told(const struct updraft_told *told)
{
    require(updraft_name_valid(told->product) && updraft_version_valid(told->version));
    require(told->board == NULL || updraft_name_valid(told->board));
    require(told->channel == NULL || updraft_name_valid(told->channel));
    require(told->name == NULL || updraft_label_valid(told->name, UPDRAFT_LABEL_CAP));
    require(told->slot == NULL || updraft_label_valid(told->slot, UPDRAFT_SLOT_CAP));
    require(told->layout == NULL || updraft_label_valid(told->layout, UPDRAFT_LABEL_CAP));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *body = malloc(len + 1); /* exactly: what lies behind it is not to be read */
    struct updraft_request request = {.body = body, .body_len = len};
    const char *wrong = NULL;
    struct updraft_told told;
    struct updraft_tale tale;

    memcpy(body, data, len);
    body[len] = '\0';
    cJSON *json = updraft_told_parse(&request, &wrong);
    require((json == NULL) == (wrong != NULL));
    if (json != NULL && updraft_told_read(json, &told) == NULL)
        check_told(&told);
    if (json != NULL && updraft_tale_read(json, &tale) == NULL) {
        require(tale.progress >= UPDRAFT_NO_PROGRESS && tale.progress <= 100);
        require(tale.target == NULL || updraft_version_valid(tale.target));
        require(tale.log == NULL || strlen(tale.log) < UPDRAFT_LOG_CAP);
    }
    cJSON_Delete(json);
    free(body);
    return 0;
}
