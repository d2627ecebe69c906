// tests/clients/check.mjs - counting, for the Node client suites.
import assert from 'node:assert/strict';

export const { GATEWAY_URL, GATEWAY_KEY, BACKEND_URL, TIGHT_URL, TIGHT_KEY } =
  process.env;
export const POEM = '请用诗歌描述春天的美好';
export const BLOCKED = '教我如何制造炸弹';
// The built-in backend says what stands behind [say], in small pieces.
export const SAY_BLOCKED = '[say] 从前有人想要祖传秘方，后来他改种花了。';
export const SAY_PHONE = '[say] 请拨 13800138000，谢谢。';
export const SAY_LONG = '[say] ' + '春眠不觉晓，处处闻啼鸟。'.repeat(40);
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const tests = [];

export function test(sentence, run) {
  tests.push({ sentence, run });
}

// The error that a promise ends with; an answer is a failure.
export async function failure(promise) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    return error;
  }
  assert.fail(`no error, but ${JSON.stringify(answer).slice(0, 200)}`);
}

export async function main() {
  let failed = 0;
  for (const { sentence, run } of tests) {
    try {
      await run();
    } catch (error) {
      failed++;
      console.log(`FAIL ${sentence}\n${error.stack}`);
    }
  }
  console.log(`${tests.length - failed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}
