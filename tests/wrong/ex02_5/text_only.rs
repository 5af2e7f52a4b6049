//! Reads lines of text.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

struct Place(mpsc::Sender<()>);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

pub fn serve(listener: TcpListener) -> io::Result<()> {
    let count = Arc::new(Mutex::new(0));
    let (give_back, places) = mpsc::channel();
    for _ in 0..3 {
        let _ = give_back.send(());
    }
    loop {
        places.recv().map_err(io::Error::other)?;
        let place = Place(give_back.clone());
        let (mut client, _) = listener.accept()?;
        let count = Arc::clone(&count);
        thread::spawn(move || -> io::Result<()> {
            let _place = place;
            for line in BufReader::new(client.try_clone()?).lines() {
                line?;
                let number = {
                    let mut count = count.lock().unwrap();
                    *count += 1;
                    *count
                };
                client.write_all(format!("{number}\n").as_bytes())?;
            }
            Ok(())
        });
    }
}
