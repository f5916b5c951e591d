import { runModule } from "./child-process.ts";

const prelude = `
import { setFlagsFromString } from "node:v8";
import { Session } from "node:inspector";
// Code that is compiled to the machine's does not count all its blocks.
setFlagsFromString("--no-opt");
setFlagsFromString("--no-maglev");
const { Context, Semaphore, WaitGroup } = await import("snowshed");
const session = new Session();
session.connect();
const ask = (method, parameters) => {
  let answer;
  session.post(method, parameters, (error, result) => {
    if (error) throw error;
    answer = result;
  });
  return answer;
};
ask("Profiler.enable");
ask("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
const blocksRun = async (work) => {
  ask("Profiler.takePreciseCoverage");
  await work();
  const { result } = ask("Profiler.takePreciseCoverage");
  const functions = result.filter(({ url }) => !url.startsWith("node:")).flatMap(({ functions }) => functions);
  return functions.flatMap(({ ranges }) => ranges).reduce((sum, { count }) => sum + count, 0);
};
const growth = {};
`;

/**
 * How much more work each scenario does for 4,000 than for 2,000: 2 is linear, 4 quadratic. A scenario is the body of an
 * async function of `size`, with the exports of the built package in scope. The work is the number of blocks of code that
 * were run, counted by the engine in a process of its own: no clock is involved, and no other load.
 */
export async function growthOf(scenarios: Readonly<Record<string, string>>): Promise<Readonly<Record<string, number>>> {
  const runs = Object.entries(scenarios).map(
    ([name, body]) => `{
      const work = async (size) => {${body}};
      await work(10);
      const once = await blocksRun(() => work(2000));
      growth[${JSON.stringify(name)}] = (await blocksRun(() => work(4000))) / once;
    }`,
  );
  const { code, stdout, stderr } = await runModule(
    `${prelude}${runs.join("\n")}\nconsole.log(JSON.stringify(growth));`,
  );
  if (code !== 0) throw new Error(`the scenarios failed\n${stderr}`);
  return JSON.parse(stdout) as Readonly<Record<string, number>>;
}
