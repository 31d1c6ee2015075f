import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Packs a package as it would be published, and installs the tarball in a new project in `dir` that has nothing else. */
export async function installPacked(packageDir: string, dir: string, flags: readonly string[] = []): Promise<{ tarball: string; projectDir: string }> {
  const { stdout } = await execute('npm', ['pack', packageDir, '--json', '--pack-destination', dir], { cwd: dir });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  const [tarball, projectDir] = [join(dir, filename), join(dir, 'project')];
  await mkdir(projectDir);
  await writeFile(join(projectDir, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }));
  await execute('npm', ['install', tarball, '--no-audit', '--no-fund', '--prefer-offline', ...flags], { cwd: projectDir });
  return { tarball, projectDir };
}
