// Apache Kafka on demand, asked in its own protocol over plain TCP.
import assert from "node:assert/strict";
import { eventually } from "../integration/bus-subjects.ts";
import { fetchAll, makeTopic, produce } from "./kafka-wire.ts";
import { testRealBroker } from "./real-broker.ts";

const topic = "kept";
/** Codes of a partition that has no leader yet. */
const notYet = [3, 5, 6];

testRealBroker({
  name: "kafka",
  async write({ port }, text) {
    await makeTopic(port, topic);
    let code = -1;
    await eventually(async () => {
      code = await produce(port, topic, `<<${text}>>`);
      return !notYet.includes(code);
    });
    assert.equal(code, 0);
  },
  async read({ port }) {
    let texts: string[] = [];
    await eventually(async () => {
      texts = Array.from(
        (await fetchAll(port, topic)).matchAll(/<<([\w ]+)>>/g),
        ([, one = ""]) => one,
      );
      return texts.length > 0;
    });
    return texts;
  },
  wrongConfig: "num.network.threads=many\n",
  itsWords: /num\.network\.threads/,
});
