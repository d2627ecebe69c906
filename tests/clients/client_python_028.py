"""openai-python 0.28.1, the classic SDK, as people still use it."""

import openai
from openai import error

from check import (BACKEND, BLOCKED, GATEWAY, KEY, POEM, SAY_BLOCKED, SAY_LONG,
                   SAY_PHONE, TIGHT, TIGHT_KEY, equal, main, raises, test)

openai.api_base = GATEWAY
openai.api_key = KEY


def directly(call):
    """What the backend itself says to the same call."""
    openai.api_base = BACKEND
    try:
        return call()
    finally:
        openai.api_base = GATEWAY


def poem_call():
    return openai.Completion.create(engine="text-davinci-002", prompt="请用诗歌描述春天的美好", max_tokens=100, n=1, stop=None, temperature=0.7)


def chat(text, **more):
    return openai.ChatCompletion.create(
        model="gpt-3.5-turbo", messages=[{"role": "user", "content": text}],
        **more)


def text_of(stream):
    return "".join(c.choices[0].delta.get("content", "") or ""
                   for c in stream if c.choices)


@test
def the_poem_call_gets_its_poem():
    poem = poem_call().choices[0].text
    assert len(poem.strip()) > 10, poem
    equal(poem, directly(poem_call).choices[0].text)


@test
def the_poem_call_with_a_model_gets_the_same():
    def call():
        return openai.Completion.create(model="text-davinci-002", prompt=POEM,
                                        max_tokens=100)
    equal(call().choices[0].text, directly(call).choices[0].text)


@test
def a_chat_is_answered():
    def call():
        return chat("写一首关于春天的诗").choices[0].message.content
    equal(call(), directly(call))


@test
def usage_comes_through():
    answer = poem_call()
    equal(answer.usage.total_tokens,
          answer.usage.prompt_tokens + answer.usage.completion_tokens)
    assert answer.usage.total_tokens > 0


@test
def a_streamed_chat_says_the_same():
    def call():
        return text_of(chat(POEM, stream=True))
    said = call()
    assert len(said) > 10, said
    equal(said, directly(call))


@test
def a_streamed_completion_says_the_same():
    def call():
        return "".join(c.choices[0].text for c in openai.Completion.create(
            engine="text-davinci-002", prompt=POEM, max_tokens=100,
            stream=True))
    said = call()
    assert len(said) > 10, said
    equal(said, directly(call))


@test
def a_long_stream_says_the_same():
    equal(text_of(chat(SAY_LONG, stream=True)).strip(),
          SAY_LONG[len("[say]"):].strip())


@test
def emoji_and_rare_characters_survive():
    text = "🌸春𠮷 é ñ \u200d👩‍🚀"
    equal(chat("[say] " + text).choices[0].message.content.strip(), text)


@test
def several_prompts_get_several_answers():
    answer = openai.Completion.create(engine="text-davinci-002",
                                      prompt=[POEM, "Write a poem."])
    equal(sorted(c.index for c in answer.choices), [0, 1])


@test
def a_blocked_prompt_is_an_InvalidRequestError():
    err = raises(error.InvalidRequestError, lambda: chat(BLOCKED))
    equal((err.http_status, err.code, err.param),
          (400, "content_filter", "messages"))
    assert BLOCKED not in str(err)


@test
def a_blocked_completion_prompt_names_prompt():
    err = raises(error.InvalidRequestError, lambda: openai.Completion.create(
        engine="text-davinci-002", prompt=BLOCKED))
    equal((err.code, err.param), ("content_filter", "prompt"))


@test
def a_blocked_prompt_is_refused_before_a_stream_begins():
    err = raises(error.InvalidRequestError,
                 lambda: list(chat(BLOCKED, stream=True)))
    equal(err.code, "content_filter")


@test
def a_blocked_answer_is_withheld():
    choice = chat(SAY_BLOCKED).choices[0]
    equal((choice.finish_reason, choice.message.content),
          ("content_filter", ""))


@test
def a_stream_ends_before_its_first_blocked_phrase():
    chunks = list(chat(SAY_BLOCKED, stream=True))
    said = text_of(chunks)
    equal(said.strip(), "从前有人想要")
    equal([c.choices[0].finish_reason for c in chunks
           if c.choices and c.choices[0].finish_reason], ["content_filter"])


@test
def a_value_that_the_model_never_had_is_in_its_answer():
    equal(chat(SAY_PHONE).choices[0].message.content.strip(),
          "请拨 13800138000，谢谢。")
    equal(text_of(chat(SAY_PHONE, stream=True)).strip(),
          "请拨 13800138000，谢谢。")


@test
def a_wrong_key_is_an_AuthenticationError():
    err = raises(error.AuthenticationError, lambda: chat("a", api_key="no"))
    # 0.28 keeps the code in the body only.
    equal((err.http_status, err.json_body["error"]["code"]),
          (401, "invalid_api_key"))


@test
def an_unknown_path_is_an_InvalidRequestError():
    err = raises(error.InvalidRequestError, lambda: openai.Embedding.create(
        model="text-embedding-ada-002", input="a"))
    equal(err.http_status, 404)


@test
def the_models_are_listed():
    assert openai.Model.list().data


@test
def a_limit_is_a_RateLimitError_with_retry_after():
    def call():
        return chat("a", api_base=TIGHT, api_key=TIGHT_KEY)
    call()
    err = raises(error.RateLimitError, call)
    equal(err.http_status, 429)
    assert float(err.headers["retry-after"]) > 0, err.headers
    equal(err.json_body["error"]["code"], "rate_limit_exceeded")


@test
def a_request_id_is_sent():
    err = raises(error.InvalidRequestError, lambda: chat(BLOCKED))
    assert err.request_id, "0.28 reads request-id"


@test
def a_client_that_gives_up_a_stream_does_no_harm():
    stream = chat(SAY_LONG, stream=True)
    next(stream)
    stream.close()
    assert poem_call().choices[0].text


main()
