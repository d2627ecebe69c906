/* SPDX-License-Identifier: Apache-2.0 */
/* surface_table.c - what OpenAI's API and those who speak it (Azure, vLLM,
 * llama.cpp, OpenRouter) put where.
 *
 * A path that is missing here is read as text by `other`, with its keys: a
 * forgotten line costs a needless look, never a look too few. So a line is
 * WHAT_NOT only when a client gains nothing by writing prose there.
 */
#include "gateway/surface_table.h"

#define NOT(p)        { p, WHAT_NOT, ROLE_OTHER, 0 }
#define TEXT(p, r)    { p, WHAT_PLAIN, r, 0 }
#define ARGS(p, r)    { p, WHAT_JSON, r, 0 }
#define SCHEMA(p)     { p, WHAT_SCHEMA, ROLE_DEVELOPER, 0 }
#define AS(p, w, r)   { p, w, r, 0 }
#define GROWS(p)      { p, WHAT_PLAIN, ROLE_ASSISTANT, RULE_JOINS }
#define GROWS_ARGS(p) { p, WHAT_JSON, ROLE_ASSISTANT, RULE_JOINS }
#define TOKEN(p)      { p, WHAT_PLAIN, ROLE_ASSISTANT, \
			RULE_JOINS | RULE_LOGPROBS }
#define BYTES(p)      { p, WHAT_BYTES, ROLE_ASSISTANT, \
			RULE_JOINS | RULE_LOGPROBS }
#define RANKED(p)     { p, WHAT_PLAIN, ROLE_ASSISTANT, RULE_LOGPROBS }
#define END           { NULL, 0, 0, 0 }

#define MESSAGE 0	/* the role that stands beside it */

/* In every request. */
static const struct surface_rule any_request[] = {
	/* OpenAI */
	NOT("model"), NOT("stream"), NOT("stream_options"),
	NOT("stream_options.include_usage"),
	NOT("stream_options.include_obfuscation"),
	NOT("stream_options.continuous_usage_stats"),
	NOT("temperature"), NOT("top_p"), NOT("n"), NOT("max_tokens"),
	NOT("presence_penalty"), NOT("frequency_penalty"), NOT("logprobs"),
	NOT("logit_bias"), NOT("logit_bias.*"), NOT("seed"),
	NOT("service_tier"),
	TEXT("stop", ROLE_USER), TEXT("stop[]", ROLE_USER),
	TEXT("user", ROLE_USER), TEXT("safety_identifier", ROLE_USER),
	TEXT("prompt_cache_key", ROLE_USER),
	TEXT("metadata.{}", ROLE_USER),
	NOT("response_format.type"), NOT("response_format.json_schema.strict"),
	TEXT("response_format.json_schema.name", ROLE_DEVELOPER),
	TEXT("response_format.json_schema.description", ROLE_DEVELOPER),
	SCHEMA("response_format.json_schema.schema.**"),
	SCHEMA("response_format.schema.**"),
	/* vLLM */
	NOT("top_k"), NOT("min_p"), NOT("repetition_penalty"),
	NOT("length_penalty"), NOT("early_stopping"), NOT("use_beam_search"),
	NOT("stop_token_ids"), NOT("include_stop_str_in_output"),
	NOT("ignore_eos"), NOT("min_tokens"), NOT("skip_special_tokens"),
	NOT("spaces_between_special_tokens"), NOT("truncate_prompt_tokens"),
	NOT("prompt_logprobs"), NOT("allowed_token_ids"), NOT("priority"),
	NOT("add_special_tokens"), NOT("return_tokens_as_token_ids"),
	NOT("return_token_ids"), NOT("guided_decoding_backend"),
	TEXT("bad_words[]", ROLE_DEVELOPER),
	SCHEMA("guided_json.**"), TEXT("guided_json", ROLE_DEVELOPER),
	TEXT("guided_regex", ROLE_DEVELOPER),
	TEXT("guided_choice[]", ROLE_DEVELOPER),
	TEXT("guided_grammar", ROLE_DEVELOPER),
	SCHEMA("structured_outputs.json.**"),
	TEXT("structured_outputs.json", ROLE_DEVELOPER),
	TEXT("structured_outputs.regex", ROLE_DEVELOPER),
	TEXT("structured_outputs.choice[]", ROLE_DEVELOPER),
	TEXT("structured_outputs.grammar", ROLE_DEVELOPER),
	TEXT("structured_outputs.structural_tag", ROLE_DEVELOPER),
	AS("prompt_embeds", WHAT_OPAQUE, ROLE_USER),
	AS("prompt_embeds[]", WHAT_OPAQUE, ROLE_USER),
	/* llama.cpp */
	NOT("n_predict"), NOT("cache_prompt"), NOT("id_slot"),
	NOT("n_keep"), NOT("n_probs"), NOT("min_keep"), NOT("typical_p"),
	NOT("repeat_penalty"), NOT("repeat_last_n"), NOT("mirostat"),
	NOT("mirostat_tau"), NOT("mirostat_eta"), NOT("xtc_probability"),
	NOT("xtc_threshold"), NOT("dry_multiplier"), NOT("dry_base"),
	NOT("dry_allowed_length"), NOT("dry_penalty_last_n"),
	NOT("timings_per_token"), NOT("post_sampling_probs"),
	NOT("return_progress"), NOT("return_tokens"),
	TEXT("dry_sequence_breakers[]", ROLE_DEVELOPER),
	TEXT("grammar", ROLE_DEVELOPER), SCHEMA("json_schema.**"),
	END
};

