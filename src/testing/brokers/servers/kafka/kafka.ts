// Apache Kafka itself: one node that is broker and controller (KRaft), run with the Java of this
// machine from the libraries in the user's cache.
import { join } from "node:path";
import { type Random, systemRandom } from "../../../../kernel/random.ts";
import { findProgram, printedBy } from "../../programs.ts";
import { loopback, type Readiness } from "../../probe.ts";
import type { Found, Lack, Recipe, Site } from "../../recipe.ts";
import { fetchLibraries, hasLibraries, kafkaVersion, librariesFolder } from "./kafka-libraries.ts";

/** Kafka 4's brokers need it. */
const javaVersionMin = 17;
const javaPackages = ["default-jre-headless"];
/** Small, and quick to start: compiled once, that takes 5 s of processor time instead of 8. */
const javaOptions = ["-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"];

/** See the head of this file. */
export const kafka: Recipe = {
  title: "Apache Kafka",
  portCount: 2,
  readyTimeoutMs: 120_000,
  leaveSignal: "SIGKILL",
  collision: /address already in use/i,
  urlOf: (port) => `${loopback}:${port}`,
  fetch: fetchLibraries,
  find(): Found {
    const java = findJava();
    const lacks: Lack[] = [];
    if (typeof java !== "string") lacks.push(java);
    if (!hasLibraries()) {
      const what = `the libraries of Kafka ${kafkaVersion()} are not in ${librariesFolder()}`;
      lacks.push({ what, packages: findProgram("mvn") === undefined ? ["maven"] : [] });
    }
    const [first, ...others] = lacks;
    if (first !== undefined || typeof java !== "string") {
      return { lacks: [first ?? noJava("Java is not installed"), ...others] };
    }
    return { lacks: [], version: kafkaVersion(), plan: (site) => planOf(site, java) };
  },
  probe: {
    question: metadataRequest(),
    read: readMetadata,
  },
};

function findJava(): string | Lack {
  const home = process.env["JAVA_HOME"] ?? "";
  const java = findProgram("java", home === "" ? [] : [join(home, "bin")]);
  if (java === undefined) return noJava("Java is not installed");
  const printed = printedBy(java, ["-version"]);
  const version = /version "(\d+)/.exec(printed)?.[1];
  if (Number(version) >= javaVersionMin) return java;
  return noJava(
    `${java} is Java ${version ?? "of unknown version"}, not ${javaVersionMin} or later`,
  );
}

function noJava(what: string): Lack {
  return { what, packages: javaPackages };
}

function planOf(site: Site, java: string): ReturnType<Extract<Found, { plan: unknown }>["plan"]> {
  const { directory } = site;
  const words = (main: string): string[] => [
    ...javaOptions,
    `-Djava.io.tmpdir=${directory}`,
    `-Dlog4j2.configurationFile=${directory}/log4j2.properties`,
    "-cp",
    `${librariesFolder()}/*`,
    main,
  ];
  const format = ["format", "--cluster-id", clusterId(systemRandom), "--config"];
  return {
    files: { "server.properties": propertiesOf(site), "log4j2.properties": logging },
    setUp: [
      {
        name: "format",
        program: java,
        words: [...words("kafka.tools.StorageTool"), ...format, "server.properties"],
      },
    ],
    programs: [
      { name: "kafka", program: java, words: [...words("kafka.Kafka"), "server.properties"] },
    ],
  };
}

function propertiesOf({ directory, ports: [port, controllerPort = 0], config }: Site): string {
  const topics = ["offsets.topic", "transaction.state.log", "share.coordinator.state.topic"];
  return Object.entries({
    "process.roles": "broker,controller",
    "node.id": "1",
    listeners: `PLAINTEXT://${loopback}:${port},CONTROLLER://${loopback}:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://${loopback}:${port}`,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.quorum.voters": `1@${loopback}:${controllerPort}`,
    "log.dirs": `${directory}/data`,
    ...Object.fromEntries(topics.map((name) => [`${name}.replication.factor`, "1"])),
    ...Object.fromEntries(topics.slice(1).map((name) => [`${name}.min.isr`, "1"])),
    // After a kill it is taken back when the controller has given the former one up.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    // A group of a test starts at once.
    "group.initial.rebalance.delay.ms": "0",
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .concat(config, "\n")
    .join("");
}

const logging = `status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %m (%c{1})%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
`;

/** 16 random bytes in base64url, not beginning like an option. */
function clusterId(random: Random): string {
  const bytes = Buffer.alloc(16);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(random.uint32(), at);
  bytes.writeUInt8(bytes.readUInt8(0) & 0x7f, 0);
  return bytes.toString("base64url");
}

/** Which brokers are there? Metadata, version 4, of no topic. */
function metadataRequest(): Buffer {
  const request = Buffer.alloc(19);
  request.writeInt32BE(request.length - 4, 0);
  request.writeInt16BE(3, 4);
  request.writeInt16BE(4, 6);
  // Number 1, from a client without a name, of 0 topics, to make none.
  request.writeInt32BE(1, 8);
  request.writeInt16BE(-1, 12);
  return request;
}

/** Ready is a broker that the controller has registered: it is in its own list. */
function readMetadata(received: Buffer): Readiness | undefined {
  const size = received.readInt32BE(0);
  if (received.length < 4 + size) return undefined;
  return received.readInt32BE(12) > 0 ? {} : undefined;
}
