// The part of protocol buffers that the messages of etcd need. A library for all of it would be a dependency, and larger
// than this adapter.

/** How a message is written and read. @internal */
export interface Codec<T> {
  /** Writes the fields that are there, and leaves out those that are `undefined`. */
  encode(message: T): Uint8Array;
  /** Fields that were left out have their initial value; those that are not known are skipped. */
  decode(bytes: Uint8Array): T;
}

const varint = 0;
const fixed64 = 1;
const delimited = 2;
const fixed32 = 5;

/** How one kind of value is written after its tag. */
interface Kind<V> {
  readonly wire: typeof varint | typeof delimited;
  write(output: Output, value: V): void;
  read(input: Input): V;
}

/** @internal */
export interface Field<V> {
  readonly number: number;
  readonly wire: number;
  initial(): V | undefined;
  write(output: Output, value: V): void;
  /** `before`: what the message has so far. */
  read(input: Input, before: V): V;
}

class Output {
  readonly bytes: number[] = [];

  varint(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    for (; rest > 0x7fn; rest >>= 7n) this.bytes.push(Number(rest & 0x7fn) | 0x80);
    this.bytes.push(Number(rest));
  }

  delimited(bytes: Uint8Array): void {
    this.varint(BigInt(bytes.length));
    for (const byte of bytes) this.bytes.push(byte);
  }
}

class Input {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new RangeError("a message of etcd ends too early");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError("a number in a message of etcd is too long");
  }

  delimited(): Uint8Array {
    return this.#take(Number(this.varint()));
  }

  skip(wire: number): void {
    if (wire === varint) this.varint();
    else if (wire === delimited) this.delimited();
    else if (wire === fixed64) this.#take(8);
    else if (wire === fixed32) this.#take(4);
    else throw new RangeError(`a message of etcd has a field of the unknown wire type ${wire}`);
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError("a message of etcd ends too early");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder(undefined, { ignoreBOM: true }); // What begins with such a mark keeps it.

const textKind: Kind<string> = {
  wire: delimited,
  write: (output, value) => output.delimited(encoder.encode(value)),
  read: (input) => decoder.decode(input.delimited()),
};
const int64Kind: Kind<bigint> = {
  wire: varint,
  write: (output, value) => output.varint(value),
  read: (input) => BigInt.asIntN(64, input.varint()),
};
const int32Kind: Kind<number> = {
  wire: varint,
  write: (output, value) => output.varint(BigInt(value)),
  read: (input) => Number(BigInt.asIntN(32, input.varint())),
};
const boolKind: Kind<boolean> = {
  wire: varint,
  write: (output, value) => output.varint(value ? 1n : 0n),
  read: (input) => input.varint() !== 0n,
};

function field<V>(number: number, kind: Kind<V>, initial: V | undefined): Field<V> {
  return {
    number,
    wire: kind.wire,
    initial: () => initial,
    write(output, value) {
      output.varint(BigInt((number << 3) | kind.wire));
      kind.write(output, value);
    },
    read: (input) => kind.read(input),
  };
}

/** `string` or `bytes`; bytes that are no UTF-8 are read as replacement characters. @internal */
export const text = (number: number): Field<string> => field(number, textKind, "");
/** @internal */
export const int64 = (number: number): Field<bigint> => field(number, int64Kind, 0n);
/** `int32` or an enumeration. @internal */
export const int32 = (number: number): Field<number> => field(number, int32Kind, 0);
/** @internal */
export const bool = (number: number): Field<boolean> => field(number, boolKind, false);

/** Another message; a function gives its codec, since messages contain each other. @internal */
export function nested<T>(number: number, codec: () => Codec<T>): Field<T> {
  const kind: Kind<T> = {
    wire: delimited,
    write: (output, value) => output.delimited(codec().encode(value)),
    read: (input) => codec().decode(input.delimited()),
  };
  return field(number, kind, undefined);
}

/** Any number of messages or texts; numbers would be packed together, which this does not do. @internal */
export function repeated<V>(element: Field<V>): Field<readonly V[]> {
  return {
    number: element.number,
    wire: element.wire,
    initial: () => [],
    write(output, values) {
      for (const value of values) element.write(output, value);
    },
    read: (input, before) => {
      // The list is this message's own: initial() made it.
      (before as V[]).push(element.read(input, undefined as V));
      return before;
    },
  };
}

/** @internal */
export function message<T extends object>(fields: {
  readonly [K in keyof T]-?: Field<NonNullable<T[K]>>;
}): Codec<T> {
  const entries = Object.entries(fields) as [string, Field<unknown>][];
  const byNumber = new Map(entries.map((entry) => [entry[1].number, entry]));
  return {
    encode(value) {
      const output = new Output();
      for (const [name, each] of entries) {
        const given = (value as Readonly<Record<string, unknown>>)[name];
        if (given !== undefined) each.write(output, given);
      }
      return Uint8Array.from(output.bytes);
    },
    decode(bytes) {
      const value: Record<string, unknown> = {};
      for (const [name, each] of entries) value[name] = each.initial();
      const input = new Input(bytes);
      while (!input.isAtEnd) {
        const tag = Number(input.varint());
        const [wire, known] = [tag & 7, byNumber.get(tag >>> 3)];
        if (known === undefined || known[1].wire !== wire) input.skip(wire);
        else value[known[0]] = known[1].read(input, value[known[0]]);
      }
      return value as T;
    },
  };
}