static const struct surface_rule completions_request[] = {
	TEXT("prompt", ROLE_USER),
	AS("prompt[]", WHAT_TOKENS, ROLE_USER),
	AS("prompt[][]", WHAT_TOKENS, ROLE_USER),
	TEXT("prompt.prompt_string", ROLE_USER),
	AS("prompt.multimodal_data[]", WHAT_MEDIA, ROLE_USER),
	TEXT("prompt[].prompt_string", ROLE_USER),
	AS("prompt[].multimodal_data[]", WHAT_MEDIA, ROLE_USER),
	TEXT("suffix", ROLE_USER), NOT("best_of"), NOT("echo"),
	END
};

static const struct surface_rule chat_request[] = {
	AS("messages[].role", WHAT_ROLE, MESSAGE),
	TEXT("messages[].content", MESSAGE),
	TEXT("messages[].content[]", MESSAGE),
	NOT("messages[].content[].type"),
	TEXT("messages[].content[].text", MESSAGE),
	TEXT("messages[].content[].refusal", MESSAGE),
	AS("messages[].content[].image_url", WHAT_URL, MESSAGE),
	AS("messages[].content[].image_url.url", WHAT_URL, MESSAGE),
	NOT("messages[].content[].image_url.detail"),
	AS("messages[].content[].audio_url.url", WHAT_URL, MESSAGE),
	AS("messages[].content[].video_url.url", WHAT_URL, MESSAGE),
	AS("messages[].content[].input_audio.data", WHAT_MEDIA, MESSAGE),
	NOT("messages[].content[].input_audio.format"),
	TEXT("messages[].content[].file.filename", MESSAGE),
	AS("messages[].content[].file.file_data", WHAT_URL, MESSAGE),
	AS("messages[].content[].file.file_id", WHAT_REFERENCE, MESSAGE),
	AS("messages[].content[].prompt_embeds.**", WHAT_OPAQUE, MESSAGE),
	AS("messages[].content[].prompt_embeds", WHAT_OPAQUE, MESSAGE),
	AS("messages[].content[].image_embeds.**", WHAT_MEDIA, MESSAGE),
	AS("messages[].content[].image_embeds", WHAT_MEDIA, MESSAGE),
	NOT("messages[].content[].cache_control.type"),
	TEXT("messages[].name", MESSAGE),
	TEXT("messages[].refusal", MESSAGE),
	TEXT("messages[].reasoning_content", MESSAGE),
	TEXT("messages[].reasoning", MESSAGE),
	NOT("messages[].reasoning_details[].type"),
	TEXT("messages[].reasoning_details[].text", MESSAGE),
	TEXT("messages[].reasoning_details[].summary", MESSAGE),
	AS("messages[].audio.id", WHAT_REFERENCE, MESSAGE),
	NOT("messages[].tool_call_id"),
	NOT("messages[].tool_calls[].id"),
	NOT("messages[].tool_calls[].type"),
	NOT("messages[].tool_calls[].index"),
	TEXT("messages[].tool_calls[].function.name", MESSAGE),
	ARGS("messages[].tool_calls[].function.arguments", MESSAGE),
	TEXT("messages[].tool_calls[].function.arguments.**", MESSAGE),
	TEXT("messages[].tool_calls[].custom.name", MESSAGE),
	TEXT("messages[].tool_calls[].custom.input", MESSAGE),
	TEXT("messages[].function_call.name", MESSAGE),
	ARGS("messages[].function_call.arguments", MESSAGE),

	NOT("tools[].type"),
	TEXT("tools[].function.name", ROLE_DEVELOPER),
	TEXT("tools[].function.description", ROLE_DEVELOPER),
	NOT("tools[].function.strict"),
	SCHEMA("tools[].function.parameters.**"),
	TEXT("tools[].custom.name", ROLE_DEVELOPER),
	TEXT("tools[].custom.description", ROLE_DEVELOPER),
	NOT("tools[].custom.format.type"),
	NOT("tools[].custom.format.grammar.syntax"),
	TEXT("tools[].custom.format.grammar.definition", ROLE_DEVELOPER),
	TEXT("functions[].name", ROLE_DEVELOPER),
	TEXT("functions[].description", ROLE_DEVELOPER),
	SCHEMA("functions[].parameters.**"),
	NOT("tool_choice"), NOT("tool_choice.type"),
	TEXT("tool_choice.function.name", ROLE_DEVELOPER),
	TEXT("tool_choice.custom.name", ROLE_DEVELOPER),
	NOT("tool_choice.allowed_tools.mode"),
	NOT("tool_choice.allowed_tools.tools[].type"),
	TEXT("tool_choice.allowed_tools.tools[].function.name",
	    ROLE_DEVELOPER),
	NOT("function_call"), TEXT("function_call.name", ROLE_DEVELOPER),
	NOT("parallel_tool_calls"),
	NOT("prediction.type"), TEXT("prediction.content", ROLE_USER),
	NOT("prediction.content[].type"),
	TEXT("prediction.content[].text", ROLE_USER),
	NOT("max_completion_tokens"), NOT("top_logprobs"),
	NOT("reasoning_effort"), NOT("verbosity"), NOT("store"),
	NOT("prompt_cache_retention"),
	NOT("modalities"), NOT("modalities[]"),
	NOT("audio.voice"), NOT("audio.format"),
	NOT("web_search_options.search_context_size"),
	NOT("web_search_options.user_location.type"),
	TEXT("web_search_options.user_location.approximate.*", ROLE_USER),
	NOT("moderation.model"), NOT("moderation.policy"),
	NOT("moderation.policy.*"), NOT("moderation.policy.*.mode"),
	/* vLLM, llama.cpp */
	NOT("echo"), NOT("best_of"),
	NOT("add_generation_prompt"), NOT("continue_final_message"),
	NOT("reasoning_format"), NOT("reasoning_in_content"),
	NOT("thinking_forced_open"), NOT("parse_tool_calls"),
	TEXT("chat_template", ROLE_DEVELOPER),
	TEXT("chat_template_kwargs.**", ROLE_DEVELOPER),
	TEXT("documents[]", ROLE_TOOL), TEXT("documents[].{}", ROLE_TOOL),
	/* Azure: what the search finds is text from elsewhere. */
	AS("data_sources", WHAT_REFERENCE, ROLE_TOOL),
	END
};

