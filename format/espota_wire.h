/* What both sides of espota must agree on: its numbers, and the two proofs of knowing the password.
 *
 *   MD5      secret = MD5(password)                      proof = MD5(secret:nonce:cnonce)
 *   SHA-256  secret = SHA-256(password), or MD5 of it where a device stored that
 *            key = PBKDF2(secret, nonce:cnonce, 10000)   proof = SHA-256(key:nonce:cnonce)
 *
 * Everything is text: lower-case hex digits, 32 of MD5, 64 of SHA-256. The second scheme is that of
 * ESP32 core 3.3.1 and later. Owns: this arithmetic. No state but the caller's.
 * Source: ArduinoOTA.cpp and espota.py of the ESP8266 and ESP32 cores. */
#ifndef UPDRAFT_FORMAT_ESPOTA_WIRE_H
#define UPDRAFT_FORMAT_ESPOTA_WIRE_H

#include "format/pbkdf2.h"

#define UPDRAFT_ESPOTA_PORT_ESP8266  8266u /* UDP */
#define UPDRAFT_ESPOTA_PORT_ESP32    3232u
#define UPDRAFT_ESPOTA_COMMAND_FLASH 0u
#define UPDRAFT_ESPOTA_COMMAND_FS    100u
#define UPDRAFT_ESPOTA_COMMAND_AUTH  200u

#define UPDRAFT_ESPOTA_MD5_DIGITS    32u
#define UPDRAFT_ESPOTA_SHA256_DIGITS 64u
#define UPDRAFT_ESPOTA_DIGITS_CAP    65u /* the longer ones and NUL */
#define UPDRAFT_ESPOTA_ITERATIONS    10000u

/* Hash of a password as a device stores it. */
void updraft_espota_wire_secret(enum updraft_digest_kind kind, const char *password,
                                char out[UPDRAFT_ESPOTA_DIGITS_CAP]);

/* Of the nonce only nonce_len digits are used: there are hosts that read no more of a long one. */
void updraft_espota_wire_md5_proof(const char *secret, const char *nonce, size_t nonce_len,
                                   const char *cnonce, char out[UPDRAFT_ESPOTA_DIGITS_CAP]);

/* The other scheme: start, updraft_pbkdf2_run() until it is done, then the proof. */
void updraft_espota_wire_start(struct updraft_pbkdf2 *pbkdf2, const char *secret, const char *nonce,
                               const char *cnonce);
void updraft_espota_wire_sha256_proof(const struct updraft_pbkdf2 *pbkdf2, const char *nonce,
                                      const char *cnonce, char out[UPDRAFT_ESPOTA_DIGITS_CAP]);

#endif
