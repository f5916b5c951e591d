import { once } from "node:events";
import { existsSync } from "node:fs";
import { exitCode, exitCodeOfSignal } from "../../exit-code.ts";
import type { Io } from "../../io.ts";
import type { Notes } from "../../notes.ts";
import { describeSystemError, systemCode } from "../../system-error.ts";
import { UsageError } from "../../usage-error.ts";
import { ConfigError } from "../config/config-error.ts";
import { loadConfig } from "../config/load.ts";
import { heal, listJournals, stateFolder, stateProblem } from "./journal.ts";
import type { ChaosLock } from "./lock.ts";
import { lockChaos } from "./lock.ts";
import { planText } from "./plan-text.ts";
import { reasonOf } from "./probes/probe.ts";
import { chosen, planned } from "./stage.ts";
import { AllowList, ChaosRefusal, endpointText, toEndpoint } from "./targets.ts";
import { ProxyError } from "./toxics.ts";
import { ToxiproxyApi } from "./toxiproxy-api.ts";

/** `chaos plan`: what each experiment would do. Nothing is injected; servers may be asked who leads. */
export async function runPlan(
  file: string,
  names: readonly string[] | undefined,
  io: Io,
  notes: Notes,
): Promise<number> {
  let code: number = exitCode.ok;
  try {
    const { config, source } = await loadConfig(file);
    const experiments = chosen(config, source, names);
    if (experiments.length === 0) await notes.say(`${file} has no chaos.experiments`);
    for (const each of experiments) {
      try {
        const plan = await planned(each, { config, source, env: io.env });
        if (plan.missing !== null) code = exitCode.noAnswer;
        await write(io, planText(plan));
      } catch (error) {
        if (error instanceof ConfigError) throw error;
        code = exitCode.noAnswer;
        await write(io, `${each.id}: cannot be planned now: ${reasonOf(error)}`);
      }
    }
    return code;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { file: where, line, column, message } of error.problems) {
      await notes.say(where === null ? message : `${where}:${line ?? 0}:${column ?? 0}: ${message}`);
    }
    return exitCode.usage;
  }
}

/**
 * `chaos heal`: takes back what journals say is there. 0: nothing is left; 1: something is, or a run goes on; 3: the folder
 * of journals cannot be read.
 */
export async function runHeal(io: Io, notes: Notes): Promise<number> {
  const folder = stateFolder(io.env);
  let lock: ChaosLock | null = null;
  try {
    // A run that goes on has its journal before its fault: what was healed between the two would stay for ever.
    if (existsSync(folder)) lock = await lockChaos(folder);
    return await healAll(folder, io, notes);
  } catch (error) {
    if (error instanceof ChaosRefusal) {
      await notes.say(`${error.message}. It takes its fault back itself; end it if it hangs`);
      return exitCode.failed;
    }
    const problem = stateProblem(folder, error);
    if (problem === undefined) throw error;
    await notes.say(`whether a fault is left is not known: ${problem}`);
    return exitCode.inconclusive;
  } finally {
    await lock?.release();
  }
}

async function healAll(folder: string, io: Io, notes: Notes): Promise<number> {
  const files = await listJournals(folder);
  if (files.length === 0) await notes.say(`nothing to heal: there is no journal in ${folder}`);
  let code: number = exitCode.ok;
  for (const file of files) {
    const { experiment, failures } = await heal(file, io.env);
    if (failures.length === 0) await notes.say(`${experiment}: healed`);
    else code = exitCode.failed;
    for (const failure of failures) await notes.say(`${experiment}: ${failure}`);
  }
  return code;
}

/** `chaos proxy`: fault proxies with Toxiproxy's API, until Ctrl-C. */
export async function runProxy(
  options: {
    readonly listen: string;
    readonly proxies: readonly string[];
    readonly allow: readonly string[] | undefined;
  },
  io: Io,
  notes: Notes,
): Promise<number> {
  const signal = io.interrupt ?? new AbortController().signal;
  const api = new ToxiproxyApi(new AllowList(options.allow));
  try {
    const { port, host } = await api.listen(toEndpoint(options.listen, "--listen"));
    for (const text of options.proxies) {
      const [, name, listen, upstream] = /^([\w.-]+)=([^=,]+),([^=,]+)$/.exec(text) ?? [];
      if (name === undefined)
        throw new UsageError(`--proxy is name=listen,upstream, such as redis=127.0.0.1:16379,127.0.0.1:6379`);
      const proxy = await api.create(name, toEndpoint(listen, "listen"), toEndpoint(upstream, "upstream"));
      await notes.say(`${name}: ${proxy.listen} for ${endpointText(proxy.upstream)}`);
    }
    await notes.say(`Toxiproxy's API at http://${endpointText({ host, port })}`);
    if (!signal.aborted) await once(signal, "abort");
    return exitCodeOfSignal(signal.reason);
  } catch (error) {
    if (error instanceof ChaosRefusal || error instanceof ProxyError) throw new UsageError(error.message);
    if (systemCode(error) !== "") throw new UsageError(`cannot listen: ${describeSystemError(error)}`);
    throw error;
  } finally {
    await api.close();
  }
}

async function write(io: Io, text: string): Promise<void> {
  if (!io.stdout.write(`${text}\n`)) await Promise.race([once(io.stdout, "drain"), once(io.stdout, "close")]);
}
