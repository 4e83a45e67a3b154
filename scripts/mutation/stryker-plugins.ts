/**
 * What Stryker loads of this project.
 */
import { declareClassPlugin, PluginKind } from "@stryker-mutator/api/plugin";
import { ProseIgnorer } from "./prose-ignorer.ts";
import { StrykerRunner } from "./stryker-runner.ts";

/** Stryker looks for this name. */
export const strykerPlugins = [
  declareClassPlugin(PluginKind.TestRunner, "spillway", StrykerRunner),
  declareClassPlugin(PluginKind.Ignore, "prose", ProseIgnorer),
];
