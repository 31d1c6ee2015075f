import { BullpenError, type AgentVersion } from '@bullpen/core';
import type { SchemaChecker } from '@bullpen/json-schema';

/** @throws BullpenError INPUT_INVALID where the version says what its input must be, and it is not; SCHEMA_TOO_COSTLY. */
export async function checkInput(schemas: SchemaChecker, { agent, version, manifest }: AgentVersion, inputJson: string): Promise<void> {
  if (manifest.inputSchema === undefined) return;
  const verdict = await schemas.check(manifest.inputSchema, inputJson);
  if (verdict.valid) return;
  const issues = verdict.issues.map(({ path, message }) => ({ path: path === '' ? 'input' : `input.${path}`, message }));
  const first = issues.map(({ path, message }) => `${path}: ${message}`).join('; ');
  throw new BullpenError('INPUT_INVALID', `the input does not fit version ${version} of ${agent}: ${first}`, { issues });
}
