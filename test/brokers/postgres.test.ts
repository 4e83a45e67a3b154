// PostgreSQL on demand, asked with psql over TCP and over its socket.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { LocalBroker } from "../../src/testing/brokers/local-broker.ts";
import { findProgram, versionFolders } from "../../src/testing/brokers/programs.ts";
import { testRealBroker } from "./real-broker.ts";

const debianFolder = "/usr/lib/postgresql";
const folders = versionFolders(debianFolder).map((name) => `${debianFolder}/${name}/bin`);

async function psql(host: string, { port }: LocalBroker, query: string): Promise<string> {
  const words = ["-X", "-At", "-h", host, "-p", String(port), "-U", "postgres", "-c", query];
  const { stdout } = await promisify(execFile)(findProgram("psql", folders) ?? "psql", words);
  return stdout.trimEnd();
}

testRealBroker({
  name: "postgres",
  async write(broker, text) {
    await psql("127.0.0.1", broker, "create table if not exists kept(n serial, text text)");
    await psql("127.0.0.1", broker, `insert into kept(text) values ('${text}')`);
  },
  async read(broker) {
    const query = "select text from kept order by n";
    const texts = await psql("127.0.0.1", broker, query);
    assert.equal(await psql(broker.directory, broker, query), texts);
    assert.equal(await psql("127.0.0.1", broker, "show fsync"), "on");
    return texts.split("\n");
  },
  wrongConfig: "max_connections = many",
  itsWords: /max_connections.*many/s,
});