/* In every answer and event. */
static const struct surface_rule any_answer[] = {
	NOT("id"), NOT("object"), NOT("created"), NOT("model"),
	NOT("system_fingerprint"), NOT("service_tier"), NOT("obfuscation"),
	NOT("usage.**"), NOT("timings.**"), NOT("prompt_filter_results.**"),
	NOT("prompt_annotations.**"), NOT("moderation.**"),
	NOT("provider"), NOT("prompt_progress.**"), NOT("request_id"),
	NOT("kv_transfer_params"), NOT("prompt_token_ids"),
	TEXT("error", ROLE_OTHER), TEXT("error.message", ROLE_OTHER),
	NOT("error.type"), NOT("error.param"), NOT("error.code"),
	NOT("choices[#].index"), NOT("choices[#].finish_reason"),
	NOT("choices[#].native_finish_reason"),
	NOT("choices[#].content_filter_results.**"),
	NOT("choices[#].content_filter_result.**"),
	NOT("choices[#].content_filter_offsets.**"),
	NOT("choices[#].token_ids"), NOT("choices[#].prompt_token_ids"),
	TEXT("choices[#].stop_reason", ROLE_ASSISTANT),
	TEXT("prompt_text", ROLE_USER),
	{ "prompt_logprobs[].*.decoded_token", WHAT_PLAIN, ROLE_USER,
	    RULE_LOGPROBS },
	NOT("prompt_logprobs[].*.logprob"), NOT("prompt_logprobs[].*.rank"),
	{ "choices[#].prompt_logprobs[].*.decoded_token", WHAT_PLAIN,
	    ROLE_USER, RULE_LOGPROBS },
	NOT("choices[#].prompt_logprobs[].*.logprob"),
	NOT("choices[#].prompt_logprobs[].*.rank"),
	NOT("choices[#].prompt_logprobs"), NOT("prompt_logprobs"),

	NOT("choices[#].logprobs"),
	TOKEN("choices[#].logprobs.content[+].token"),
	BYTES("choices[#].logprobs.content[+].bytes"),
	NOT("choices[#].logprobs.content[+].id"),
	NOT("choices[#].logprobs.content[+].logprob"),
	TOKEN("choices[#].logprobs.content[+].top_logprobs[@].token"),
	BYTES("choices[#].logprobs.content[+].top_logprobs[@].bytes"),
	NOT("choices[#].logprobs.content[+].top_logprobs[@].id"),
	NOT("choices[#].logprobs.content[+].top_logprobs[@].logprob"),
	TOKEN("choices[#].logprobs.refusal[+].token"),
	BYTES("choices[#].logprobs.refusal[+].bytes"),
	NOT("choices[#].logprobs.refusal[+].logprob"),
	TOKEN("choices[#].logprobs.refusal[+].top_logprobs[@].token"),
	BYTES("choices[#].logprobs.refusal[+].top_logprobs[@].bytes"),
	NOT("choices[#].logprobs.refusal[+].top_logprobs[@].logprob"),
	END
};

