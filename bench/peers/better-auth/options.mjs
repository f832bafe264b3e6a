// What Better Auth is told, on Workers, on Node and for its migrations alike: passwords, and else its defaults.
export const options = (database, env) => ({
  database,
  secret: env.BETTER_AUTH_SECRET,
  baseURL: env.BETTER_AUTH_URL,
  emailAndPassword: { enabled: true },
  // The load comes from one address. Doorward's limits are off for it too.
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  // It would read the database's schema once for each instance, which on Workers is once a request.
  advanced: { database: { validateSchema: false } },
});
