import { writeFileSync } from 'node:fs';

import { renderCliReference } from './cli-reference.ts';

/** Writes docs/cli.md anew: `node apps/cli/src/write-reference.ts`. */
writeFileSync(new URL('../../../docs/cli.md', import.meta.url), renderCliReference());
