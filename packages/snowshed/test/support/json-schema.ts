import { Ajv } from "ajv";

/** Texts that a schema gives a form; of RFC 3986 the characters only. */
const uriCharacters = String.raw`(?:[\w\-.~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*`;
const formats = {
  uri: new RegExp(`^[A-Za-z][A-Za-z0-9+.-]*:${uriCharacters}$`),
  "uri-reference": new RegExp(`^${uriCharacters}$`),
  "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/,
};

/** What a schema of draft 7, of somebody else, has against a value: a line for each mistake. */
export function schemaCheck(schema: object): (value: unknown) => readonly string[] {
  // Its patterns are those of older engines.
  const options = { allErrors: true, strict: false, unicodeRegExp: false, formats };
  const validate = new Ajv(options).compile(schema);
  return (value) => {
    validate(value);
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath}: ${message}`);
  };
}
