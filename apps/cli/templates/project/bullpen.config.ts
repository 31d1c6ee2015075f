/** Read by `npx bullpen` in this folder and below. Flags and BULLPEN_* variables win over it. */
export default {
  // apiUrl: 'https://bullpen.example.com',   where the API is; else .bullpen/credentials.json says it
  // org: 'acme',
  agents: ['agents/greeter.ts', 'agents/counter.ts'],   // what `npx bullpen deploy` deploys
  deploy: { sourcemap: true },                          // to: 'production' points that deployment at what is new
};
