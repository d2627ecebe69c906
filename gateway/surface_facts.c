/* SPDX-License-Identifier: Apache-2.0 */
/* surface_facts.c - what decides about a request beside its texts.
 *
 * Strict where two parsers might disagree: `stream: "true"`, `n: 2.0`, a
 * member that stands twice. Null is as good as absent, as SDKs send it for
 * what was not set; only a model that is null would be guessed by the backend.
 */
#include "gateway/surface.h"

enum fact {
	FACT_MODEL, FACT_STREAM, FACT_STREAM_OPTIONS, FACT_N, FACT_BEST_OF,
	FACT_MAX_TOKENS, FACT_MAX_COMPLETION_TOKENS, FACT_N_PREDICT,
	FACT_PROMPT, FACTS,
};

static const char *const names[FACTS] = {
	[FACT_MODEL] = "model",
	[FACT_STREAM] = "stream",
	[FACT_STREAM_OPTIONS] = "stream_options",
	[FACT_N] = "n",
	[FACT_BEST_OF] = "best_of",
	[FACT_MAX_TOKENS] = "max_tokens",
	[FACT_MAX_COMPLETION_TOKENS] = "max_completion_tokens",
	[FACT_N_PREDICT] = "n_predict",	/* llama.cpp's max_tokens */
	[FACT_PROMPT] = "prompt",
};

/* FACTS when the key is none of them. */
static enum fact
fact_of(struct mg_span key)
{
	unsigned i = 0;

	while (i < FACTS && !span_is(key, names[i]))
		i++;
	return (enum fact)i;
}

static bool
read_bool(const struct jdoc *doc, uint32_t node, bool *out)
{
	switch ((enum jdoc_type)doc->nodes[node].type) {
	case JDOC_NULL:
	case JDOC_FALSE:
		*out = false;
		return true;
	case JDOC_TRUE:
		*out = true;
		return true;
	case JDOC_NUMBER:
	case JDOC_STRING:
	case JDOC_ARRAY:
	case JDOC_OBJECT:
		return false;
	}
	return false;
}

/* How many answers are asked for: keeps the larger one. */
static bool
read_count(const struct jdoc *doc, uint32_t node, uint64_t *out)
{
	int64_t value;

	if (doc->nodes[node].type == JDOC_NULL)
		return true;
	if (!jdoc_int(doc, node, &value))
		return false;
	if (value < 1 || value > INT32_MAX)
		*out = UINT64_MAX;
	else if ((uint64_t)value > *out)
		*out = (uint64_t)value;
	return true;
}

/* A negative maximum is llama.cpp's "no maximum". */
static bool
read_maximum(const struct jdoc *doc, uint32_t node,
    struct surface_facts *facts)
{
	int64_t value;

	if (doc->nodes[node].type == JDOC_NULL)
		return true;
	if (!jdoc_int(doc, node, &value))
		return false;
	if (value < 0)
		facts->no_maximum = true;
	else if ((uint64_t)value > facts->max_tokens)
		facts->max_tokens = (uint64_t)value;
	return true;
}

/* Prompts in the array. One with numbers is a single prompt of token ids, or
 * of ids and strings mixed (llama.cpp). */
static uint64_t
count_prompts(const struct jdoc *doc, uint32_t prompt)
{
	uint64_t n = 0;
	uint32_t node;

	if (doc->nodes[prompt].type != JDOC_ARRAY)
		return 1;
	for (node = jdoc_child(doc, prompt); node;
	    node = jdoc_sibling(doc, node)) {
		if (doc->nodes[node].type == JDOC_NUMBER)
			return 1;
		n++;
	}
	return n ? n : 1;
}

static bool
read_options(const struct jdoc *doc, uint32_t node,
    struct surface_facts *facts)
{
	uint32_t usage;

	if (doc->nodes[node].type == JDOC_NULL)
		return true;
	if (doc->nodes[node].type != JDOC_OBJECT)
		return false;
	usage = jdoc_member(doc, node, "include_usage");
	return !usage || read_bool(doc, usage, &facts->include_usage);
}

static bool
read_model(const struct jdoc *doc, uint32_t node, struct buf *scratch,
    struct surface_facts *facts)
{
	const struct jdoc_node *n = &doc->nodes[node];

	if (n->type != JDOC_STRING)
		return false;
	if (n->flags & JDOC_ESCAPED)
		/* Room for what surface_read() may add to the same scratch,
		 * so that the model's span does not move. */
		(void)buf_reserve(scratch, n->len + doc->len + 16);
	facts->model = jdoc_string(doc, node, scratch);
	return facts->model.len > 0;
}

static bool
read_fact(enum surface_kind surface, const struct jdoc *doc,
    uint32_t node, enum fact fact, struct buf *scratch,
    struct surface_facts *facts)
{
	switch (fact) {
	case FACT_MODEL:
		return read_model(doc, node, scratch, facts);
	case FACT_STREAM:
		return read_bool(doc, node, &facts->stream);
	case FACT_STREAM_OPTIONS:
		return read_options(doc, node, facts);
	case FACT_N:
		return read_count(doc, node, &facts->n) &&
		    read_count(doc, node, &facts->choices);
	case FACT_BEST_OF:
		return read_count(doc, node, &facts->n);
	case FACT_MAX_TOKENS:
	case FACT_MAX_COMPLETION_TOKENS:
	case FACT_N_PREDICT:
		return read_maximum(doc, node, facts);
	case FACT_PROMPT:
		if (surface == SURFACE_COMPLETIONS &&
		    count_prompts(doc, node) > facts->prompts)
			facts->prompts = count_prompts(doc, node);
		return true;
	case FACTS:
		return true;
	}
	return true;
}

void
surface_facts(enum surface_kind surface, const struct jdoc *doc,
    struct buf *scratch, struct surface_facts *facts)
{
	struct buf undone = { 0 };
	unsigned seen = 0;
	uint32_t node;

	*facts = (struct surface_facts){ .n = 1, .choices = 1,
		.prompts = 1 };
	if (doc->nodes[0].type != JDOC_OBJECT) {
		facts->bad = "body";
		return;
	}
	for (node = jdoc_child(doc, 0); node; node = jdoc_sibling(doc, node)) {
		enum fact fact;

		buf_clear(&undone);
		fact = fact_of(jdoc_key(doc, node, &undone));
		if (fact == FACTS)
			continue;
		/* Twice is possible where duplicate keys are let pass. Each
		 * prompt is read as any text; of what else decides nobody
		 * knows which one the backend takes. */
		facts->twice = (seen & 1u << fact) && fact != FACT_PROMPT;
		if (facts->twice || !read_fact(surface, doc, node, fact,
		    scratch, facts)) {
			facts->bad = names[fact];
			break;
		}
		seen |= 1u << fact;
	}
	buf_fini(&undone);
}
