/** The parts of commander in use. `npm run build` puts its text in the place of this file: see scripts/bundle-commander.mjs. */
export { Command, CommanderError, InvalidArgumentError, Option } from "commander";
