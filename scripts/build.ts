/**
 * Builds `dist/`: JavaScript, declarations and source maps from `src/`, and a copy of every
 * other file that the product reads at run time, such as the data of the demos.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [source, target] = [join(root, "src"), join(root, "dist")];

function compile(): void {
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const words = [compiler, "--project", join(root, "tsconfig.build.json")];
  execFileSync(process.execPath, words, { cwd: root, stdio: "inherit" });
}

function copyAssets(): number {
  const assets = readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name).slice(source.length + 1));
  for (const asset of assets) {
    mkdirSync(dirname(join(target, asset)), { recursive: true });
    copyFileSync(join(source, asset), join(target, asset));
  }
  return assets.length;
}

function markExecutable(): void {
  const program = join(target, "cli/main.js");
  if (existsSync(program)) chmodSync(program, 0o755);
}

rmSync(target, { recursive: true, force: true });
try {
  compile();
} catch {
  console.error("build: the compiler reported errors, see above");
  process.exit(1);
}
const assets = copyAssets();
markExecutable();
console.log(`build: dist/ written, ${assets} other files copied`);
