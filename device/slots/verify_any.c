#include "device/slots/verify.h"

#include "format/chip.h"

enum updraft_error updraft_slot_verify_any(struct updraft_slot_check *check)
{
    return check->chip_id == UPDRAFT_CHIP_ESP8266 ? updraft_slot_verify_8266(check)
                                                  : updraft_slot_verify(check);
}
