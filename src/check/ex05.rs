//! Exercise 5: a client that fetches a file over FTP, and takes the address of the data connection from the right place.
//!
//! ```text
//! S1: 220 ready\r\n                                1 is the control connection
//! C1: USER anonymous\r\n
//! S1: 230 welcome\r\n
//! C1: TYPE I\r\n
//! S1: 200 bytes\r\n
//! C1: PASV\r\n
//! S1: 227 Entering Passive Mode (127,0,0,1,156,64)\r\n
//! C2: (connects)                                   2 is the data connection: to the server, port 156 * 256 + 64
//! C1: RETR notes.txt\r\n
//! S1: 150 here it comes\r\n
//! S2: the file, and FIN
//! S1: 226 that was all\r\n
//! ```
//!
//! The result is the file. Six numbers from 0 to 255 stand in brackets; the first four are of no use, because who names another
//! address makes the client knock at a stranger's door. Every other reply is an error (RFC 959 section 4.1.2, RFC 2577).
//!
//! May use: of this folder client, peer, report, talk.

use super::{At, Checked, Exercise, ON_THE_WIRE, Role, THE_CODE, THE_EXERCISE, Talk, WHEN_IT_GOES_WRONG};
use std::time::Duration;

/// The row in the table of exercises.
pub const EXERCISE: Exercise = Exercise {
    name: "ex05",
    lesson: "05_ftp",
    next: "06_smtp",
    task: "fetch a file, with the data connection to the right address",
    role: Role::Client,
    hints: [
        "Three functions: `reply` reads one line and makes an error of one that begins with another digit; `data_address` makes \
         an address of the reply to PASV; `ask` says the lines in their order and reads the reply to each before it says the next \
         one. The server's IP address you know already: `ask` got it. Only the port comes from the reply.",
        "`text.split_once('(')` gives what stands before and after, as an `Option`. What stands up to the `)` you take apart with \
         `split(',')`. `\"300\".parse::<u8>()` is an error: that is the check for 0 to 255. From an `Option` to an error: \
         `.ok_or_else(|| io::Error::other(\"no address\"))?`. The file: `read_to_end` on the data connection, and only then the \
         reply 226 on the other one.",
        "`let numbers: Option<Vec<u8>> = inside.split(',').map(|number| number.parse().ok()).collect();` and then \
         `let Some([_, _, _, _, high, low]) = numbers.as_deref() else { return Err(...) };` takes exactly six. The address: \
         `SocketAddr::new(server.ip(), u16::from_be_bytes([*high, *low]))`. Port 0 is not a port. A reply: \
         `BufReader::new(&control)` once, `read_line(&mut line)?`, and `line.starts_with(...)` with '1' for RETR and '2' for \
         all others.",
    ],
    dialogue,
};

/// The time that a client has for its error.
const IN_TIME: Duration = Duration::from_secs(2);
/// Between two pieces: long enough to be two reads.
const PAUSE: Duration = Duration::from_millis(150);

/// The control connection and the data connection.
const CONTROL: usize = 1;
const DATA: usize = 2;

/// The client connects, and is greeted.
fn begun(talk: &mut Talk) -> Checked {
    talk.start_all(&[At::Tcp])?;
    talk.accept()?;
    talk.send("220 ready\r\n");
    Ok(())
}

/// The client connects and asks for a data connection.
fn asked(talk: &mut Talk) -> Checked {
    begun(talk)?;
    port_asked(talk)
}

fn port_asked(talk: &mut Talk) -> Checked {
    for (line, reply) in [("USER anonymous\r\n", "230 welcome\r\n"), ("TYPE I\r\n", "200 bytes\r\n")] {
        talk.expect(line)?;
        talk.send(reply);
    }
    talk.expect("PASV\r\n")
}

/// The reply to PASV: in `words` an `H` is for the two numbers of our port. The same with a number of 256 more and one less
/// is `W`: who calculates without looking comes to the same port.
fn passive(talk: &mut Talk, words: &str) -> Checked {
    talk.client(DATA);
    let [high, low] = talk.listen()?.port().to_be_bytes();
    talk.client(CONTROL);
    let numbers = words.replace('H', &format!("{high},{low}"));
    let numbers = numbers.replace('W', &format!("{},{}", i32::from(high) - 1, i32::from(low) + 256));
    talk.send_as(numbers, &words.replace('H', "high,low").replace('W', "high-1,low+256").replace("\r\n", "\\r\\n"));
    Ok(())
}

