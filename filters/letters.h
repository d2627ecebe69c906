/* SPDX-License-Identifier: Apache-2.0 */
/* filters/letters.h - letters of scripts that put spaces between words.
 *
 * A word that begins or ends with one of them has a border there. Letters and
 * digits of ASCII, Latin, Greek and Cyrillic count, and combining marks, which
 * continue the letter before them. Han, Kana, Hangul and the rest do not. */
#ifndef FILTERS_LETTERS_H
#define FILTERS_LETTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool letter_is(uint32_t code_point);

/* Whether the code point that begins at ptr[i], or the one that ends before
 * it, is such a letter. False at either end of the text. Valid UTF-8. */
bool letter_at(const char *ptr, size_t len, size_t i);
bool letter_before(const char *ptr, size_t i);

#endif
