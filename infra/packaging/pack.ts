import { join } from 'node:path';

import { CHECKOUT_DIR } from '../local/data-dir.ts';
import { buildCliPackage } from './build-cli.ts';
import { buildSdkPackage } from './build-sdk.ts';

/** `node infra/packaging/pack.ts`: builds what is published, for `npm publish packages/sdk/dist --access public` and the same of `apps/cli/dist`. */
await buildSdkPackage(join(CHECKOUT_DIR, 'packages/sdk/dist'));
await buildCliPackage(join(CHECKOUT_DIR, 'apps/cli/dist'));
