/**
 * OpenTelemetry's variables, read as its specification asks: an empty one is as one that is not
 * set, names of choices are alike in capitals and small letters, and a value that cannot be used is
 * told of and its default holds.
 *
 * @module
 */

/** Reads a variable. */
export type ReadVariable = (name: string) => string | undefined;

/** A variable that is set. */
export interface GivenVariable {
  readonly name: string;
  readonly value: string;
}

/** Numbers that a variable may have. */
export interface NumberRange {
  readonly least: number;
  /** Any from `least` on when absent. */
  readonly most?: number;
}

/** The variables, and what is wrong with them. */
export class Variables {
  /** What is wrong and what holds instead, for the log. */
  readonly warnings: string[] = [];
  readonly #read: ReadVariable;

  /** @param read Reads a variable of the environment. */
  constructor(read: ReadVariable) {
    this.#read = read;
  }

  /**
   * Finds the first of some variables that is set.
   *
   * @param names Their names; the first wins.
   * @returns It, without white space around its value; undefined when none is set.
   */
  text(...names: readonly string[]): GivenVariable | undefined {
    for (const name of names) {
      const value = this.#read(name)?.trim() ?? "";
      if (value !== "") return { name, value };
    }
    return undefined;
  }

  /**
   * Finds the first of some variables that name a choice.
   *
   * @param names Their names; the first wins.
   * @returns It in small letters; undefined when none is set.
   */
  choice(...names: readonly string[]): GivenVariable | undefined {
    const given = this.text(...names);
    return given && { name: given.name, value: given.value.toLowerCase() };
  }

  /**
   * Says that a value cannot be used.
   *
   * @param given The variable.
   * @param state What it should be, and what holds.
   */
  refuse({ name, value }: GivenVariable, state: string): void {
    this.warnings.push(`Cannot use ${name} "${value}": ${state}`);
  }

  /**
   * Reads a whole number.
   *
   * @param names Of the variables; the first that is set wins.
   * @param otherwise What holds when none is, or when it is no such number.
   * @param range What it may be.
   * @returns The number.
   */
  whole(names: readonly string[], otherwise: number, { least, most }: NumberRange): number {
    const given = this.text(...names);
    if (given === undefined) return otherwise;
    const number = Number(given.value);
    if (Number.isInteger(number) && number >= least && number <= (most ?? Infinity)) return number;
    const range = most === undefined ? `from ${least} on` : `from ${least} to ${most}`;
    const held = otherwise === Infinity ? "there is no limit" : `${otherwise} holds`;
    this.refuse(given, `it must be a whole number ${range}; ${held}`);
    return otherwise;
  }

  /**
   * Reads whether something is so: only `true` says yes.
   *
   * @param name Of the variable.
   * @returns Whether it is.
   */
  flag(name: string): boolean {
    const given = this.choice(name);
    if (given === undefined || given.value === "false") return false;
    if (given.value === "true") return true;
    this.refuse(given, "it must be true or false; false holds");
    return false;
  }
}