/* Whole or in pieces, the legacy answer looks the same. */
static const struct surface_rule completions_answer[] = {
	GROWS("choices[#].text"),
	GROWS("choices[#].reasoning"), GROWS("choices[#].reasoning_content"),
	TOKEN("choices[#].logprobs.tokens[+]"),
	NOT("choices[#].logprobs.token_logprobs"),
	NOT("choices[#].logprobs.text_offset"),
	RANKED("choices[#].logprobs.top_logprobs[].{}"),
	END
};

static const struct surface_rule chat_answer[] = {
	NOT("choices[#].message.role"),
	TEXT("choices[#].message.content", ROLE_ASSISTANT),
	TEXT("choices[#].message.refusal", ROLE_ASSISTANT),
	TEXT("choices[#].message.reasoning_content", ROLE_ASSISTANT),
	TEXT("choices[#].message.reasoning", ROLE_ASSISTANT),
	NOT("choices[#].message.reasoning_details[].type"),
	NOT("choices[#].message.reasoning_details[].index"),
	NOT("choices[#].message.reasoning_details[].format"),
	NOT("choices[#].message.reasoning_details[].id"),
	NOT("choices[#].message.reasoning_details[].signature"),
	TEXT("choices[#].message.reasoning_details[].text", ROLE_ASSISTANT),
	TEXT("choices[#].message.reasoning_details[].summary",
	    ROLE_ASSISTANT),
	NOT("choices[#].message.tool_calls[#].id"),
	NOT("choices[#].message.tool_calls[#].type"),
	NOT("choices[#].message.tool_calls[#].index"),
	TEXT("choices[#].message.tool_calls[#].function.name",
	    ROLE_ASSISTANT),
	ARGS("choices[#].message.tool_calls[#].function.arguments",
	    ROLE_ASSISTANT),
	TEXT("choices[#].message.tool_calls[#].custom.name", ROLE_ASSISTANT),
	TEXT("choices[#].message.tool_calls[#].custom.input",
	    ROLE_ASSISTANT),
	TEXT("choices[#].message.function_call.name", ROLE_ASSISTANT),
	ARGS("choices[#].message.function_call.arguments", ROLE_ASSISTANT),
	NOT("choices[#].message.audio.id"),
	NOT("choices[#].message.audio.expires_at"),
	AS("choices[#].message.audio.data", WHAT_MEDIA, ROLE_ASSISTANT),
	TEXT("choices[#].message.audio.transcript", ROLE_ASSISTANT),
	NOT("choices[#].message.annotations[].type"),
	NOT("choices[#].message.annotations[].url_citation.start_index"),
	NOT("choices[#].message.annotations[].url_citation.end_index"),
	TEXT("choices[#].message.annotations[].url_citation.title",
	    ROLE_TOOL),
	TEXT("choices[#].message.annotations[].url_citation.url", ROLE_TOOL),
	TEXT("choices[#].message.annotations[].url_citation.content",
	    ROLE_TOOL),
	NOT("choices[#].message.images[].type"),
	NOT("choices[#].message.images[].index"),
	AS("choices[#].message.images[].image_url.url", WHAT_URL,
	    ROLE_ASSISTANT),
	END
};

