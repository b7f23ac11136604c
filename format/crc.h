/* CRC-32 as flash records use it. Bitwise, no table: records are short and code space is dear. */
#ifndef UPDRAFT_FORMAT_CRC_H
#define UPDRAFT_FORMAT_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Reflected CRC-32 (zlib's). Start with 0; pass the last result to continue. */
uint32_t updraft_crc32(uint32_t crc, const void *data, size_t len);

/* The trailing check of old ESP8266 SDK images: crc is the plain CRC-32 of all bytes before it. */
uint32_t updraft_crc_sdk(uint32_t crc);

/* CRC-32/MPEG-2 (MSB first, not reflected, no final XOR): the ESP8266 boot command block. */
uint32_t updraft_crc32_mpeg2(const void *data, size_t len);
/* The same in pieces: start with UPDRAFT_CRC32_MPEG2_START, pass the last result to continue. */
#define UPDRAFT_CRC32_MPEG2_START 0xFFFFFFFFu
uint32_t updraft_crc32_mpeg2_continue(uint32_t crc, const void *data, size_t len);

#endif
