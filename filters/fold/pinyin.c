/* SPDX-License-Identifier: Apache-2.0 */
/* pinyin.c - Chinese by its sound: 炸弹, 扎蛋, zhadan and zha dan are one.
 *
 * Each syllable, without its tone, is one character of a private range, so
 * that matches begin and end with syllables. A Latin word counts where all of
 * it is syllables. What a character sounds like comes from ICU's
 * transliterator, one reading for each; that takes it about a second, so the
 * table is made only for a policy that asks for it. */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <unicode/utrans.h>

#include "filters/fold/step.h"
#include "filters/fold/utf8.h"
#include "filters/memory.h"

enum {
	SOUND_FROM = 0x4e00, SOUND_TO = 0xa000,
	N_SOUNDS = SOUND_TO - SOUND_FROM,
	PRIVATE = 0xe000,	/* the first syllable's character */
	SYLLABLE_MAX = 6,	/* letters */
	SYLLABLES_MAX = 600,
	WORD_MAX = 48,		/* letters of a Latin word that is read */
};

struct sounds {
	char syllable[SYLLABLES_MAX][SYLLABLE_MAX + 1];	/* sorted */
	size_t n;
	uint16_t of[N_SOUNDS];	/* by character: 1 + its syllable; 0: none */
};

static struct {
	pthread_mutex_t lock;
	struct sounds *made;	/* atomic, NULL until it is */
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- the table ---- */

/* A syllable as ICU writes it, without tones: ü is u. 0: it is none. */
static size_t
read_syllable(const UNormalizer2 *nfd, const UChar *text, int32_t n, char *to)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar apart[32];
	size_t len = 0;
	int32_t i;

