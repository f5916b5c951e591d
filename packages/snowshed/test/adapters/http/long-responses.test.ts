import { expect, test } from "vitest";
import { LongResponses } from "../../../src/adapters/http/long-responses.ts";
import { clock, useFakeTime } from "../../support/fake-time.ts";

useFakeTime();

test("each is long a second after its own headers, unless it has ended", async () => {
  const responses = new LongResponses(clock);
  const long: string[] = [];
  const begin = (name: string): { headersAt: number; becameLong(): void } => {
    const response = { headersAt: clock.now(), becameLong: () => void long.push(`${name} ${clock.now()}`) };
    responses.add(response);
    return response;
  };
  begin("first");
  await clock.advance(400);
  const ended = begin("ended");
  begin("second");
  await clock.advance(300);
  responses.delete(ended);
  await clock.advance(700);
  expect(long).toEqual(["first 1000", "second 1400"]);
  begin("third");
  await clock.advance(1000);
  expect(long.at(-1)).toBe("third 2400");
});
