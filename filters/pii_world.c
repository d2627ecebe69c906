/* SPDX-License-Identifier: Apache-2.0 */
/* pii_world.c - numbers of persons outside of China: social security numbers
 * and taxpayer numbers of the USA. */
#include "filters/pii.h"

static const char *const ssn_words[] = { "ssn", "social security",
	"social sec", "soc sec", "社会安全号", "社会保险号", "社安号", "社保号",
	NULL };
static const char *const itin_words[] = { "itin", "taxpayer", "tax id",
	"tax identification", NULL };

/* Nine digits in the groups 3-2-4, divided by the same byte or not at all. */
struct nine {
	unsigned area, group, serial;
	size_t end;
	bool divided;
};

/* Whether the n first digits may begin the number; the caller's rules. */
typedef bool begins(unsigned area);

static bool
read_nine(struct pii_text *t, size_t spot, begins *may, struct nine *x)
{
	unsigned part[3] = { 0 }, n, p;
	size_t i = spot;
	int sep = 0;

	for (p = 0; p < 3; p++) {
		if (p > 0 && !pii_digit(pii_at(t, i))) {
			int c = t->last || i < t->len ? pii_at(t, i) : -1;

			if ((c != '-' && c != ' ' && c != '.') ||
			    (p > 1 && c != sep))
				return false;
			sep = c;
			i++;
		} else if (p > 1 && sep) {
			return false;
		}
		for (n = 0; n < (p == 0 ? 3u : p == 1 ? 2u : 4u); n++, i++) {
			if (!pii_digit(pii_at(t, i)))
				return false;
			part[p] = part[p] * 10 + (unsigned)(t->ptr[i] - '0');
		}
		if (p == 0 && !may(part[0]))
			return false;
	}
	*x = (struct nine){ part[0], part[1], part[2], i, sep != 0 };
	return pii_right(t, i);
}

/* The SSA's rules: no 000, 666, 9xx. */
static bool
ssn_area(unsigned area)
{
	return area != 0 && area != 666 && area < 900;
}

/* Numbers that became public in advertisements, and were never given out. */
static bool
is_famous(const struct nine *x)
{
	return (x->area == 78 && x->group == 5 && x->serial == 1120) ||
	    (x->area == 219 && x->group == 9 && x->serial == 9999) ||
	    (x->area == 457 && x->group == 55 && x->serial == 5462);
}

bool
pii_match_us_ssn(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	struct nine x;
	bool known;

	if (!pii_left(t, spot) || !read_nine(t, spot, ssn_area, &x) ||
	    x.group == 0 || x.serial == 0 || is_famous(&x))
		return false;
	known = pii_context(t, spot, PII_REACH, ssn_words);
	hit->end = x.end;
	hit->score = known ? 0.95 : x.divided ? 0.6 : 0.2;
	return true;
}

static bool
itin_area(unsigned area)
{
	return area >= 900;
}

/* IRS: 9xx, and 50-65, 70-88, 90-92, 94-99 in the middle. */
bool
pii_match_us_itin(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	struct nine x;

	if (t->ptr[spot] != '9' || !pii_left(t, spot) ||
	    !read_nine(t, spot, itin_area, &x) ||
	    !((x.group >= 50 && x.group <= 65) ||
		(x.group >= 70 && x.group <= 88) ||
		(x.group >= 90 && x.group != 93)))
		return false;
	hit->end = x.end;
	hit->score = pii_context(t, spot, PII_REACH, itin_words) ? 0.9 :
	    x.divided ? 0.6 : 0.2;
	return true;
}
