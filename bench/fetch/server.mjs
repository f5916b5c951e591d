import { createServer } from "node:net";

// Answers every GET at once with 1 kB, by hand: node:http would be slower than the clients that are measured against
// it. Prints its port.

const body = "x".repeat(1024);
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\nconnection: keep-alive\r\n\r\n${body}`,
);
const endOfRequest = "\r\n\r\n";

const server = createServer((socket) => {
  let rest = "";
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.setEncoding("latin1").on("data", (text) => {
    const requests = (rest + String(text)).split(endOfRequest);
    rest = requests.pop();
    for (let index = 0; index < requests.length; index++) socket.write(answer);
  });
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
