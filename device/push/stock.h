/* Failures in the words of the stock devices, for hosts and pages made for those: a number and a
 * text of the ESP8266 or ESP32 Updater where it knows the failure, our own number and sentence
 * where not. Our numbers below 50 get 500 added, because the stock numbers 0 to 16 live there.
 *
 * Owns: the two lists of words. No state, no memory of its own, nothing in flash.
 * Sources: Updater.cpp of the ESP8266 core (after 3.1.2) and of the ESP32 core (3.x). */
#ifndef UPDRAFT_DEVICE_PUSH_STOCK_H
#define UPDRAFT_DEVICE_PUSH_STOCK_H

#include "format/error.h"
#include "format/text.h"

enum updraft_stock_dialect { UPDRAFT_STOCK_ESP8266, UPDRAFT_STOCK_ESP32 };

/* Appends "4]: Not Enough Space: the image has 90 bytes, but the slot holds 80; ...": what stands
 * between "ERROR[" and the line end. The sentence follows the stock text only where it adds facts.
 * Bytes that are not printable ASCII become '?', so that a host may cut and decode it anywhere. */
void updraft_stock_append(struct updraft_text *text, enum updraft_stock_dialect dialect,
                          const struct updraft_failure *failure);

/* For hosts: the code of ours behind such a number; 0 for a stock one, or none. */
uint32_t updraft_stock_own_code(uint32_t number);

#endif
