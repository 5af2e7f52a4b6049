//! A WebSocket echo with tokio-tungstenite on tokio's threads: with its own settings, or with a read buffer of so many bytes
//! and nothing kept back when it writes, which is what ours has.
//!
//! ```text
//! tokio-ws PORT [READ_BUFFER]      (0: the system chooses; the first line on stdout names the port)
//! ```

use futures_util::{SinkExt, StreamExt};
use std::error::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let port: u16 = args.next().ok_or("which port?")?.parse()?;
    let config = match args.next() {
        Some(bytes) => Some(WebSocketConfig::default().read_buffer_size(bytes.parse()?).write_buffer_size(0)),
        None => None,
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            if let Err(error) = echo(stream, config).await {
                eprintln!("tokio-ws: {error}");
            }
        });
    }
}

async fn echo(stream: TcpStream, config: Option<WebSocketConfig>) -> Result<(), WsError> {
    let mut socket = tokio_tungstenite::accept_async_with_config(stream, config).await?;
    while let Some(message) = socket.next().await {
        match message {
            Ok(message) if message.is_text() || message.is_binary() => socket.send(message).await?,
            Ok(_) => {}
            // The load generator ends its connections without a Close.
            Err(WsError::Protocol(_) | WsError::Io(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
