import { generateKeyPairSync, sign } from "node:crypto";

const sequence = 0x30;
const set = 0x31;

/** One element of DER, the encoding of certificates. */
function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const text = (tag: number, value: string): Buffer => element(tag, Buffer.from(value));
const identifier = (hex: string): Buffer => element(0x06, Buffer.from(hex, "hex"));

function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replaceAll(/\D/g, "");
  return text(0x17, `${digits.slice(2, 14)}Z`);
}

/** A certificate for `name` that vouches for itself and holds for a day, made without any tool of the system. */
export function selfSignedCertificate(name: string): { readonly key: string; readonly cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ecdsaWithSha256 = element(sequence, identifier("2a8648ce3d040302"));
  const commonName = element(sequence, identifier("550403"), text(0x0c, name));
  const subject = element(sequence, element(set, commonName));
  const now = Date.now();
  const content = element(
    sequence,
    element(0x02, Buffer.from([1])),
    ecdsaWithSha256,
    subject,
    element(sequence, time(now - 3_600_000), time(now + 86_400_000)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
  );
  const signature = element(0x03, Buffer.from([0]), sign("sha256", content, privateKey));
  const certificate = element(sequence, content, ecdsaWithSha256, signature).toString("base64");
  return {
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
    cert: `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----\n`,
  };
}
