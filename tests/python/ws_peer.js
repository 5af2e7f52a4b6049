"use strict";
// npm ws as a peer, in both roles. Arguments: "server", or "client" with an address. Where it lies is for NODE_PATH to say.
const WebSocket = require("ws");

function server() {
  const all = new WebSocket.WebSocketServer({ host: "127.0.0.1", port: 0, maxPayload: 2 << 20, perMessageDeflate: true });
  all.on("listening", () => console.log("listening on 127.0.0.1:" + all.address().port));
  all.on("connection", (socket, request) => {
    socket.on("error", error => console.log("error: " + error.message));
    socket.on("close", (code, reason) => console.log("closed: " + code + " " + reason));
    if (request.url === "/close") return socket.close(4003, "再见");
    if (request.url === "/ping") {
      let left = 10;
      socket.on("pong", () => { if (--left === 0) socket.send("ten pongs"); else socket.ping("p" + left); });
      return socket.ping("first");
    }
    if (request.url === "/gone") return socket.terminate();
    socket.on("message", (data, binary) => socket.send(data, { binary }));
  });
}

function client(url) {
  const socket = new WebSocket(url, { maxPayload: 2 << 20 });
  const sizes = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20];
  const messages = sizes.flatMap(size => ["x".repeat(size), Buffer.alloc(size, 0xff)]).concat(["你好"]);
  let at = 0;
  const next = () => {
    if (at < messages.length) return socket.send(messages[at]);
    socket.on("pong", () => socket.close(4001, "再见"));
    socket.ping();
  };
  socket.on("open", next);
  socket.on("message", (data, binary) => {
    const sent = messages[at++];
    if (binary === (typeof sent === "string") || !data.equals(Buffer.from(sent))) throw new Error("message " + at + " came back changed");
    next();
  });
  socket.on("close", (code, reason) => console.log("closed: " + code + " " + reason));
}

process.argv[2] === "server" ? server() : client(process.argv[3]);
