// Makes the database of Better Auth, if it isn't there, and its tables by its own migrations.
import { getMigrations } from "better-auth/db/migration";
import { Client, Pool } from "pg";
import { options } from "./options.mjs";

const name = process.argv[2];
const server = new Client({ connectionString: process.env.SERVER_URL });
await server.connect();
const { rowCount } = await server.query("SELECT FROM pg_database WHERE datname = $1", [name]);
if (rowCount === 0) await server.query(`CREATE DATABASE ${server.escapeIdentifier(name)}`);
await server.end();

const pool = new Pool({ connectionString: process.env.DATABASE_URL });
const { runMigrations } = await getMigrations(options(pool, process.env));
await runMigrations();
await pool.end();
