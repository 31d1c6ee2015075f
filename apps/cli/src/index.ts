/** The bundler of the `bullpen` command, for whoever deploys agents from code. */
export { bundleAgent, type AgentBundle, type BundleOptions } from './agent-bundle.ts';
/** The command's words, for tests and docs. */
export { commandPaths } from './program.ts';
