import { exitCode } from "../exit-code.ts";
import { FormError } from "./check.ts";
import type { Watched } from "./find-process.ts";
import { howToStart, isStopped } from "./find-process.ts";
import { Gone, LookFailure, NoAnswer } from "./look-failure.ts";
import { ProcessClient } from "./process-client.ts";
import { safeText } from "./safe-text.ts";

/** Opens a connection, uses it, closes it. What goes wrong becomes a `LookFailure`. */
export async function look<T>(
  watched: Watched,
  timeout: number,
  use: (client: ProcessClient) => Promise<T>,
): Promise<T> {
  const client = await connected(watched, timeout);
  try {
    return await ask(watched, timeout, () => use(client));
  } finally {
    client.close();
  }
}

export async function connected(watched: Watched, timeout: number): Promise<ProcessClient> {
  return ask(watched, timeout, async () => {
    try {
      return await ProcessClient.connect(watched.address, timeout);
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
      // Left by another process that had the same number.
      throw new LookFailure(`process ${watched.id} cannot be looked into, nobody listens at its socket: ${howToStart}`);
    }
  });
}

export async function ask<T>(watched: Watched, timeout: number, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    const { id, pid } = watched;
    if (error instanceof LookFailure) throw error;
    if (error instanceof NoAnswer) throw new LookFailure(noAnswer(watched, timeout), exitCode.noAnswer);
    if (error instanceof Gone) {
      const reason = "the process ends, or 16 others look at it";
      throw new LookFailure(`process ${id} does not talk: ${reason} (${error.message})`, exitCode.noAnswer);
    }
    if (error instanceof FormError) {
      const hint = "is it of another version?";
      throw new LookFailure(`what process ${id} answers is no dump that is known: ${safeText(error.message)}; ${hint}`);
    }
    throw new LookFailure(`process ${pid} cannot be looked into: ${safeText((error as Error).message)}`);
  }
}

function noAnswer({ id, pid }: Watched, timeout: number): string {
  if (isStopped(pid)) return `process ${id} is stopped by a signal and cannot answer; kill -CONT ${pid} lets it go on`;
  return (
    `the event loop of process ${id} has not answered in ${timeout} ms: something in it computes or blocks. ` +
    `What that is: snowshed dump --inspector ${id}`
  );
}
