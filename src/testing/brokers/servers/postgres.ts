// PostgreSQL: one cluster of its own, for anybody on this machine (trust), on 127.0.0.1 and on a
// socket in its directory. The server refuses to run as root: for root it runs as "nobody", a user
// that owns nothing else, rather than as "postgres", who owns the machine's own cluster.
import { findProgram, findUser, isRoot, printedBy, versionFolders } from "../programs.ts";
import { loopback } from "../probe.ts";
import type { Recipe, Site } from "../recipe.ts";

const debianFolder = "/usr/lib/postgresql";
const packages = ["postgresql"];
const user = "postgres";
/** The longest path of a socket that every system takes, with the name that the server adds. */
const socketFolderBytesMax = 80;
/** "R": the answer to who we are; "S": a setting; "Z": ready for a query. */
const [authentication, parameter, readyForQuery] = ["R", "S", "Z"];

/** See the head of this file. */
export const postgres: Recipe = {
  title: "PostgreSQL",
  portCount: 1,
  readyTimeoutMs: 60_000,
  // Killed at once it would leave shared memory behind.
  leaveSignal: "SIGQUIT",
  collision: /address already in use/i,
  // What it answers while it is asked whether it is ready.
  noise: /(FATAL: +the database system is (starting up|not yet)|DETAIL: +Consistent recovery)/,
  urlOf: (port) => `postgres://${user}@${loopback}:${port}/${user}`,
  find() {
    const folders = versionFolders(debianFolder).map((name) => `${debianFolder}/${name}/bin`);
    const server = findProgram("postgres", folders);
    const maker = findProgram("initdb", folders);
    if (server === undefined || maker === undefined) {
      const name = server === undefined ? "postgres" : "initdb";
      return { lacks: [{ what: `${name} is not installed`, packages }] };
    }
    const owner = isRoot() ? findUser("nobody", "postgres") : undefined;
    if (isRoot() && owner === undefined) {
      const what = "PostgreSQL does not run as root, and there is no user nobody or postgres";
      return { lacks: [{ what, packages: [] }] };
    }
    const version = /\d+(\.\d+)*/.exec(printedBy(server, ["--version"]))?.[0];
    const made = ["--pgdata=data", `--username=${user}`, "--auth=trust", "--encoding=UTF8"];
    return {
      lacks: [],
      ...(version === undefined ? {} : { version }),
      plan: (site) => ({
        files: { "settings.conf": settingsOf(site) },
        owner,
        setUp: [
          {
            name: "initdb",
            program: maker,
            words: [...made, "--no-locale", "--no-sync", "--no-instructions"],
            user: owner,
          },
        ],
        programs: [
          {
            name: "postgres",
            program: server,
            words: ["-D", "data", `--config-file=${site.directory}/settings.conf`],
            user: owner,
            // Ends sessions instead of waiting for them.
            stopSignal: "SIGINT",
          },
        ],
      }),
    };
  },
  probe: {
    question: startUp(),
    read(received) {
      let version: string | undefined;
      for (let at = 0; ; ) {
        const kind = String.fromCharCode(received.readUInt8(at));
        const size = received.readInt32BE(at + 1);
        const body = received.subarray(at + 5, at + 1 + size);
        if (body.length < size - 4) return undefined;
        // It asks for a password: it is there, and was told to by its configuration.
        if (kind === authentication && body.readInt32BE(0) !== 0) return {};
        const [name, value = ""] = body.toString("latin1").split("\0");
        if (kind === parameter && name === "server_version") version = value.split(" ")[0];
        if (kind === readyForQuery) return { version };
        at += 1 + size;
      }
    },
  },
};

function settingsOf({ directory, ports: [port], config }: Site): string {
  const isShort = Buffer.byteLength(directory) <= socketFolderBytesMax;
  return [
    `include '${directory}/data/postgresql.conf'`,
    `listen_addresses = '${loopback}'`,
    `port = ${port}`,
    `unix_socket_directories = '${isShort ? directory : ""}'`,
    // Files in the directory instead of shared memory that a killed server leaves behind.
    "dynamic_shared_memory_type = mmap",
    "logging_collector = off",
    "log_destination = stderr",
    config,
    "",
  ].join("\n");
}

/** The first message of a client: protocol 3.0, user and database. */
function startUp(): Buffer {
  const words = Buffer.from(`user\0${user}\0database\0${user}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + words.length, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, words]);
}
