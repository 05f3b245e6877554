package session

import (
	"time"

	"github.com/tasker-systems/tasker/workers/go/internal/codec"
	"github.com/tasker-systems/tasker/workers/go/internal/handler"
)

const (
	firstResend   = time.Second
	longestResend = 10 * time.Second
	resendJitter  = 0.2
)

// entry is a result that is not acknowledged.
type entry struct {
	leaseID string
	batchID string
	result  codec.Result
	// next is told under the same lease once this one is acknowledged: the answer of a handler that had timed out.
	next  *codec.Result
	delay time.Duration
	dueAt time.Duration
}

// outbox keeps every result until its ack, across sessions. Each is due again after 1 s, doubling to 10 s, +-20 %
// (spec ). It holds and answers; the session sends.
type outbox struct {
	entries map[string]*entry
	uniform func() float64
	// earliest: no entry is due before this.
	earliest time.Duration
}

func newOutbox(uniform func() float64) outbox {
	return outbox{entries: map[string]*entry{}, uniform: uniform, earliest: never}
}

func (o *outbox) has(leaseID string) bool {
	return o.entries[leaseID] != nil
}

// wakesAt is when an entry is due at the earliest; never when there is none.
func (o *outbox) wakesAt() time.Duration {
	if len(o.entries) == 0 {
		return never
	}
	return o.earliest
}

// put keeps a result that is being sent now. A second result under the same lease (the answer after the news of its
// timeout) waits until the first one's ack. It answers the entry to send; nil when it has to wait.
func (o *outbox) put(leaseID, batchID string, result codec.Result, now time.Duration) *entry {
	if earlier := o.entries[leaseID]; earlier != nil {
		earlier.next = &result
		return nil
	}
	one := &entry{leaseID: leaseID, batchID: batchID, result: result, delay: firstResend}
	o.schedule(one, now)
	o.entries[leaseID] = one
	return one
}

// acknowledge answers a result that waited behind the acknowledged one and is to be sent now; nil when there is none.
func (o *outbox) acknowledge(leaseID string, now time.Duration) *entry {
	one := o.entries[leaseID]
	if one == nil {
		return nil
	}
	delete(o.entries, leaseID)
	if one.next == nil {
		return nil
	}
	return o.put(leaseID, one.batchID, *one.next, now)
}

// acknowledgeTimeout: the orchestrator knows of the timeout. Such an ack may come again when the answer has taken the
// timeout's place.
func (o *outbox) acknowledgeTimeout(leaseID string, now time.Duration) *entry {
	if one := o.entries[leaseID]; one == nil || one.result.ErrorCode != handler.CodeTimeout {
		return nil
	}
	return o.acknowledge(leaseID, now)
}

// takeDue answers what has to be sent (again) now; it is due next after a longer time.
func (o *outbox) takeDue(now time.Duration) []*entry {
	if now < o.earliest {
		return nil
	}
	var due []*entry
	o.earliest = never
	for _, one := range o.entries {
		if one.dueAt <= now {
			due = append(due, one)
			one.delay = min(2*one.delay, longestResend)
			o.schedule(one, now)
		} else {
			o.earliest = min(o.earliest, one.dueAt)
		}
	}
	return due
}

// restart makes everything due, as if for the first time: after a welcome.
func (o *outbox) restart() {
	for _, one := range o.entries {
		one.delay = firstResend / 2
		one.dueAt = 0
	}
	o.earliest = 0
}

func (o *outbox) schedule(one *entry, now time.Duration) {
	one.dueAt = now + jittered(one.delay, resendJitter, o.uniform())
	o.earliest = min(o.earliest, one.dueAt)
}

func jittered(delay time.Duration, jitter, uniform float64) time.Duration {
	return time.Duration(float64(delay) * (1 + jitter*(2*uniform-1)))
}
