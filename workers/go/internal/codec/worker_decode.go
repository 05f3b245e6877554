package codec

import "fmt"

// WorkerMessage is anything that a worker says: *Hello, *Heartbeat, *Reject, *Bye or *Results.
type WorkerMessage interface {
	Append(frame []byte, codec Codec) []byte
}

const (
	languageUnits       = 128
	versionsOrCodecs    = 16
	handlerVersionUnits = 255
	// HighestLastSeq leaves the orchestrator room to count on from it.
	HighestLastSeq     = 1 << 52
	sessionSuffixBytes = 9
)

var (
	workerMembers = []string{
		"type", "protocol_version", "session", "worker_id", "protocols", "codecs", "language", "sdk", "version", "pool",
		"handlers", "capacity", "leases", "outbox",
	}
	heartbeatMembers  = []string{"session", "epoch", "last_seq", "leases", "capacity", "progress", "checkpoints"}
	progressMembers   = []string{"lease_id", "progress"}
	checkpointMembers = []string{"lease_id", "seq", "cursor"}
	byeMembers        = []string{"session", "last_seq"}
	rejectMembers     = []string{"session", "lease_ids", "reason"}
	resultsMembers    = []string{"batch_id", "protocol_version", "session", "results"}
	resultMembers     = []string{"step_id", "status", "output", "error", "metadata"}
	metadataMembers   = []string{"execution_time_ms", "handler_version", "retryable", "retry_after_ms", "lease_id", "attempt"}
)

// DecodeForOrchestrator reads what workers say, for orchestrators that tests write.
func DecodeForOrchestrator(frame string, limits *Limits) (WorkerMessage, *Error) {
	if topicOf(frame) == "worker" {
		return decodeWorkerMessage(frame, limits)
	}
	return decodeResults(frame, limits)
}

func decodeWorkerMessage(frame string, limits *Limits) (WorkerMessage, *Error) {
	payload, err := readPayload(frame, "worker", limits)
	if err != nil {
		return nil, err
	}
	var f fields
	f.read(payload, "", workerMembers, limits)
	kind := f.text("type", maxTextUnits)
	f.version("2.0")
	if payload.packed {
		f.refuseNegotiation()
	}
	if f.err != nil {
		return nil, f.err
	}
	var message WorkerMessage
	switch kind {
	case "hello":
		message = readHello(&f, limits)
	case "heartbeat":
		f.read(payload, "", heartbeatMembers, limits)
		message = readHeartbeat(&f, limits)
	case "reject":
		f.read(payload, "", rejectMembers, limits)
		message = &Reject{
			Session:  f.name("session", sessionRule),
			LeaseIDs: f.namesIn("lease_ids", idRule, limits.Leases),
			Reason:   f.oneOf("reason", "unknown_handler", "malformed", "draining"),
		}
	case "bye":
		f.read(payload, "", byeMembers, limits)
		bye := &Bye{Session: f.name("session", sessionRule)}
		if f.has("last_seq") {
			bye.LastSeq = f.integer("last_seq", 0, HighestLastSeq)
		}
		message = bye
	default:
		f.fail(UnknownType, "type", "a message of protocol 2.0", shorten(kind))
	}
	if f.err != nil {
		return nil, f.err
	}
	return message, nil
}

func readHello(f *fields, limits *Limits) *Hello {
	hello := &Hello{WorkerID: f.name("worker_id", workerIDRule), Session: f.name("session", sessionRule)}
	if len(hello.Session) != len(hello.WorkerID)+sessionSuffixBytes || hello.Session[:len(hello.WorkerID)] != hello.WorkerID {
		f.fail(InvalidValue, "session", fmt.Sprintf(`"%s-" and 8 hexadecimal digits`, hello.WorkerID), shorten(hello.Session))
	}
	hello.Protocols = f.namesIn("protocols", codeRule, versionsOrCodecs)
	hello.Codecs = []string{"json"}
	if f.has("codecs") {
		hello.Codecs = f.namesIn("codecs", codeRule, versionsOrCodecs)
	}
	hello.Language = f.optionalText("language", languageUnits)
	hello.SDK = f.optionalText("sdk", languageUnits)
	hello.Version = f.optionalText("version", languageUnits)
	hello.Pool = "default"
	if f.has("pool") {
		hello.Pool = f.name("pool", workerIDRule)
	}
	hello.Handlers = f.namesIn("handlers", handlerRule, limits.Handlers)
	hello.Capacity = f.integer("capacity", 0, int64(limits.Leases))
	if f.has("leases") {
		hello.Leases = f.namesIn("leases", idRule, limits.Leases)
	}
	if f.has("outbox") {
		hello.Outbox = f.namesIn("outbox", idRule, limits.Leases)
	}
	return hello
}

