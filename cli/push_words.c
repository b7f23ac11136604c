#include "cli/push_words.h"

#include "device/push/stock.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The texts of Arduino's updaters, and what they mean for who is sending. */
static const struct {
    const char *text;
    struct updraft_push_words means;
} stock[] = {
    {"Not Enough Space",
     {"too_large", "Make the image smaller, or flash a table with larger slots over USB."}},
    {"Magic", {"refused", "Send the application .bin of the build; an ESP32 does not take gzip."}},
    {"origin",
     {"refused", "Use the address under which the device knows itself, without a proxy between."}},
    {"MD5", {"refused", "The image changed on its way; send it again."}},
    {"Signature", {"refused", "The device takes only images signed with its own key."}},
    {"flash config", {"refused", "Build for the flash size of the device."}},
    {"Flash", {"refused", "Send again; if it repeats, the flash is worn out."}},
    {"already running", {"busy", "Wait until the other update ends, then send again."}},
};

struct updraft_push_words updraft_push_words(const char *text)
{
    const char *number = strcasestr(text, "error[");
    uint32_t own = number ? updraft_stock_own_code((uint32_t)strtoul(number + 6, NULL, 10)) : 0;

    if (own != 0)
        return (struct updraft_push_words){updraft_error_entry(own)->name,
                                           updraft_error_entry(own)->remedy};
    for (size_t i = 0; i < sizeof stock / sizeof stock[0]; i++)
        if (strstr(text, stock[i].text))
            return stock[i].means;
    return (struct updraft_push_words){
        "refused",
        "The device runs its old image; its words or its serial log say what to change."};
}
