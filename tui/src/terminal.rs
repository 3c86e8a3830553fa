//! The terminal: taken over at the start, given back as it was at the end, after an error, and after a panic.

use std::{
    io::{self, Stdout},
    panic::{self, PanicHookInfo},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crossbeam_channel::{Receiver, Sender, never, select, unbounded};
use data_encoding::BASE64;
use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        event::{self, DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture, Event},
        execute,
        style::Print,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
};

use crate::{Message, Model, Request, Snapshot, draw, message_of, model::Reading, update};

/// A screen that is drawn on standard output.
type Screen = Terminal<CrosstermBackend<Stdout>>;

/// How the screens were left.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// Why not everything was read, if so.
    pub unread: Option<String>,
    /// Panics of other threads.
    pub faults: Faults,
}

/// Panics of other threads while the screen was up, in words. They were caught where they happened, and the screen was
/// no place to print them.
pub type Faults = Vec<String>;

/// Shows what arrives from `reading` until the user quits, and hands out what the user asks for. `model` is what the
/// screens begin with; its size is found out.
///
/// # Errors
/// When the terminal cannot be set up, written to or read from. It is given back in every case.
pub fn run(model: Model, reading: Receiver<Message>, requests: &Sender<Request>) -> io::Result<Left> {
    let (model, faults) = within(|screen| event_loop(screen, model, reading, requests))?;
    let unread = match model?.reading {
        Reading::Failed(why) => Some(why),
        Reading::Going(..) | Reading::Live(..) | Reading::Done => None,
    };
    Ok(Left { unread, faults })
}

/// Runs `body` on a terminal that is taken over for it and given back afterwards, also when `body` panics.
///
/// # Errors
/// When the terminal cannot be set up.
pub fn within<R>(body: impl FnOnce(&mut Screen) -> R) -> io::Result<(R, Faults)> {
    let faults = Arc::new(Mutex::new(Faults::new()));
    let before: Arc<Hook> = Arc::from(panic::take_hook());
    let hook = {
        let (before, faults, ours) = (Arc::clone(&before), Arc::clone(&faults), thread::current().id());
        move |info: &PanicHookInfo<'_>| {
            if thread::current().id() == ours {
                give_back();
                before(info);
            } else {
                faults.lock().unwrap_or_else(PoisonError::into_inner).push(info.to_string());
            }
        }
    };
    panic::set_hook(Box::new(hook));
    let result = take_over().map(|(mut screen, _taken)| body(&mut screen));
    panic::set_hook(Box::new(move |info| before(info)));
    let faults = std::mem::take(&mut *faults.lock().unwrap_or_else(PoisonError::into_inner));
    result.map(|result| (result, faults))
}

type Hook = dyn Fn(&PanicHookInfo<'_>) + Sync + Send + 'static;

/// Whether the terminal is ours. There is one terminal, so there is one of this.
static OURS: AtomicBool = AtomicBool::new(false);

/// Gives the terminal back when it goes out of scope.
struct Taken;

impl Drop for Taken {
    fn drop(&mut self) {
        give_back();
    }
}

fn take_over() -> io::Result<(Screen, Taken)> {
    enable_raw_mode()?;
    OURS.store(true, Ordering::SeqCst);
    let taken = Taken;
    execute!(io::stdout(), EnterAlternateScreen)?;
    Ok((Terminal::new(CrosstermBackend::new(io::stdout()))?, taken))
}

/// Gives it back, once: a second time would move the cursor over what has been written since. Nothing is left to do
/// about a terminal that is gone.
fn give_back() {
    if OURS.swap(false, Ordering::SeqCst) {
        let _ = execute!(io::stdout(), DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

fn event_loop(
    screen: &mut Screen,
    mut model: Model,
    mut reading: Receiver<Message>,
    requests: &Sender<Request>,
) -> io::Result<Model> {
    let (sender, events) = unbounded();
    // Ends with the program: it waits in the operating system for a key.
    thread::Builder::new().name("keys".to_owned()).spawn(move || read_events(&sender))?;
    // To free a report takes as long as it is large; no key waits for it.
    let (free, freed) = unbounded::<Arc<Snapshot>>();
    thread::Builder::new().name("free".to_owned()).spawn(move || freed.iter().for_each(drop))?;
    let size = screen.size()?;
    update(&mut model, Message::Resized(size.width, size.height));
    execute!(io::stdout(), EnableBracketedPaste)?;
    if model.settings.mouse {
        execute!(io::stdout(), EnableMouseCapture)?;
    }
    loop {
        screen.draw(|frame| draw(&model, frame))?;
        select! {
            recv(events) -> event => take_event(&mut model, event.unwrap_or_else(|_| Err(closed())))?,
            recv(reading) -> message => if let Ok(message) = message {
                update(&mut model, message);
            } else {
                update(&mut model, Message::Gone);
                reading = never();
            },
        }
        // What has come meanwhile is drawn with it.
        for event in events.try_iter() {
            take_event(&mut model, event)?;
        }
        for message in reading.try_iter() {
            update(&mut model, message);
        }
        for snapshot in model.discarded.drain(..) {
            let _ = free.send(snapshot);
        }
        for request in model.requests.drain(..) {
            match request {
                Request::Copy(text) => execute!(io::stdout(), Print(clipboard(&text)))?,
                // Nobody there to do it: there is nobody to tell either.
                other => drop(requests.send(other)),
            }
        }
        if model.is_over() {
            return Ok(model);
        }
    }
}

/// What asks a terminal to take text into the clipboard (OSC 52); through ssh that is the one where the user sits.
fn clipboard(text: &str) -> String {
    let text = text.get(..text.floor_char_boundary(MAX_COPIED)).unwrap_or_default();
    format!("\u{1b}]52;c;{}\u{7}", BASE64.encode(text.as_bytes()))
}

/// Bytes that terminals take at once: xterm keeps 100,000 of base64.
const MAX_COPIED: usize = 74_000;

fn take_event(model: &mut Model, event: io::Result<Event>) -> io::Result<()> {
    if let Some(message) = message_of(model, &event?) {
        update(model, message);
    }
    Ok(())
}

fn read_events(sender: &Sender<io::Result<Event>>) {
    loop {
        let event = event::read();
        let failed = event.is_err();
        if sender.send(event).is_err() || failed {
            return;
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the terminal sends no more keys")
}
