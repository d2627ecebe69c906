/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/crc32c.h - the checksum of headers and frames (RFC 3720,
 * appendix B.4). It finds accidents; it is no seal against people. */
#ifndef GATEWAY_AUDIT_CRC32C_H
#define GATEWAY_AUDIT_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from crc (0 at the beginning). Any thread. */
uint32_t crc32c(uint32_t crc, const void *ptr, size_t len);
/* The same without the processor's help; for machines that lack it. */
uint32_t crc32c_table(uint32_t crc, const void *ptr, size_t len);

#endif
