/** The protection of many origins, each with its own. */
export class Origins {}
