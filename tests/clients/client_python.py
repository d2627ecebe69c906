"""The current openai-python."""

import asyncio
import time

import openai

from check import (BACKEND, BLOCKED, GATEWAY, KEY, POEM, SAY_BLOCKED, SAY_LONG,
                   SAY_PHONE, TIGHT, TIGHT_KEY, equal, main, raises, test)

client = openai.OpenAI(base_url=GATEWAY, api_key=KEY, max_retries=0)
backend = openai.OpenAI(base_url=BACKEND, api_key="none", max_retries=0)
MODEL = "gpt-4o-mini"


def chat(text, to=client, **more):
    return to.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": text}], **more)


def text_of(stream):
    return "".join(c.choices[0].delta.content or ""
                   for c in stream if c.choices)


@test
def the_poem_is_the_backends():
    def call(to):
        return to.completions.create(
            model="text-davinci-002", prompt=POEM, max_tokens=100, n=1,
            stop=None, temperature=0.7).choices[0].text
    poem = call(client)
    assert len(poem.strip()) > 10, poem
    equal(poem, call(backend))


@test
def a_chat_is_the_backends():
    equal(chat(POEM).choices[0].message.content,
          chat(POEM, backend).choices[0].message.content)


@test
def a_stream_says_what_the_backend_says():
    said = text_of(chat(POEM, stream=True))
    assert len(said) > 10, said
    equal(said, text_of(chat(POEM, backend, stream=True)))


@test
def a_streamed_completion_says_what_the_backend_says():
    def call(to):
        return "".join(c.choices[0].text for c in to.completions.create(
            model="text-davinci-002", prompt=POEM, stream=True))
    equal(call(client), call(backend))


@test
def usage_comes_at_the_end_of_a_stream_that_asks_for_it():
    chunks = list(chat(POEM, stream=True,
                       stream_options={"include_usage": True}))
    assert chunks[-1].usage and chunks[-1].usage.total_tokens > 0


@test
def the_stream_helper_works():
    with client.chat.completions.stream(
            model=MODEL,
            messages=[{"role": "user", "content": POEM}]) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    equal(final.choices[0].finish_reason, "stop")


@test
def the_async_client_works():
    async def ask():
        async with openai.AsyncOpenAI(base_url=GATEWAY, api_key=KEY) as to:
            stream = await to.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": POEM}],
                stream=True)
            return "".join([c.choices[0].delta.content or ""
                            async for c in stream if c.choices])
    equal(asyncio.run(ask()), text_of(chat(POEM, backend, stream=True)))


@test
def twenty_at_once_get_each_their_own():
    async def ask():
        async with openai.AsyncOpenAI(base_url=GATEWAY, api_key=KEY) as to:
            return await asyncio.gather(*[to.chat.completions.create(
                model=MODEL, messages=[{"role": "user",
                                        "content": "[say] number %d" % i}])
                for i in range(20)])
    for i, answer in enumerate(asyncio.run(ask())):
        equal(answer.choices[0].message.content.strip(), "number %d" % i)


@test
def a_blocked_prompt_is_a_BadRequestError():
    err = raises(openai.BadRequestError, lambda: chat(BLOCKED))
    equal((err.code, err.param), ("content_filter", "messages"))
    assert err.request_id
    assert "制造炸弹" not in str(err)


@test
def a_blocked_prompt_is_tried_once_only():
    """x-should-retry: false; a client that tries again asks in vain."""
    seen = []
    counting = openai.OpenAI(base_url=GATEWAY, api_key=KEY, max_retries=3)
    # Counts what leaves, whatever the HTTP library underneath is called.
    inner = counting._client.send

    def send(request, **more):
        seen.append(request)
        return inner(request, **more)
    counting._client.send = send
    raises(openai.BadRequestError, lambda: chat(BLOCKED, counting))
    equal(len(seen), 1)


@test
def a_blocked_answer_is_withheld():
    choice = chat(SAY_BLOCKED).choices[0]
    equal((choice.finish_reason, choice.message.content),
          ("content_filter", ""))


@test
def a_stream_ends_before_its_first_blocked_phrase():
    chunks = list(chat(SAY_BLOCKED, stream=True))
    equal(text_of(chunks).strip(), "从前有人想要")
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
    err = raises(openai.AuthenticationError,
                 lambda: chat("a", client.with_options(api_key="no")))
    equal((err.status_code, err.code), (401, "invalid_api_key"))


@test
def an_unknown_path_is_a_NotFoundError():
    raises(openai.NotFoundError, lambda: client.embeddings.create(
        model="text-embedding-3-small", input="a"))


@test
def token_ids_are_a_BadRequestError():
    err = raises(openai.BadRequestError, lambda: client.completions.create(
        model="text-davinci-002", prompt=[1, 2, 3]))
    equal(err.code, "unsupported_input")


@test
def the_models_are_listed():
    assert list(client.models.list())


@test
def a_limit_is_a_RateLimitError():
    tight = openai.OpenAI(base_url=TIGHT, api_key=TIGHT_KEY, max_retries=0)
    chat("a", tight)
    err = raises(openai.RateLimitError, lambda: chat("a", tight))
    equal(err.code, "rate_limit_exceeded")
    assert float(err.response.headers["retry-after"]) > 0


@test
def retry_after_is_honoured_and_leads_to_an_answer():
    tight = openai.OpenAI(base_url=TIGHT, api_key=TIGHT_KEY, max_retries=3)
    time.sleep(1.1)
    began = time.monotonic()
    for _ in range(3):
        assert chat("a", tight).choices
    took = time.monotonic() - began
    assert 1.5 < took < 15, "it took %.1f s" % took


@test
def a_client_that_gives_up_a_stream_does_no_harm():
    stream = chat(SAY_LONG, stream=True)
    next(iter(stream))
    stream.close()
    assert chat(POEM).choices


@test
def a_client_that_times_out_does_no_harm():
    raises(openai.APITimeoutError,
           lambda: client.with_options(timeout=0.4).chat.completions.create(
               model="slow", messages=[{"role": "user", "content": "a"}]))
    assert chat(POEM).choices


main()