func readHeartbeat(f *fields, limits *Limits) *Heartbeat {
	heartbeat := &Heartbeat{
		Session:  f.name("session", sessionRule),
		Epoch:    f.name("epoch", idRule),
		LastSeq:  f.integer("last_seq", 0, HighestLastSeq),
		Leases:   f.namesIn("leases", idRule, limits.Leases),
		Capacity: f.integer("capacity", 0, int64(limits.Leases)),
	}
	if f.has("progress") {
		f.each("progress", limits.Leases, func(index int, report value) {
			var p fields
			if p.read(report, fmt.Sprintf("progress[%d]", index), progressMembers, limits); p.err == nil {
				heartbeat.Progress = append(heartbeat.Progress, Progress{
					LeaseID:  p.name("lease_id", idRule),
					Progress: p.payload("progress", limits.ProgressBytes),
				})
			}
			if f.err == nil {
				f.err = p.err
			}
		})
	}
	if f.has("checkpoints") {
		f.each("checkpoints", limits.Leases, func(index int, item value) {
			checkpoint, err := readCheckpoint(item, fmt.Sprintf("checkpoints[%d]", index), limits)
			if err == nil {
				heartbeat.Checkpoints = append(heartbeat.Checkpoints, checkpoint)
			} else {
				heartbeat.Refused = append(heartbeat.Refused, RefusedItem{index, err})
			}
		})
	}
	return heartbeat
}

func readCheckpoint(item value, path string, limits *Limits) (Checkpoint, *Error) {
	var f fields
	if f.read(item, path, checkpointMembers, limits); f.err != nil {
		return Checkpoint{}, f.err
	}
	checkpoint := Checkpoint{
		LeaseID: f.name("lease_id", idRule),
		Seq:     f.integer("seq", 1, maxSafeInteger),
		Cursor:  f.payload("cursor", limits.CheckpointBytes),
	}
	return checkpoint, f.err
}

func decodeResults(frame string, limits *Limits) (WorkerMessage, *Error) {
	payload, err := readPayload(frame, "results", limits)
	if err != nil {
		return nil, err
	}
	var f fields
	f.read(payload, "", resultsMembers, limits)
	message := &Results{Version: "1.0"} // the seed's own reader does not ask for it
	if payload.packed || f.has("protocol_version") {
		message.Version = f.version(versionsIn(payload.packed)...)
	}
	message.BatchID = f.name("batch_id", idRule)
	if message.Version == "2.0" {
		message.Session = f.name("session", sessionRule)
	}
	f.each("results", limits.ResultsPerMessage, func(index int, item value) {
		result, err := readResult(item, fmt.Sprintf("results[%d]", index), message.Version, limits)
		if err == nil {
			message.Results = append(message.Results, result)
			return
		}
		err.IDs = readableItemIDs(item, limits)
		err.IDs.BatchID = message.BatchID
		message.Refused = append(message.Refused, RefusedItem{index, err})
	})
	if f.err != nil {
		return nil, f.err
	}
	return message, nil
}

func readResult(item value, path, version string, limits *Limits) (Result, *Error) {
	var f fields
	if f.read(item, path, resultMembers, limits); f.err != nil {
		return Result{}, f.err
	}
	result := Result{
		StepID: f.integer("step_id", 1, maxSafeInteger),
		Status: f.oneOf("status", "completed", "failed", "error"),
		Output: f.payload("output", limits.OutputBytes),
		Error:  f.payload("error", limits.OutputBytes),
	}
	if result.Error != "null" {
		f.object("error")
		result.ErrorCode = readErrorCode(result.Error, limits)
	}
	if f.err != nil || version == "1.0" && !f.has("metadata") {
		return result, f.err
	}
	var m fields
	if m.read(f.get("metadata"), path+".metadata", metadataMembers, limits); m.err != nil {
		return result, m.err
	}
	result.Metadata.read(&m, version)
	return result, m.err
}

// readErrorCode looks into an error that is JSON already.
func readErrorCode(text string, limits *Limits) string {
	object, _ := valueAt(text, 0)
	var f fields
	if f.read(object, "", []string{"code"}, limits); f.err != nil {
		return ""
	}
	if code := f.name("code", codeRule); f.err == nil {
		return code
	}
	return ""
}

func (m *ResultMetadata) read(f *fields, version string) {
	if f.has("execution_time_ms") {
		ms := f.milliseconds("execution_time_ms")
		m.ExecutionTimeMs = &ms
	}
	if f.has("handler_version") {
		m.HandlerVersion = f.text("handler_version", handlerVersionUnits)
	}
	if f.has("retryable") {
		retryable := f.boolean("retryable")
		m.Retryable = &retryable
	}
	if version == "1.0" {
		return
	}
	m.LeaseID = f.name("lease_id", idRule)
	if f.has("retry_after_ms") {
		ms := f.milliseconds("retry_after_ms")
		m.RetryAfterMs = &ms
	}
	if f.has("attempt") {
		m.Attempt = f.integer("attempt", 1, maxSafeInteger)
	}
}
