//! A worker of protocol 2.0 without an SDK: this thread owns the sockets and the session, every step runs in a thread of its own
//! and hands its outcome over an inproc socket. [R-n] are rules of protocol/spec.md; docs/guides/new-language.md explains each part.
mod handlers;
use serde_json::{Value, from_str, json, value::RawValue};
use std::{collections::{HashMap, HashSet, hash_map::RandomState}, hash::BuildHasher, time::Duration, time::Instant};
use std::sync::{Arc, atomic::AtomicBool, atomic::Ordering::SeqCst};
const PAYLOADS: [&str; 3] = ["handler_config", "task_context", "previous_results"];
type Members = HashMap<String, Box<RawValue>>; // of duplicates the last one counts, and payloads stay text
struct Running { batch: String, step_id: u64, ends_at: Instant, stop: Arc<AtomicBool> }
struct Unacked { batch: String, result: String, is_timeout: bool, due: Instant, delay_ms: u64 }
struct Worker {
    context: zmq::Context, session: String, steps: zmq::Socket, results: zmq::Socket, epoch: Option<String>, draining: bool,
    last_seq: u64, seen: HashSet<String>, heard: Instant, speak_at: Instant, speak_ms: u64, max_output: usize,
    running: HashMap<String, Running>, overdue: HashMap<String, Running>, outbox: HashMap<String, Unacked>,
}
fn env(name: &str, default: &str) -> String { std::env::var(name).unwrap_or(default.into()).split(',').next().unwrap().into() }
fn slots() -> usize { env("TASKER_CONCURRENCY", "10").parse().expect("TASKER_CONCURRENCY is not a number") }
fn after(ms: u64) -> Instant { Instant::now() + Duration::from_millis(ms) }
fn jitter(ms: u64) -> Instant { after(ms * (80 + RandomState::new().hash_one(ms) % 41) / 100) }
fn integer(of: &Value) -> Option<u64> { of.as_f64().filter(|of| of.fract() == 0.0 && *of >= 0.0 && *of < 9e15).map(|of| of as u64) }
fn ids(value: Value) -> Vec<String> { serde_json::from_value(value).unwrap_or_default() }
fn get(of: &Members, name: &str) -> Value { of.get(name).and_then(|value| from_str(value.get()).ok()).unwrap_or(Value::Null) }
fn parse(frame: &[u8]) -> Result<Members, &'static str> {
    if frame.len() > 16 << 20 { return Err("too_large") } // before anything is built from it
    let text = std::str::from_utf8(frame).map_err(|_| "invalid_utf8")?;
    let message = from_str(text.split_once(' ').ok_or("invalid_frame")?.1).map_err(|_| "invalid_json")?;
    if get(&message, "protocol_version") == "2.0" { Ok(message) } else { Err("unsupported_version") }
}
fn connect(context: &zmq::Context) -> zmq::Result<(String, zmq::Socket, zmq::Socket)> {
    let session = format!("{}-{:08x}", env("TASKER_WORKER_ID", "rust"), RandomState::new().hash_one(0) as u32);
    let (steps, results) = (context.socket(zmq::SUB)?, context.socket(zmq::PUB)?);
    results.connect(&env("TASKER_RESULTS_ENDPOINT", "")).and_then(|()| steps.connect(&env("TASKER_STEPS_ENDPOINT", "")))?;
    results.set_linger(0).and_then(|()| steps.set_subscribe(format!("@{session} ").as_bytes()))?; // with the space
    Ok((session, steps, results))
}
impl Worker {
    fn say(&self, mut message: Value) {
        message["protocol_version"] = "2.0".into();
        message["session"] = self.session.clone().into();
        let _ = self.results.send(&format!("worker {message}"), zmq::DONTWAIT); // what is lost is said again
    }
    fn capacity(&self) -> usize { if self.draining { 0 } else { slots().saturating_sub(self.overdue.len()).max(1) } }
    fn hello(&mut self) {
        self.say(json!({"type": "hello", "worker_id": self.session[..self.session.len() - 9], "protocols": ["2.0"], "language": "rust",
            "pool": env("TASKER_POOL", "default"), "handlers": handlers::names(), "capacity": self.capacity(), "codecs": ["json"],
            "leases": self.running.keys().collect::<Vec<_>>(), "outbox": self.outbox.keys().collect::<Vec<_>>()}));
        (self.speak_at, self.speak_ms) = (jitter(self.speak_ms), (self.speak_ms * 2).min(5_000));
    }
    fn heartbeat(&mut self) {
        self.say(json!({"type": "heartbeat", "epoch": self.epoch, "last_seq": self.last_seq, "capacity": self.capacity(),
            "leases": self.running.keys().chain(self.outbox.keys()).collect::<Vec<_>>()}));
        self.speak_at = after(self.speak_ms);
    }
    fn send_due(&mut self) {
        for entry in self.outbox.values_mut().filter(|entry| self.epoch.is_some() && entry.due <= Instant::now()) {
            let head = json!({"batch_id": entry.batch, "protocol_version": "2.0", "session": self.session}).to_string();
            let _ = self.results.send(&format!("results {},\"results\":[{}]}}", &head[..head.len() - 1], entry.result), zmq::DONTWAIT);
            (entry.due, entry.delay_ms) = (jitter(entry.delay_ms), (entry.delay_ms * 2).min(10_000)); // until its ack
        }
    }
    fn finish(&mut self, lease: &str, held: &Running, outcome: Result<String, handlers::Failure>) {
        let is_timeout = outcome.as_ref().is_err_and(|failure| failure.code == "timeout");
        let (batch, result) = (held.batch.clone(), handlers::result(lease, held.step_id, outcome, self.max_output));
        self.outbox.insert(lease.into(), Unacked { batch, result, is_timeout, due: Instant::now(), delay_ms: 1_000 });
        self.send_due();
    }
    fn take_batch(&mut self, message: &Members) {
        let (Some(seq), Value::String(batch)) = (integer(&get(message, "seq")), get(message, "batch_id")) else { return eprintln!("refused a batch") };
        self.last_seq = self.last_seq.max(seq);
        if !self.seen.insert(format!("{} {seq}", self.session)) { return }
        let steps = message.get("steps").and_then(|steps| from_str::<Vec<Box<RawValue>>>(steps.get()).ok()).unwrap_or_default();
        for step in steps.iter().filter_map(|step| from_str::<Members>(step.get()).ok()) {
            let (metadata, step_id) = (get(&step, "metadata"), integer(&get(&step, "step_id")));
            let Some(lease) = metadata["lease_id"].as_str() else { continue };
            if self.running.contains_key(lease) || self.outbox.contains_key(lease) { continue }
            let refusal = match (handlers::find(&get(&step, "handler_class")), step_id, integer(&metadata["timeout_ms"])) {
                _ if self.draining => "draining",
                _ if !PAYLOADS.iter().all(|name| step.get(*name).is_some_and(|of| of.get().starts_with('{'))) => "malformed",
                (Some(handler), Some(step_id), Some(timeout_ms)) => {
                    let (stop, ends_at) = (Arc::new(AtomicBool::new(false)), after(timeout_ms));
                    self.running.insert(lease.into(), Running { batch: batch.clone(), step_id, ends_at, stop: stop.clone() });
                    handlers::start(handler, &step, &metadata, stop, self.context.clone());
                    continue;
                }
                (None, Some(_), Some(_)) => "unknown_handler",
                _ => "malformed", // and its neighbours are run
            };
            self.say(json!({"type": "reject", "lease_ids": [lease], "reason": refusal}));
        }
    }
    fn receive(&mut self, frame: &[u8]) {
        self.heard = Instant::now();
        let message = match parse(frame) { Ok(message) => message, Err(code) => return eprintln!("refused a frame: {code}") };
        let (kind, epoch) = (get(&message, "type"), get(&message, "epoch"));
        match kind.as_str().unwrap_or("") {
            "batch" => return self.take_batch(&message),
            "welcome" => {
                (self.epoch, self.speak_ms) = (epoch.as_str().map(String::from), integer(&get(&message, "heartbeat_ms")).unwrap_or(1_000));
                self.max_output = integer(&get(&message, "limits")["max_output_bytes"]).unwrap_or(4 << 20) as usize;
                self.speak_at = after(self.speak_ms); // and the outbox goes at once, all of it
                for entry in self.outbox.values_mut() { (entry.due, entry.delay_ms) = (Instant::now(), 1_000) }
            }
            "refuse" => std::process::exit({ eprintln!("refused: {} {}", get(&message, "reason"), get(&message, "detail")); 1 }),
            "result_ack" => {
                let (answers, timeouts) = (ids(get(&message, "lease_ids")), ids(get(&message, "timeout_ids")));
                self.outbox.retain(|lease, entry| !(answers.contains(lease) || entry.is_timeout && timeouts.contains(lease)));
            }
            "cancel" => for lease in ids(get(&message, "lease_ids")) { self.running.get(&lease).inspect(|held| held.stop.store(true, SeqCst)); }
            "drain" => self.draining = true,
            _ => {} // ping, and what it does not know
        }
        if kind == "rehello" || self.epoch.is_some() && epoch.as_str() != self.epoch.as_deref() {
            (self.epoch, self.speak_ms) = (None, 250);
            self.hello()
        }
    }
}
fn main() -> zmq::Result<()> {
    let (context, term) = (zmq::Context::new(), Arc::new(AtomicBool::new(false)));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, term.clone()).expect("no signals here");
    let (done, (session, steps, results), now) = (context.socket(zmq::PULL)?, connect(&context)?, Instant::now());
    done.bind("inproc://done")?;
    let mut worker = Worker { context, session, steps, results, epoch: None, draining: false, heard: now, last_seq: 0, seen: HashSet::new(),
        speak_at: now, speak_ms: 250, max_output: 4 << 20, running: HashMap::new(), overdue: HashMap::new(), outbox: HashMap::new() };
    while !(worker.draining && worker.running.is_empty() && worker.outbox.is_empty()) {
        let _ = zmq::poll(&mut [worker.steps.as_poll_item(zmq::POLLIN), done.as_poll_item(zmq::POLLIN)], 20); // a signal ends it too
        while let Ok(frames) = worker.steps.recv_multipart(zmq::DONTWAIT) { if let [frame] = &frames[..] { worker.receive(frame) } }
        while let Ok(parts) = done.recv_multipart(zmq::DONTWAIT) {
            let (lease, outcome) = handlers::outcome(&parts);
            let late = worker.overdue.remove(&lease).filter(|_| !matches!(&outcome, Err(of) if of.code == "cancelled")); // no answer
            if let Some(held) = worker.running.remove(&lease).or(late) { worker.finish(&lease, &held, outcome) }
        }
        let now = Instant::now();
        for lease in worker.running.iter().filter(|(_, held)| held.ends_at <= now).map(|(lease, _)| lease.clone()).collect::<Vec<_>>() {
            let held = worker.running.remove(&lease).expect("it was just there");
            held.stop.store(true, SeqCst); // the handler may still answer, late
            worker.finish(&lease, &held, Err(handlers::Failure::new("timeout", "the handler did not end in time")));
            worker.overdue.insert(lease, held);
        }
        worker.draining |= term.load(SeqCst);
        if now - worker.heard >= Duration::from_secs(4) { // silence: everything is new but what it holds
            (worker.session, worker.steps, worker.results) = connect(&worker.context)?;
            (worker.epoch, worker.last_seq, worker.heard, worker.speak_at, worker.speak_ms) = (None, 0, now, now, 250);
        }
        worker.send_due();
        if worker.speak_at <= now { if worker.epoch.is_some() { worker.heartbeat() } else { worker.hello() } }
    }
    worker.say(json!({"type": "bye", "last_seq": worker.last_seq}));
    worker.results.set_linger(2_000)
}
