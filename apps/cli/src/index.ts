/** The bundler of the `bullpen` command, for whoever deploys agents from code. */
export { bundleAgent, type AgentBundle, type BundleOptions } from './agent-bundle.ts';