/// The client connects and asks for the file.
fn connected(talk: &mut Talk) -> Checked {
    talk.client(DATA);
    talk.accept()?;
    talk.client(CONTROL);
    talk.expect("RETR notes.txt\r\n")
}

/// The file comes, whole, and is the result.
fn fetched(talk: &mut Talk, file: &[u8]) -> Checked {
    connected(talk)?;
    talk.send("150 here it comes\r\n");
    talk.client(DATA);
    talk.send(file);
    talk.hang_up();
    talk.client(CONTROL);
    talk.send("226 that was all\r\n");
    talk.expect_result(file)
}

/// What the server plays and expects.
fn dialogue(talk: &mut Talk) -> Checked {
    talk.step("login, type, and the question for a port", ON_THE_WIRE);
    begun(talk)?;
    talk.from_here()
        .if_cut("Every line of FTP ends with CRLF, the two bytes \\r\\n.")
        .if_received("USER anonymous\n", "Every line of FTP ends with CRLF, the two bytes \\r\\n. Here \\r is missing.")
        .if_received("PASV", "TYPE I comes first: this file is bytes.")
        .if_received("EPSV", "EPSV is the newer question. Here it is PASV, because its reply is worth a look.")
        .if_silent(
            "The server has answered and waits for the next line. Do you read up to its FIN, or further than one line?",
        );
    port_asked(talk)?;

    talk.step("the data connection", ON_THE_WIRE)
        .if_hung_up(
            "The last two numbers are the two bytes of the port: the first of them times 256, and the second added. The address is \
             the server's.",
        )
        .if_silent("Connect to the server once more, at the port that the last two numbers name, and ask with RETR for the file.");
    passive(talk, "227 Entering Passive Mode (127,0,0,1,H).\r\n")?;
    connected(talk)?;

    talk.step("the file in pieces, and 226", THE_CODE)
        .if_early(
            "Too early. The file ends with the FIN of the data connection, and whether it is whole, only 226 on the control \
             connection says.",
        )
        .if_received("Hello, Client!\n226", "226 is a reply on the control connection. It is no part of the file.")
        .if_received("Hello, ", "Only a piece of the file: one read gives what has arrived. Read on to the FIN of the data connection.");
    talk.send("150 here it comes\r\n");
    talk.client(DATA);
    talk.send("Hello, ");
    talk.client(CONTROL);
    talk.expect_patience(PAUSE)?;
    talk.client(DATA);
    talk.send("Client!\n");
    talk.hang_up();
    talk.client(CONTROL);
    talk.expect_patience(PAUSE)?;
    talk.send("226 that was all\r\n");
    talk.expect_result("Hello, Client!\n")?;

    let lost = "150 and 226 came in one piece, and the client still waits for 226. One read for each reply, or a new BufReader for each \
                reply, loses what came behind the first line. Make one BufReader for the whole conversation, and read lines from it.";
    talk.step("two replies in one piece", THE_CODE).if_silent(lost).if_hung_up(lost);
    asked(talk)?;
    passive(talk, "227 Entering Passive Mode (127,0,0,1,H)\r\n")?;
    connected(talk)?;
    talk.client(DATA);
    talk.send("in time");
    talk.hang_up();
    talk.client(CONTROL);
    talk.send("150 here it comes\r\n226 that was all\r\n");
    talk.expect_result("in time")?;

    talk.step("the same numbers in other words", THE_EXERCISE)
        .if_hung_up("The words before the bracket are the server's own, and they may have digits. The six numbers stand in brackets.")
        .if_silent("The words before the bracket are the server's own, and they may have digits. The six numbers stand in brackets.");
    asked(talk)?;
    passive(talk, "227 room 2, door 1 (127,0,0,1,H)\r\n")?;
    fetched(talk, b"found")?;

    talk.step("another address than the server's", WHEN_IT_GOES_WRONG)
        .if_hung_up(
            "The server names an address that is not its own, and you believed it. So a bad server makes you knock where it \
             likes, behind your own firewall too. Take the port from the reply, and the address from the connection that you \
             have.",
        )
        .if_silent(
            "The server names an address that is not its own. Take the port from the reply, and the address from the connection \
             that you have.",
        );
    asked(talk)?;
    passive(talk, "227 Entering Passive Mode (127,0,0,2,H)\r\n")?; // nobody is there, and it is this machine as well
    fetched(talk, b"no stranger's")?;

    for (title, reply, why) in [
        ("five numbers", "227 (127,0,0,1,156)\r\n", "There are six numbers, or it is no address."),
        (
            "eight numbers",
            "227 (127,0,0,1,H,H)\r\n",
            "There are six numbers, or it is no address: which of these eight are the port?",
        ),
        (
            "a number above 255",
            "227 (127,0,0,1,W)\r\n",
            "A number of one byte is 255 at most. A server that sends a larger one is broken, or lies.",
        ),
        ("no numbers", "227 Entering Passive Mode\r\n", "Without brackets there is no address."),
        (
            "brackets the other way round",
            "227 :) no port (yet\r\n",
            "Here a bracket closes before one opens, and there is no number: that is no address.",
        ),
        (
            "a refusal in place of a port",
            "500 (127,0,0,1,H)\r\n",
            "500 says no, whatever stands behind it. Look at the first digit.",
        ),
    ] {
        talk.step(title, THE_EXERCISE).if_received("RETR", why).if_returned(why).if_silent(why);
        asked(talk)?;
        passive(talk, reply)?;
        talk.expect_hang_up()?;
        talk.expect_error(Duration::ZERO, IN_TIME)?;
    }

    talk.step("bytes that are no text", THE_CODE)
        .if_hung_up("A file has bytes of any kind. As text they cannot be read (in Rust: read_to_string(); in Python: decode()).")
        .if_received("\u{fffd}", "Each bad byte became a character: from_utf8_lossy() is for showing, not for keeping.")
        .if_received("a", "Line ends in a file of type I are bytes like others: they stay as they are.");
    asked(talk)?;
    passive(talk, "227 Entering Passive Mode (127,0,0,1,H)\r\n")?;
    fetched(talk, b"a\r\n\xff\xfe\x00\n")?;

    talk.step("half a file", WHEN_IT_GOES_WRONG).if_returned(
        "The data connection ended, and then came 426: the file is not whole. The FIN alone does not say so. Look at the reply \
         behind the data.",
    );
    asked(talk)?;
    passive(talk, "227 Entering Passive Mode (127,0,0,1,H)\r\n")?;
    connected(talk)?;
    talk.send("150 here it comes\r\n");
    talk.client(DATA);
    talk.send("Hel");
    talk.hang_up();
    talk.client(CONTROL);
    talk.send("426 the disk broke\r\n");
    talk.expect_error(Duration::ZERO, IN_TIME)?;

    talk.step("no reply behind the data", WHEN_IT_GOES_WRONG).if_returned(
        "Both connections ended, and 226 did not come: the server broke down, and perhaps this is half a file. An empty line from \
         read_line() (in Python b\"\") is the end of the connection, and no reply.",
    );
    asked(talk)?;
    passive(talk, "227 Entering Passive Mode (127,0,0,1,H)\r\n")?;
    connected(talk)?;
    talk.send("150 here it comes\r\n");
    talk.client(DATA);
    talk.send("Hel");
    talk.hang_up();
    talk.client(CONTROL);
    talk.hang_up();
    talk.expect_error(Duration::ZERO, IN_TIME)?;

    talk.step("no such file", ON_THE_WIRE)
        .if_returned("550 says that there is no such file. That is not an empty file.")
        .if_silent(
            "550 says no, and nothing will come on the data connection. Read the reply to RETR before the data.",
        );
    asked(talk)?;
    passive(talk, "227 Entering Passive Mode (127,0,0,1,H)\r\n")?;
    connected(talk)?;
    talk.send("550 no such file\r\n");
    talk.expect_error(Duration::ZERO, IN_TIME)?;

    let three = "331 asks for a password. A reply to USER that begins with 2 was to come: compare with the digit that you want, and not \
                 with those that you know as errors.";
    talk.step("a password is wanted", THE_EXERCISE).if_received("", three);
    begun(talk)?;
    talk.expect("USER anonymous\r\n")?;
    talk.send("331 password, please\r\n");
    talk.expect_hang_up()?;
    talk.expect_error(Duration::ZERO, IN_TIME)
}
