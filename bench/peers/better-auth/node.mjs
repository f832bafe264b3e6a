// Better Auth on Node, as its guide says: one instance, one pool of connections (`pg`'s own size, 10).
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { toNodeHandler } from "better-auth/node";
import { Pool } from "pg";
import { options } from "./options.mjs";

const auth = betterAuth(options(new Pool({ connectionString: process.env.DATABASE_URL }), process.env));
createServer(toNodeHandler(auth)).listen(Number(process.env.PORT), "127.0.0.1");
