/**
 * The arrows between folders: a folder of `src` imports only what stands above it.
 * Each name in `layers` may see every name before it; adapters see only the seam they
 * implement and never each other; vendors are imported in one folder each.
 */
const layers = [
  "kernel",
  "errors",
  "telemetry",
  "message",
  "contracts",
  "ports",
  "delivery",
  "workers",
  "recovery",
  "flow",
  "scheduling",
  "requests",
  "bus",
  "processes",
];
const seam = ["kernel", "errors", "telemetry", "message", "ports"];

/** Folder of `src` → the other folders of `src` that it may import. */
const mayImport = {
  ...Object.fromEntries(layers.map((layer, index) => [layer, layers.slice(0, index)])),
  adapters: seam,
  http: layers,
  testing: [...layers, "adapters"],
  server: [...layers, "adapters"],
  demo: [...layers, "adapters", "testing", "server"],
  cli: [...layers, "adapters", "testing", "server", "demo"],
};

/** Folder → the packages that only this folder may import, as a regular expression. */
const vendors = {
  "adapters/kafka": "@platformatic/kafka",
  "adapters/nats": "@nats-io/[^/]+",
  "adapters/rabbitmq": "rabbitmq-client",
  "adapters/postgres": "pg|pg-logical-replication",
  "adapters/otel": "@opentelemetry/[^/]+",
  server: "fastify|@fastify/[^/]+",
  // Not a peer: the build copies it into dist.
  scheduling: "croner",
};

const test = "\\.test\\.ts$";
const folders = Object.keys(mayImport).join("|");
const rule = (name, from, to) => ({ name, severity: "error", from, to });

export default {
  forbidden: [
    rule("no-cycle", {}, { circular: true }),
    rule("no-unresolved", { path: "^(src|test|scripts|examples)/" }, { couldNotResolve: true }),
    rule("known-folder", { path: "^src/[^/]+/", pathNot: `^src/(${folders})/` }, {}),
    rule("no-import-of-tests", { path: "^src/", pathNot: test }, { path: `${test}|^test/` }),
    rule(
      "public-names",
      { path: "^src/index\\.ts$" },
      { path: "^src/(adapters|http|testing|server|demo|cli)/" },
    ),
    rule(
      "examples-see-the-public-surface",
      { path: "^examples/" },
      { path: "^src/", pathNot: entryPoints() },
    ),
    ...Object.entries(mayImport).map(([folder, row]) =>
      rule(
        `layer:${folder}`,
        { path: `^src/${folder}/`, pathNot: test },
        {
          path: "^src/",
          pathNot: [folder, ...row].map((name) => `^src/${name}/`).concat(publicOf(folder)),
        },
      ),
    ),
    rule(
      "siblings:adapters",
      { path: "^src/adapters/([^/]+)/", pathNot: test },
      { path: "^src/adapters/", pathNot: "^src/adapters/$1/" },
    ),
    rule(
      "sqlite-only-in-journal",
      { path: "^src/", pathNot: "^src/adapters/embedded/journal/" },
      { path: "^(node:)?sqlite$" },
    ),
    rule(
      // Its processes hold no connection: closing a database read by path drops SQLite's locks.
      "raw-pages-only-in-repair",
      {
        path: "^src/",
        pathNot: [test, "^src/adapters/embedded/inspection/(salvage/|repair-process\\.ts$)"],
      },
      { path: "^src/adapters/embedded/inspection/salvage/" },
    ),
    ...Object.entries(vendors).map(([folder, names]) =>
      rule(
        `vendor:${folder}`,
        { path: "^src/", pathNot: `^src/${folder}/` },
        { path: `(^|/)node_modules/(${names})(/|$)` },
      ),
    ),
    rule(
      "no-runtime-dependency",
      { path: "^src/", pathNot: test },
      { path: "(^|/)node_modules/", pathNot: `(^|/)node_modules/(${vendorNames()})(/|$)` },
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|\\.doc-examples)/" },
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["spillway:source", "types", "import", "node", "default"],
    },
  },
};

function vendorNames() {
  return [...Object.values(vendors), "@types/node"].join("|");
}

/** Demos and commands may import the package by its own name, like any user. */
function publicOf(folder) {
  return ["cli", "demo"].includes(folder) ? ["^src/index\\.ts$"] : [];
}

function entryPoints() {
  return ["^src/index\\.ts$", "^src/(http|testing)/index\\.ts$", "^src/adapters/[^/]+/index\\.ts$"];
}