static const struct surface_rule chat_event[] = {
	NOT("choices[#].delta.role"),
	GROWS("choices[#].delta.content"),
	NOT("choices[#].delta.content[].type"),
	GROWS("choices[#].delta.content[].text"),
	GROWS("choices[#].delta.refusal"),
	GROWS("choices[#].delta.reasoning_content"),
	GROWS("choices[#].delta.reasoning"),
	NOT("choices[#].delta.reasoning_details[#].type"),
	NOT("choices[#].delta.reasoning_details[#].index"),
	NOT("choices[#].delta.reasoning_details[#].format"),
	NOT("choices[#].delta.reasoning_details[#].id"),
	NOT("choices[#].delta.reasoning_details[#].signature"),
	GROWS("choices[#].delta.reasoning_details[#].text"),
	GROWS("choices[#].delta.reasoning_details[#].summary"),
	NOT("choices[#].delta.tool_calls[#].id"),
	NOT("choices[#].delta.tool_calls[#].type"),
	NOT("choices[#].delta.tool_calls[#].index"),
	GROWS("choices[#].delta.tool_calls[#].function.name"),
	GROWS_ARGS("choices[#].delta.tool_calls[#].function.arguments"),
	GROWS("choices[#].delta.tool_calls[#].custom.name"),
	GROWS("choices[#].delta.tool_calls[#].custom.input"),
	GROWS("choices[#].delta.function_call.name"),
	GROWS_ARGS("choices[#].delta.function_call.arguments"),
	NOT("choices[#].delta.audio.id"),
	NOT("choices[#].delta.audio.expires_at"),
	AS("choices[#].delta.audio.data", WHAT_MEDIA, ROLE_ASSISTANT),
	GROWS("choices[#].delta.audio.transcript"),
	NOT("choices[#].delta.annotations[].type"),
	NOT("choices[#].delta.annotations[].url_citation.start_index"),
	NOT("choices[#].delta.annotations[].url_citation.end_index"),
	TEXT("choices[#].delta.annotations[].url_citation.title", ROLE_TOOL),
	TEXT("choices[#].delta.annotations[].url_citation.url", ROLE_TOOL),
	TEXT("choices[#].delta.annotations[].url_citation.content",
	    ROLE_TOOL),
	NOT("choices[#].delta.images[].type"),
	NOT("choices[#].delta.images[].index"),
	AS("choices[#].delta.images[].image_url.url", WHAT_URL,
	    ROLE_ASSISTANT),
	END
};

const struct surface_rule *const
    surface_tables[SURFACE_KINDS][SURFACE_DOCS][SURFACE_GROUPS] = {
	[SURFACE_COMPLETIONS] = {
		[DOC_REQUEST] = { any_request, completions_request },
		[DOC_ANSWER] = { any_answer, completions_answer },
		[DOC_EVENT] = { any_answer, completions_answer },
	},
	[SURFACE_CHAT] = {
		[DOC_REQUEST] = { any_request, chat_request },
		[DOC_ANSWER] = { any_answer, chat_answer },
		[DOC_EVENT] = { any_answer, chat_event },
	},
};

const struct surface_endpoint surface_endpoints[] = {
	{ "completions", "POST", "/v1/completions" },
	{ "completions", "POST", "/v1/engines/{engine}/completions" },
	{ "completions", "POST",
	    "/openai/deployments/{deployment}/completions" },
	{ "chat", "POST", "/v1/chat/completions" },
	{ "chat", "POST",
	    "/openai/deployments/{deployment}/chat/completions" },
	{ SURFACE_MODELS, "GET", "/v1/models" },
	{ SURFACE_MODELS, "GET", "/v1/models/{model}" },
	{ NULL, NULL, NULL },
};
