import { describe, expect, test } from "vitest";
import { bodyFileName } from "../../src/fetch/file-name.ts";
import type { FetchRequest } from "../../src/fetch/request.ts";
import { RequestParser } from "../../src/fetch/request.ts";
import { answerKey, requestKey } from "../../src/fetch/request-key.ts";

const parser = new RequestParser({ method: "GET", headers: [["accept", "*/*"]], body: undefined });
const parse = (value: string | object): FetchRequest =>
  parser.parse(typeof value === "string" ? value : JSON.stringify(value));

describe("RequestParser", () => {
  test("a plain URL", () => {
    expect(parse("https://example.com:8443/a b?q=ä#part")).toMatchObject({
      id: undefined,
      url: "https://example.com:8443/a b?q=ä#part",
      origin: "https://example.com:8443",
      path: "/a%20b?q=%C3%A4",
      method: "GET",
      headers: ["accept", "*/*"],
      body: undefined,
    });
  });

  test("a JSON line overrides what holds for all", () => {
    const line = {
      url: "http://a/",
      method: "put",
      headers: { Accept: "text/html", "X-One": "1" },
      body: "text",
      id: 7,
    };
    expect(parse(line)).toMatchObject({
      id: "7",
      method: "PUT",
      headers: ["Accept", "text/html", "X-One", "1"],
      body: "text",
    });
  });

  test("a body that is no string is JSON and says so", () => {
    const request = parse({ url: "http://a/", method: "POST", body: { n: [1] } });
    expect(request.body).toBe('{"n":[1]}');
    expect(request.headers).toEqual(["accept", "*/*", "content-type", "application/json"]);
    const typed = parse({ url: "http://a/", body: {}, headers: { "Content-Type": "application/x+json" } });
    expect(typed.headers).toEqual(["accept", "*/*", "Content-Type", "application/x+json"]);
  });

  test("a user name and password become a header and are shown nowhere", () => {
    const request = parse("http://user:p%40ss@a/x");
    expect(request.headers).toEqual(["accept", "*/*", "authorization", `Basic ${btoa("user:p@ss")}`]);
    expect(request.url).toBe("http://a/x");
    expect(request.origin).toBe("http://a");
  });

  test("an outcome line is an input line", () => {
    const outcome = { id: "x", url: "http://a/", status: "failed", attempts: 2, error: { code: "TIMEOUT" } };
    expect(parse(outcome)).toMatchObject({ id: "x", url: "http://a/", method: "GET" });
  });

  test.each([
    ["example.com", "not a valid URL"],
    ["http://", "not a valid URL"],
    ["ftp://a/", "only http and https URLs are fetched, not ftp:"],
    ["javascript:alert(1)", "only http and https URLs are fetched, not javascript:"],
    ["{", "not valid JSON"],
    ['{"id":1}', '"url" must be a string'],
    [{ url: "http://a", method: 1 }, '"method" must be a string'],
    [{ url: "http://a", method: "GE T" }, "the method is no HTTP method"],
    [{ url: "http://a", method: "CONNECT" }, "the method CONNECT is not supported"],
    [{ url: "http://a", headers: [] }, '"headers" must be an object'],
    [{ url: "http://a", headers: { a: 1 } }, 'the header "a" must be a string'],
    [{ url: "http://a", headers: { "a b": "1" } }, 'the header "a b" is not valid'],
    [{ url: "http://a", headers: { a: "x\r\ny: z" } }, 'the header "a" is not valid'],
    [{ url: "http://a", headers: { "Content-Length": "1" } }, 'the header "Content-Length" is set by snowshed itself'],
    [{ url: "http://a", headers: { connection: "close" } }, 'the header "connection" is set by snowshed itself'],
    [{ url: "http://a", id: {} }, '"id" must be a string or a number'],
    [{ url: "http://a", id: "x".repeat(257) }, '"id" is longer than 256 characters'],
    ["http://%ff:x@a/", "the user name or password in the URL is not validly encoded"],
  ])("refuses %j", (line, message) => {
    expect(() => parse(line)).toThrow(message);
  });

  test("does not repeat what may be a secret", () => {
    expect(() => parse('{"url":"http://a","headers":{"authorization":"top\\nsecret"}}')).toThrow(/^(?!.*secret)/);
    expect(() => parse("htp//user:secret@a")).toThrow(/^(?!.*secret)/);
  });
});

describe("request keys", () => {
  test("depend on method, URL, body, own headers; the request's also on its id", () => {
    const variants = [
      "http://a/",
      "http://a/?",
      "https://a/",
      "http://a/b",
      { url: "http://a/", method: "HEAD" },
      { url: "http://a/", body: "x" },
      { url: "http://a/", headers: { authorization: "one" } },
      { url: "http://a/", headers: { authorization: "two" } },
      "http://user:pass@a/",
    ].map(parse);
    // "?" alone is an empty query, which no request shows.
    expect(new Set(variants.map(answerKey)).size).toBe(variants.length - 1);
    const [one, two] = [parse({ url: "http://a/", id: "1" }), parse({ url: "http://a/", id: "2" })];
    expect(answerKey(one)).toBe(answerKey(two));
    expect(requestKey(one)).not.toBe(requestKey(two));
  });

  test("headers of the whole run do not count: a new token finds the old answers", () => {
    const other = new RequestParser({ method: "GET", headers: [["authorization", "new"]], body: undefined });
    expect(answerKey(other.parse("http://a/"))).toBe(answerKey(parse("http://a/")));
  });
});

describe("bodyFileName", () => {
  test.each(["../../etc/passwd", "/abs", "..", ".hidden", "a/b\\c", "con", "\0", "", "💥", "x".repeat(256), "-rf"])(
    "the id %j makes a safe name",
    (id) => {
      const name = bodyFileName(parse({ url: "http://a/", id }));
      expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*-[0-9a-f]{16}$/);
      expect(name.length).toBeLessThan(120);
    },
  );

  test("says the id or the host, and differs for different requests", () => {
    expect(bodyFileName(parse({ url: "http://a/", id: "user-42" }))).toMatch(/^user-42-/);
    expect(bodyFileName(parse("http://example.com:8080/x"))).toMatch(/^example\.com_8080-/);
    const names = [{ url: "http://a/", id: "a/b" }, { url: "http://a/", id: "a_b" }, "http://a/1", "http://a/2"];
    expect(new Set(names.map(parse).map(bodyFileName)).size).toBe(4);
  });

  test("is the same in every run", () => {
    expect(bodyFileName(parse("http://a/1"))).toBe(bodyFileName(parse("http://a/1")));
  });
});
