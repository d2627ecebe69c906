// The current openai-node.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import {
  BACKEND_URL, BLOCKED, GATEWAY_KEY, GATEWAY_URL, POEM, SAY_BLOCKED, SAY_LONG,
  SAY_PHONE, TIGHT_KEY, TIGHT_URL, failure, main, sleep, test,
} from './check.mjs';

const model = 'gpt-4o-mini';
const client = new OpenAI({
  baseURL: GATEWAY_URL, apiKey: GATEWAY_KEY, maxRetries: 0,
});
const backend = new OpenAI({
  baseURL: BACKEND_URL, apiKey: 'none', maxRetries: 0,
});

const chat = (text, more = {}, to = client, options = {}) =>
  to.chat.completions.create(
    { model, messages: [{ role: 'user', content: text }], ...more }, options);

async function textOf(stream) {
  let text = '';
  const reasons = [];
  for await (const chunk of await stream) {
    text += chunk.choices[0]?.delta?.content ?? '';
    if (chunk.choices[0]?.finish_reason)
      reasons.push(chunk.choices[0].finish_reason);
  }
  return { text, reasons };
}

test('the poem is the backend\'s', async () => {
  const ask = { model: 'text-davinci-002', prompt: POEM, max_tokens: 100,
    n: 1, stop: null, temperature: 0.7 };
  const poem = (await client.completions.create(ask)).choices[0].text;
  assert.ok(poem.trim().length > 10, poem);
  assert.equal(poem, (await backend.completions.create(ask)).choices[0].text);
});

test('a chat is the backend\'s', async () => {
  const [ours, theirs] = [await chat(POEM), await chat(POEM, {}, backend)];
  assert.equal(ours.choices[0].message.content,
    theirs.choices[0].message.content);
});

test('a stream says what the backend says', async () => {
  const ours = await textOf(chat(POEM, { stream: true }));
  assert.ok(ours.text.length > 10, ours.text);
  assert.deepEqual(ours, await textOf(chat(POEM, { stream: true }, backend)));
});

test('a long stream comes whole', async () => {
  const { text } = await textOf(chat(SAY_LONG, { stream: true }));
  assert.equal(text.trim(), SAY_LONG.slice('[say] '.length));
});

test('usage comes at the end of a stream that asks for it', async () => {
  let last;
  for await (const chunk of await chat(POEM, {
    stream: true, stream_options: { include_usage: true } }))
    last = chunk;
  assert.ok(last.usage.total_tokens > 0);
});

test('the stream helper works', async () => {
  const stream = client.chat.completions.stream({
    model, messages: [{ role: 'user', content: POEM }] });
  const final = await stream.finalChatCompletion();
  assert.equal(final.choices[0].finish_reason, 'stop');
});

test('a blocked prompt is a BadRequestError', async () => {
  const error = await failure(chat(BLOCKED));
  assert.ok(error instanceof OpenAI.BadRequestError, error);
  assert.equal(error.code, 'content_filter');
  assert.equal(error.param, 'messages');
  assert.ok(error.requestID);
  assert.ok(!error.message.includes('制造炸弹'));
});

test('a blocked prompt is tried once only', async () => {
  let sent = 0;
  const counting = new OpenAI({
    baseURL: GATEWAY_URL, apiKey: GATEWAY_KEY, maxRetries: 3,
    fetch: (...args) => { sent++; return fetch(...args); },
  });
  await failure(chat(BLOCKED, {}, counting));
  assert.equal(sent, 1);
});

test('a blocked prompt is refused before a stream begins', async () => {
  const error = await failure(chat(BLOCKED, { stream: true }));
  assert.equal(error.code, 'content_filter');
});

test('a blocked answer is withheld', async () => {
  const choice = (await chat(SAY_BLOCKED)).choices[0];
  assert.equal(choice.finish_reason, 'content_filter');
  assert.equal(choice.message.content, '');
});

test('a stream ends before its first blocked phrase', async () => {
  const { text, reasons } = await textOf(chat(SAY_BLOCKED, { stream: true }));
  assert.equal(text.trim(), '从前有人想要');
  assert.deepEqual(reasons, ['content_filter']);
});

test('a value that the model never had is in its answer', async () => {
  const choice = (await chat(SAY_PHONE)).choices[0];
  assert.equal(choice.message.content.trim(), '请拨 13800138000，谢谢。');
  const { text } = await textOf(chat(SAY_PHONE, { stream: true }));
  assert.equal(text.trim(), '请拨 13800138000，谢谢。');
});

test('a wrong key is an AuthenticationError', async () => {
  const error = await failure(chat('a', {},
    client.withOptions({ apiKey: 'no' })));
  assert.ok(error instanceof OpenAI.AuthenticationError, error);
  assert.equal(error.code, 'invalid_api_key');
});

test('an unknown path is a NotFoundError', async () => {
  const error = await failure(client.embeddings.create({
    model: 'text-embedding-3-small', input: 'a' }));
  assert.ok(error instanceof OpenAI.NotFoundError, error);
});

test('the models are listed', async () => {
  assert.ok((await client.models.list()).data.length > 0);
});

test('a limit is a RateLimitError with retry-after', async () => {
  const tight = new OpenAI({
    baseURL: TIGHT_URL, apiKey: TIGHT_KEY, maxRetries: 0 });
  await chat('a', {}, tight);
  const error = await failure(chat('a', {}, tight));
  assert.ok(error instanceof OpenAI.RateLimitError, error);
  assert.equal(error.code, 'rate_limit_exceeded');
  assert.ok(Number(error.headers.get('retry-after')) > 0);
});

test('retry-after is honoured and leads to an answer', async () => {
  await sleep(1100);
  const tight = new OpenAI({
    baseURL: TIGHT_URL, apiKey: TIGHT_KEY, maxRetries: 3 });
  const began = Date.now();
  for (let i = 0; i < 3; i++)
    assert.ok((await chat('a', {}, tight)).choices.length);
  const took = Date.now() - began;
  assert.ok(took > 1500 && took < 15000, `it took ${took} ms`);
});

test('a client that aborts a stream does no harm', async () => {
  const stream = await chat(SAY_LONG, { stream: true });
  for await (const _ of stream) {
    stream.controller.abort();
    break;
  }
  assert.ok((await chat(POEM)).choices.length);
});

test('a client that times out does no harm', async () => {
  const error = await failure(chat('a', { model: 'slow' }, client,
    { timeout: 400 }));
  assert.ok(error instanceof OpenAI.APIConnectionTimeoutError, error);
  assert.ok((await chat(POEM)).choices.length);
});

await main();
