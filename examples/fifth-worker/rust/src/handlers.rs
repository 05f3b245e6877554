//! What a handler sees of its step, how it ends, and the handlers of protocol/conformance.md.
use crate::{Members, get};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, atomic::AtomicBool, atomic::Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Returns the output as JSON text.
pub type Handler = fn(&Step) -> Result<String, Failure>;

/// `context` and `previous_results` are JSON text, as it came: every integer is exact, and a handler parses what it needs.
pub struct Step {
    pub task: Value,
    pub name: Value,
    pub context: String,
    pub config: Value,
    pub previous_results: String,
    pub attempt: u64,
    pub max_attempts: u64,
    pub key: Value,
    stop: Arc<AtomicBool>,
}

/// An attempt that failed. `retryable`: false means no further attempt, None that the template decides.
pub struct Failure {
    pub code: String,
    pub message: String,
    pub retryable: Option<bool>,
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    pub fn new(code: &str, message: &str) -> Failure {
        Failure { code: code.into(), message: message.into(), retryable: None, retry_after_ms: None }
    }
}

/// Runs the handler in a thread of its own. However it ends, a panic too, an outcome reaches `inproc://done`.
pub fn start(handler: Handler, step: &Members, metadata: &Value, stop: Arc<AtomicBool>, context: zmq::Context) {
    let raw = |name: &str| step.get(name).map_or("null".to_string(), |value| value.get().to_string());
    let attempt = metadata["attempt"].as_u64().unwrap_or(1);
    let lease = metadata["lease_id"].as_str().unwrap_or("").to_string();
    let step = Step {
        task: metadata["task_uuid"].clone(),
        name: get(step, "step_name"),
        context: raw("task_context"),
        config: get(step, "handler_config"),
        previous_results: raw("previous_results"),
        attempt,
        max_attempts: metadata["retry_limit"].as_u64().unwrap_or(0) + 1,
        key: metadata["idempotency_key"].clone(),
        stop,
    };
    std::thread::spawn(move || {
        let panicked = |_| Err(Failure::new("handler_error", "the handler panicked"));
        let parts = match catch_unwind(AssertUnwindSafe(|| handler(&step))).unwrap_or_else(panicked) {
            Ok(output) => vec![lease, output],
            Err(of) => {
                let rest = json!([of.code, of.message, of.retryable, of.retry_after_ms]);
                vec![lease, String::new(), rest.to_string()]
            }
        };
        let done = context.socket(zmq::PUSH).expect("a socket");
        done.connect("inproc://done").and_then(|()| done.send_multipart(&parts, 0)).expect("the session's thread");
    });
}

impl Step {
    fn stopped(&self) -> bool {
        self.stop.load(SeqCst)
    }

    fn number(&self, name: &str) -> u64 {
        self.config[name].as_u64().unwrap_or(0)
    }

    /// Waits, and stops at once when the step is asked to.
    fn wait(&self, ms: u64) -> Result<(), Failure> {
        let end = Instant::now() + Duration::from_millis(ms);
        while Instant::now() < end {
            if self.stopped() {
                return Err(Failure { retryable: Some(false), ..Failure::new("cancelled", "it was asked to stop") });
            }
            std::thread::sleep(Duration::from_millis(5).min(end - Instant::now().min(end)));
        }
        Ok(())
    }
}

/// What `start` sent: the lease, and how its attempt ended.
pub fn outcome(parts: &[Vec<u8>]) -> (String, Result<String, Failure>) {
    let text = |part: &Vec<u8>| String::from_utf8_lossy(part).into_owned();
    let Some(rest) = parts.get(2) else { return (text(&parts[0]), Ok(text(&parts[1]))) };
    let (code, message, retryable, retry_after_ms) = serde_json::from_slice(rest).expect("as start wrote it");
    (text(&parts[0]), Err(Failure { code, message, retryable, retry_after_ms }))
}

