package codec

import (
	"fmt"
	"strings"
)

// Message is anything that an orchestrator says to a worker: *Batch, *Welcome, *ResultAck, *CheckpointAck, *Ping, *Rehello, *Cancel,
// *Drain or *Refuse.
type Message interface{ isFromOrchestrator() }

// Batch brings steps. Seq is 0 in a batch of protocol 1.0.
type Batch struct {
	ID      string
	Version string
	Seq     int64
	Steps   []Step
	// Refused holds the steps that are wrong in themselves.
	Refused []RefusedItem
}

// Step is one step of a batch; payloads are JSON text.
type Step struct {
	StepID          int64
	TaskID          int64
	StepName        string
	Handler         string
	Config          string
	Context         string
	PreviousResults string
	// Attempt counts from 0 in 1.0 and from 1 in 2.0, as does the wire.
	Attempt        int64
	RetryLimit     int64
	TimeoutMs      int64
	LeaseID        string
	IdempotencyKey string
	TaskUUID       string
	Traceparent    string
	// Checkpoint is the cursor that an earlier attempt saved, as JSON text; empty when there is none.
	Checkpoint string
}

// Sender is in every message but a batch: who says it, and in which of its runs.
type Sender struct {
	OrchestratorID string
	Epoch          string
}

// Welcome answers a hello.
type Welcome struct {
	Sender
	Version          string
	Codec            string
	HeartbeatMs      int64
	MaxMessageBytes  int64
	MaxOutputBytes   int64
	MaxStepsPerBatch int64
	// MaxCheckpointBytes bounds one cursor.
	MaxCheckpointBytes int64
}

// ResultAck names results that the worker forgets, and timeouts that it forgets.
type ResultAck struct {
	Sender
	LeaseIDs   []string
	TimeoutIDs []string
}

// CheckpointAck settles cursors.
type CheckpointAck struct {
	Sender
	Checkpoints []SettledCheckpoint
}

// SettledCheckpoint settles the cursors of a lease up to Seq: kept when Refused is empty.
type SettledCheckpoint struct {
	LeaseID string
	Seq     int64
	Refused string
}

// Ping tells that the orchestrator is there.
type Ping struct{ Sender }

// Rehello asks for a hello with all that the worker holds.
type Rehello struct {
	Sender
	Reason string
}

// Cancel asks to stop steps.
type Cancel struct {
	Sender
	LeaseIDs []string
	Reason   string
}

// Drain asks the worker to end what it has, and leave.
type Drain struct {
	Sender
	Reason string
}

// Refuse is final: the worker must not try again as it is.
type Refuse struct {
	Sender
	Reason string
	Detail string
}

func (*Batch) isFromOrchestrator()         {}
func (*Welcome) isFromOrchestrator()       {}
func (*ResultAck) isFromOrchestrator()     {}
func (*CheckpointAck) isFromOrchestrator() {}
func (*Ping) isFromOrchestrator()          {}
func (*Rehello) isFromOrchestrator()       {}
func (*Cancel) isFromOrchestrator()        {}
func (*Drain) isFromOrchestrator()         {}
func (*Refuse) isFromOrchestrator()        {}

const maxHeartbeatMs = 60_000

var (
	stepMembers     = []string{"step_id", "task_id", "step_name", "handler_class", "handler_config", "task_context", "previous_results", "metadata"}
	boundsMembers   = []string{"attempt", "retry_limit", "timeout_ms", "lease_id", "idempotency_key", "task_uuid", "traceparent", "checkpoint"}
	toWorkerMembers = []string{
		"batch_id", "protocol_version", "type", "seq", "steps", "orchestrator_id", "epoch", "lease_ids", "timeout_ids", "reason",
		"detail", "version", "codec", "heartbeat_ms", "limits", "checkpoints",
	}
	limitsMembers  = []string{"max_message_bytes", "max_output_bytes", "max_steps_per_batch", "max_checkpoint_bytes"}
	settledMembers = []string{"lease_id", "seq", "refused"}
)

// DecodeForWorker reads any frame for a worker. An error of code UnknownType is to be ignored, others to be logged.
func DecodeForWorker(frame string, limits *Limits) (Message, *Error) {
	payload, err := readPayload(frame, "", limits)
	if err != nil {
		return nil, err
	}
	var f fields
	f.read(payload, "", toWorkerMembers, limits)
	isBatch := !f.has("type") // as in 1.0
	if v := f.get("type"); v.kind == kindString {
		name, _ := v.str()
		isBatch = name == "batch"
	}
	if isBatch {
		return readBatch(&f, payload.packed, limits)
	}
	return readControl(&f, payload.packed, limits)
}

func readBatch(f *fields, packed bool, limits *Limits) (Message, *Error) {
	batch := &Batch{Version: f.version(versionsIn(packed)...), ID: strings.Clone(f.name("batch_id", idRule))}
	f.each("steps", limits.StepsPerBatch, func(index int, item value) {
		step, err := readStep(item, fmt.Sprintf("steps[%d]", index), batch.Version, limits)
		if err == nil {
			batch.Steps = append(batch.Steps, step)
			return
		}
		err.IDs = readableItemIDs(item, limits)
		err.IDs.BatchID = batch.ID
		batch.Refused = append(batch.Refused, RefusedItem{index, err})
	})
	if batch.Version == "2.0" {
		f.oneOf("type", "batch")
		batch.Seq = f.integer("seq", 1, maxSafeInteger)
	}
	if f.err != nil {
		if idRule.allows(batch.ID) {
			f.err.IDs.BatchID = batch.ID
		}
		return nil, f.err
	}
	return batch, nil
}

