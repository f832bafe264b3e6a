// @neondatabase/serverless over POST /sql.

import assert from 'node:assert/strict';

import { neon, neonConfig, NeonDbError } from '@neondatabase/serverless';

import { required, test, unique } from './harness.mjs';

const gateway = required('GATEWAY_URL');
const database = required('DATABASE_URL');
// Configuration, not modification: where the driver finds the proxy.
neonConfig.fetchEndpoint = `${gateway}/sql`;

const sql = neon(database);

async function withTable(columns, body) {
  const table = unique('clients');
  await sql.query(`CREATE TABLE ${table} (${columns})`);
  try {
    await body(table);
  } finally {
    await sql.query(`DROP TABLE ${table}`);
  }
}

async function refused(promise) {
  const error = await promise.then(
    () => assert.fail('it was not refused'),
    (error) => error,
  );
  assert.ok(error instanceof NeonDbError, String(error));
  return error;
}

test('sql: a template answers rows as objects, in the order of the columns', async () => {
  const rows = await sql`SELECT ${'hello'} || ' ' || ${'world'} AS z, 1 AS a`;
  assert.deepEqual(rows, [{ z: 'hello world', a: 1 }]);
  assert.deepEqual(Object.keys(rows[0]), ['z', 'a']);
});

test('sql: array mode', async () => {
  assert.deepEqual(await sql.query('SELECT $1::int, $2', [7, 'x'], { arrayMode: true }), [[7, 'x']]);
});

test('sql: full results', async () => {
  const result = await sql.query('SELECT id, name FROM (VALUES (1, $1::varchar(9))) AS t (id, name)', ['x'], {
    fullResults: true,
  });
  assert.equal(result.command, 'SELECT');
  assert.equal(result.rowCount, 1);
  assert.equal(result.rowAsArray, false);
  assert.deepEqual(result.rows, [{ id: 1, name: 'x' }]);
  assert.deepEqual(
    result.fields.map((field) => [field.name, field.dataTypeID, field.dataTypeSize, field.dataTypeModifier, field.format]),
    [
      ['id', 23, 4, -1, 'text'],
      ['name', 1043, -1, 13, 'text'],
    ],
  );
});

test('sql: a column says which table it is of', () =>
  withTable('id int, name text', async (table) => {
    const { fields } = await sql.query(`SELECT name FROM ${table}`, [], { fullResults: true });
    const [{ oid }] = await sql.query('SELECT $1::regclass::oid::int AS oid', [table]);
    assert.deepEqual([fields[0].tableID, fields[0].columnID], [oid, 2]);
  }));

test('sql: counts and commands', () =>
  withTable('id int', async (table) => {
    const run = async (text) => {
      const { command, rowCount, rows } = await sql.query(text, [], { fullResults: true });
      return [command, rowCount, rows.length];
    };
    assert.deepEqual(await run(`INSERT INTO ${table} SELECT generate_series(1, 3)`), ['INSERT', 3, 0]);
    assert.deepEqual(await run(`UPDATE ${table} SET id = id + 1 WHERE id > 1 RETURNING id`), ['UPDATE', 2, 2]);
    assert.deepEqual(await run(`DELETE FROM ${table} WHERE false`), ['DELETE', 0, 0]);
    assert.deepEqual(await run(`TRUNCATE ${table}`), ['TRUNCATE', null, 0]);
    assert.deepEqual(await run(`SELECT * FROM ${table}`), ['SELECT', 0, 0]);
  }));

