/**
 * Builds `dist/`: JavaScript, declarations and source maps from `src/`, a copy of every other
 * file that the product reads at run time, such as the data of the demos, and in `dist/vendor/`
 * the libraries that it imports: the package has no dependencies.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
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

/** Libraries of one module each, without dependencies: package → that module. */
const vendored = { croner: "dist/croner.js" } as const;

/** Copies the libraries with their licences, and points imports of them there. */
function vendorLibraries(): number {
  const modules = readdirSync(target, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".js"))
    .map((entry) => join(entry.parentPath, entry.name));
  mkdirSync(join(target, "vendor"));
  for (const [name, module] of Object.entries(vendored)) {
    const library = join(root, "node_modules", name);
    const copy = join(target, "vendor", `${name}.js`);
    copyFileSync(join(library, module), copy);
    copyFileSync(join(library, "LICENSE"), join(target, "vendor", `${name}.LICENSE`));
    for (const file of modules) {
      const text = readFileSync(file, "utf8");
      const path = relative(dirname(file), copy);
      const pointed = text.replaceAll(`from "${name}"`, `from "${path}"`);
      if (pointed !== text) writeFileSync(file, pointed);
    }
  }
  return Object.keys(vendored).length;
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
const libraries = vendorLibraries();
markExecutable();
console.log(`build: dist/ written, ${assets} other files and ${libraries} libraries copied`);
