// Better Auth on Workers, as its guide and Hyperdrive's say: an instance and a pool of connections for each request,
// because a socket belongs to the request that opened it.
import { betterAuth } from "better-auth";
import { Pool } from "pg";
import { options } from "./options.mjs";

export default {
  async fetch(request, env, context) {
    const pool = new Pool({ connectionString: env.DB.connectionString, max: 5 });
    try {
      const auth = betterAuth(options(pool, env));
      return await auth.handler(request);
    } finally {
      context.waitUntil(pool.end());
    }
  },
};