test('sql: every type comes back as node-postgres has it', async () => {
  const [row] = await sql`SELECT
    42::int4 AS i4, 9007199254740993::int8 AS i8, 12345678901234567890.12::numeric AS n, 1.5::float8 AS f, 'NaN'::float8 AS nan,
    true AS t, false AS f2, NULL::text AS nothing, 'grüße 😀'::text AS s, ''::text AS empty, '{"a": [1, null]}'::jsonb AS j,
    'null'::jsonb AS jn, ARRAY[1, NULL, 3] AS ia, ARRAY['a,b', '"q"', NULL, 'NULL', ''] AS ta, ARRAY[[1, 2], [3, 4]] AS m,
    '2026-11-20 18:00:00.123456+00'::timestamptz AS at, '2026-11-20'::date::text AS d,
    '\\x00ff10'::bytea AS b, '0190e4a8-0000-7000-8000-000000000000'::uuid AS u`;
  const { at, b, nan, ...rest } = row;
  assert.ok(Number.isNaN(nan));
  assert.equal(at.toISOString(), '2026-11-20T18:00:00.123Z');
  assert.deepEqual([...b], [0x00, 0xff, 0x10]);
  assert.deepEqual(rest, {
    i4: 42,
    i8: '9007199254740993',
    n: '12345678901234567890.12',
    f: 1.5,
    t: true,
    f2: false,
    nothing: null,
    s: 'grüße 😀',
    empty: '',
    j: { a: [1, null] },
    jn: null,
    ia: [1, null, 3],
    ta: ['a,b', '"q"', null, 'NULL', ''],
    m: [
      [1, 2],
      [3, 4],
    ],
    d: '2026-11-20',
    u: '0190e4a8-0000-7000-8000-000000000000',
  });
});

test('sql: every type goes in', () =>
  withTable('i int, t text, b bytea, j jsonb, a text[], at timestamptz, ok boolean, n numeric', async (table) => {
    const at = new Date('2026-11-20T18:00:00.123Z');
    const bytes = Buffer.from([0, 255, 92, 39]);
    const values = [-1, `'";\\ 😀`, bytes, { k: ["'"] }, ['a,"b"', null, 'ü'], at, false, '1e-9'];
    await sql.query(`INSERT INTO ${table} VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, values);
    await sql.query(`INSERT INTO ${table} VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, Array(8).fill(null));
    const rows = await sql.query(`SELECT * FROM ${table}`, [], { arrayMode: true });
    assert.deepEqual([...rows[0][2]], [...bytes]);
    assert.equal(rows[0][5].getTime(), at.getTime());
    assert.deepEqual(rows[0].toSpliced(5, 1).toSpliced(2, 1), [-1, values[1], values[3], values[4], false, '0.000000001']);
    assert.deepEqual(rows[1], Array(8).fill(null));
  }));

test('sql: many rows, large values', async () => {
  const rows = await sql`SELECT i, repeat('x', 1000) AS t FROM generate_series(1, 5000) AS i`;
  assert.equal(rows.length, 5000);
  assert.deepEqual(rows[4999], { i: 5000, t: 'x'.repeat(1000) });
  const large = 'ü'.repeat(1_000_000);
  const [{ length, same }] = await sql`SELECT length(${large}::text) AS length, ${large}::text AS same`;
  assert.equal(length, 1_000_000);
  assert.ok(same === large);
});

test('sql: a transaction answers each statement, with its own options', async () => {
  const results = await sql.transaction([
    sql`SELECT 1 AS a`,
    sql.query('SELECT $1::int AS b', [2], { arrayMode: true }),
    sql.query('SELECT 3 AS c', [], { fullResults: true }),
  ]);
  assert.deepEqual(results.slice(0, 2), [[{ a: 1 }], [[2]]]);
  assert.deepEqual([results[2].rows, results[2].command], [[{ c: 3 }], 'SELECT']);
});

test('sql: a transaction is one: the same snapshot, the same transaction, settings that end with it', async () => {
  const [, [one], [two], [setting]] = await sql.transaction((sql) => [
    sql`SELECT set_config('statement_timeout', '4321', true)`,
    sql`SELECT pg_current_xact_id()::text AS id`,
    sql`SELECT pg_current_xact_id()::text AS id`,
    sql`SELECT current_setting('statement_timeout') AS value`,
  ]);
  assert.equal(one.id, two.id);
  assert.equal(setting.value, '4321ms');
  const [after] = await sql`SELECT current_setting('statement_timeout') AS value`;
  assert.notEqual(after.value, '4321ms');
});

test('sql: a transaction that fails leaves nothing', () =>
  withTable('id int PRIMARY KEY', async (table) => {
    const error = await refused(
      sql.transaction([
        sql.query(`INSERT INTO ${table} VALUES (1)`),
        sql.query(`INSERT INTO ${table} VALUES (2)`),
        sql.query(`INSERT INTO ${table} VALUES (1)`),
      ]),
    );
    assert.equal(error.code, '23505');
    assert.deepEqual(await sql.query(`SELECT * FROM ${table}`), []);
  }));

