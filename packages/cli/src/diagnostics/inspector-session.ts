import { WebSocket } from "undici";
import { LookFailure } from "./look-failure.ts";

interface CallFrame {
  readonly functionName: string;
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber?: number };
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: {
    readonly callFrames?: readonly CallFrame[];
    readonly scriptId?: string;
    readonly url?: string;
  };
  readonly result?: { readonly result?: { readonly value?: unknown } };
}

/** The few commands of the Chrome DevTools Protocol that a dump needs. */
export class InspectorSession {
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, (message: Message) => void>();
  /** Where scripts are, by their numbers. */
  readonly #urls = new Map<string, string>();
  #paused: (frames: readonly CallFrame[]) => void = () => {};
  #number = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#take(JSON.parse(String(data)) as Message));
  }

  static connect(address: string, timeout: number): Promise<InspectorSession> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(address);
      const fail = (): void => {
        clearTimeout(timer);
        socket.close();
        reject(new LookFailure(`the inspector at ${new URL(address).host} takes no connection`));
      };
      const timer = setTimeout(fail, timeout);
      socket.addEventListener("error", fail);
      socket.addEventListener("open", () => {
        clearTimeout(timer);
        resolve(new InspectorSession(socket));
      });
    });
  }

  /** The value of an expression in the main context; undefined when there is none in time. */
  async evaluate(expression: string, timeout: number): Promise<unknown> {
    // Its own limit ends an expression that runs for too long.
    const params = { expression, returnByValue: true, silent: true, timeout };
    const message = await within(this.#send("Runtime.evaluate", params), timeout);
    return message?.result?.result?.value;
  }

  /** Whether the event loop comes around in the given time. */
  async turns(timeout: number): Promise<boolean> {
    const expression = "new Promise((resolve) => globalThis.setImmediate(resolve))";
    const params = { expression, awaitPromise: true, silent: true };
    return (await within(this.#send("Runtime.evaluate", params), timeout)) !== undefined;
  }

  /** Sends an expression and waits for nothing. */
  run(expression: string): void {
    void this.#send("Runtime.evaluate", { expression, silent: true });
  }

  /** Where the program is, the innermost call first; empty when it runs nothing in the given time. */
  async stack(timeout: number): Promise<string[]> {
    const paused = new Promise<readonly CallFrame[]>((resolve) => (this.#paused = resolve));
    await within(this.#send("Debugger.enable", {}), timeout);
    void this.#send("Debugger.pause", {});
    const frames = await within(paused, timeout);
    // It goes on with this, and a pause that has not come yet never does.
    await within(this.#send("Debugger.disable", {}), timeout);
    return (frames ?? []).map(({ functionName, location: { scriptId, lineNumber, columnNumber = 0 } }) => {
      const place = `${this.#urls.get(scriptId) ?? "?"}:${lineNumber + 1}:${columnNumber + 1}`;
      return functionName === "" ? place : `${functionName} (${place})`;
    });
  }

  /** Lets what was sent go out, and closes. */
  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
    // A process that closes its inspector closes this too.
    if ((await within(closed, 300)) !== undefined) return;
    socket.close();
    await within(closed, 300);
  }

  #send(method: string, params: object): Promise<Message> {
    const id = ++this.#number;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve) => this.#answers.set(id, resolve));
  }

  #take(message: Message): void {
    if (message.id !== undefined) {
      this.#answers.get(message.id)?.(message);
      this.#answers.delete(message.id);
    } else if (message.method === "Debugger.paused") {
      this.#paused(message.params?.callFrames ?? []);
    } else if (message.method === "Debugger.scriptParsed") {
      const { scriptId = "", url = "" } = message.params ?? {};
      this.#urls.set(scriptId, url === "" ? "?" : url);
    }
  }
}

/** Undefined when it takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), ms)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