func readStep(item value, path, version string, limits *Limits) (Step, *Error) {
	var f fields
	if f.read(item, path, stepMembers, limits); f.err != nil {
		return Step{}, f.err
	}
	step := Step{
		StepID:          f.integer("step_id", 1, maxSafeInteger),
		TaskID:          f.integer("task_id", 1, maxSafeInteger),
		StepName:        f.name("step_name", handlerRule),
		Handler:         f.name("handler_class", handlerRule),
		Config:          f.object("handler_config"),
		Context:         f.object("task_context"),
		PreviousResults: f.object("previous_results"),
	}
	if f.err != nil {
		return step, f.err
	}
	var m fields
	if m.read(f.get("metadata"), path+".metadata", boundsMembers, limits); m.err != nil {
		return step, m.err
	}
	step.readMetadata(&m, version)
	return step, m.err
}

func (s *Step) readMetadata(f *fields, version string) {
	firstAttempt := int64(1)
	if version == "1.0" {
		firstAttempt = 0
	}
	s.Attempt = f.integer("attempt", firstAttempt, maxSafeInteger)
	s.RetryLimit = f.integer("retry_limit", 0, maxSafeInteger)
	s.TimeoutMs = f.integer("timeout_ms", 1, maxSafeInteger)
	if version == "1.0" {
		return
	}
	// The lease outlives the frame, which it must not keep in memory.
	s.LeaseID = strings.Clone(f.name("lease_id", idRule))
	s.IdempotencyKey = f.text("idempotency_key", maxTextUnits)
	s.TaskUUID = f.name("task_uuid", idRule)
	if f.has("traceparent") {
		s.Traceparent = f.name("traceparent", idRule)
	}
	if f.has("checkpoint") {
		s.Checkpoint, _ = f.payloadOf("checkpoint")
	}
}

// readableItemIDs are the ids of a refused step or result, as far as they are legal themselves.
func readableItemIDs(item value, limits *Limits) ReadableIDs {
	var ids ReadableIDs
	var f fields
	if f.read(item, "", []string{"step_id", "metadata"}, limits); f.err != nil {
		return ids
	}
	if stepID := f.integer("step_id", 1, maxSafeInteger); f.err == nil {
		ids.StepID = stepID
	}
	var m fields
	if m.read(f.get("metadata"), "", []string{"lease_id"}, limits); m.err != nil {
		return ids
	}
	if leaseID := m.name("lease_id", idRule); m.err == nil {
		ids.LeaseID = leaseID
	}
	return ids
}

func readControl(f *fields, packed bool, limits *Limits) (Message, *Error) {
	kind := f.text("type", maxTextUnits)
	if packed {
		f.refuseNegotiation()
	}
	f.version("2.0")
	from := Sender{f.name("orchestrator_id", workerIDRule), f.name("epoch", idRule)}
	var message Message
	switch kind {
	case "welcome":
		message = readWelcome(f, from, limits)
	case "result_ack":
		ack := &ResultAck{Sender: from, LeaseIDs: f.namesIn("lease_ids", idRule, limits.Leases)}
		if f.has("timeout_ids") {
			ack.TimeoutIDs = f.namesIn("timeout_ids", idRule, limits.Leases)
		}
		message = ack
	case "checkpoint_ack":
		message = readCheckpointAck(f, from, limits)
	case "ping":
		message = &Ping{from}
	case "rehello":
		message = &Rehello{from, f.text("reason", maxTextUnits)}
	case "cancel":
		message = &Cancel{from, f.namesIn("lease_ids", idRule, limits.Leases), f.text("reason", maxTextUnits)}
	case "drain":
		message = &Drain{from, f.text("reason", maxTextUnits)}
	case "refuse":
		message = &Refuse{from, f.name("reason", codeRule), f.optionalText("detail", maxTextUnits)}
	default:
		f.fail(UnknownType, "type", "a message of protocol 2.0", shorten(kind))
	}
	if f.err != nil {
		return nil, f.err
	}
	return message, nil
}

func readWelcome(f *fields, from Sender, limits *Limits) *Welcome {
	welcome := &Welcome{
		Sender:      from,
		Version:     f.oneOf("version", "1.0", "2.0"),
		Codec:       f.oneOf("codec", "json", "msgpack"),
		HeartbeatMs: f.integer("heartbeat_ms", 1, maxHeartbeatMs),
	}
	var l fields
	l.read(f.get("limits"), "limits", limitsMembers, limits)
	if l.err == nil {
		welcome.MaxMessageBytes = l.integer("max_message_bytes", 1, maxSafeInteger)
		welcome.MaxOutputBytes = l.integer("max_output_bytes", 1, maxSafeInteger)
		welcome.MaxStepsPerBatch = l.integer("max_steps_per_batch", 1, maxSafeInteger)
		welcome.MaxCheckpointBytes = int64(limits.CheckpointBytes)
		if l.has("max_checkpoint_bytes") {
			welcome.MaxCheckpointBytes = l.integer("max_checkpoint_bytes", 1, maxSafeInteger)
		}
	}
	if f.err == nil {
		f.err = l.err
	}
	return welcome
}

func readCheckpointAck(f *fields, from Sender, limits *Limits) *CheckpointAck {
	ack := &CheckpointAck{Sender: from}
	f.each("checkpoints", limits.Leases, func(index int, item value) {
		var c fields
		if c.read(item, fmt.Sprintf("checkpoints[%d]", index), settledMembers, limits); c.err == nil {
			settled := SettledCheckpoint{LeaseID: c.name("lease_id", idRule), Seq: c.integer("seq", 1, maxSafeInteger)}
			if c.has("refused") {
				settled.Refused = c.name("refused", codeRule)
			}
			ack.Checkpoints = append(ack.Checkpoints, settled)
		}
		if f.err == nil {
			f.err = c.err
		}
	})
	return ack
}
