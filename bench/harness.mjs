import { median } from "./measure.mjs";
import { NotAvailable } from "./ours.mjs";
import { openContender } from "./processes.mjs";

/** One figure from the repetitions of a round: the middle, and the shortest wall time. */
function summary(repetitions) {
  const typical = repetitions.toSorted((a, b) => a.cpu - b.cpu)[repetitions.length >> 1];
  const walls = repetitions.map((repetition) => repetition.wall);
  return { ...typical, wall: Math.min(...walls), medianWall: median(walls), first: repetitions[0].cpu };
}

const failure = (error) => (error instanceof NotAvailable ? error.message : `failed: ${error.message}`);

/** A contender that measures itself, once a round: a program that is not ours to repeat. */
async function sampleOnce(cell, env) {
  try {
    const sample = await cell.contender.sample(env, cell.size);
    cell.rounds.push([sample]);
    cell.samples.push(sample);
  } catch (error) {
    cell.missing = failure(error);
  }
}

/** All contenders, warm, take turns: a repetition each, the other way round every other time. */
async function takeTurns(row, cells, env) {
  const open = [];
  for (const cell of cells) {
    try {
      const contender = await openContender(row, cell.contender, cell.size, "time", env);
      if (contender.missing === undefined) open.push({ cell, contender, repetitions: [], spent: 0 });
      else cell.missing = contender.missing;
    } catch (error) {
      cell.missing = failure(error);
    }
  }
  for (let turn = 0; turn < env.repetitions; turn++) {
    for (const entry of turn % 2 === 0 ? open : open.toReversed()) {
      if (entry.spent > env.patience || entry.cell.missing !== undefined) continue;
      try {
        const repetition = await entry.contender.next();
        entry.spent += repetition.spent;
        entry.repetitions.push(repetition);
      } catch (error) {
        entry.cell.missing = failure(error);
      }
    }
  }
  for (const { cell, contender, repetitions } of open) {
    contender.close();
    if (cell.missing !== undefined) continue;
    cell.rounds.push(repetitions);
    cell.samples.push(summary(repetitions));
  }
}

async function measureMemory(row, cells, env) {
  for (const cell of cells) {
    if (cell.missing !== undefined || cell.contender.memory === false) continue;
    const contender = await openContender(row, cell.contender, cell.size, "memory", env);
    cell.bytes = (await contender.next()).bytes;
    contender.close();
    env.progress(row, cell, "memory", cell);
  }
}

/**
 * Measures every contender of a row at every size, in `env.rounds` rounds of new processes. Contenders of one size run
 * side by side and take turns, so that what else the machine does meets all of them alike. Gives
 * `[{ contender, size, samples: one a round, rounds: the repetitions of each, bytes, missing }]`.
 */
export async function measureRow(row, env) {
  const cells = row.contenders.flatMap((contender) =>
    (contender.sizes ?? row.sizes ?? [undefined]).map((size) => ({ contender, size, samples: [], rounds: [] })),
  );
  for (let round = 0; round < env.rounds; round++) {
    const due = cells.filter((cell) => cell.missing === undefined && round < (cell.contender.rounds ?? env.rounds));
    const ordered = round % 2 === 0 ? due : due.toReversed();
    for (const size of new Set(ordered.map((cell) => cell.size))) {
      const together = ordered.filter((cell) => cell.size === size && cell.contender.sample === undefined);
      await takeTurns(row, together, env);
    }
    for (const cell of ordered) if (cell.contender.sample !== undefined) await sampleOnce(cell, env);
    for (const cell of due) env.progress(row, cell, round, cell.samples.at(-1) ?? cell);
  }
  if (row.memory) await measureMemory(row, cells, env);
  return cells;
}
