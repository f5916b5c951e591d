import { connect } from "node:net";
import { failureText, runProgram } from "../run-program.ts";
import type { Endpoint } from "../targets.ts";
import { ChaosRefusal, endpointText, toEndpoint } from "../targets.ts";
import { probeFields } from "./fields.ts";
import type { ProbeFactory } from "./probe.ts";
import { timed } from "./probe.ts";

/** `tcp`: a connection is made to `target`. */
export const tcpProbe: ProbeFactory = (config) => {
  const fields = probeFields(config);
  const target = toEndpoint(fields.text("target"), "the target of the probe tcp");
  const timeoutMs = fields.number("timeoutMs", 5000);
  fields.end();
  return {
    name: `tcp ${endpointText(target)}`,
    sample: (signal) => timed(timeoutMs, signal, (both) => exchange(target, null, both).then(() => "connected")),
    close: async () => {},
  };
};

/** `broker-rtt`: a Kafka broker answers the smallest question there is, ApiVersions. No client is needed for it. */
export const brokerProbe: ProbeFactory = (config) => {
  const fields = probeFields(config);
  const target = toEndpoint(fields.text("target"), "the target of the probe broker-rtt");
  const timeoutMs = fields.number("timeoutMs", 10_000);
  fields.end();
  // Length, key 18, version 0, a number to know the answer by, and no name of a client.
  const question = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0x73, 0x6e, 0x6f, 0x77, 0xff, 0xff]);
  return {
    name: `broker-rtt ${endpointText(target)}`,
    sample: (signal) => timed(timeoutMs, signal, (both) => exchange(target, question, both).then(() => "answered")),
    close: async () => {},
  };
};

/** Connects; with a question, resolves when the first byte of an answer is there. */
function exchange(target: Endpoint, question: Buffer | null, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(target);
    const stop = (): void => void socket.destroy();
    signal.addEventListener("abort", stop, { once: true });
    socket.on("connect", () => {
      if (question === null) socket.end();
      else socket.write(question);
      if (question === null) resolve();
    });
    socket.on("data", () => {
      resolve();
      socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => {
      signal.removeEventListener("abort", stop);
      reject(new Error("the connection was closed"));
    });
  });
}

/** `http`: `url` answers with a status below 400, or with `status`. */
export const httpProbe: ProbeFactory = (config) => {
  const fields = probeFields(config);
  const url = urlOf(fields.text("url"), "http");
  const status = fields.number("status", 0);
  const timeoutMs = fields.number("timeoutMs", 5000);
  fields.end();
  return {
    name: `http ${url.origin}${url.pathname}`,
    sample: (signal) =>
      timed(timeoutMs, signal, async (both) => {
        const response = await fetch(url, { signal: both, redirect: "manual" });
        await response.body?.cancel();
        if (status === 0 ? response.status >= 400 : response.status !== status)
          throw new Error(`status ${response.status}`);
        return `status ${response.status}`;
      }),
    close: async () => {},
  };
};

/** `prometheus`: the first value that `query` answers, within `min` and `max`. No value is a failure. */
export const prometheusProbe: ProbeFactory = (config) => {
  const fields = probeFields(config);
  const url = urlOf(`${fields.text("url").replace(/\/$/, "")}/api/v1/query`, "prometheus");
  const query = fields.text("query");
  const timeoutMs = fields.number("timeoutMs", 5000);
  fields.end();
  url.searchParams.set("query", query);
  return {
    name: `prometheus ${query}`,
    sample: async (signal) => {
      let value = Number.NaN;
      const sample = await timed(timeoutMs, signal, async (both) => {
        const response = await fetch(url, { signal: both });
        const answer = (await response.json()) as { readonly data?: { readonly result?: unknown } };
        const result = answer.data?.result as readonly unknown[] | undefined;
        const first = (result?.[0] as { readonly value?: readonly unknown[] } | undefined)?.value ?? result;
        value = Number(Array.isArray(first) ? first[1] : Number.NaN);
        if (Number.isNaN(value)) throw new Error("the query has no value");
        return String(value);
      });
      return sample.ok ? { ...sample, value, detail: `value ${value}` } : sample;
    },
    close: async () => {},
  };
};

/** `command`: a program of the user's own ends with 0. `command` is the program and its arguments; there is no shell. */
export const commandProbe: ProbeFactory = (config, { env }) => {
  const fields = probeFields(config);
  const [program = "", ...args] = fields.texts("command") ?? [];
  if (program === "") throw new ChaosRefusal("probe command: command must be a program and its arguments");
  const timeoutMs = fields.number("timeoutMs", 30_000);
  fields.end();
  return {
    name: `command ${program}`,
    sample: (signal) =>
      timed(timeoutMs, signal, async (both) => {
        const result = await runProgram(program, args, { env, timeoutMs, signal: both });
        if (result.code !== 0) throw new Error(failureText(result));
        return "exit code 0";
      }),
    close: async () => {},
  };
};

function urlOf(text: string, probe: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new ChaosRefusal(`probe ${probe}: url must begin with http:// or https://`);
}
