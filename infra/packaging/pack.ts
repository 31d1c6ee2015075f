import { join } from 'node:path';

import { CHECKOUT_DIR } from '../local/data-dir.ts';
import { buildSdkPackage } from './build-sdk.ts';

/** `node infra/packaging/pack.ts`: builds what is published, for `npm publish packages/sdk/dist --access public`. */
await buildSdkPackage(join(CHECKOUT_DIR, 'packages/sdk/dist'));
