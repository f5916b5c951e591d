import type { Position } from "../finding.ts";
import type { Config } from "./config.ts";
import type { Preset } from "./presets/preset.ts";

/** Where things stand in the file, and what lies below its folder. */
export interface ConfigSource {
  /** Of the configuration, as the user named it. */
  readonly file: string;
  /** Its folder, absolute, symbolic links resolved. */
  readonly folder: string;
  /** Of the value at `path`, or of the nearest that is written above it. */
  position(path: readonly (string | number)[]): Position;
  /**
   * The absolute path of a file the configuration names at `path`, links resolved.
   * @throws ConfigError when it lies outside the folder, is not there, or its links go round.
   */
  resolve(name: string, path: readonly (string | number)[]): Promise<string>;
  /** The text of such a file; at most 1 MiB. */
  read(name: string, path: readonly (string | number)[]): Promise<string>;
  /** For a file that need not be there yet, such as `alerts.out`. */
  resolveOutput(name: string, path: readonly (string | number)[]): Promise<string>;
  /** How a report names an absolute path. */
  display(absolute: string): string;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly preset: Preset;
  readonly source: ConfigSource;
}
