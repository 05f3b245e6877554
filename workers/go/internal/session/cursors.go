package session

import "github.com/tasker-systems/tasker/workers/go/internal/codec"

// cursors are the checkpoints of held leases that are not settled: the newest of each (spec ).
type cursors struct {
	byLease map[string]*cursor
}

type cursor struct {
	codec.Checkpoint
	// sent: this one has left, and waits for its ack.
	sent bool
}

func newCursors() cursors {
	return cursors{map[string]*cursor{}}
}

// put keeps a cursor in place of an older one of its lease. It answers whether to send it now: while an older one is on
// its way, it waits for that one's ack or the next heartbeat.
func (c *cursors) put(checkpoint codec.Checkpoint) (sendNow bool) {
	earlier := c.byLease[checkpoint.LeaseID]
	if earlier == nil {
		c.byLease[checkpoint.LeaseID] = &cursor{Checkpoint: checkpoint}
		return true
	}
	earlier.Checkpoint, earlier.sent = checkpoint, false
	return false
}

// settle forgets the cursors of a lease up to seq. It answers whether a newer one waits to be sent now.
func (c *cursors) settle(leaseID string, seq int64) (sendNow bool) {
	one := c.byLease[leaseID]
	if one == nil {
		return false
	}
	if one.Seq <= seq {
		delete(c.byLease, leaseID)
		return false
	}
	return !one.sent
}

// waits tells whether the cursor of a lease has never left.
func (c *cursors) waits(leaseID string) bool {
	one := c.byLease[leaseID]
	return one != nil && !one.sent
}
