/** The measurement cannot be made as things are: what is missing or does not answer. Exit code 3, never a pass. */
export class CapacityFailure extends Error {
  override readonly name = "CapacityFailure";
}