	n = unorm2_normalize(nfd, text, n, apart, 32, &status);
	for (i = 0; U_SUCCESS(status) && i < n; i++) {
		if (apart[i] >= 'a' && apart[i] <= 'z' && len < SYLLABLE_MAX)
			to[len++] = (char)apart[i];
		else if (apart[i] < 0x300 || apart[i] > 0x36f)
			return 0;
	}
	to[len] = '\0';
	return len;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static uint16_t
find(const struct sounds *s, const char *syllable)
{
	const char *found = bsearch(syllable, s->syllable, s->n,
	    sizeof(s->syllable[0]), by_text);

	return found ? (uint16_t)(1 + (size_t)(found - s->syllable[0]) /
	    sizeof(s->syllable[0])) : 0;
}

/* Notes a syllable that is new; keeps the list sorted. */
static void
add_syllable(struct sounds *s, const char *syllable)
{
	if (s->n == SYLLABLES_MAX || find(s, syllable))
		return;
	strcpy(s->syllable[s->n++], syllable);
	qsort(s->syllable, s->n, sizeof(s->syllable[0]), by_text);
}

/* Reads what the transliterator made of all characters, one a line; twice, as
 * numbers are known when all syllables are. */
static void
read_lines(struct sounds *s, const UNormalizer2 *nfd, const UChar *text,
    int32_t n, bool number)
{
	char syllable[SYLLABLE_MAX + 1];
	int32_t from = 0, i;
	size_t c = 0;

	for (i = 0; i < n && c < N_SOUNDS; i++) {
		size_t len;

		if (text[i] != '\n')
			continue;
		len = i - from < 16 ?
		    read_syllable(nfd, text + from, i - from, syllable) : 0;
		if (len > 0 && number)
			s->of[c] = find(s, syllable);
		else if (len > 0)
			add_syllable(s, syllable);
		from = i + 1;
		c++;
	}
}

static int
make(struct sounds *s, struct mg_error *err)
{
	static const UChar id[] = { 'H', 'a', 'n', '-', 'L', 'a', 't', 'i',
		'n', 0 };
	UErrorCode status = U_ZERO_ERROR;
	UTransliterator *t = utrans_openU(id, -1, UTRANS_FORWARD, NULL, 0,
	    NULL, &status);
	const UNormalizer2 *nfd = unorm2_getNFDInstance(&status);
	const int32_t room = 12 * N_SOUNDS;
	UChar *text = mem_new((size_t)room, sizeof(*text));
	int32_t n = 0, limit, c;

	for (c = SOUND_FROM; c < SOUND_TO; c++) {
		text[n++] = (UChar)c;
		text[n++] = '\n';
	}
	limit = n;
	if (U_SUCCESS(status))
		utrans_transUChars(t, text, &n, room, 0, &limit, &status);
	if (U_SUCCESS(status)) {
		read_lines(s, nfd, text, n, false);
		read_lines(s, nfd, text, n, true);
	}
	free(text);
	utrans_close(t);
	return U_FAILURE(status) ? mg_fail(err, NULL, "fold: ICU has no "
	    "sounds of Chinese: %s", u_errorName(status)) : 0;
}

int
fold_prepare_pinyin(struct mg_error *err)
{
	struct sounds *s;
	int rc = 0;

	(void)pthread_mutex_lock(&table.lock);
	if (!table.made) {
		s = mem_new(1, sizeof(*s));
		rc = make(s, err);
		if (rc == 0)
			__atomic_store_n(&table.made, s, __ATOMIC_RELEASE);
		else
			free(s);
	}
	(void)pthread_mutex_unlock(&table.lock);
	return rc;
}

/* ---- reading ---- */

static const struct sounds *
sounds(void)
{
	const struct sounds *s = __atomic_load_n(&table.made,
	    __ATOMIC_ACQUIRE);

	assert(s);
	return s;
}

/* The syllable that n letters are, ü written as v or u; 0: none. */
static uint16_t
syllable(const struct sounds *s, const char *letters, size_t n)
{
	char text[SYLLABLE_MAX + 1];
	size_t i;

	if (n == 1 && !strchr("aeo", letters[0]))
		return 0;
	for (i = 0; i < n; i++)
		text[i] = letters[i] == 'v' ? 'u' : letters[i];
	text[n] = '\0';
	return find(s, text);
}

/* Divides a word into syllables: the longest at the end of each beginning that
 * can be divided. lens has the length of each last one; false: no way. */
static bool
divide(const struct sounds *s, const char *word, size_t n, size_t *lens)
{
	size_t i, k;

	for (i = 1; i <= n; i++) {
		lens[i] = 0;
		for (k = i < SYLLABLE_MAX ? i : SYLLABLE_MAX; k > 0; k--)
			if ((i == k || lens[i - k]) &&
			    syllable(s, word + i - k, k)) {
				lens[i] = k;
				break;
			}
	}
	return n > 0 && lens[n] > 0;
}

static void
put(struct fold *f, size_t in_len, uint16_t sound)
{
	uint32_t c = PRIVATE + sound - 1u;

	fold_replace(f, in_len, &c, 1);
}

/* A Latin word, with the tone's number behind it. */
static void
put_word(struct fold *f, const char *word, size_t n)
{
	size_t lens[WORD_MAX + 1], ends[WORD_MAX], k = 0, i;
	const struct sounds *s = sounds();

	if (n > WORD_MAX || !divide(s, word, n, lens)) {
		fold_copy(f, word, n);
		f->sound = SOUND_NONE;
		return;
	}
	for (i = n; i > 0; i -= lens[i])
		ends[k++] = i;
	while (k-- > 0) {
		i = lens[ends[k]];
		put(f, i, syllable(s, word + ends[k] - i, i));
	}
	f->sound = SOUND_SPELLED;
}

static bool
is_latin(char c)
{
	return c >= 'a' && c <= 'z';
}

/* A sign that may stand between syllables that are spelled. */
static bool
divides(char c)
{
	return c == ' ' || c == '\'' || c == '-' || c == '_' || c == '.' ||
	    (c >= '1' && c <= '5');
}

static size_t
read_latin(struct fold *f, const char *ptr, size_t n, bool last)
{
	size_t len = 0;

	while (len < n && len < 2 * WORD_MAX && is_latin(ptr[len]))
		len++;
	if (len == n && len < 2 * WORD_MAX && !last)
		return 0;
	put_word(f, ptr, len);
	return len;
}

/* What is neither a Latin letter nor one of Han. */
static size_t
read_other(struct fold *f, const char *ptr, size_t n, bool last)
{
	uint32_t c = utf8_get(ptr);
	size_t size = utf8_size((unsigned char)ptr[0]);

	if (divides(ptr[0])) {
		if (n == 1 && !last)
			return 0;
		if (f->sound == SOUND_SPELLED || (f->sound == SOUND_HAN &&
		    ptr[0] == ' ' && n > 1 && is_latin(ptr[1]))) {
			fold_skip(f, 1);
			return 1;
		}
	}
	f->sound = SOUND_NONE;
	/* Our own characters mean nothing in a text. */
	if (c >= PRIVATE && c < PRIVATE + SYLLABLES_MAX)
		fold_skip(f, size);
	else
		fold_copy(f, ptr, size);
	return size;
}

size_t
fold_pinyin_read(struct fold *f, const char *ptr, size_t n, bool last)
{
	const struct sounds *s = sounds();
	size_t i = 0, used;

	while (i < n) {
		uint32_t c = utf8_get(ptr + i);

		if (c >= SOUND_FROM && c < SOUND_TO && s->of[c - SOUND_FROM]) {
			put(f, 3, s->of[c - SOUND_FROM]);
			f->sound = SOUND_HAN;
			used = 3;
		} else if (is_latin(ptr[i])) {
			used = read_latin(f, ptr + i, n - i, last);
		} else {
			used = read_other(f, ptr + i, n - i, last);
		}
		if (used == 0)
			break;
		i += used;
	}
	return i;
}

bool
fold_sounds(struct mg_span text)
{
	const struct sounds *s = sounds();
	size_t i, n = 0;

	for (i = 0; i < text.len;
	    i += utf8_size((unsigned char)text.ptr[i])) {
		uint32_t c = utf8_get(text.ptr + i);

		n += c >= SOUND_FROM && c < SOUND_TO &&
		    s->of[c - SOUND_FROM];
	}
	return n > 1;
}
