import { exitCode } from "../exit-code.ts";

/** Why a process cannot be looked into: a line for people, and the exit code. */
export class LookFailure extends Error {
  override readonly name = "LookFailure";
  readonly exitCode: number;

  constructor(message: string, code: number = exitCode.usage) {
    super(message);
    this.exitCode = code;
  }
}

/** The socket is there and nothing answers in time. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/** Nobody listens at the socket, or the connection ended. */
export class Gone extends Error {
  override readonly name = "Gone";
}