test('sql: isolation, read only, deferrable', async () => {
  const shown = async (options) => {
    const [[row]] = await sql.transaction(
      [
        sql`SELECT current_setting('transaction_isolation') AS isolation, current_setting('transaction_read_only') AS ro,
          current_setting('transaction_deferrable') AS deferrable`,
      ],
      options,
    );
    return [row.isolation, row.ro, row.deferrable];
  };
  assert.deepEqual(await shown({}), ['read committed', 'off', 'off']);
  assert.deepEqual(await shown({ isolationLevel: 'RepeatableRead' }), ['repeatable read', 'off', 'off']);
  assert.deepEqual(await shown({ isolationLevel: 'ReadUncommitted' }), ['read uncommitted', 'off', 'off']);
  assert.deepEqual(await shown({ isolationLevel: 'Serializable', readOnly: true, deferrable: true }), [
    'serializable',
    'on',
    'on',
  ]);
  const error = await refused(sql.transaction([sql`CREATE TABLE never (id int)`], { readOnly: true }));
  assert.equal(error.code, '25006');
});

test('sql: a violated constraint is told with its fields', () =>
  withTable('id int CONSTRAINT here_key UNIQUE, n int CHECK (n > 0)', async (table) => {
    await sql.query(`INSERT INTO ${table} VALUES (1, 1)`);
    const error = await refused(sql.query(`INSERT INTO ${table} VALUES (1, 1)`));
    assert.deepEqual(
      [error.code, error.constraint, error.table, error.schema, error.severity, error.detail],
      ['23505', 'here_key', table, 'public', 'ERROR', 'Key (id)=(1) already exists.'],
    );
    assert.equal((await refused(sql.query(`INSERT INTO ${table} VALUES (2, 0)`))).code, '23514');
  }));

test('sql: a statement that is wrong is told with its position', async () => {
  const error = await refused(sql.query('SELECT 1 FROM nowhere'));
  assert.deepEqual([error.code, error.position], ['42P01', '15']);
  assert.match(error.message, /nowhere/);
  assert.equal((await refused(sql.query('SELECT $1::int', ['x']))).code, '22P02');
  assert.equal((await refused(sql.query('SELECT 1; SELECT 2'))).code, '42601');
  assert.equal((await refused(sql.query('SELECT $1', ['a\u0000b']))).code, '22021');
  assert.deepEqual(await sql`SELECT 1 AS fine`, [{ fine: 1 }]);
});

test('sql: a statement that takes too long is ended', async () => {
  const error = await refused(
    sql.transaction([sql`SELECT set_config('statement_timeout', '50', true)`, sql`SELECT pg_sleep(30)`]),
  );
  assert.equal(error.code, '57014');
});

test('sql: a wrong password is refused by Postgres, also while the right one is in use', async () => {
  await sql`SELECT 1`;
  const url = new URL(database);
  url.password = 'not-the-password';
  const error = await refused(neon(url.href)`SELECT 1`);
  assert.equal(error.code, '28P01');
  url.password = '';
  assert.equal((await refused(neon(url.href)`SELECT 1`)).code, '28P01');
});

test('sql: the host of the connection string is not where the gateway goes', async () => {
  const url = new URL(database);
  url.hostname = '192.0.2.1';
  url.port = '1';
  assert.deepEqual(await neon(url.href)`SELECT 1 AS a`, [{ a: 1 }]);
});

test('sql: what one request does to its session, the next does not see', async () => {
  for (let round = 0; round < 8; round += 1) {
    await sql`SET application_name = 'left behind'`;
    await sql.query('BEGIN');
    await refused(sql.query('DISCARD nothing'));
  }
  const rows = await Promise.all(
    Array.from({ length: 8 }, () => sql`SELECT current_setting('application_name') AS name, pg_current_xact_id_if_assigned() AS x`),
  );
  assert.ok(rows.every(([row]) => row.name !== 'left behind' && row.x === null));
});

test('sql: sixty requests at once', async () => {
  const rows = await Promise.all(Array.from({ length: 60 }, (_, i) => sql`SELECT ${i}::int AS i, pg_sleep(0.01)::text AS s`));
  assert.deepEqual(
    rows.map(([row]) => row.i),
    Array.from({ length: 60 }, (_, i) => i),
  );
});
