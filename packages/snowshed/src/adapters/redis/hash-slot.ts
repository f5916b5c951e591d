/** Of CRC-16/XMODEM, which Redis Cluster uses. */
const polynomial = 0x1021;
const slots = 16_384;

/** The slot of a key in a Redis Cluster: of what is between its first `{` and the next `}`, if there is anything. @internal */
export function hashSlot(key: string): number {
  const start = key.indexOf("{");
  const end = start === -1 ? -1 : key.indexOf("}", start + 1);
  const hashed = end > start + 1 ? key.slice(start + 1, end) : key;
  let crc = 0;
  for (const byte of new TextEncoder().encode(hashed)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ polynomial;
  }
  return (crc & 0xffff) % slots;
}
