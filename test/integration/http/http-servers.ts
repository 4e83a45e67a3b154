// The servers that the façade is tested with: each is really listened to, but the web-standard one,
// which is called.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import fastify from "fastify";
import type { HttpFacade } from "spillway/http";

/** A server with the façade in it. */
export interface Site {
  /** The path under which the façade is mounted there. */
  readonly mount: string;
  call(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

/** How to offer a façade, by the server's name. */
export const servers: Readonly<Record<string, (facade: HttpFacade) => Promise<Site>>> = {
  "web-standard": async (facade) => ({
    mount: "",
    call: (path, init) => facade.fetch(new Request(`http://service.test${path}`, init)),
    close: async () => undefined,
  }),
  "node:http": async (facade) => listen(createServer(facade.node), ""),
  "express, bodies parsed": async (facade) => {
    const app = express();
    app.use("/api", express.json(), facade.node);
    return listen(createServer(app), "/api");
  },
  "express, bodies not parsed": async (facade) => {
    const app = express();
    app.use(facade.node);
    return listen(createServer(app), "");
  },
  fastify: async (facade) => {
    const app = fastify();
    await app.register(facade.fastify, { prefix: "/v1" });
    const address = await app.listen({ host: "127.0.0.1", port: 0 });
    return {
      mount: "/v1",
      call: (path, init) => fetch(address + path, init),
      close: () => app.close(),
    };
  },
};

async function listen(server: Server, mount: string): Promise<Site> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    mount,
    call: (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
