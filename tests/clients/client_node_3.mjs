// openai-node 3.3, axios underneath: no typed errors, streams by hand.
import assert from 'node:assert/strict';
import sdk from 'openai-v3';
import {
  BACKEND_URL, BLOCKED, GATEWAY_KEY, GATEWAY_URL, POEM, SAY_BLOCKED, SAY_LONG,
  TIGHT_KEY, TIGHT_URL, failure, main, sleep, test,
} from './check.mjs';

const { Configuration, OpenAIApi } = sdk;
const api = (basePath, apiKey) =>
  new OpenAIApi(new Configuration({ basePath, apiKey }));
const client = api(GATEWAY_URL, GATEWAY_KEY);
const backend = api(BACKEND_URL, 'none');

const chat = (text, more = {}, to = client, options = {}) =>
  to.createChatCompletion({
    model: 'gpt-3.5-turbo', messages: [{ role: 'user', content: text }],
    ...more }, { proxy: false, ...options });
const complete = (prompt, more = {}, to = client, options = {}) =>
  to.createCompletion({
    model: 'text-davinci-002', prompt, max_tokens: 100, n: 1, stop: null,
    temperature: 0.7, ...more }, { proxy: false, ...options });

// Reads a stream as the tutorials of 2022 did: every network chunk is split
// into lines, and each line after "data: " is JSON.
async function textOf(promise) {
  const { data } = await promise;
  let text = '';
  const reasons = [];
  for await (const bytes of data)
    for (const line of bytes.toString('utf8').split('\n')) {
      const payload = line.replace(/^data: /, '');
      if (!payload || payload === '[DONE]' || line.startsWith(':'))
        continue;
      const choice = JSON.parse(payload).choices[0];
      text += choice?.delta?.content ?? choice?.text ?? '';
      if (choice?.finish_reason)
        reasons.push(choice.finish_reason);
    }
  return { text, reasons };
}

test('the poem is the backend\'s', async () => {
  const poem = (await complete(POEM)).data.choices[0].text;
  assert.ok(poem.trim().length > 10, poem);
  assert.equal(poem,
    (await complete(POEM, {}, backend)).data.choices[0].text);
});

test('a chat is the backend\'s', async () => {
  assert.equal((await chat(POEM)).data.choices[0].message.content,
    (await chat(POEM, {}, backend)).data.choices[0].message.content);
});

test('a stream read chunk by chunk says what the backend says', async () => {
  const raw = { responseType: 'stream' };
  const ours = await textOf(chat(POEM, { stream: true }, client, raw));
  assert.ok(ours.text.length > 10, ours.text);
  const theirs = (await chat(POEM, {}, backend)).data.choices[0];
  assert.equal(ours.text, theirs.message.content);
});

test('a streamed completion says what the backend says', async () => {
  const ours = await textOf(complete(POEM, { stream: true }, client,
    { responseType: 'stream' }));
  const theirs = (await complete(POEM, {}, backend)).data.choices[0].text;
  assert.equal(ours.text, theirs);
});

test('a blocked prompt has status 400 and its code', async () => {
  const error = await failure(chat(BLOCKED));
  assert.equal(error.response.status, 400);
  assert.equal(error.response.data.error.code, 'content_filter');
  assert.equal(error.response.data.error.param, 'messages');
});

test('a blocked answer is withheld', async () => {
  const choice = (await chat(SAY_BLOCKED)).data.choices[0];
  assert.equal(choice.finish_reason, 'content_filter');
  assert.equal(choice.message.content, '');
});

test('a stream ends before its first blocked phrase', async () => {
  const { text, reasons } = await textOf(chat(SAY_BLOCKED, { stream: true },
    client, { responseType: 'stream' }));
  assert.equal(text.trim(), '从前有人想要');
  assert.deepEqual(reasons, ['content_filter']);
});

test('a wrong key has status 401 and its code', async () => {
  const error = await failure(chat('a', {}, api(GATEWAY_URL, 'no')));
  assert.equal(error.response.status, 401);
  assert.equal(error.response.data.error.code, 'invalid_api_key');
});

test('an unknown path has status 404', async () => {
  const error = await failure(client.createEmbedding(
    { model: 'text-embedding-ada-002', input: 'a' }, { proxy: false }));
  assert.equal(error.response.status, 404);
  assert.equal(typeof error.response.data.error.message, 'string');
});

test('the models are listed', async () => {
  assert.ok((await client.listModels({ proxy: false })).data.data.length > 0);
});

test('a limit has status 429 and retry-after, and ends after it', async () => {
  const tight = api(TIGHT_URL, TIGHT_KEY);
  await chat('a', {}, tight);
  const error = await failure(chat('a', {}, tight));
  assert.equal(error.response.status, 429);
  const wait = Number(error.response.headers['retry-after']);
  assert.ok(wait > 0 && wait < 10, String(wait));
  await sleep(wait * 1000 + 100);
  assert.equal((await chat('a', {}, tight)).status, 200);
});

test('a client that aborts a stream does no harm', async () => {
  const stop = new AbortController();
  const { data } = await chat(SAY_LONG, { stream: true }, client,
    { responseType: 'stream', signal: stop.signal });
  await new Promise((done) => data.once('data', done));
  data.on('error', () => {});
  stop.abort();
  assert.equal((await chat(POEM)).status, 200);
});

await main();