/// One of `results`: the output joined in as it is, or the failure.
pub fn result(lease: &str, step_id: u64, outcome: Result<String, Failure>, max_output: usize) -> String {
    let too_large = || Failure::new("output_too_large", &format!("the orchestrator takes outputs of {max_output} bytes"));
    let outcome = outcome.and_then(|output| if output.len() > max_output { Err(too_large()) } else { Ok(output) });
    let (status, output, error, metadata) = match outcome {
        Ok(output) => ("completed", output, Value::Null, json!({"lease_id": lease})),
        Err(Failure { code, message, retryable, retry_after_ms }) => {
            let metadata = json!({"lease_id": lease, "retryable": retryable, "retry_after_ms": retry_after_ms});
            ("failed", "null".into(), json!({"message": message, "code": code}), metadata)
        }
    };
    let members = format!(r#""status":"{status}","output":{output},"error":{error},"metadata":{metadata}"#);
    format!(r#"{{"step_id":{step_id},{members}}}"#)
}

const HANDLERS: [(&str, Handler); 8] = [
    ("conformance.echo", |step| Ok(step.context.clone())),
    ("conformance.inspect", inspect),
    ("conformance.sleep", sleep),
    ("conformance.busy", busy),
    ("conformance.fail", fail),
    ("conformance.record", record),
    ("conformance.crash", crash),
    ("conformance.large", |step| Ok(format!(r#"{{"text":"{}"}}"#, "x".repeat(step.number("bytes") as usize)))),
];

pub fn names() -> Vec<&'static str> {
    HANDLERS.iter().map(|(name, _)| *name).collect()
}

pub fn find(name: &Value) -> Option<Handler> {
    HANDLERS.iter().find(|(own, _)| name == own).map(|(_, handler)| *handler)
}

fn inspect(step: &Step) -> Result<String, Failure> {
    let own = json!({
        "attempt": step.attempt,
        "max_attempts": step.max_attempts,
        "is_last_attempt": step.attempt == step.max_attempts,
        "idempotency_key": step.key,
        "config": step.config,
    });
    let text = own.to_string();
    Ok(format!(r#"{},"previous_results":{}}}"#, &text[..text.len() - 1], step.previous_results))
}

fn sleep(step: &Step) -> Result<String, Failure> {
    let ms = step.number("ms");
    match step.config["stubborn"] == true {
        true => std::thread::sleep(Duration::from_millis(ms)),
        false => step.wait(ms)?,
    }
    Ok(json!({"slept_ms": ms}).to_string())
}

fn busy(step: &Step) -> Result<String, Failure> {
    let end = Instant::now() + Duration::from_millis(step.number("ms"));
    while Instant::now() < end {
        std::hint::spin_loop();
    }
    Ok(json!({"busy_ms": step.number("ms")}).to_string())
}

fn fail(step: &Step) -> Result<String, Failure> {
    if step.config["until_attempt"].as_u64().is_some_and(|until| step.attempt >= until) {
        return Ok(json!({"attempt": step.attempt}).to_string());
    }
    let text = |name: &str| step.config[name].as_str();
    let kind = text("kind").unwrap_or("error");
    let failure = Failure::new(text("code").unwrap_or("handler_error"), text("message").unwrap_or(""));
    match kind {
        "retryable" => Err(Failure {
            retryable: Some(true),
            retry_after_ms: step.config["retry_after_ms"].as_u64(),
            ..failure
        }),
        "permanent" => Err(Failure { retryable: Some(false), ..failure }),
        _ => Err(Failure::new("handler_error", &failure.message)),
    }
}

fn record(step: &Step) -> Result<String, Failure> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_string();
    let line = format!("{} {} {}\n", text(&step.task), text(&step.name), step.attempt);
    let file = OpenOptions::new().create(true).append(true).open(text(&step.config["file"]));
    file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(|error| Failure::new("io", &error.to_string()))?;
    step.wait(step.number("ms"))?;
    Ok(json!({"attempt": step.attempt}).to_string())
}

fn crash(step: &Step) -> Result<String, Failure> {
    if step.attempt < step.number("until_attempt") {
        signal_hook::low_level::raise(signal_hook::consts::SIGKILL).expect("to be killed");
    }
    Ok(json!({"attempt": step.attempt}).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(handler: Handler, step: &str) -> (String, Result<String, Failure>) {
        let context = zmq::Context::new();
        let done = context.socket(zmq::PULL).unwrap();
        done.bind("inproc://done").unwrap();
        let metadata = json!({"lease_id": "batch_1.7", "attempt": 2, "retry_limit": 4});
        start(handler, &serde_json::from_str(step).unwrap(), &metadata, Arc::default(), context);
        outcome(&done.recv_multipart(0).unwrap())
    }

    #[test]
    fn a_payload_comes_back_byte_for_byte() {
        let context = r#"{"id": 12345678901234567890123, "a":1.10, "s":"\ud800"}"#;
        let (lease, outcome) = run(find(&json!("conformance.echo")).unwrap(), &format!(r#"{{"task_context": {context}}}"#));
        assert_eq!(lease, "batch_1.7");
        assert_eq!(outcome.ok().unwrap(), context);
    }

    #[test]
    fn a_handler_that_panics_fails_its_attempt() {
        let (_, outcome) = run(|_| panic!("no"), "{}");
        assert_eq!(outcome.err().unwrap().code, "handler_error");
    }

    #[test]
    fn an_output_beyond_the_limit_is_a_failure() {
        let text = result("batch_1.7", 7, Ok("[1,2,3]".into()), 6);
        assert!(text.contains(r#""status":"failed""#) && text.contains("output_too_large"), "{text}");
        assert!(result("batch_1.7", 7, Ok("[1,2,3]".into()), 7).contains(r#""output":[1,2,3]"#));
    }
}
