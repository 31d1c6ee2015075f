import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A text for whoever runs the tests, whatever becomes of them: into the folder from which `npm test` prints reports, where there is one, and else to standard output. */
export function publishReport(name: string, text: string): void {
  const dir = process.env.BULLPEN_TEST_REPORT_DIR;
  if (dir === undefined) process.stdout.write(text);
  else writeFileSync(join(dir, `${name}.txt`), text);
}
