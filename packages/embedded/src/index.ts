/** The runtime in a product's own process: containers of every tier, without a server, a queue or a database. */
export { createEmbeddedRuntime, type EmbeddedAgent, type EmbeddedRuntime, type EmbeddedRuntimeOptions } from './embedded-runtime.ts';
