// A WebSocket echo with ws, the usual package for node.
//
// usage: ws_echo.js PORT      (0: the system chooses; the first line on stdout names the port)
const { WebSocketServer } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4096 });
server.on("listening", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
server.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on("error", () => {}); // a client that resets its connection is no news
});
