// @upstash/redis over POST /, /pipeline and /multi-exec.

import assert from 'node:assert/strict';

import { Redis } from '@upstash/redis';

import { required, test, unique } from './harness.mjs';

const url = required('GATEWAY_URL');
const token = required('GATEWAY_TOKEN');
const options = { url, token, retry: false, enableTelemetry: false };

const redis = new Redis(options);
const key = (name) => `${unique('clients')}:${name}`;

test('redis: set, get, expire', async () => {
  const k = key('k');
  assert.equal(await redis.set(k, 'v', { ex: 100 }), 'OK');
  assert.equal(await redis.get(k), 'v');
  const left = await redis.ttl(k);
  assert.ok(left > 90 && left <= 100, String(left));
  assert.equal(await redis.set(k, 'w', { nx: true }), null);
  assert.equal(await redis.pexpire(k, 5000), 1);
  assert.equal(await redis.del(k), 1);
  assert.equal(await redis.get(k), null);
});

test('redis: numbers, booleans, objects and texts that look like them', async () => {
  const k = key('k');
  for (const value of [1, -1.5, true, { a: [1, null, 'x'] }, 'plain', '', 'OK', 'grüße 😀\n\u0000', '=']) {
    await redis.set(k, value);
    assert.deepEqual(await redis.get(k), value);
  }
  assert.equal(await redis.incrby(key('n'), 7), 7);
});

test('redis: hashes, sets, sorted sets, lists', async () => {
  const h = key('h');
  assert.equal(await redis.hset(h, { name: 'ü', count: 3, nested: { a: 1 } }), 3);
  assert.deepEqual(await redis.hgetall(h), { name: 'ü', count: 3, nested: { a: 1 } });
  assert.equal(await redis.hgetall(key('none')), null);
  assert.deepEqual(await redis.hmget(h, 'name', 'none'), { name: 'ü', none: null });
  const l = key('l');
  await redis.rpush(l, 'a', 'OK', 'c');
  assert.deepEqual(await redis.lrange(l, 0, -1), ['a', 'OK', 'c']);
  const z = key('z');
  await redis.zadd(z, { score: 1, member: 'one' }, { score: 2.5, member: 'two' });
  assert.deepEqual(await redis.zrange(z, 0, -1, { withScores: true }), ['one', 1, 'two', 2.5]);
  const s = key('s');
  await redis.sadd(s, 'x', 'y');
  assert.deepEqual((await redis.smembers(s)).toSorted(), ['x', 'y']);
});

test('redis: scan finds every key once', async () => {
  const prefix = key('scan');
  for (let i = 0; i < 30; i += 1) await redis.set(`${prefix}:${i}`, i);
  const found = new Set();
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, { match: `${prefix}:*`, count: 10 });
    keys.forEach((one) => found.add(one));
    cursor = next;
  } while (cursor !== '0');
  assert.equal(found.size, 30);
});

test('redis: a pipeline answers in order, errors in their place', async () => {
  const k = key('k');
  const results = await redis.pipeline().set(k, 'text').incr(k).get(k).exec({ keepErrors: true });
  assert.equal(results[0].result, 'OK');
  assert.match(results[1].error, /not an integer/);
  assert.equal(results[2].result, 'text');
  await assert.rejects(redis.pipeline().set(k, 'text').incr(k).exec(), /not an integer/);
});

test('redis: calls made together are pipelined by the client', async () => {
  const k = key('k');
  // The client sends what writes and what reads in two pipelines, so only the order of the writes is certain.
  assert.deepEqual(await Promise.all([redis.set(k, 1), redis.incr(k), redis.incr(k)]), ['OK', 2, 3]);
  assert.deepEqual(await Promise.all([redis.get(k), redis.exists(k), redis.get(k)]), [3, 1, 3]);
});

test('redis: a transaction is atomic', async () => {
  const k = key('k');
  assert.deepEqual(await redis.multi().set(k, 1).incr(k).get(k).exec(), ['OK', 2, 2]);
  const rounds = Array.from({ length: 50 }, () => redis.multi().incr(k).decr(k).exec());
  for (const [up, down] of await Promise.all(rounds)) assert.deepEqual([up, down], [3, 2]);
});

test('redis: a transaction with a command that is no command does nothing', async () => {
  const k = key('k');
  await assert.rejects(redis.multi().set(k, 1).mset({}).exec(), /EXECABORT/);
  assert.equal(await redis.get(k), null);
});

test('redis: scripts', async () => {
  const k = key('k');
  const script = "redis.call('SET', KEYS[1], ARGV[1]) return {redis.call('GET', KEYS[1]), 7, {'OK', false}}";
  assert.deepEqual(await redis.eval(script, [k], ['grün']), ['grün', 7, ['OK', null]]);
  const sha = await redis.scriptLoad('return ARGV[1]');
  assert.equal(await redis.evalsha(sha, [], ['x']), 'x');
  await assert.rejects(redis.evalsha('f'.repeat(40), [], []), /NOSCRIPT/);
  const counter = redis.createScript("return redis.call('INCRBY', KEYS[1], ARGV[1])");
  assert.equal(await counter.exec([key('n')], ['5']), 5);
});

test('redis: without base64', async () => {
  const plain = new Redis({ ...options, responseEncoding: false });
  const k = key('k');
  assert.equal(await plain.set(k, 'grüße 😀'), 'OK');
  assert.equal(await plain.get(k), 'grüße 😀');
});

test('redis: bytes that are no text come through in base64', async () => {
  const k = key('bytes');
  await redis.eval("return redis.call('SET', KEYS[1], string.char(0, 255, 128, 10))", [k], []);
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'upstash-encoding': 'base64' },
    body: JSON.stringify(['GET', k]),
  });
  const { result } = await response.json();
  assert.deepEqual([...Buffer.from(result, 'base64')], [0, 255, 128, 10]);
});

test('redis: errors are told as Redis says them', async () => {
  const k = key('k');
  await redis.set(k, 'text');
  await assert.rejects(redis.lpush(k, 1), /WRONGTYPE Operation against a key/);
  await assert.rejects(redis.eval('return redis.error_reply("MY own words")', [], []), /MY own words/);
});

test('redis: a wrong token is refused on every endpoint', async () => {
  const stranger = new Redis({ ...options, token: `${token}x` });
  await assert.rejects(stranger.get('k'), /Unauthorized/);
  await assert.rejects(stranger.pipeline().get('k').exec(), /Unauthorized/);
  await assert.rejects(stranger.multi().get('k').exec(), /Unauthorized/);
});

test('redis: commands that wait or change the connection are refused', async () => {
  for (const command of [['SUBSCRIBE', 'c'], ['BLPOP', 'k', '0'], ['MULTI'], ['SELECT', '1'], ['CONFIG', 'GET', '*']]) {
    await assert.rejects(redis.exec(command), /not available/, command[0]);
  }
});
