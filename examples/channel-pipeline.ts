// A pipeline: read, resize, store, each stage a task of its own, joined by channels. Each stage closes the channel it
// writes to. They share a group, so that when one stage fails the others stop waiting for it.
import { Channel, Group } from "snowshed";

interface Image {
  readonly name: string;
  readonly pixels: number;
}

async function run(names: readonly string[]): Promise<void> {
  const group = new Group({ name: "thumbnails" });
  const read = new Channel<Image>(1);
  const resized = new Channel<Image>(1);

  group.go(async (signal) => {
    for (const [index, name] of names.entries()) await read.send({ name, pixels: (index + 1) * 1000 }, { signal });
    read.close();
  });

  // Two workers on the middle stage: the last one to end closes the channel behind it.
  const resizers = group.child({ name: "resize" });
  for (let worker = 0; worker < 2; worker++) {
    resizers.go(async (signal) => {
      for (let next = await read.receive({ signal }); !next.done; next = await read.receive({ signal })) {
        if (!next.value.name.endsWith(".png")) throw new TypeError(`${next.value.name} is no image`);
        await resized.send({ ...next.value, pixels: next.value.pixels / 10 }, { signal });
      }
    });
  }
  group.go(async () => {
    await resizers.wait();
    resized.close();
  });

  let stored = 0;
  group.go(async (signal) => {
    for (let next = await resized.receive({ signal }); !next.done; next = await resized.receive({ signal })) {
      stored += next.value.pixels;
    }
  });

  try {
    await group.wait();
    console.log(`${names.length} images, ${stored} pixels stored`);
  } catch (error) {
    console.log(`failed: ${(error as Error).message}; still running: ${group.running}`);
  }
}

await run(["a.png", "b.png", "c.png", "d.png"]);
await run(["a.png", "notes.txt", "c.png", "d.png", "e.png", "f.png", "g.png", "h.png"]);

// Output:
// 4 images, 1000 pixels stored
// failed: notes.txt is no image; still running: 0
