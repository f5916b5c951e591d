import { validateHeaderName, validateHeaderValue } from "node:http";

/** One request, checked and ready to be sent as it is. */
export interface FetchRequest {
  /** The user's own name for it. */
  readonly id: string | undefined;
  /** As given, for people and output: never with a user name or password. */
  readonly url: string;
  readonly origin: string;
  readonly path: string;
  readonly method: string;
  /** Names and values in turn, as the client takes them. */
  readonly headers: readonly string[];
  /** What distinguishes it from other requests for the same URL: its own headers, without those of all requests. */
  readonly ownHeaders: string;
  readonly body: string | undefined;
  /** Bytes of input it came from: what it costs to keep it waiting. */
  readonly size: number;
}

/** What holds for every request that does not say otherwise. */
export interface RequestDefaults {
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | undefined;
}

/** A line or argument that is no request; the message says why, without repeating what may be a secret. */
export class InvalidRequest extends Error {
  override readonly name = "InvalidRequest";
}

const longestId = 256;
/** The client sets these itself: a wrong one would break the connection for others. */
const forbiddenHeaders = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

interface RequestLine {
  readonly url: string;
  readonly id?: string | undefined;
  readonly method?: string | undefined;
  readonly headers?: readonly (readonly [name: string, value: string])[] | undefined;
  readonly body?: string | undefined;
}

/** Makes requests of lines: a URL, or a JSON object with `url` and optionally `method`, `headers`, `body`, `id`. */
export class RequestParser {
  readonly #defaults: RequestDefaults;
  /** Shared by all requests that bring no headers of their own. */
  readonly #plainHeaders: readonly string[];

  constructor(defaults: RequestDefaults) {
    this.#defaults = { ...defaults, method: checkMethod(defaults.method) };
    this.#plainHeaders = defaults.headers.flat();
  }

  /** `text` without surrounding white space, not empty. Throws `InvalidRequest`. */
  parse(text: string): FetchRequest {
    return text.startsWith("{") ? this.#make(readObject(text), text.length) : this.#make({ url: text }, text.length);
  }

  #make(line: RequestLine, size: number): FetchRequest {
    const url = parseUrl(line.url);
    const secret = url.username !== "" || url.password !== "";
    const own = line.headers ?? [];
    let headers = own.length === 0 ? this.#plainHeaders : mergeHeaders(this.#defaults.headers, own);
    let ownHeaders = own.length === 0 ? "" : JSON.stringify(own.map(([name, value]) => [name.toLowerCase(), value]));
    if (secret) {
      const credentials = basicCredentials(url);
      headers = [...mergeHeaders(this.#defaults.headers, [...own, ["authorization", credentials]])];
      ownHeaders += credentials;
      url.username = url.password = "";
    }
    return {
      id: line.id,
      url: secret ? url.href : line.url,
      origin: url.origin,
      path: url.pathname + url.search,
      method: line.method ?? this.#defaults.method,
      headers,
      ownHeaders,
      body: line.body ?? this.#defaults.body,
      size,
    };
  }
}

/** Throws `InvalidRequest` for what is no HTTP method, or one that makes no single request and answer. */
export function checkMethod(method: string): string {
  const upper = method.toUpperCase();
  if (!/^[A-Z][A-Z-]{0,31}$/.test(upper)) throw new InvalidRequest("the method is no HTTP method");
  if (upper === "CONNECT" || upper === "TRACE") throw new InvalidRequest(`the method ${upper} is not supported`);
  return upper;
}

/** Throws `InvalidRequest` for a name or value that HTTP does not allow, and for headers that the client sets. */
export function checkHeader(name: string, value: string): readonly [name: string, value: string] {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch {
    throw new InvalidRequest(`the header ${JSON.stringify(name)} is not valid`);
  }
  if (forbiddenHeaders.has(name.toLowerCase())) {
    throw new InvalidRequest(`the header ${JSON.stringify(name)} is set by snowshed itself`);
  }
  return [name, value];
}

function parseUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new InvalidRequest("not a valid URL");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new InvalidRequest(`only http and https URLs are fetched, not ${url.protocol}`);
  }
  return url;
}

function basicCredentials(url: URL): string {
  try {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    return `Basic ${Buffer.from(pair).toString("base64")}`;
  } catch {
    throw new InvalidRequest("the user name or password in the URL is not validly encoded");
  }
}

function readObject(text: string): RequestLine {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new InvalidRequest("not valid JSON");
  }
  const { url, id, method, headers, body } = value;
  if (typeof url !== "string") throw new InvalidRequest('"url" must be a string');
  if (method !== undefined && typeof method !== "string") throw new InvalidRequest('"method" must be a string');
  return {
    url: url.trim(),
    id: readId(id),
    method: method === undefined ? undefined : checkMethod(method),
    ...readBody(readHeaders(headers), body),
  };
}

function readId(id: unknown): string | undefined {
  if (id === undefined || id === null) return undefined;
  if (typeof id !== "string" && typeof id !== "number") throw new InvalidRequest('"id" must be a string or a number');
  const text = String(id);
  if (text.length > longestId) throw new InvalidRequest(`"id" is longer than ${longestId} characters`);
  return text;
}

type HeaderList = (readonly [name: string, value: string])[];

function readHeaders(headers: unknown): HeaderList {
  if (headers === undefined || headers === null) return [];
  if (typeof headers !== "object" || Array.isArray(headers)) throw new InvalidRequest('"headers" must be an object');
  return Object.entries(headers).map(([name, value]) => {
    if (typeof value !== "string") throw new InvalidRequest(`the header ${JSON.stringify(name)} must be a string`);
    return checkHeader(name, value);
  });
}

/** A body that is no string is sent as JSON. */
function readBody(headers: HeaderList, body: unknown): Pick<RequestLine, "headers" | "body"> {
  if (body === undefined || body === null) return { headers };
  if (typeof body === "string") return { headers, body };
  const typed = headers.some(([name]) => name.toLowerCase() === "content-type");
  return { headers: typed ? headers : [...headers, ["content-type", "application/json"]], body: JSON.stringify(body) };
}

type Headers = RequestDefaults["headers"];

/** Those of the request take the place of those of all requests. */
function mergeHeaders(shared: Headers, own: Headers): readonly string[] {
  const overridden = new Set(own.map(([name]) => name.toLowerCase()));
  return [...shared.filter(([name]) => !overridden.has(name.toLowerCase())), ...own].flat();
}
