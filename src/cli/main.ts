#!/usr/bin/env node
// The entry of the command line. It only looks at the version of Node and loads the rest: it has to
// be understood by every Node that knows ES modules, so nothing here may be newer than that.
const parts = process.versions.node.split(".");
const major = Number(parts[0]);
const minor = Number(parts[1]);

if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(
    "spillway: RUNTIME_TOO_OLD: this is Node.js " +
      process.versions.node +
      ", and spillway needs 22.22 or newer: install a newer Node.js\n",
  );
  process.exitCode = 1;
} else {
  // A failure to load is a defect of the installation; Node's own report of it is the best one.
  void import("./program.ts").then((program) => program.runProgram());
}
